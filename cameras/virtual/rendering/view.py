"""What stands and moves before one camera, as data.

Coordinates are metres from the camera's foot: x to the right, y straight ahead, z up. Headings are unit vectors (x, y).
Colours are BGR, 0 to 255.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict

Xy = tuple[float, float]
Bgr = tuple[int, int, int]


class MoverKind(StrEnum):
    PERSON = "person"
    RIDER = "rider"  # a person on an e-bike
    CAR = "car"
    VAN = "van"
    EBIKE = "ebike"  # without a rider; it is parked


class Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class RoadPart(Part):
    points: list[Xy]
    width: float
    is_marked: bool = False  # has a middle line


class HousePart(Part):
    corners: list[Xy]  # in order; the first side faces the street
    floors: int
    seed: int


class TreePart(Part):
    place: Xy
    height: float
    seed: int


class PolePart(Part):
    place: Xy
    height: float = 8.0
    has_lamp: bool = False


class Look(Part):
    """How something that moves looks. Of a vehicle, `upper` is the colour of its body."""

    upper: Bgr = (60, 60, 60)
    lower: Bgr = (50, 45, 40)
    body: Bgr = (200, 200, 205)  # of the e-bike
    helmet: Bgr | None = None
    stature: float = 1.7  # metres
    has_bag: bool = False


class Parked(Part):
    kind: MoverKind
    place: Xy
    heading: Xy
    look: Look
    gone: tuple[float, float] | None = None  # seconds of the story between which it is not there


class Passage(Part):
    """One passage of somebody before the camera, along a way; `start` in seconds of the story."""

    kind: MoverKind
    look: Look
    way: list[Xy]
    start: float
    speed: float  # metres a second

    @cached_property
    def _distances(self) -> list[float]:
        found = [0.0]
        for a, b in zip(self.way, self.way[1:], strict=False):
            found.append(found[-1] + math.dist(a, b))
        return found

    @property
    def end(self) -> float:
        return self.start + self._distances[-1] / self.speed

    def at(self, second: float) -> tuple[Xy, Xy, float] | None:
        """Return place, heading and distance walked at a second of the story; None before and after the passage."""
        walked = (second - self.start) * self.speed
        if not 0 <= walked < self._distances[-1]:
            return None
        i = bisect_right(self._distances, walked) - 1
        (ax, ay), (bx, by) = self.way[i], self.way[i + 1]
        length = math.dist((ax, ay), (bx, by)) or 1.0
        share = (walked - self._distances[i]) / length
        return (ax + (bx - ax) * share, ay + (by - ay) * share), ((bx - ax) / length, (by - ay) / length), walked


class View(Part):
    """Everything before one camera. `hills`: angle of the hills above the horizon, degrees, for -60 … 60° sideways."""

    caption: str
    seed: int
    latitude: float
    longitude: float
    azimuth: float  # degrees clockwise from north
    height: float
    field_of_view: float  # degrees, horizontally
    is_lit: bool  # lamps light the street at night and the camera stays in colour; else infra-red
    roads: list[RoadPart] = []
    squares: list[list[Xy]] = []
    waters: list[list[Xy]] = []
    houses: list[HousePart] = []
    trees: list[TreePart] = []
    poles: list[PolePart] = []
    parked: list[Parked] = []
    passages: list[Passage] = []
    hills: list[float] = []
    story_seconds: float = 240.0
