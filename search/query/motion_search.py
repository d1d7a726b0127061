"""Motion search: finds motion in a drawn region between two times, directly in the archive, without an index.

Decodes at most about one keyframe per second, of the sub-stream if there is one, without deblocking in workers; the
indexer's motion gate finds moving regions in the whole picture, of which only the part inside the drawn region counts.
Stretches are independent, so several workers can share a search.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import ProtocolError, UsageError
from core.tasks import end, spawn
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import decode_frame
from search.analysis.motion_gate import HEIGHT, LEARNING_PICTURES, WIDTH, MotionGate
from search.analysis.pipeline import luma_of
from search.query.areas import polygon_of

STRETCH_KEYFRAMES = 120  # keyframes per task of a worker
STEP_US = 900_000  # minimum step between keyframes; more only cost time
WARM_UP_US = 12_000_000  # analysed before a stretch, to learn the view
JOIN_MS = 6_000  # motion after a shorter pause belongs to the same event
MAX_RANGE_US = 7 * 86_400_000_000
Mask = npt.NDArray[np.bool_]


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
        raise UsageError("a motion search covers at most seven days")
    waiting: list[asyncio.Task[MotionProgress]] = []
    position = start_us
    try:
        while position < end_us or waiting:
            while position < end_us and len(waiting) < workers + 1:
                frames = await reader.keyframes(stream, position, end_us, STRETCH_KEYFRAMES, step_us=STEP_US)
                if not frames:
                    position = end_us
                    break
                before = await reader.keyframes(stream, position - WARM_UP_US, position, 60, step_us=STEP_US)
                waiting.append(spawn(_search_stretch(pool, before[-LEARNING_PICTURES - 4 :], frames, mask)))
                position = max(frames[-1].at_us + STEP_US, frames[-1].complete_us + 1)
            if waiting:
                yield await waiting.pop(0)
    finally:
        await end(*waiting)


async def _search_stretch(
    pool: DecodePool, before: Sequence[Keyframe], frames: Sequence[Keyframe], mask: Mask
) -> MotionProgress:
    try:
        found = await pool.run(find_motion, before, frames, mask)
    except ProtocolError:  # a bad keyframe loses only its own stretch
        found = []
    return MotionProgress(frames[-1].at_us, len(frames), found)


def find_motion(before: Sequence[Keyframe], frames: Sequence[Keyframe], mask: Mask) -> list[MotionSpan]:
    """Return the events of one stretch. Runs in a worker."""
    gate, found = MotionGate(), list[MotionSpan]()
    warm_up = len(before)
    for i, frame in enumerate([*before, *frames]):
        try:
            regions = gate.detect_motion(luma_of(decode_frame(frame, quick=True)))
        except ProtocolError:
            continue
        if i < warm_up or not regions:
            continue
        share, box = _moved_inside(regions, mask)
        if share <= 0:
            continue
        at_ms = frame.at_us // 1000
        if found and at_ms - found[-1].end_ms <= JOIN_MS:
            last = found.pop()
            found.append(
                MotionSpan(last.start_ms, at_ms, max(last.share, share), box if share > last.share else last.box)
            )
        else:
            found.append(MotionSpan(at_ms, at_ms, share, box))
    return found


def _moved_inside(
    regions: Sequence[tuple[float, float, float, float]], mask: Mask
) -> tuple[float, tuple[float, float, float, float]]:
    moved = np.zeros_like(mask)
    for x1, y1, x2, y2 in regions:
        moved[
            int(y1 * HEIGHT) : max(int(y1 * HEIGHT) + 1, round(y2 * HEIGHT)),
            int(x1 * WIDTH) : max(int(x1 * WIDTH) + 1, round(x2 * WIDTH)),
        ] = 1
    inside = moved & mask
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return 0.0, (0, 0, 0, 0)
    box = (columns.min() / WIDTH, rows.min() / HEIGHT, (columns.max() + 1) / WIDTH, (rows.max() + 1) / HEIGHT)
    return float(inside.sum() / mask.sum()), (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
