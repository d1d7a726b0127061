"""The words of the API are exactly the names of the stored codes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from core.errors import UsageError
from search.vocabulary import (
    INCLUDED_CLASSES,
    Attribute,
    AttributeWord,
    ClassWord,
    Cls,
    Colour,
    ColourWord,
    Direction,
    DirectionWord,
    Speed,
    SpeedWord,
    Tone,
    ToneWord,
    word_of,
)


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (ColourWord, [c for c in Colour if c]),
        (ToneWord, Tone),
        (DirectionWord, Direction),
        (SpeedWord, Speed),
        (AttributeWord, Attribute),
    ],
)
def test_each_code_has_its_word(words: type[StrEnum], codes: Any) -> None:
    assert {w.value for w in words} == {c.name for c in codes}


def test_each_class_can_be_asked_for() -> None:
    assert {w.value for w in ClassWord} == set(INCLUDED_CLASSES)
    assert {c.name for c in Cls} == {w.value for w in ClassWord} - {"pedestrian"}


def test_a_typed_word_is_refused_with_what_is_allowed() -> None:
    assert word_of(ColourWord, "red", "colour") is ColourWord.RED
    with pytest.raises(UsageError, match="unknown colour 'plaid'; valid values: black") as refused:
        word_of(ColourWord, "plaid", "colour")
    assert refused.value.parameters["allowed"] == list(ColourWord)
