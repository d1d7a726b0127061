"""Checks the on-screen display: whether the time is shown and correct, and whether a name is shown.

A small digit reader for a known place in the picture. It judges only what it reads reliably. The time is correct if its
expected digits appear in order, possibly with other characters between them. It is wrong if a full set of digits is
read with confidence and gives another time. Runs in disposable workers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from health.picture.measurement import Plane

TOLERANCE_SECONDS = 10
SIZE = (20, 28)  # width, height of a normalised glyph, pixels
TALL = 40  # height in pixels to which the strip is scaled
CONFIDENT = 0.6  # minimum correlation with the best digit
CONTRAST = 30.0  # grey levels between the characters and their background
SURE = 0.8  # minimum correlation of every digit before a time counts as wrong
BARE = 30.0  # 99th percentile of the gradient, grey levels per pixel, below which the strip is empty
LEAST = 4  # pixels
EXTRA = 6  # characters that may appear between the digits
FORMATS = ("%Y%m%d%H%M%S", "%m%d%Y%H%M%S", "%d%m%Y%H%M%S", "%y%m%d%H%M%S", "%H%M%S")

Box = Sequence[float]  # x, y, width, height in shares of the picture
Glyph = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OsdReading:
    """The characters read in a strip.

    `digits` from left to right and their correlations `sure` (0…1); `signs`: number of characters as tall as the
    digits.
    """

    digits: str
    sure: tuple[float, ...]
    signs: int


def strip(y: Plane, box: Box) -> Plane:
    """Cut out an on-screen text and scale it to TALL pixels height.

    At the edge, or without extent, the cut is at least LEAST by LEAST pixels.
    """
    height, width = y.shape
    x0, x1 = _span(box[0], box[2], width)
    y0, y1 = _span(box[1], box[3], height)
    size = (max(8, (x1 - x0) * TALL // (y1 - y0)), TALL)
    return np.asarray(cv2.resize(y[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _span(start: float, extent: float, pixels: int) -> tuple[int, int]:
    first = min(max(0, int(start * pixels)), pixels - LEAST)
    return first, min(pixels, max(first + LEAST, round((start + extent) * pixels)))


def read(cut: Plane) -> OsdReading:
    """Read a strip: bright or dark characters, each with two thresholds; return the most reliable reading."""
    return max((_read(ink) for ink in _inks(cut)), key=lambda r: (sum(r.sure), r.signs))


def _inks(cut: Plane) -> Iterator[Plane]:
    for plane in (cut, np.asarray(255 - cut, np.uint8)):
        behind, signs = np.percentile(plane, (50, 97))
        if signs - behind >= CONTRAST:
            yield np.asarray((plane > behind + 0.6 * (signs - behind)) * 255, np.uint8)
            yield np.asarray(cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)
    yield np.zeros_like(cut)


def _read(ink: Plane) -> OsdReading:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    boxes = [
        (int(x), int(top), int(w), int(h), i)
        for i, (x, top, w, h, area) in enumerate(stats)
        if i and h >= 0.4 * TALL and w <= 1.1 * h and area >= 20
    ]
    if not boxes:
        return OsdReading("", (), 0)
    usual = float(np.median([h for _, _, _, h, _ in boxes]))
    found, sure, signs = [], [], 0
    for x, top, w, h, i in sorted(boxes):
        if not 0.75 * usual <= h <= 1.3 * usual:
            continue
        signs += 1
        digit, score = _digit(np.asarray(labels[top : top + h, x : x + w] == i, np.float32))
        if score >= CONFIDENT:
            found.append(digit)
            sure.append(score)
    del count
    return OsdReading("".join(found), tuple(sure), signs)


def _digit(mask: Glyph) -> tuple[str, float]:
    glyph = _normal(mask)
    scores = [(float(np.sum(glyph * known)), digit) for digit, known in _known()]
    best, digit = max(scores)
    return digit, best


def _normal(mask: Glyph) -> Glyph:
    """Return the glyph centred in SIZE with its proportions kept, mean 0 and norm 1."""
    height, width = mask.shape
    wide = max(3, min(SIZE[0], round(width * SIZE[1] / height)))
    small = cv2.resize(mask.astype(np.float32), (wide, SIZE[1]), interpolation=cv2.INTER_AREA)
    made = np.zeros((SIZE[1], SIZE[0]), np.float32)
    left = (SIZE[0] - wide) // 2
    made[:, left : left + wide] = small
    soft = np.asarray(cv2.GaussianBlur(made, (0, 0), 1.0), np.float32)
    bare = soft - soft.mean()
    return np.asarray(bare / (np.linalg.norm(bare) + 1e-6), np.float32)


@functools.cache
def _known() -> list[tuple[str, Glyph]]:
    """Return reference digits as cameras draw them: line fonts of several weights, and a sans-serif font."""
    found = []
    faces = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)
    for digit in "0123456789":
        for face in faces:
            for weight in (2, 4, 6):
                canvas = np.zeros((90, 80), np.uint8)
                scale = 4.0 if face == cv2.FONT_HERSHEY_PLAIN else 2.0
                cv2.putText(canvas, digit, (15, 70), face, scale, 255, weight, cv2.LINE_AA)
                found.append((digit, _normal(_cropped(canvas))))
        for weight in (0, 1):
            found.append((digit, _normal(_cropped(_grotesque(digit, weight)))))
    return found


def _grotesque(text: str, weight: int) -> Plane:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (60 * len(text) + 20, 90))
    font = ImageFont.load_default(64)
    ImageDraw.Draw(image).text((10, 5), text, fill=255, font=font, stroke_width=weight)
    return np.asarray(image, np.uint8)


def _cropped(canvas: Plane) -> Glyph:
    rows, columns = np.flatnonzero(canvas.max(1) > 80), np.flatnonzero(canvas.max(0) > 80)
    return (canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 80).astype(np.float32)


@dataclass(frozen=True, slots=True)
class OsdResult:
    """`found`: family → figures; `unknown`: families that this picture cannot judge."""

    found: dict[str, dict[str, float]]
    unknown: frozenset[str]


def judge(y: Plane, marks: Mapping[str, Box], local: datetime) -> OsdResult:
    """Judge the on-screen time and name.

    `marks`: the boxes of 'time' and 'name'. `local`: the local time that the picture should show.
    """
    found: dict[str, dict[str, float]] = {}
    unknown = {f"mark_{name}" for name in ("time", "name") if name not in marks}
    if "name" in marks and _bare(strip(y, marks["name"])):
        found["mark_name"] = {"missing": 1.0}
    if "time" in marks:
        cut = strip(y, marks["time"])
        reading = read(cut)
        offset = _offset(reading, local)
        if _bare(cut):
            found["mark_time"] = {"missing": 1.0, "offset": 0.0}
        elif offset is None:
            unknown.add("mark_time")
        elif abs(offset) > TOLERANCE_SECONDS:
            found["mark_time"] = {"offset": offset}
    return OsdResult(found, frozenset(unknown))


def _bare(cut: Plane) -> bool:
    """Return whether the strip has no characters, readable or not: no gradient is steep."""
    steep = np.abs(np.diff(cut.astype(np.int16), axis=1))
    return bool(np.percentile(steep, 95) < BARE / 2 and np.percentile(steep, 99) < BARE)


def _offset(reading: OsdReading, local: datetime) -> float | None:
    """Return the offset of the picture's time in seconds; None if it cannot be read reliably."""
    for seconds in _nearest_first():
        at = local + timedelta(seconds=seconds)
        if any(_within(at.strftime(f), reading.digits) for f in FORMATS if len(reading.digits) >= 6):
            return float(seconds)
    if not reading.sure or min(reading.sure) < SURE:
        return None
    told = [t for f in FORMATS if (t := _parsed(reading.digits, f, local)) is not None]
    return min(((t - local).total_seconds() for t in told), key=abs, default=None)


def _nearest_first() -> Iterator[int]:
    return iter(sorted(range(-TOLERANCE_SECONDS, TOLERANCE_SECONDS + 1), key=abs))


def _within(wanted: str, digits: str) -> bool:
    """Return whether the wanted digits appear in order among those read, with at most EXTRA others between."""
    if not len(wanted) <= len(digits) <= len(wanted) + EXTRA:
        return False
    rest = iter(digits)
    return all(d in rest for d in wanted)


def _parsed(digits: str, form: str, local: datetime) -> datetime | None:
    try:
        told = datetime.strptime(digits, form)
    except ValueError:
        return None
    if len(digits) != len(local.strftime(form)):
        return None
    return told.replace(year=local.year, month=local.month, day=local.day) if form == "%H%M%S" else told
