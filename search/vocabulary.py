"""The search vocabulary and its stored codes. Codes are permanent: add, never renumber.

Classes have the names of GA/T 1400 (person, motor vehicle, non-motor vehicle and their kinds) and of GB/T 44297 where
these define one. A class that a detector cannot specify stays general (`vehicle`, `two_wheeler`); a query for the
specific class includes the general one, and the result shows which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, IntFlag, StrEnum
from typing import TypeVar

from core.error_codes import ErrorCode
from core.errors import UsageError

_T = TypeVar("_T")
_Word = TypeVar("_Word", bound=StrEnum)


class Cls(IntEnum):
    """Classes of objects."""

    unknown = 0  # a moving object without a class
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


class ClassWord(StrEnum):
    """The names of `Cls`, as they are asked for and told; `pedestrian` occurs in questions only."""

    PERSON = "person"
    PEDESTRIAN = "pedestrian"
    RIDER = "rider"
    TWO_WHEELER = "two_wheeler"
    BICYCLE = "bicycle"
    EBIKE = "ebike"
    TRICYCLE = "tricycle"
    VEHICLE = "vehicle"
    CAR = "car"
    VAN = "van"
    TRUCK = "truck"
    BUS = "bus"
    DOG = "dog"
    ANIMAL = "animal"
    BAG = "bag"
    UNKNOWN = "unknown"


INCLUDED_CLASSES: dict[str, tuple[Cls, ...]] = {
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
_GENERAL_WORDS = frozenset({"person", "pedestrian", "two_wheeler", "vehicle", "animal"})
# What to search for instead, where no installed pack tells a class from others.
GENERAL_CLASS = {
    "tricycle": "vehicle",
    "car": "vehicle",
    "van": "vehicle",
    "truck": "vehicle",
    "bus": "vehicle",
    "bicycle": "two_wheeler",
    "ebike": "two_wheeler",
    "rider": "two_wheeler",
    "dog": "animal",
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


class ColourWord(StrEnum):
    """The names of `Colour`."""

    BLACK = "black"
    GREY = "grey"
    WHITE = "white"
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    BROWN = "brown"


class Tone(IntEnum):
    """Tones of clothes, the only clothing information of an infra-red picture."""

    none = 0
    dark = 1
    mid = 2
    light = 3


class ToneWord(StrEnum):
    """The names of `Tone`."""

    NONE = "none"
    DARK = "dark"
    MID = "mid"
    LIGHT = "light"


class Direction(IntEnum):
    """Directions in the picture; the direction on the map follows from the camera's azimuth."""

    still = 0
    right = 1
    right_down = 2
    down = 3  # towards the camera
    left_down = 4
    left = 5
    left_up = 6
    up = 7  # away from the camera
    right_up = 8


class DirectionWord(StrEnum):
    """The names of `Direction`."""

    STILL = "still"
    RIGHT = "right"
    RIGHT_DOWN = "right_down"
    DOWN = "down"
    LEFT_DOWN = "left_down"
    LEFT = "left"
    LEFT_UP = "left_up"
    UP = "up"
    RIGHT_UP = "right_up"


class HeadingWord(StrEnum):
    """Directions on the map, clockwise in steps of 45° from north."""

    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"


class Speed(IntEnum):
    """Speed in heights of the object per second: a person walks about one, rides about three."""

    still = 0
    slow = 1
    brisk = 2
    fast = 3


class SpeedWord(StrEnum):
    """The names of `Speed`."""

    STILL = "still"
    SLOW = "slow"
    BRISK = "brisk"
    FAST = "fast"


class Attribute(IntFlag):
    """Attributes of a person or vehicle that a pack detects. Sex, age and origin are not among them."""

    hat = 1
    bag = 2
    backpack = 4
    long_sleeves = 8
    long_trousers = 16
    long_hair = 32
    coat_or_jacket = 64
    helmet = 128


class AttributeWord(StrEnum):
    """The names of `Attribute`."""

    HAT = "hat"
    BAG = "bag"
    BACKPACK = "backpack"
    LONG_SLEEVES = "long_sleeves"
    LONG_TROUSERS = "long_trousers"
    LONG_HAIR = "long_hair"
    COAT_OR_JACKET = "coat_or_jacket"
    HELMET = "helmet"


def word_of(kind: type[_Word], text: str, what: str) -> _Word:
    """Return the word that a person typed. `what`: "class", "colour" … Raises UsageError."""
    return _code_of({word.value: word for word in kind}, text, what)


def classes(words: Iterable[str]) -> tuple[int, ...]:
    """Return the codes of all classes that the words include. Raises UsageError for an unknown word."""
    found = {int(c) for word in words for c in _code_of(INCLUDED_CLASSES, word, "class")}
    return tuple(sorted(found))


def excluded_classes(words: Iterable[str]) -> tuple[int, ...]:
    """Return the codes of the classes that the words exclude: those that certainly are what the words say.

    A van of which a detector only knows that it is a vehicle is found by "van" and not excluded by "not a van".
    Raises UsageError for an unknown word.
    """
    found = {
        int(c)
        for word in words
        for c in _code_of(INCLUDED_CLASSES, word, "class")
        if word in _GENERAL_WORDS or c.name == word
    }
    return tuple(sorted(found))


def colours(words: Iterable[str]) -> tuple[int, ...]:
    """Return the codes of the colours. Raises UsageError."""
    return tuple(sorted({colour(word) for word in words}))


def colour(word: str) -> int:
    """Return the code of a colour. Raises UsageError."""
    return int(_code_of({c.value: Colour[c] for c in ColourWord}, word, "colour"))


def attributes(words: Iterable[str]) -> int:
    """Return the mask of the attributes. Raises UsageError."""
    mask = 0
    for word in words:
        mask |= int(_code_of({a.name or "": a for a in Attribute}, word, "attribute"))
    return mask


def direction(word: str) -> int:
    """Return the code of a direction. Raises UsageError."""
    return int(_code_of({d.name: d for d in Direction}, word, "direction"))


def speed(word: str) -> int:
    """Return the code of a speed. Raises UsageError."""
    return int(_code_of({s.name: s for s in Speed}, word, "speed"))


def _code_of(known: dict[str, _T], word: str, kind: str) -> _T:
    try:
        return known[word]
    except KeyError:
        raise UsageError(
            f"unknown {kind} '{word[:40]}'; valid values: {', '.join(known)}",
            ErrorCode.WORD_UNKNOWN,
            value=word[:40],
            allowed=list(known),
        ) from None
