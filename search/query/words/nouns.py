"""Binds colours to the noun that they stand at: a garment, a vehicle, or a thing whose colour cannot be searched.

A run is what stands together without anything but link words between: 红色上衣黑色裤子 (colours before their nouns),
上衣红色裤子黑色 (behind them). A colour without a run belongs to the class next to it, else to the clothes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.query.chips import ChipKind
from search.query.words.lexicon import Token, WordRole
from search.query.words.negation import LOWER_ATTRIBUTES, TWO_WHEELERS, UPPER_ATTRIBUTES
from search.query.words.reading import Reading

OVERCOAT = "overcoat"  # value of a coat that is one whatever its colour: 黑色大衣; a black jacket is a colour only
PAINT = "paint"  # part: of a vehicle; it is searched as the upper colour
_NOUNS = frozenset({WordRole.GARMENT, WordRole.COAT, WordRole.THING, WordRole.ATTRIBUTE, WordRole.LACKING})
_VERBS = (
    "戴",
    "背着",
    "背双",
    "背书",
    "背个",
    "拎",
    "提着",
    "拿",
    "穿",
    "打",
    "撑",
    "扎",
    "with",
    "carrying",
    "wearing",
)
_SHORT_GARMENTS = frozenset({"上", "下"})  # 上红下黑; elsewhere they are no garments
_ANIMALS = frozenset({"dog", "animal"})
_PEOPLE = frozenset({"person", "pedestrian", "rider"})
VEHICLES = frozenset({"vehicle", "car", "van", "truck", "bus", "tricycle"})


@dataclass(slots=True)
class Coloured:
    """Colours that were bound; `part`: upper, lower, paint, thing, two_wheeler or animal."""

    part: str
    colours: list[Token]
    are_alternatives: bool
    start: int
    end: int


@dataclass(slots=True)
class _Group:
    """Neighbouring colour tokens, or one noun; [first, last] are indexes of tokens."""

    first: int
    last: int
    colours: list[Token] = field(default_factory=list)
    noun: Token | None = None
    are_alternatives: bool = False
    are_joined: bool = False  # by "and"


def read(reading: Reading) -> list[Coloured]:
    """Take the colours and garments of the phrase; return the colours with what they belong to."""
    reading.tokens = _without_short_garments(reading.tokens)
    tokens = reading.tokens
    found: list[Coloured] = []
    taken: list[Token] = []
    for run in _runs(tokens):
        bound = list(_bind(run, tokens))
        found += bound
        taken += [t for c in bound for t in c.colours]
        taken += _absorbed(reading, run, bound, tokens)
    reading.take(taken)
    return sorted(found, key=lambda c: c.start)


def _without_short_garments(tokens: Sequence[Token]) -> list[Token]:
    """Keep 上 and 下 as garments only at a colour."""
    found: list[Token] = []
    for i, token in enumerate(tokens):
        beside = {tokens[j].role for j in (i - 1, i + 1) if 0 <= j < len(tokens)}
        is_short = token.role is WordRole.GARMENT and token.word in _SHORT_GARMENTS
        if is_short and WordRole.COLOUR not in beside:
            found.append(Token(WordRole.FILLER, "", token.start, token.end, token.word))
        else:
            found.append(token)
    return found


def _runs(tokens: Sequence[Token]) -> list[list[_Group]]:
    """Return the runs of colours and nouns; each group is some colours, or a noun."""
    runs: list[list[_Group]] = []
    run: list[_Group] = []
    at = 0
    while at < len(tokens):
        role = tokens[at].role
        if role is WordRole.COLOUR:
            group = _colours(tokens, at)
            run.append(group)
            at = group.last + 1
        elif role in _NOUNS:
            if run and run[-1].colours and tokens[at].word.startswith(_VERBS):  # 上衣黑 戴口罩
                runs, run = [*runs, run], []
            run.append(_Group(at, at, noun=tokens[at]))
            at += 1
        elif role in (WordRole.LINK, WordRole.NOTE) and run:  # 红色条纹衬衫
            at += 1
        else:
            runs += [run] if run else []
            run, at = [], at + 1
    return runs + ([run] if run else [])


def _colours(tokens: Sequence[Token], at: int) -> _Group:
    """Return the colours that stand here, joined by nothing, by "and" or by "or"."""
    group = _Group(at, at, [tokens[at]])
    end = at + 1
    joins: set[WordRole] = set()
    while end < len(tokens):
        role = tokens[end].role
        if role is WordRole.COLOUR:
            group.colours.append(tokens[end])
            group.last = end
            group.are_alternatives, group.are_joined = WordRole.ALTERNATIVE in joins, WordRole.CONJUNCTION in joins
        elif role in (WordRole.ALTERNATIVE, WordRole.CONJUNCTION):
            joins.add(role)
        elif role is not WordRole.LINK and not (role is WordRole.BREAK and _goes_on_with_or(tokens, end + 1)):
            break
        end += 1
    return group


def _goes_on_with_or(tokens: Sequence[Token], at: int) -> bool:
    """Return whether colours follow of which the last one stands behind "or": red, blue or green."""
    if at >= len(tokens) or tokens[at].role is not WordRole.COLOUR:
        return False
    while at < len(tokens) and tokens[at].role in (WordRole.COLOUR, WordRole.BREAK, WordRole.LINK):
        at += 1
    return at + 1 < len(tokens) and tokens[at].role is WordRole.ALTERNATIVE and tokens[at + 1].role is WordRole.COLOUR


def _bind(run: Sequence[_Group], tokens: Sequence[Token]) -> list[Coloured]:
    """Return the colours of a run with their nouns; those at the end of it may belong to a class."""
    shape = "".join("C" if g.colours else "N" for g in run)
    backward = shape == "NC" * (len(shape) // 2)
    found: list[Coloured] = []
    used: set[int] = set()
    for i, group in enumerate(run):
        if not group.colours:
            continue
        other = i - 1 if backward else i + 1
        before = run[i - 1].noun if i else None
        other = i - 1 if before is not None and before.value == "whole" else other  # 一身黑色衣服
        noun = run[other].noun if 0 <= other < len(run) else None
        if noun is None and i and not backward and i - 1 not in used:
            other, noun = i - 1, run[i - 1].noun
        if noun is None or (backward and part_of(noun) == "thing" and _colours_vehicle(noun, group, tokens)):
            found.append(_of_class(group, tokens))
            continue
        used.add(other)
        start, end = group.colours[0].start, group.colours[-1].end
        found.append(
            Coloured(part_of(noun), group.colours, group.are_alternatives, min(start, noun.start), max(end, noun.end))
        )
    return found


def part_of(noun: Token) -> str:
    """Return the part that a colour at a garment or thing refers to."""
    if noun.role in (WordRole.GARMENT, WordRole.COAT):
        return "upper" if noun.value == OVERCOAT else noun.value
    if noun.value in LOWER_ATTRIBUTES:
        return "lower"
    return "upper" if noun.value in UPPER_ATTRIBUTES else "thing"


def _of_class(group: _Group, tokens: Sequence[Token]) -> Coloured:
    """Bind colours to the class behind them (红色面包车), or before them (面包车是白色的), else to the clothes."""
    start, end = group.colours[0].start, group.colours[-1].end
    part = "upper"
    before = group.first - 1
    while before >= 0 and tokens[before].role in (WordRole.LINK, WordRole.BREAK):
        before -= 1
    if before > 0 and tokens[before].word == "in" and tokens[before - 1].value in VEHICLES:  # a van in white
        before -= 1
    behind = _class_behind(group, tokens)
    if behind is not None:
        part = _part_of_class(behind.value, tokens)
    elif _stands_at_unknown(group, tokens):
        part = "thing"
    elif before >= 0 and tokens[before].role is WordRole.CLS:
        part = _part_of_class(tokens[before].value, tokens)
    elif before < 0 or tokens[before].role is not WordRole.WEARING:
        classes = {t.value for t in tokens if t.role is WordRole.CLS}
        part = PAINT if classes & VEHICLES and not classes & _PEOPLE else part
        part = "two_wheeler" if classes and classes <= TWO_WHEELERS else part
    # Vehicles in white and silver are of either colour; a jacket in red and black is of both.
    either = group.are_alternatives or (part == PAINT and group.are_joined)
    return Coloured(part, group.colours, either, start, end)


def _class_behind(group: _Group, tokens: Sequence[Token]) -> Token | None:
    """Return the class that follows, also behind a note or a word that is not understood: 白色五菱面包车."""
    after = group.last + 1
    while after < len(tokens) and tokens[after].role in (WordRole.LINK, WordRole.NOTE):
        after += 1
    if after + 1 < len(tokens) and tokens[after].role is WordRole.UNKNOWN:
        after += 1
    return tokens[after] if after < len(tokens) and tokens[after].role is WordRole.CLS else None


def _stands_at_unknown(group: _Group, tokens: Sequence[Token]) -> bool:
    """Return whether the colours belong to a thing that is not understood: 红色拐杖. "In red" needs no noun."""
    after = group.last + 1
    while after < len(tokens) and tokens[after].role is WordRole.LINK:
        after += 1
    worn = group.first > 0 and tokens[group.first - 1].word in ("in", "dressed in")
    return not worn and after < len(tokens) and tokens[after].role is WordRole.UNKNOWN


def _colours_vehicle(noun: Token, group: _Group, tokens: Sequence[Token]) -> bool:
    """Return whether colours right behind a thing belong to the vehicle behind them: 戴头盔黑色摩托车."""
    behind = _class_behind(group, tokens)
    is_vehicle = behind is not None and behind.value in VEHICLES | TWO_WHEELERS
    return is_vehicle and noun.end == group.colours[0].start


def _part_of_class(cls: str, tokens: Sequence[Token]) -> str:
    """A person's top, a vehicle's paint; the colours of a two-wheeler and of what somebody carries are not stored."""
    others = {t.value for t in tokens if t.role is WordRole.CLS} - {cls}
    ridden = cls == "vehicle" and others & (TWO_WHEELERS | {"rider"}) and not others & VEHICLES  # 骑单车的，车是绿的
    if cls in TWO_WHEELERS or ridden:
        return "two_wheeler"
    if cls in _ANIMALS:
        return "animal"
    if cls == "bag" and others:
        return "thing"
    return PAINT if cls in VEHICLES else "upper"


def _absorbed(
    reading: Reading, run: Sequence[_Group], bound: Sequence[Coloured], tokens: Sequence[Token]
) -> list[Token]:
    """Read the garments of a run: in the chip of their colour, with a neighbour of the same part, or without colour."""
    taken: list[Token] = []
    for i, group in enumerate(run):
        noun = group.noun
        if noun is None or noun.role not in (WordRole.GARMENT, WordRole.COAT):
            continue
        taken.append(noun)
        before = run[i - 1].noun if i else None
        after = run[i + 1].noun if i + 1 < len(run) else None
        same = [n for n in (before, after) if n is not None and part_of(n) == part_of(noun)]
        follows = run[i + 1].colours if i + 1 < len(run) else []
        if noun in reading.denied or any(
            c.start <= noun.start < c.end or (c.colours == follows and c.part == part_of(noun)) for c in bound
        ):
            reading.merged.append((noun.start, noun.end))
            if noun.value == OVERCOAT and noun not in reading.denied:
                reading.add(ChipKind.ATTRIBUTE, "coat_or_jacket", noun.start, noun.end)
        elif noun.role is WordRole.COAT:
            reading.add(ChipKind.ATTRIBUTE, "coat_or_jacket", noun.start, noun.end)
        elif any(n is before or n.role is not WordRole.GARMENT for n in same) or _is_marked(tokens, group.first):
            reading.merged.append((noun.start, noun.end))
        else:
            reading.add(ChipKind.NOTE, "garment", noun.start, noun.end)
    return taken


def _is_marked(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a pattern stands before the garment: 花衬衫 is one note."""
    before = at - 1
    while before >= 0 and tokens[before].role is WordRole.LINK:
        before -= 1
    return before >= 0 and tokens[before].role is WordRole.NOTE and tokens[before].value == "marks"


