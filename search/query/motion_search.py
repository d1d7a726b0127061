"""Motion search: finds motion in a drawn region between two times, directly in the archive, without an index.

Decodes at most about one keyframe per second, of the sub-stream if there is one, without deblocking in workers. What
moves is judged pixel by pixel in the whole picture (search/analysis/moving_pixels.py); only pixels inside the drawn
region count. Stretches are independent, so several workers can share a search.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.error_codes import ErrorCode
from core.errors import ProtocolError, UsageError
from core.tasks import end, spawn
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import decode_frame
from search.analysis.motion_gate import HEIGHT, MIN_PIXELS, WIDTH, Plane, downscale
from search.analysis.moving_pixels import Mask, moving_pixels
from search.analysis.pipeline import luma_of
from search.query.areas import polygon_of

STRETCH_KEYFRAMES = 120  # keyframes per task of a worker
STEP_US = 900_000  # minimum step between keyframes; more only cost time
MIN_BACKGROUND_KEYFRAMES = 40  # a shorter stretch is judged with keyframes around it
CONTEXT_US = 120_000_000  # before and after a short stretch
JOIN_MS = 3_000  # motion after a shorter pause belongs to the same event
SPECK_SHARE = 0.02  # of the region: less, and less than MIN_PIXELS, is no motion
MAX_RANGE_US = 7 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class MotionSpan:
    """One motion event; times in ms UTC.

    `share`: largest share of the region that moved; `box`: bounds of the motion then, in shares of the picture.
    """

    start_ms: int
    end_ms: int
    share: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MotionProgress:
    """Position of the search, µs UTC, and the events of the last stretch."""

    until_us: int
    keyframes: int
    found: list[MotionSpan]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Keyframes to be searched, and those around them that show the background; in order of time."""

    before: Sequence[Keyframe]
    frames: Sequence[Keyframe]
    after: Sequence[Keyframe]


def mask_of(area: Sequence[tuple[float, float]]) -> Mask:
    """Return the region as a mask of 160×90; the whole picture if none is drawn. Raises UsageError."""
    if not area:
        return np.ones((HEIGHT, WIDTH), bool)
    polygon_of(area)
    points = np.array([[round(x * WIDTH), round(y * HEIGHT)] for x, y in area], np.int32)
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(canvas, [points], 1)
    return canvas.astype(bool)


async def search(
    reader: ArchiveReader, pool: DecodePool, stream: str, start_us: int, end_us: int, mask: Mask, workers: int = 2
) -> AsyncIterator[MotionProgress]:
    """Search stretch by stretch, in order of time. Raises UsageError for more than a week."""
    if not start_us < end_us <= start_us + MAX_RANGE_US:
        raise UsageError("a motion search covers at most seven days", ErrorCode.MOTION_RANGE_TOO_LONG)
    waiting: list[asyncio.Task[MotionProgress]] = []
    position = start_us
    try:
        while position < end_us or waiting:
            while position < end_us and len(waiting) < workers + 1:
                frames = await reader.keyframes(stream, position, end_us, STRETCH_KEYFRAMES, step_us=STEP_US)
                if not frames:
                    position = end_us
                    break
                stretch = await _with_context(reader, stream, position, frames)
                waiting.append(spawn(_search_stretch(pool, stretch, mask)))
                position = max(frames[-1].at_us + STEP_US, frames[-1].complete_us + 1)
            if waiting:
                yield await waiting.pop(0)
    finally:
        await end(*waiting)


async def _with_context(reader: ArchiveReader, stream: str, position_us: int, frames: Sequence[Keyframe]) -> Stretch:
    """Return the keyframes with their neighbours, and with more of them where they are too few for a background."""
    missing = max(0, MIN_BACKGROUND_KEYFRAMES - len(frames))
    reach_us = CONTEXT_US if missing else 2 * STEP_US + (frames[-1].at_us - frames[0].at_us) // max(1, len(frames) - 1)
    before = await reader.keyframes(stream, position_us - reach_us, position_us, STRETCH_KEYFRAMES, step_us=STEP_US)
    after_us = max(frames[-1].at_us + STEP_US, frames[-1].complete_us + 1)
    after = await reader.keyframes(stream, after_us, after_us + reach_us, missing + 1, step_us=STEP_US)
    return Stretch(before[-missing - 1 :], frames, after)


async def _search_stretch(pool: DecodePool, stretch: Stretch, mask: Mask) -> MotionProgress:
    frames = stretch.frames
    try:
        found = await pool.run(find_motion, stretch, mask)
    except ProtocolError:  # a bad keyframe loses only its own stretch
        found = []
    return MotionProgress(frames[-1].at_us, len(frames), found)


def find_motion(stretch: Stretch, mask: Mask) -> list[MotionSpan]:
    """Return the events of one stretch. Runs in a worker."""
    before, _ = _lumas(stretch.before)
    inner, inner_ms = _lumas(stretch.frames)
    after, _ = _lumas(stretch.after)
    found = list[MotionSpan]()
    moving = moving_pixels([*before, *inner, *after], len(before), len(before) + len(inner))
    previous_ms = inner_ms[0] if inner_ms else 0
    for at_ms, moved in zip(inner_ms, moving, strict=True):
        share, box = _moved_inside(moved, mask)
        if share > 0:
            # Motion in two pictures in a row is one event, however far apart the camera's keyframes are.
            found = joined(found, [MotionSpan(at_ms, at_ms, share, box)], max(JOIN_MS, at_ms - previous_ms))
        previous_ms = at_ms
    return found


def joined(spans: Sequence[MotionSpan], more: Sequence[MotionSpan], pause_ms: int = JOIN_MS) -> list[MotionSpan]:
    """Return both lists in order of time as one.

    The last of `spans` and the first of `more` are the same event if the pause between them is at most `pause_ms`.
    """
    if not spans or not more or more[0].start_ms - spans[-1].end_ms > pause_ms:
        return [*spans, *more]
    last, first = spans[-1], more[0]
    larger = first if first.share > last.share else last
    return [*spans[:-1], MotionSpan(last.start_ms, first.end_ms, larger.share, larger.box), *more[1:]]


def _lumas(frames: Sequence[Keyframe]) -> tuple[list[Plane], list[int]]:
    """Return the small lumas of the keyframes that can be decoded, and their times in ms."""
    lumas, times_ms = list[Plane](), list[int]()
    for frame in frames:
        with contextlib.suppress(ProtocolError):
            lumas.append(downscale(luma_of(decode_frame(frame, quick=True))))
            times_ms.append(frame.at_us // 1000)
    return lumas, times_ms


def _moved_inside(moved: Mask, mask: Mask) -> tuple[float, tuple[float, float, float, float]]:
    """Return which share of the region moved, and the bounds of the motion; zeros if it is no more than a speck."""
    inside = moved & mask
    if inside.sum() < min(MIN_PIXELS, max(1, SPECK_SHARE * mask.sum())):
        return 0.0, (0, 0, 0, 0)
    rows, columns = np.nonzero(inside)
    box = (columns.min() / WIDTH, rows.min() / HEIGHT, (columns.max() + 1) / WIDTH, (rows.max() + 1) / HEIGHT)
    return float(inside.sum() / mask.sum()), (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
