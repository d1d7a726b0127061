"""What every detector gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nvr.pictures import Picture

CLASSES = ("person", "vehicle", "bike", "moving")


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in a picture; the box in parts of its width and height, 0…1."""

    cls: str
    score: float
    x: float
    y: float
    w: float
    h: float


class Detector(Protocol):
    name: str

    def detect(self, camera: str, picture: Picture) -> list[Detection]:
        """Objects in an H×W×3 BGR picture. `camera` lets a detector keep a background per camera."""


def clipped(cls: str, score: float, x1: float, y1: float, x2: float, y2: float) -> Detection | None:
    """A detection from corner coordinates, cut to the picture; None where nothing is left."""
    x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(1.0, x2), min(1.0, y2)
    return Detection(cls, score, x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None
