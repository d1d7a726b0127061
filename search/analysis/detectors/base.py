"""What every detector gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nvr.playback.pictures import Picture
from search.vocabulary import Cls

Region = tuple[float, float, float, float]  # x1, y1, x2, y2 in parts of the picture


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in a picture; the box in parts of its width and height, 0…1."""

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
    name: str  # id@version

    def detect(self, picture: Picture, moving: Sequence[Region], *, sweep: bool = False) -> list[Detection]:
        """Objects in an H×W×3 BGR picture. `moving`: where something moved, looked at in native size as well;
        `sweep`: look at everything in native size, for what is small and stands still."""


def clipped(cls: int, score: float, x1: float, y1: float, x2: float, y2: float) -> Detection | None:
    """A detection from corner coordinates, cut to the picture; None where nothing is left."""
    x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(1.0, x2), min(1.0, y2)
    return Detection(cls, score, x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


# Of these a box inside another one is the same thing; a person inside another's box is somebody behind him.
_WHOLE = frozenset({Cls.vehicle, Cls.car, Cls.van, Cls.truck, Cls.bus, Cls.two_wheeler, Cls.bicycle, Cls.ebike})


def suppressed(found: Sequence[Detection], overlap: float = 0.5, inside: float = 0.7) -> list[Detection]:
    """Greedy non-maximum suppression within each class; boxes inside boxes too, for things that hide none of their kind."""
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        rivals = [k for k in kept if k.cls == d.cls]
        if all(iou(k, d) < overlap and not (d.cls in _WHOLE and _inside(k, d) >= inside) for k in rivals):
            kept.append(d)
    return kept


def both(a: Detection, b: Detection) -> float:
    """Area that two boxes share, in parts of the picture."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    return max(0.0, w) * max(0.0, h)


def iou(a: Detection, b: Detection) -> float:
    shared = both(a, b)
    return shared / (a.w * a.h + b.w * b.h - shared)


def _inside(a: Detection, b: Detection) -> float:
    return both(a, b) / min(a.w * a.h, b.w * b.h)
