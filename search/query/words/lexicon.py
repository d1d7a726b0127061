"""Splits a phrase into tokens by the dictionary: at each position the longest entry; the rest is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HIDDEN = "\ue000"  # stands in the text for a character that was read already
_LATIN = re.compile(r"[a-z][a-z'-]*")
_BREAKS = ",，。;；.!！?？\n"
_FILES = ("dictionary.yaml", "looks.yaml", "kinds.yaml", "unknown.yaml")
# People to whom a phrase may speak before it names what is searched.
_ADDRESSED = frozenset(
    {"师傅", "大哥", "大姐", "警官", "领导", "所长", "兄弟", "哥们", "老师", "mate", "guys", "officer", "folks"}
)
_COUNTS = tuple(
    n + m for n in "一二两三四五六七八九十几多" for m in ("个", "名", "位", "只", "辆", "台", "条", "头", "匹", "部")
)
_WORD_COST, _UNKNOWN_COST = 10, 11  # of two readings with as many words the one with fewer unknown characters counts
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


_Step = tuple[tuple[WordRole, str] | None, int]  # the entry that begins at a position, and its end


class Dictionary(NamedTuple):
    """Entries by word, the longest in characters, the words that name the whole of their class, and for words of
    people what nobody judges about them (sex, age, occupation).
    """

    entries: Mapping[str, tuple[WordRole, str]]
    longest: int
    longest_chinese: int
    whole: frozenset[str]
    judged: Mapping[str, tuple[str, ...]]


def _loaded(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)  # the one in Python takes half a second
    return found


@lru_cache(maxsize=1)
def dictionary() -> Dictionary:
    """Return the words of all files; those of fillers.yaml that no other one holds have no meaning."""
    data = {name: words for file in _FILES for name, words in _loaded(file).items()}
    fillers = _loaded("fillers.yaml")
    whole = frozenset(str(w).lower() for w in data.pop("whole"))
    judged: dict[str, tuple[str, ...]] = {}
    for what, words in data.pop("judged").items():
        judged |= {str(w).lower(): (*judged.get(str(w).lower(), ()), what) for w in words}
    entries = {str(w).lower(): (WordRole.FILLER, "") for words in [*fillers.values(), _COUNTS] for w in words}
    for name, values in data.items():
        by_value: Mapping[str, Sequence[str]] = values if isinstance(values, dict) else {"": values}
        for value, words in by_value.items():
            entries |= {str(w).lower(): (WordRole(name), str(value)) for w in words}
    longest_chinese = max(len(w) for w in entries if w and not w[0].isascii())
    return Dictionary(entries, max(map(len, entries)), longest_chinese, whole, judged)


def places_in(text: str, places: Mapping[str, tuple[WordRole, str]]) -> list[Token]:
    """Return the names of places in a text, longest first at each position; of one character only as whole words."""
    names = {n: v for n, v in places.items() if 1 < len(n) <= _MAX_PLACE_CHARACTERS}
    longest, found, at = max(map(len, names), default=0), list[Token](), 0
    while names and at < len(text):
        entry = _longest_entry(text, at, longest, names)
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
    return _joined_unknown(_without_addressed(sorted([*_tokens(text, places), *read], key=lambda t: t.start)))


def _tokens(text: str, places: Mapping[str, tuple[WordRole, str]]) -> Iterator[Token]:
    short = {n: v for n, v in places.items() if len(n) == 1}
    steps = _fewest_words(text, short)
    at = 0
    while at < len(text):
        entry, end = steps[at]
        if entry is not None:
            yield Token(*entry, at, end, text[at:end])
        elif any(c.isalnum() for c in text[at:end]):
            yield Token(WordRole.UNKNOWN, "", at, end)
        elif text[at] in _BREAKS:
            yield Token(WordRole.BREAK, "", at, end)
        at = end


def _fewest_words(text: str, short: Mapping[str, tuple[WordRole, str]]) -> list[_Step]:
    """Return for each position what begins there and where it ends, such that the text has the fewest words.

    查下面包车 is 查下 面包车 and not 查 下面 包 车. Of equal numbers the longest first word counts.
    """
    steps: list[_Step] = [(None, 0)] * len(text)
    words = [0] * (len(text) + 1)  # from a position to the end
    for at in range(len(text) - 1, -1, -1):
        if text[at] == HIDDEN:
            steps[at], words[at] = (None, at + 1), words[at + 1]
            continue
        end = _word_end(text, at)
        best: _Step = (None, end)
        fewest = words[end] + (_UNKNOWN_COST if any(c.isalnum() for c in text[at:end]) else 0)
        found = False
        for entry, end in _entries_at(text, at, short):
            if not found or words[end] + _WORD_COST < fewest:
                best, fewest, found = (entry, end), words[end] + _WORD_COST, True
        steps[at], words[at] = best, fewest
    return steps


def _entries_at(
    text: str, at: int, short: Mapping[str, tuple[WordRole, str]]
) -> Iterator[tuple[tuple[WordRole, str], int]]:
    """Yield the entries that begin here with their ends, the longest first; English ones are whole words."""
    entries, longest, longest_chinese, *_ = dictionary()
    latin = text[at].isascii()
    if latin and text[at].isalnum() and at > 0 and text[at - 1].isascii() and text[at - 1].isalnum():
        return
    for end in range(min(len(text), at + (longest if latin else longest_chinese)), at, -1):
        entry = _entry(text, at, end, entries, inflected=True) or (short.get(text[at:end]) if end == at + 1 else None)
        if entry is not None:
            yield entry, end


def _longest_entry(
    text: str, at: int, longest: int, entries: Mapping[str, tuple[WordRole, str]]
) -> tuple[tuple[WordRole, str], int] | None:
    """Return the longest entry that begins here, and its end."""
    if at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1]):
        return None
    for end in range(min(len(text), at + longest), at, -1):
        entry = _entry(text, at, end, entries, inflected=False)
        if entry is not None:
            return entry, end
    return None


def _entry(
    text: str, at: int, end: int, entries: Mapping[str, tuple[WordRole, str]], *, inflected: bool
) -> tuple[WordRole, str] | None:
    """Return the entry that a part of the text is, an English one also in the plural."""
    piece = text[at:end]
    latin = piece[0].isascii() and piece[0].isalnum()
    if latin and end < len(text) and all(c.isascii() and c.isalnum() for c in text[end - 1 : end + 1]):
        return None
    for form in (piece, piece.removesuffix("s"), piece.removesuffix("es")) if latin and inflected else (piece,):
        if form in entries:
            return entries[form]
    return None


def _word_end(text: str, at: int) -> int:
    latin = _LATIN.match(text, at)
    if latin is not None:
        return latin.end()
    end = at + 1
    while text[at].isdigit() and end < len(text) and text[end].isdigit():
        end += 1
    return end


def _without_addressed(tokens: list[Token]) -> list[Token]:
    """Make a filler of whom the phrase speaks to: 师傅，帮我查一下."""
    for i, token in enumerate(tokens):
        after = tokens[i + 1] if i + 1 < len(tokens) else token
        is_request = after.role is WordRole.FILLER and not after.word.isascii()
        if token.word in _ADDRESSED and (is_request or after.role is WordRole.BREAK):
            return [*tokens[:i], replace(token, role=WordRole.FILLER, value=""), *tokens[i + 1 :]]
        if token.role not in (WordRole.FILLER, WordRole.BREAK):
            break
    return tokens


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