def settle(reading: Reading, coloured: Sequence[Coloured], *, heads: int, clothes_are_visible: bool) -> None:
    """Add the chips of the colours. Two colours of one part are alternatives only if the phrase says so.

    They also are where it names several people or vehicles (`heads`); otherwise the second colour becomes a note. The
    colour of an animal is searched only where nobody is with it, whose clothes would be meant by the filter.
    """
    last: dict[str, Coloured] = {}
    for one in coloured:
        first, rest = one.colours[0], one.colours[1:]
        span = (one.start, one.end)
        if one.part in ("thing", "two_wheeler") or (one.part == "animal" and heads):
            value = "two_wheeler_colour" if one.part == "two_wheeler" else "thing_colour"
            for colour in one.colours:
                reading.add(ChipKind.NOTE, value, colour.start, colour.end)
            continue
        if one.part in ("upper", "lower", "whole") and not clothes_are_visible:
            reading.add(ChipKind.NOTE, "driver", *span)
            continue
        if one.part == "whole":
            for colour in one.colours:
                reading.add(ChipKind.UPPER, colour.value, one.start, one.end)
                reading.add(ChipKind.LOWER, colour.value, one.start, one.end)
            continue
        kind = ChipKind.LOWER if one.part == "lower" else ChipKind.UPPER
        earlier = last.get(kind)
        if earlier is not None and heads < 2 and not _is_alternative(reading.tokens, earlier, one):
            known = {c.value for c in earlier.colours}
            for colour in one.colours:
                if colour.value in known:
                    reading.merged.append((colour.start, colour.end))
                else:
                    reading.add(ChipKind.NOTE, "second_colour", colour.start, colour.end)
            continue
        last.setdefault(kind, one)
        if one.are_alternatives:
            for colour in one.colours:
                reading.add(kind, colour.value, colour.start, one.end if colour is one.colours[-1] else colour.end)
            continue
        reading.add(kind, first.value, min(one.start, first.start), one.end if not rest else first.end)
        for colour in rest:
            reading.add(ChipKind.NOTE, "second_colour", colour.start, colour.end)


def _is_alternative(tokens: Sequence[Token], earlier: Coloured, later: Coloured) -> bool:
    """Return whether "or" stands between two colours, as in 红衣服或者蓝衣服."""
    return any(t.role is WordRole.ALTERNATIVE and earlier.end <= t.start and t.end <= later.start for t in tokens)
