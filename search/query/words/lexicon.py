"""Splits a phrase into tokens by the dictionary: at each position the longest entry; the rest is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

HIDDEN = "\ue000"  # stands in the text for a character that was read already
_LATIN = re.compile(r"[a-z][a-z'-]*")
_BREAKS = ",，。;；.!！?？\n"
_NOT_A_HEADING = "门村街路店桥庄镇湖山"  # 往东门: a gate, not a heading
_MAX_PLACE_CHARACTERS = 40  # of a name of a village or camera


class WordRole(StrEnum):
    """What a token does in a phrase; the roles that become chips have the names of their kinds (ChipKind)."""

    FILLER = "filler"
    LINK = "link"  # may stand between a colour and its noun
    BREAK = "break"  # ends what belongs together
    CONJUNCTION = "conjunction"
    ALTERNATIVE = "alternative"
    NEGATION = "negation"  # value: plain, or exclude (except, without: what follows is left out as a whole)
    EXCEPTED = "excepted"  # negates what stands before it
    WEARING = "wearing"
    DRIVING = "driving"
    PUSHING = "pushing"
    STAYING = "staying"  # read with how long something stayed, alone unknown
    COLOUR = "colour"
    GARMENT = "garment"  # value: upper, lower, whole (both), paint
    COAT = "coat"
    THING = "thing"  # has a colour of its own and is no attribute of a model: mask, shoes
    UNKNOWN = "unknown"
    CLS = "cls"
    ATTRIBUTE = "attribute"
    LACKING = "lacking"
    DIRECTION = "direction"
    HEADING = "heading"
    SPEED = "speed"
    NOTE = "note"
    VILLAGE = "village"
    CAMERA = "camera"
    BETWEEN = "between"
    NIGHTLY = "nightly"
    DWELL = "dwell"
    PLATE = "plate"


SKIPPED = frozenset({WordRole.FILLER, WordRole.LINK, WordRole.WEARING})  # stand between a negation and what it negates


@dataclass(frozen=True, slots=True)
class Token:
    """A part [start, end) of the phrase with its role and value; `word`: the normalised text."""

    role: WordRole
    value: str
    start: int
    end: int
    word: str = ""


class Dictionary(NamedTuple):
    """Entries by word, the longest entry in characters, and the words that name only a part of their class."""

    entries: Mapping[str, tuple[WordRole, str]]
    longest: int
    narrow: frozenset[str]


@lru_cache(maxsize=1)
def dictionary() -> Dictionary:
    """Return the dictionary of dictionary.yaml."""
    data = yaml.safe_load((Path(__file__).parent / "dictionary.yaml").read_text(encoding="utf-8"))
    narrow = frozenset(str(w).lower() for w in data.pop("narrow"))
    entries: dict[str, tuple[WordRole, str]] = {}
    for name, values in data.items():
        by_value: Mapping[str, Sequence[str]] = values if isinstance(values, dict) else {"": values}
        for value, words in by_value.items():
            entries |= {str(w).lower(): (WordRole(name), str(value)) for w in words}
    return Dictionary(entries, max(map(len, entries)), narrow)


def places_in(text: str, places: Mapping[str, tuple[WordRole, str]]) -> list[Token]:
    """Return the names of places in a text, longest first at each position; of one character only as whole words."""
    names = {n: v for n, v in places.items() if 1 < len(n) <= _MAX_PLACE_CHARACTERS}
    longest, found, at = max(map(len, names), default=0), list[Token](), 0
    while names and at < len(text):
        entry = _longest_entry(text, at, longest, names, inflected=False)
        if entry is None:
            at += 1
            continue
        (role, value), end = entry
        found.append(Token(role, value, at, end))
        at = end
    return found


def hide(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return the text with these parts hidden from further reading."""
    characters = list(text)
    for start, end in spans:
        characters[start:end] = HIDDEN * (end - start)
    return "".join(characters)


def tokens_of(text: str, places: Mapping[str, tuple[WordRole, str]], read: Sequence[Token]) -> list[Token]:
    """Return the tokens of a text in order, with those that were read before (`read`, hidden in the text)."""
    return _joined_unknown(sorted([*_tokens(text, places), *read], key=lambda t: t.start))


def _tokens(text: str, places: Mapping[str, tuple[WordRole, str]]) -> Iterator[Token]:
    entries, longest, _ = dictionary()
    short = {n: v for n, v in places.items() if len(n) == 1}
    at = 0
    while at < len(text):
        if text[at] == HIDDEN:
            at += 1
            continue
        found = _longest_entry(text, at, longest, entries, inflected=True) or _longest_entry(
            text, at, 1, short, inflected=False
        )
        if found is not None:
            (role, value), end = found
            yield Token(role, value, at, end, text[at:end])
        else:
            end = _word_end(text, at)
            if any(c.isalnum() for c in text[at:end]):
                yield Token(WordRole.UNKNOWN, "", at, end)
            elif text[at] in _BREAKS:
                yield Token(WordRole.BREAK, "", at, end)
        at = end


def _longest_entry(
    text: str, at: int, longest: int, entries: Mapping[str, tuple[WordRole, str]], *, inflected: bool
) -> tuple[tuple[WordRole, str], int] | None:
    """Return the longest entry that begins here, and its end; English entries match whole words only."""
    latin = text[at].isascii() and text[at].isalnum()
    if latin and at > 0 and text[at - 1].isascii() and text[at - 1].isalnum():
        return None
    for end in range(min(len(text), at + longest), at, -1):
        piece = text[at:end]
        if latin and end < len(text) and text[end].isascii() and text[end].isalnum() and text[end - 1].isascii():
            continue
        for form in (piece, piece.removesuffix("s"), piece.removesuffix("es")) if latin and inflected else (piece,):
            if form in entries and not _is_other_word(entries[form], text, end):
                return entries[form], end
    return None


def _is_other_word(entry: tuple[WordRole, str], text: str, end: int) -> bool:
    return entry[0] is WordRole.HEADING and text[end : end + 1] in tuple(_NOT_A_HEADING)


def _word_end(text: str, at: int) -> int:
    latin = _LATIN.match(text, at)
    if latin is not None:
        return latin.end()
    end = at + 1
    while text[at].isdigit() and end < len(text) and text[end].isdigit():
        end += 1
    return end


def _joined_unknown(tokens: Sequence[Token]) -> list[Token]:
    """Join neighbouring unknown parts, and a single character that may begin an unknown word: 黑板, 牛魔王."""
    found: list[Token] = []
    for i, token in enumerate(tokens):
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        if after is not None and after.role is WordRole.UNKNOWN and after.start == token.end and _is_ambiguous(token):
            token = Token(WordRole.UNKNOWN, "", token.start, token.end)
        last = found[-1] if found else None
        if last is not None and last.role is token.role is WordRole.UNKNOWN and last.end == token.start:
            found[-1] = Token(WordRole.UNKNOWN, "", last.start, token.end)
        else:
            found.append(token)
    return found


def _is_ambiguous(token: Token) -> bool:
    return len(token.word) == 1 and (
        token.role is WordRole.COLOUR or (token.role is WordRole.CLS and token.value == "animal")
    )
