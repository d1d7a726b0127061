"""Chips: the recognised elements of a phrase, which the user can correct."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChipKind(StrEnum):
    """What a chip restricts."""

    CLS = "cls"
    NOT_CLS = "not_cls"
    UPPER = "upper"
    NOT_UPPER = "not_upper"
    LOWER = "lower"
    NOT_LOWER = "not_lower"
    ATTRIBUTE = "attribute"
    LACKING = "lacking"
    DIRECTION = "direction"
    HEADING = "heading"
    SPEED = "speed"
    VILLAGE = "village"
    CAMERA = "camera"
    BETWEEN = "between"
    NIGHTLY = "nightly"
    DWELL = "dwell"
    PLATE = "plate"
    NOTE = "note"  # understood, but it cannot be searched


@dataclass(frozen=True, slots=True)
class Chip:
    """One recognised element: `kind` and `value` in the search vocabulary, [start, end) in the phrase."""

    kind: ChipKind
    value: str
    text: str
    start: int
    end: int
