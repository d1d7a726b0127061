"""The words of search and the numbers by which they are stored. Numbers are for ever: add, never renumber.

Classes bear the names of GA/T 1400 (person, motor vehicle, non-motor vehicle and their kinds) and GB/T 44297 where
those have one. What a detector cannot tell more exactly stays general (`vehicle`, `two_wheeler`); a question for the
exact kind finds the general one too, and the result says which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, IntFlag
from typing import TypeVar

from core.errors import UsageError

_T = TypeVar("_T")


class Cls(IntEnum):
    unknown = 0  # something moved
    person = 1  # on foot
    rider = 2  # a person on a two-wheeler
    bicycle = 3
    ebike = 4  # e-bike or motorcycle
    tricycle = 5
    car = 6
    van = 7
    truck = 8
    bus = 9
    dog = 10
    bag = 11
    two_wheeler = 12  # which kind is not known
    vehicle = 13  # which kind is not known
    animal = 14


ASKED: dict[str, tuple[Cls, ...]] = {
    "person": (Cls.person, Cls.rider),
    "pedestrian": (Cls.person,),
    "rider": (Cls.rider,),
    "two_wheeler": (Cls.rider, Cls.bicycle, Cls.ebike, Cls.two_wheeler),
    "bicycle": (Cls.bicycle, Cls.two_wheeler, Cls.rider),
    "ebike": (Cls.ebike, Cls.two_wheeler, Cls.rider),
    "tricycle": (Cls.tricycle,),
    "vehicle": (Cls.car, Cls.van, Cls.truck, Cls.bus, Cls.vehicle),
    "car": (Cls.car, Cls.vehicle),
    "van": (Cls.van, Cls.vehicle),
    "truck": (Cls.truck, Cls.vehicle),
    "bus": (Cls.bus, Cls.vehicle),
    "dog": (Cls.dog, Cls.animal),
    "animal": (Cls.dog, Cls.animal),
    "bag": (Cls.bag,),
    "unknown": (Cls.unknown,),
}


class Colour(IntEnum):
    none = 0
    black = 1
    grey = 2
    white = 3
    red = 4
    orange = 5
    yellow = 6
    green = 7
    cyan = 8
    blue = 9
    purple = 10
    pink = 11
    brown = 12


COLOURS = tuple(c.name for c in Colour if c)


class Tone(IntEnum):
    """All that an infra-red picture says about clothes."""

    none = 0
    dark = 1
    mid = 2
    light = 3


class Direction(IntEnum):
    """In the picture; where it is on the map follows from the camera's azimuth."""

    still = 0
    right = 1
    right_down = 2
    down = 3  # towards the camera
    left_down = 4
    left = 5
    left_up = 6
    up = 7  # away from the camera
    right_up = 8


class Speed(IntEnum):
    """In heights of the thing itself a second: a person walks about one, rides three."""

    still = 0
    slow = 1
    brisk = 2
    fast = 3


class Attribute(IntFlag):
    """What a pack said of a person or vehicle. Sex, age and origin are not among them."""

    hat = 1
    bag = 2
    backpack = 4
    long_sleeves = 8
    long_trousers = 16
    long_hair = 32
    coat_or_jacket = 64
    helmet = 128


def classes(asked: Iterable[str]) -> tuple[int, ...]:
    """The numbers of all classes that the words mean. Raises UsageError for a word that is none."""
    found = {int(c) for word in asked for c in _of(ASKED, word, "class")}
    return tuple(sorted(found))


def colour(word: str) -> int:
    """Raises UsageError."""
    return int(_of({c: Colour[c] for c in COLOURS}, word, "colour"))


def attributes(words: Iterable[str]) -> int:
    """Raises UsageError."""
    mask = 0
    for word in words:
        mask |= int(_of({a.name or "": a for a in Attribute}, word, "attribute"))
    return mask


def direction(word: str) -> int:
    """Raises UsageError."""
    return int(_of({d.name: d for d in Direction}, word, "direction"))


def speed(word: str) -> int:
    """Raises UsageError."""
    return int(_of({s.name: s for s in Speed}, word, "speed"))


def _of(known: dict[str, _T], word: str, kind: str) -> _T:
    try:
        return known[word]
    except KeyError:
        raise UsageError(f"there is no {kind} '{word[:40]}'; known are: {', '.join(known)}") from None
