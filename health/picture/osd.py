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

from health.faults.findings import CheckFindings
from health.picture.measurement import Plane
from health.vocabulary import FaultFamily

TOLERANCE_SECONDS = 10
GLYPH_PIXELS = (20, 28)  # width, height of a normalised glyph, pixels
STRIP_PIXELS = 40  # height in pixels to which the strip is scaled
MIN_DIGIT_CORRELATION = 0.6  # minimum correlation with the best digit
MIN_CONTRAST = 30.0  # grey levels between the characters and their background
MIN_WRONG_TIME_CORRELATION = 0.8  # minimum correlation of every digit before a time counts as wrong
EMPTY_GRADIENT = 30.0  # 99th percentile of the gradient, grey levels per pixel, below which the strip is empty
MIN_CUT_PIXELS = 4
MAX_EXTRA_CHARACTERS = 6  # characters that may appear between the digits
FORMATS = ("%Y%m%d%H%M%S", "%m%d%Y%H%M%S", "%d%m%Y%H%M%S", "%y%m%d%H%M%S", "%H%M%S")

Box = Sequence[float]  # x, y, width, height in shares of the picture
Glyph = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OsdReading:
    """The characters read in a strip.

    `digits` from left to right; `correlations`: with the reference digits, 0…1; `characters`: number of characters as
    tall as the digits.
    """

    digits: str
    correlations: tuple[float, ...]
    characters: int


