"""What runs in the disposable worker: keyframes in, objects with colours and thumbnails out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from core.errors import ProtocolError
from core.settings import SearchSettings
from nvr.pictures import Picture, decode
from nvr.reader import Keyframe
from search.colours import is_monochrome, person_colours, vehicle_colour
from search.detectors import Detection, Detector, load

MAX_WIDTH = 1280
THUMBNAIL_HEIGHT = 160
_detector: Detector | None = None


@dataclass(frozen=True, slots=True)
class SeenObject:
    at_us: int
    detection: Detection
    upper: list[str]
    lower: list[str]
    thumbnail: bytes  # JPEG


def prepare(settings: SearchSettings) -> None:
    """Initializer of the worker process."""
    global _detector
    cv2.setNumThreads(1)
    _detector = load(settings)


def detect(frames: Sequence[Keyframe]) -> tuple[str, list[SeenObject], int]:
    """(detector's name, objects in the keyframes, number of keyframes that did not decode)."""
    assert _detector is not None, "prepare() runs first"
    seen: list[SeenObject] = []
    undecodable = 0
    for frame in frames:
        try:
            picture = decode(frame, MAX_WIDTH)
        except ProtocolError:
            undecodable += 1
            continue
        monochrome = is_monochrome(picture)
        for detection in _detector.detect(frame.stream, picture):
            seen.append(_describe(frame.at_us, picture, detection, monochrome))
    return _detector.name, seen, undecodable


def _describe(at_us: int, picture: Picture, d: Detection, monochrome: bool) -> SeenObject:
    crop = _crop(picture, d, 0.0)
    upper: list[str] = []
    lower: list[str] = []
    if not monochrome:
        if d.cls == "person":
            upper, lower = person_colours(crop)
        elif d.cls in ("vehicle", "bike"):
            upper = vehicle_colour(crop)
    wide = _crop(picture, d, 0.12)
    scale = min(1.0, THUMBNAIL_HEIGHT / wide.shape[0])
    size = max(1, round(wide.shape[1] * scale)), max(1, round(wide.shape[0] * scale))
    _, jpeg = cv2.imencode(".jpg", cv2.resize(wide, size, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return SeenObject(at_us, d, upper, lower, jpeg.tobytes())


def _crop(picture: Picture, d: Detection, margin: float) -> Picture:
    height, width = picture.shape[:2]
    x1, y1 = max(0.0, d.x - d.w * margin), max(0.0, d.y - d.h * margin)
    x2, y2 = min(1.0, d.x + d.w * (1 + margin)), min(1.0, d.y + d.h * (1 + margin))
    left, top = int(x1 * width), int(y1 * height)
    return picture[top : max(top + 1, round(y2 * height)), left : max(left + 1, round(x2 * width))]
