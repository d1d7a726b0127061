"""Motion search: speed over footage that was never indexed, and agreement with a reference pixel by pixel.

The reference of a drawn street is what was drawn. That of a filmed clip uses every picture of it, of which the search
sees one a second: a pixel moves where it differs from the clip's median and from the pictures half a second before or
after, all at the exposure of the median. Thresholds were set on person-bicycle-car and vtest. Both are asked per cell
of a grid of 8 × 6 and second: did at least CELL_SHARE of its pixels move?
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.common import Figure
from bench.parts.search_sight import coded, pictures
from cameras.virtual import scene
from cameras.virtual.clip import encode
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import Picture, decode_frame
from search.analysis.motion_gate import HEIGHT, WIDTH, Plane, downscale
from search.analysis.moving_pixels import Mask, moving_pixels
from search.analysis.pipeline import luma_of
from search.query import motion_search
from search.query.motion_search import Stretch

COLUMNS, ROWS = 8, 6
CELL_SHARE = 0.04
REFERENCE_DIFFERENCE = 14.0  # grey levels
FILMED = (
    "car-detection.mp4",
    "one-by-one-person-detection.mp4",
    "person-bicycle-car-detection.mp4",
    "vtest_480x360.avi",
)
Cells = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class Agreement:
    """Cells and seconds in which search and reference say the same."""

    both: int = 0
    search_only: int = 0
    reference_only: int = 0
    neither: int = 0

    def add(self, told: Cells, reference: Cells) -> None:
        self.both += int((told & reference).sum())
        self.search_only += int((told & ~reference).sum())
        self.reference_only += int((~told & reference).sum())
        self.neither += int((~told & ~reference).sum())

    def balanced(self) -> float:
        """Return the mean of the shares of moving and of still cells that are told rightly."""
        moving, still = self.both + self.reference_only, self.neither + self.search_only
        return (self.both / moving + self.neither / still) / 2 if moving and still else 0.0


def run(quick: bool, footage: Path | None) -> list[Figure]:
    return [*_speed(quick), *_agreement(quick, footage)]


def _agreement(quick: bool, footage: Path | None) -> list[Figure]:
    figures = [_figure("a drawn street", _drawn(40 if quick else 240))]
    clips = [footage / name for name in FILMED[: 1 if quick else None]] if footage else []
    figures += [_figure(path.stem, _filmed(path)) for path in clips if path.is_file()]
    return figures


def _figure(name: str, found: Agreement) -> Figure:
    share = found.balanced()
    moving, still = found.both + found.reference_only, found.neither + found.search_only
    what = f"of {moving} moving and {still} still cells"
    return Figure(f"motion, agreement on {name}", round(share, 3), what, "≥ 0.9", share >= 0.9)


def _drawn(seconds: int) -> Agreement:
    """A street with two people who cross it every 40 s, coded at one picture a second."""
    size = (704, 576)
    people = [scene.Walker("red", "black", 0.3, 0.9, 0.0, False), scene.Walker("blue", "black", 0.2, 0.6, 0.5, True)]
    empty, walked = scene.Street(5, size, []), scene.Street(5, size, people)
    shown = [walked.frame(i % 40 / 40, i) for i in range(seconds)]
    lumas = [_luma(k) for k in coded(encode(shown, fps=1, gop=1))]
    found = Agreement()
    for i, told in enumerate(moving_pixels(lumas)):
        difference = cv2.absdiff(shown[i], empty.frame(i % 40 / 40, i)).max(axis=2)
        truth = cv2.resize(
            (difference > REFERENCE_DIFFERENCE).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        found.add(_cells(told), _cells(truth > 0.5))
    return found


def _filmed(path: Path) -> Agreement:
    fps = _frame_rate(path)
    every = [np.asarray(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), np.uint8) for p in pictures(path, (2 * WIDTH, 2 * HEIGHT))]
    reference = list(_reference(every, max(1, round(fps / 2))))
    second = max(1, round(fps))
    found = Agreement()
    for i, told in enumerate(moving_pixels([downscale(p) for p in every[::second]])):
        found.add(_cells(told), _cells(reference[i * second]))
    return found


def _frame_rate(path: Path) -> float:
    video = cv2.VideoCapture(str(path))
    try:
        return float(video.get(cv2.CAP_PROP_FPS)) or 10.0
    finally:
        video.release()


def _reference(every: Sequence[Plane], half_second: int) -> Iterator[Mask]:
    smooth = np.stack([cv2.GaussianBlur(p, (3, 3), 0) for p in every])
    middle = np.median(smooth[:: max(1, len(smooth) // 200)], axis=0).astype(np.float32)
    for i in range(len(smooth)):
        picture = _at_exposure_of(middle, smooth[i])
        chosen = (j for j in (i - half_second, i + half_second) if 0 <= j < len(smooth))
        around = [_at_exposure_of(middle, smooth[j]) for j in chosen]
        changed = np.any([cv2.absdiff(picture, other) > REFERENCE_DIFFERENCE for other in around], axis=0)
        moved = (np.abs(picture - middle) > REFERENCE_DIFFERENCE) & changed
        yield np.asarray(
            cv2.resize(moved.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) > 0.5, bool
        )


def _at_exposure_of(middle: Floats, picture: Plane) -> Floats:
    """Return the picture with the quantiles of `middle` that are like it: an object changes one end of the tones."""
    values = picture.astype(np.float32)
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    offsets = np.quantile(middle, shares) - np.quantile(values, shares)
    return np.asarray(values + np.median(offsets), np.float32)


def _cells(moved: Mask) -> Cells:
    rows, columns = HEIGHT // ROWS, WIDTH // COLUMNS
    return np.asarray(moved.reshape(ROWS, rows, COLUMNS, columns).mean(axis=(1, 3)) >= CELL_SHARE, bool)


def _luma(frame: Keyframe) -> Plane:
    return downscale(luma_of(decode_frame(frame, quick=True)))


def _speed(quick: bool) -> list[Figure]:
    """Search motion in an hour of a 1080p main stream and a D1 sub-stream, one keyframe per 2 s, two workers."""
    found = []
    for name, size in (("1080p", (1920, 1080)), ("D1", (704, 576)))[quick:]:
        base, seconds = coded(encode(_walked_every_minute(size), fps=1, gop=1)), 240 if quick else 3600
        frames = [replace(base[i % 60], at_us=base[0].at_us + i * 2_000_000) for i in range(seconds // 2)]
        took, events = asyncio.run(_search(frames, seconds))
        found += [
            Figure(f"motion search, {name}", round(seconds / took), "× real time", "≥ 300", seconds / took >= 300),
            Figure(f"events found of {seconds // 120}", events, "", "all", abs(events - seconds // 120) <= 1),
        ]
    return found


def _walked_every_minute(size: tuple[int, int]) -> list[Picture]:
    view = scene.Street(5, size, walkers=[])
    walking = scene.Street(5, size, [scene.Walker("red", "black", 0.3, 0.9, 0.0, False)])
    return [walking.frame(i / 30, i) if 20 <= i < 30 else view.frame(0, i) for i in range(60)]


class _Archive:
    """What a motion search reads of an ArchiveReader: keyframes of one stream at even intervals."""

    def __init__(self, frames: Sequence[Keyframe]):
        self.frames = frames

    async def keyframes(
        self, stream: str, start_us: int, end_us: int, limit: int, *, step_us: int = 0
    ) -> list[Keyframe]:
        step = self.frames[1].at_us - self.frames[0].at_us
        first = max(0, -(-(start_us - self.frames[0].at_us) // step))
        chosen = range(first, min(len(self.frames), first + limit))
        return [self.frames[i] for i in chosen if self.frames[i].at_us < end_us]


async def _search(frames: Sequence[Keyframe], seconds: int) -> tuple[float, int]:
    pool = DecodePool(2, 60.0)
    mask = motion_search.mask_of([(0.05, 0.3), (0.95, 0.3), (0.95, 1.0), (0.05, 1.0)])
    start = frames[0].at_us
    try:
        warm = Stretch((), frames[:2], ())
        await asyncio.gather(*(pool.run(motion_search.find_motion, warm, mask) for _ in range(2)))
        began, found = time.perf_counter(), list[motion_search.MotionSpan]()
        async for progress in motion_search.search(
            _Archive(frames),  # type: ignore[arg-type]
            pool,
            "c/main",
            start,
            start + seconds * 1_000_000,
            mask,
            2,
        ):
            found = motion_search.joined(found, progress.found)
        return time.perf_counter() - began, len(found)
    finally:
        await pool.close()