def cut_text(y: Plane, box: Box) -> Plane:
    """Cut out an on-screen text and scale it to a height of STRIP_PIXELS.

    At the edge, or without extent, the cut is at least MIN_CUT_PIXELS wide and high.
    """
    height, width = y.shape
    x0, x1 = _span(box[0], box[2], width)
    y0, y1 = _span(box[1], box[3], height)
    size = (max(8, (x1 - x0) * STRIP_PIXELS // (y1 - y0)), STRIP_PIXELS)
    return np.asarray(cv2.resize(y[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _span(start: float, extent: float, pixels: int) -> tuple[int, int]:
    first = min(max(0, int(start * pixels)), pixels - MIN_CUT_PIXELS)
    return first, min(pixels, max(first + MIN_CUT_PIXELS, round((start + extent) * pixels)))


def read_digits(cut: Plane) -> OsdReading:
    """Read a strip: bright or dark characters, each with two thresholds; return the most reliable reading."""
    return max((_read_ink(ink) for ink in _thresholded(cut)), key=lambda r: (sum(r.correlations), r.characters))


def _thresholded(cut: Plane) -> Iterator[Plane]:
    for plane in (cut, np.asarray(255 - cut, np.uint8)):
        behind, characters = np.percentile(plane, (50, 97))
        if characters - behind >= MIN_CONTRAST:
            yield np.asarray((plane > behind + 0.6 * (characters - behind)) * 255, np.uint8)
            yield np.asarray(cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)
    yield np.zeros_like(cut)


def _read_ink(ink: Plane) -> OsdReading:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    boxes = [
        (int(x), int(top), int(w), int(h), i)
        for i, (x, top, w, h, area) in enumerate(stats)
        if i and h >= 0.4 * STRIP_PIXELS and w <= 1.1 * h and area >= 20
    ]
    if not boxes:
        return OsdReading("", (), 0)
    usual = float(np.median([h for _, _, _, h, _ in boxes]))
    digits, correlations, characters = [], [], 0
    for x, top, w, h, i in sorted(boxes):
        if not 0.75 * usual <= h <= 1.3 * usual:
            continue
        characters += 1
        digit, score = _digit(np.asarray(labels[top : top + h, x : x + w] == i, np.float32))
        if score >= MIN_DIGIT_CORRELATION:
            digits.append(digit)
            correlations.append(score)
    return OsdReading("".join(digits), tuple(correlations), characters)


def _digit(mask: Glyph) -> tuple[str, float]:
    glyph = _normalise(mask)
    scores = [(float(np.sum(glyph * known)), digit) for digit, known in _reference_digits()]
    best, digit = max(scores)
    return digit, best


def _normalise(mask: Glyph) -> Glyph:
    """Return the glyph centred in GLYPH_PIXELS with its proportions kept, mean 0 and norm 1."""
    height, width = mask.shape
    wide = max(3, min(GLYPH_PIXELS[0], round(width * GLYPH_PIXELS[1] / height)))
    small = cv2.resize(mask.astype(np.float32), (wide, GLYPH_PIXELS[1]), interpolation=cv2.INTER_AREA)
    made = np.zeros((GLYPH_PIXELS[1], GLYPH_PIXELS[0]), np.float32)
    left = (GLYPH_PIXELS[0] - wide) // 2
    made[:, left : left + wide] = small
    soft = np.asarray(cv2.GaussianBlur(made, (0, 0), 1.0), np.float32)
    bare = soft - soft.mean()
    return np.asarray(bare / (np.linalg.norm(bare) + 1e-6), np.float32)


@functools.cache
def _reference_digits() -> list[tuple[str, Glyph]]:
    """Return reference digits as cameras draw them: line fonts of several weights, and a sans-serif font."""
    found = []
    faces = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)
    for digit in "0123456789":
        for face in faces:
            for weight in (2, 4, 6):
                canvas = np.zeros((90, 80), np.uint8)
                scale = 4.0 if face == cv2.FONT_HERSHEY_PLAIN else 2.0
                cv2.putText(canvas, digit, (15, 70), face, scale, 255, weight, cv2.LINE_AA)
                found.append((digit, _normalise(_crop(canvas))))
        for weight in (0, 1):
            found.append((digit, _normalise(_crop(_sans_serif(digit, weight)))))
    return found


def _sans_serif(text: str, weight: int) -> Plane:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (60 * len(text) + 20, 90))
    font = ImageFont.load_default(64)
    ImageDraw.Draw(image).text((10, 5), text, fill=255, font=font, stroke_width=weight)
    return np.asarray(image, np.uint8)


def _crop(canvas: Plane) -> Glyph:
    rows, columns = np.flatnonzero(canvas.max(1) > 80), np.flatnonzero(canvas.max(0) > 80)
    return (canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 80).astype(np.float32)


def check_display(y: Plane, boxes: Mapping[str, Box], local: datetime) -> CheckFindings:
    """Check the on-screen time and name.

    `boxes`: the boxes of 'time' and 'name'. `local`: the local time that the picture should show.
    """
    checked = CheckFindings()
    if "name" not in boxes:
        checked.unknown.add(FaultFamily.OSD_NAME)
    elif _is_empty(cut_text(y, boxes["name"])):
        checked.found[FaultFamily.OSD_NAME] = {"missing": 1.0}
    if "time" not in boxes:
        checked.unknown.add(FaultFamily.OSD_TIME)
        return checked
    cut = cut_text(y, boxes["time"])
    if _is_empty(cut):
        checked.found[FaultFamily.OSD_TIME] = {"missing": 1.0, "offset": 0.0}
        return checked
    offset = _offset(read_digits(cut), local)
    if offset is None:
        checked.unknown.add(FaultFamily.OSD_TIME)
    elif abs(offset) > TOLERANCE_SECONDS:
        checked.found[FaultFamily.OSD_TIME] = {"offset": offset}
    return checked


def _is_empty(cut: Plane) -> bool:
    """Return whether the strip has no characters, readable or not: no gradient is steep."""
    steep = np.abs(np.diff(cut.astype(np.int16), axis=1))
    return bool(np.percentile(steep, 95) < EMPTY_GRADIENT / 2 and np.percentile(steep, 99) < EMPTY_GRADIENT)


def _offset(reading: OsdReading, local: datetime) -> float | None:
    """Return the offset of the picture's time in seconds; None if it cannot be read reliably."""
    for seconds in _nearest_first():
        at = local + timedelta(seconds=seconds)
        if any(_contains(at.strftime(f), reading.digits) for f in FORMATS if len(reading.digits) >= 6):
            return float(seconds)
    if not reading.correlations or min(reading.correlations) < MIN_WRONG_TIME_CORRELATION:
        return None
    told = [t for f in FORMATS if (t := _parsed(reading.digits, f, local)) is not None]
    return min(((t - local).total_seconds() for t in told), key=abs, default=None)


def _nearest_first() -> Iterator[int]:
    return iter(sorted(range(-TOLERANCE_SECONDS, TOLERANCE_SECONDS + 1), key=abs))


def _contains(wanted: str, digits: str) -> bool:
    """Return whether the wanted digits appear in order among those read, with few others between."""
    if not len(wanted) <= len(digits) <= len(wanted) + MAX_EXTRA_CHARACTERS:
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
