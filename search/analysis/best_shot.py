"""The best shot: one picture per track from a keyframe of the main stream, decoded for this purpose only.

The sub-stream, which is five times cheaper to decode, found the track. The position at the time of the main keyframe is
interpolated from the track's path; the detector searches around it in native size and accepts only an object of the
same class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import ProtocolError
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Picture, decode_frame
from search.analysis import pipeline
from search.analysis.colours import WhiteBalance
from search.analysis.description import THUMBNAIL_HEIGHT, thumbnail
from search.analysis.detectors.base import Detection, Region
from search.analysis.pipeline import bgr_of
from search.analysis.riders import objects_of
from search.analysis.tracking import Track, TrackedDetection
from search.store.rows import BOX_UNITS, Point

SEARCH_MARGIN = 1.2  # search margin on each side of the expected position, in heights of the object
MAX_DISTANCE = 0.8  # largest distance between expected and found position, in heights
REST_MS, LONG_MS = 4_000, 10_000  # a best shot is due when the track was not seen for REST_MS or has lasted LONG_MS
MAX_TIME_APART_MS = 2_500  # largest distance of a track point from the main keyframe
MIN_GAIN = 1.3  # minimum gain in pixel height


@dataclass(frozen=True, slots=True)
class BestShotTarget:
    """What to find in the main keyframe: the class, the expected box and the height in pixels so far.

    `box` is x, y, w, h in shares of the picture at the keyframe's time.
    """

    cls: int
    box: tuple[float, float, float, float]
    pixels: float


@dataclass(frozen=True, slots=True)
class BestShot:
    """The JPEG thumbnail and the description made from the main keyframe."""

    thumbnail: bytes
    detection: TrackedDetection


def due(track: Track, position_ms: int) -> bool:
    """Return whether it is time for the track's best shot."""
    return position_ms - track.last_ms >= REST_MS or track.last_ms - track.first_ms >= LONG_MS


def target_of(track: Track, at_ms: int, sub_height: int) -> BestShotTarget | None:
    """Return what to find for the track at a time; None if no track point is near enough to it."""
    nearest = min(track.points, key=lambda p: abs(p.at_ms - at_ms))
    if abs(nearest.at_ms - at_ms) > MAX_TIME_APART_MS:
        return None
    x, y, h = _interpolate(track.points, at_ms)
    w = h * (track.best_box[2] / track.best_box[3] if track.best_box[3] > 0 else 0.3)
    return BestShotTarget(track.cls, (x - w / 2, y - h, w, h), track.best_box[3] * sub_height)


def _interpolate(points: Sequence[Point], at_ms: int) -> tuple[float, float, float]:
    """Interpolate foot x, foot y and height at a time, in shares of the picture."""
    times = [p.at_ms for p in points]
    return tuple(float(np.interp(at_ms, times, [getattr(p, n) for p in points])) / BOX_UNITS for n in ("x", "y", "h"))  # type: ignore[return-value]


def take_best_shot(frame: Keyframe, target: BestShotTarget, balance: WhiteBalance, infrared: bool) -> BestShot | None:
    """Find the object on the main keyframe; None if it is not found or not larger than before. Runs in a worker."""
    try:
        picture = bgr_of(decode_frame(frame))
    except ProtocolError:
        return None
    x, y, width, height = target.box
    pixels = height * picture.shape[0]
    if pixels < target.pixels * MIN_GAIN or target.pixels >= THUMBNAIL_HEIGHT:
        return None
    around: Region = (
        max(0.0, x - SEARCH_MARGIN * height),
        max(0.0, y - SEARCH_MARGIN * height),
        min(1.0, x + width + SEARCH_MARGIN * height),
        min(1.0, y + height * (1 + SEARCH_MARGIN)),
    )
    part = _cut(picture, around)
    if min(part.shape[:2]) < 32:
        return None
    objects = objects_of(pipeline.models().detector.detect(part, [(0.0, 0.0, 1.0, 1.0)]))
    same_class = [t for t in objects if t.whole.cls == target.cls]
    if not same_class:
        return None
    best = min(same_class, key=lambda t: _distance(t.whole, around, target))
    if _distance(best.whole, around, target) > MAX_DISTANCE:
        return None
    detection = pipeline.models().describe(part, best, balance, infrared=infrared)
    return BestShot(thumbnail(part, best.whole), detection)


def _cut(picture: Picture, region: Region) -> Picture:
    height, width = picture.shape[:2]
    return np.ascontiguousarray(
        picture[int(region[1] * height) : int(region[3] * height), int(region[0] * width) : int(region[2] * width)]
    )


def _distance(d: Detection, around: Region, target: BestShotTarget) -> float:
    """Return distance of the feet plus absolute ln ratio of the heights, in heights of the wanted object."""
    wide, high = around[2] - around[0], around[3] - around[1]
    foot = around[0] + (d.x + d.w / 2) * wide, around[1] + (d.y + d.h) * high
    x, y, width, height = target.box
    return float(np.hypot(foot[0] - (x + width / 2), foot[1] - (y + height))) / height + abs(
        float(np.log(max(1e-6, d.h * high / height)))
    )
