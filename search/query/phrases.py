"""Converts a phrase to chips that the user can correct: 红衣男子骑电瓶车往东, "red top, black trousers, on an e-bike".

Uses a dictionary (dictionary.yaml, Chinese and English; the longest entry first) and search.query.time_expressions;
then assigns colours to the garment or vehicle next to them. No model guesses: unknown words are reported as unknown,
and words that are understood but cannot be searched (sex, build, faces) are reported as such.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path

import yaml

from core.errors import UsageError
from search.query import time_expressions
from search.query.chips import Chip, ChipKind

MAX_CHARACTERS = 500  # characters per phrase
FILLER, COLOUR, GARMENT, PAINT = "filler", "colour", "garment", "paint"  # kinds of tokens that become no chip
_TWO_WHEELS = {"ebike", "bicycle", "two_wheeler", "rider"}
_PEOPLE = {"person", "pedestrian"}
_VEHICLES = {"vehicle", "car", "van", "truck", "bus", "tricycle"}
_LATIN = re.compile(r"[a-z][a-z'-]*")


@dataclass(frozen=True, slots=True)
class ParsedPhrase:
    """The chips of a phrase, and its unknown parts."""

    chips: tuple[Chip, ...]
    unknown: tuple[str, ...]  # parts of the phrase without a meaning


def parse(
    phrase: str,
    now: datetime,
    zone: tzinfo,
    villages: Mapping[str, str] | None = None,
    cameras: Mapping[str, str] | None = None,
) -> ParsedPhrase:
    """Parse a phrase. `villages`, `cameras`: names to codes.

    Raises UsageError for a phrase of more than MAX_CHARACTERS characters.
    """
    if len(phrase) > MAX_CHARACTERS:
        raise UsageError(f"the phrase has {len(phrase)} characters; the maximum is {MAX_CHARACTERS}")
    text = _normalise(phrase)
    places = {_normalise(name): (ChipKind.VILLAGE, code) for name, code in (villages or {}).items() if name}
    places |= {_normalise(name): (ChipKind.CAMERA, code) for name, code in (cameras or {}).items() if name}
    when = time_expressions.parse(text, now, zone)
    tokens, unknown = _tokens(text, when, places)
    chips = [
        Chip(ChipKind(kind), value, phrase[start:end], start, end)
        for kind, value, start, end in _merge_tokens(tokens, text)
    ]
    return ParsedPhrase(tuple(sorted(chips, key=lambda c: c.start)), tuple(phrase[a:b].strip() for a, b in unknown))


def _normalise(text: str) -> str:
    """Normalise character by character, so that positions stay the same: full-width to ASCII, lower case."""
    return "".join(n if len(n := unicodedata.normalize("NFKC", c).lower()) == 1 else c for c in text)


Token = tuple[str, str, int, int]  # kind, value, start, end


def _tokens(
    text: str, when: Sequence[time_expressions.TimeExpression], places: Mapping[str, tuple[str, str]]
) -> tuple[list[Token], list[tuple[int, int]]]:
    entries, longest = _dictionary()
    longest = max([longest, *map(len, places)])
    starts = {m.start: m for m in when}
    tokens: list[Token] = []
    unknown: list[tuple[int, int]] = []
    i = 0
    while i < len(text):
        if i in starts:
            moment = starts[i]
            tokens.append((moment.kind, moment.value, moment.start, moment.end))
            i = moment.end
            continue
        until = min([len(text), i + longest, *(s for s in starts if s > i)])
        found = _longest_entry(text, i, until, places) or _longest_entry(text, i, until, entries)
        if found is not None:
            (kind, value), end = found
            if kind != FILLER:
                tokens.append((kind, value, i, end))
            i = end
            continue
        end = _word_end(text, i)
        if any(c.isalnum() for c in text[i:end]):
            joins = unknown and unknown[-1][1] == i
            unknown[-1:] = [(unknown[-1][0], end)] if joins else [*unknown[-1:], (i, end)]
        i = end
    return tokens, unknown


def _longest_entry(
    text: str, i: int, until: int, entries: Mapping[str, tuple[str, str]]
) -> tuple[tuple[str, str], int] | None:
    """Return the longest entry that begins at `i`, and its end; English entries match whole words only."""
    latin = text[i].isascii() and text[i].isalpha()
    if latin and i > 0 and text[i - 1].isascii() and text[i - 1].isalnum():
        return None
    for end in range(until, i, -1):
        piece = text[i:end]
        if latin and end < len(text) and text[end].isascii() and text[end].isalnum():
            continue
        for form in (piece, piece.removesuffix("s"), piece.removesuffix("es")) if latin else (piece,):
            if form in entries:
                return entries[form], end
    return None


def _word_end(text: str, i: int) -> int:
    latin = _LATIN.match(text, i)
    return latin.end() if latin else i + 1


def _merge_tokens(tokens: Sequence[Token], text: str) -> list[Token]:
    """Assign colours to garments and vehicles; merge a person and a vehicle into one class."""
    found: list[Token] = []
    colours: list[Token] = []  # colours without an object yet
    bare: Token | None = None  # a garment without a colour yet
    for token in tokens:
        kind, value, start, end = token
        if kind == COLOUR:
            if bare is not None:
                found.append((bare[1], value, bare[2], end))
                bare = None
            else:
                colours.append(token)
            continue
        if kind == GARMENT:
            if colours:
                found += _assign_colours(colours, value, end)
                colours = []
            else:
                bare = token
            continue
        if kind == ChipKind.CLS and colours:
            # "red e-bike" colours the vehicle; "in red riding an e-bike" colours the rider's top.
            beside = not text[colours[-1][3] : start].strip(" 的色,，")
            found += _assign_colours(colours, _coloured_part(value) if beside else ChipKind.UPPER)
            colours = []
        found.append(token)
        if kind in (ChipKind.CLS, ChipKind.ATTRIBUTE, ChipKind.LACKING):
            bare = None
    return _merge_classes(found + _assign_colours(colours, ChipKind.UPPER))


def _assign_colours(colours: Sequence[Token], part: str, end: int = 0) -> list[Token]:
    """Assign the first colour to a part; further colours become notes, because only one can be searched."""
    if not colours:
        return []
    first = colours[0]
    given = (ChipKind.NOTE, "two_wheeler_colour") if part == ChipKind.NOTE else (part, first[1])
    return [(*given, first[2], end or first[3]), *((ChipKind.NOTE, "second_colour", c[2], c[3]) for c in colours[1:])]


def _coloured_part(cls: str) -> str:
    """Return the part that a colour beside a noun refers to.

    A person's top, a vehicle's paint; for a two-wheeler a note, because its colour is not stored.
    """
    if cls in _TWO_WHEELS - {"rider"}:
        return ChipKind.NOTE
    return PAINT if cls in _VEHICLES else ChipKind.UPPER


def _merge_classes(found: Sequence[Token]) -> list[Token]:
    """Merge classes: a person on an e-bike is a rider and the two-wheeler's class is searched.

    With a car, people are dropped and colours of clothes become notes: the driver is not visible.
    """
    classes = {t[1] for t in found if t[0] == ChipKind.CLS}
    people, wheels, vehicles = classes & _PEOPLE, classes & _TWO_WHEELS, classes & _VEHICLES
    drop: set[str] = set()
    if wheels:
        drop = people | ({"rider"} if wheels - {"rider"} else set())
    elif vehicles:
        drop = people
    elif "pedestrian" in people:
        drop = {"person"}
    kept: list[Token] = []
    for kind, value, start, end in found:
        if kind == ChipKind.CLS and value in drop:
            continue
        if vehicles and not wheels and kind in (ChipKind.UPPER, ChipKind.LOWER):
            kept.append((ChipKind.NOTE, "driver", start, end))
        else:
            kept.append((ChipKind.UPPER if kind == PAINT else kind, value, start, end))
    return kept


@lru_cache(maxsize=1)
def _dictionary() -> tuple[dict[str, tuple[str, str]], int]:
    """Return entry → (kind, value), and the length of the longest entry."""
    data = yaml.safe_load((Path(__file__).parent / "dictionary.yaml").read_text(encoding="utf-8"))
    entries: dict[str, tuple[str, str]] = {str(w).lower(): (FILLER, "") for w in data.pop(FILLER)}
    for kind, values in data.items():
        for value, words in values.items():
            entries |= {str(w).lower(): (kind, str(value)) for w in words}
    return entries, max(map(len, entries))
