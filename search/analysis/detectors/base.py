"""The interface of detectors, and operations on their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nvr.playback.pictures import Picture
from search.vocabulary import Cls

Region = tuple[float, float, float, float]  # x1, y1, x2, y2 in shares of the picture
Pixels = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in a picture; the box in shares of its width and height, 0…1."""

    cls: int
    score: float
    x: float
    y: float
    w: float
    h: float

    @property
    def corners(self) -> Region:
        return self.x, self.y, self.x + self.w, self.y + self.h


class Detector(Protocol):
    """Finds objects in pictures."""

    name: str  # id@version
    input_size: tuple[int, int] | None  # width and height of the network's input; None: windows are of no use

    def detect(self, picture: Picture, moving: Sequence[Region], windows: Sequence[Pixels] = ()) -> list[Detection]:
        """Return the objects in an H×W×3 BGR picture.

        `moving`: regions with motion, for detectors that find nothing else. `windows`: parts of the picture that are
        searched enlarged besides the whole, for small objects (search.analysis.window_plan).
        """


def clip_to_picture(cls: int, score: float, x1: float, y1: float, x2: float, y2: float) -> Detection | None:
    """Return a detection from corner coordinates, clipped to the picture; None if nothing is left."""
    x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(1.0, x2), min(1.0, y2)
    return Detection(cls, score, x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


# For these classes a box inside another one is the same object; a person inside another person's box is a second one.
_INDIVISIBLE = frozenset({Cls.vehicle, Cls.car, Cls.van, Cls.truck, Cls.bus, Cls.two_wheeler, Cls.bicycle, Cls.ebike})


def suppress_overlaps(found: Sequence[Detection], overlap: float = 0.5, inside: float = 0.7) -> list[Detection]:
    """Apply greedy non-maximum suppression within each class.

    For the classes in _INDIVISIBLE it removes boxes inside other boxes, too. `overlap`: intersection over union;
    `inside`: intersection over the smaller area.
    """
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        rivals = [k for k in kept if k.cls == d.cls]
        if all(iou(k, d) < overlap and not (d.cls in _INDIVISIBLE and containment(k, d) >= inside) for k in rivals):
            kept.append(d)
    return kept


def intersection(a: Detection, b: Detection) -> float:
    """Return the intersection of two boxes, as a share of the picture."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    return max(0.0, w) * max(0.0, h)


def iou(a: Detection, b: Detection) -> float:
    """Return the intersection over union of two boxes."""
    shared = intersection(a, b)
    return shared / (a.w * a.h + b.w * b.h - shared)


def containment(a: Detection, b: Detection) -> float:
    """Return the intersection over the smaller area of two boxes."""
    return intersection(a, b) / min(a.w * a.h, b.w * b.h)
