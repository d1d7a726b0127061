"""Converts a phrase to chips that the user can correct: 红衣男子骑电瓶车往东, "red top, black trousers, on an e-bike".

Villages, plates and times are read first, then the words of the dictionary (search.query.words). No model guesses, and
nothing is dropped: each part of a phrase is in a chip, is a word without a meaning for the search, or is reported as
unknown. What is understood and cannot be searched (sex, build, faces, the colour of a helmet) becomes a note.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from core.error_codes import ErrorCode
from core.errors import UsageError
from search.query.chips import Chip, ChipKind
from search.query.words import classes, negation, nouns, times
from search.query.words.directions import directions_in
from search.query.words.lexicon import Token, WordRole, hide, places_in, tokens_of
from search.query.words.plates import plates_in
from search.query.words.reading import Reading, is_chip
from search.query.words.spacing import Spaced, without_spaces

_QUOTES = str.maketrans("’‘", "''")
MAX_CHARACTERS = 500  # characters per phrase
Duration = tuple[int, int]
_WITHOUT_MEANING = (WordRole.FILLER, WordRole.LINK, WordRole.CONJUNCTION, WordRole.ALTERNATIVE, WordRole.WEARING)


@dataclass(frozen=True, slots=True)
class ParsedPhrase:
    """The chips of a phrase, its unknown parts, and [start, end) of the words that are neither.

    `merged`: what is said in the chip of another word (男子 in "骑电瓶车的男子"). `filler`: words without a meaning.
    """

    chips: tuple[Chip, ...]
    unknown: tuple[str, ...]
    unknown_spans: tuple[Duration, ...]
    merged: tuple[Duration, ...]
    filler: tuple[Duration, ...]


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
        raise UsageError(
            f"the phrase has {len(phrase)} characters; the maximum is {MAX_CHARACTERS}",
            ErrorCode.PHRASE_TOO_LONG,
            count=len(phrase),
            limit=MAX_CHARACTERS,
        )
    spaced = without_spaces(_normalise(phrase))
    village_names = {_normalise(n): (WordRole.VILLAGE, code) for n, code in (villages or {}).items() if n}
    camera_names = {_normalise(n): (WordRole.CAMERA, code) for n, code in (cameras or {}).items() if n}
    reading = _tokens(spaced.text, village_names, camera_names, now, zone)
    negation.read(reading)
    coloured = nouns.read(reading)
    described = classes.read(reading)
    nouns.settle(reading, coloured, heads=described.heads, clothes_are_visible=described.clothes_are_visible)
    for token in reading.tokens:
        if is_chip(token):
            reading.add_token(token)
        elif token.role is WordRole.STAYING:
            spans = reading.merged if _has(reading, WordRole.DWELL) else reading.unknown
            spans.append((token.start, token.end))
        elif token.role is WordRole.THING:
            reading.add(ChipKind.NOTE, token.value, token.start, token.end)
    return _parsed(reading, phrase, spaced)


def _normalise(text: str) -> str:
    """Normalise character by character, so that positions stay the same: full-width to ASCII, lower case."""
    plain = (n if len(n := unicodedata.normalize("NFKC", c).lower()) == 1 else c for c in text)
    return "".join(plain).translate(_QUOTES)


def _tokens(
    text: str,
    villages: dict[str, tuple[WordRole, str]],
    cameras: dict[str, tuple[WordRole, str]],
    now: datetime,
    zone: tzinfo,
) -> Reading:
    """Return the tokens in order; what one step has read is hidden from the next."""
    read = places_in(text, villages)
    text = _hide(text, read)
    plates = list(plates_in(text))
    moves = list(directions_in(text := _hide(text, plates)))
    text = _hide(text, moves)
    moments = times.parse(text, now, zone)
    when = [Token(WordRole(found.kind.value), found.value, *found.spans[0]) for found in moments.found]
    apart = {span for found in moments.found for span in found.spans[1:]}  # 周二 … 下午3点: one chip for both
    when += [Token(WordRole.UNKNOWN, "", *span) for span in moments.unread]
    text = hide(_hide(text, when), sorted(apart))
    points = places_in(text, cameras)
    tokens = tokens_of(_hide(text, points), villages | cameras, [*read, *plates, *moves, *when, *points])
    return Reading(tokens, merged=sorted(apart))


def _has(reading: Reading, role: WordRole) -> bool:
    return any(t.role is role for t in reading.tokens)


def _hide(text: str, tokens: Iterable[Token]) -> str:
    return hide(text, [(t.start, t.end) for t in tokens])


def _parsed(reading: Reading, phrase: str, spaced: Spaced) -> ParsedPhrase:
    def spans(found: Iterable[Duration]) -> tuple[Duration, ...]:
        return tuple(spaced.span(*one) for one in found)

    unread = spans(_joined([*reading.unknown, *_unknown_parts(reading.tokens)]))
    chips = [Chip(m.kind, m.value, phrase[i:j], i, j) for m in reading.meanings for i, j in spans([(m.start, m.end)])]
    return ParsedPhrase(
        tuple(sorted(chips, key=lambda c: c.start)),
        tuple(phrase[start:end].strip() for start, end in unread),
        unread,
        spans(reading.merged),
        spans((t.start, t.end) for t in reading.tokens if t.role in _WITHOUT_MEANING),
    )


def _unknown_parts(tokens: Iterable[Token]) -> list[Duration]:
    """Return the unknown parts; those with nothing but words without a meaning between them are one: 车顶有行李架."""
    found: list[Duration] = []
    after = -1  # where the words end that stand right behind the last part
    for token in tokens:
        if token.role is WordRole.UNKNOWN:
            start = found.pop()[0] if found and found[-1][1] < after == token.start else token.start
            found.append((start, token.end))
            after = token.end
        else:
            joins = token.role in (WordRole.FILLER, WordRole.LINK, WordRole.WEARING)
            after = token.end if joins and token.start == after else -1
    return found


def _joined(spans: Iterable[Duration]) -> tuple[Duration, ...]:
    """Return the spans in order; those that touch become one."""
    found: list[Duration] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return tuple(found)
