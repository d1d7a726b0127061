"""Times in phrases: 昨晚十点后, 9月1日到9月5日, every night 22:00-05:00, on Tuesday between 3 and 4 in the afternoon.

An expression is one or two points in time with their relation. Expressions of one phrase are combined where one names
the day and another the time of day; what cannot be combined is `unread` and never replaces what was read before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from search.query.chips import ChipKind
from search.query.words import intervals
from search.query.words.clocks import clock_at
from search.query.words.days import Calendar, Days
from search.query.words.durations import MAX_DWELL_S, span_at
from search.query.words.intervals import Expression, Relation
from search.query.words.points import TimePoint, point_at

__all__ = ["MAX_DWELL_S", "Ends", "TimeExpression", "Times", "ends_of", "parse"]
_PREFIXES = (  # words before a point; the relation; whether a number alone is a time of day after them
    (re.compile(r"(?:from|between)\s"), Relation.NONE, True),
    (re.compile(r"(?:自从|从|自)\s?"), Relation.NONE, False),
    (re.compile(r"(?:after|later\sthan)\s"), Relation.AFTER, True),
    (re.compile(r"since\s"), Relation.SINCE, True),
    (re.compile(r"(?:before|until|till|by)\s"), Relation.BEFORE, True),
    (re.compile(r"截至|截止到?"), Relation.BEFORE, False),
    (
        re.compile(r"(?:at\s|some\s?time\s)?(?:around|about|roughly|approximately|approx\.?|circa|nearly)\s"),
        Relation.ABOUT,
        True,
    ),
    (re.compile(r"(?:大约|大概|大致|约莫|约|差不多|将近|接近|临近)[是在]?\s?"), Relation.ABOUT, False),
    (re.compile(r"at\s"), Relation.NONE, True),
)
_SUFFIXES = (
    (
        re.compile(r"\s?(?:左右|前后|上下|许|光景|的样子|那会儿|那阵子?|or\sso\b|or\sthereabouts\b|-?ish\b)"),
        Relation.ABOUT,
    ),
    (re.compile(r"\s?(?:以来|开始|起|\sonwards?\b|and\slater\b|or\slater\b)"), Relation.SINCE),
    (re.compile(r"\s?(?:以后|之后|过后|后(?![面方门备座边]))"), Relation.AFTER),
    (re.compile(r"\s?(?:以前|之前|前(?![面方门往边]))"), Relation.BEFORE),
)
_CONNECTOR = re.compile(r"[\s,，]{0,2}(?:左右|前后|一直|直)?(?:到|至|-|~|–|—|(?:to|until|till|through)\b)\s{0,2}")
_AND = re.compile(r"\sand\s")
_NOW = re.compile(r"(?:现在|目前|此刻|此时|今(?![天日早晚晨夜年])|(?:right\s)?now\b|the\spresent\b)(?:为止)?")
_NEXT_DAY = re.compile(r"(?:次日|第二天|翌日|the\s(?:next|following)\sday\b)(?:的|\sat)?\s?")
_END_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?(?![\d:]|\s?[ap]\.?m\b)")
_CLOSING = re.compile(r"\s?(?:之间|期间|这段时间|为止|止|左右)")
_EVERY = re.compile(
    r"(?:每天|每日|天天|每(?=[早晚夜])|(?:every|each)\s(?:day\b|(?=night\b|evening\b|morning\b|afternoon\b))|daily\b)"
    r"[的\s,，]{0,3}(?:(?:in\sthe|between|from|at|from)\s)?"
)
_NIGHTLY = re.compile(r"nightly\b[\s,]{0,2}")
_JOINS_DAYS = re.compile(r"[\s,，、]*(?:和|与|及|跟|或者?|and|or)?[\s,，、]*")
_ONE_DAY = timedelta(days=1)
_MAX_COMBINED = 8  # expressions of a phrase that later ones are compared with
# What an expression may begin with; other characters are passed without trying every pattern.
_FIRST = frozenset(
    "abcdefghijklmnopqrstuvwxyz0123456789零〇一二两三四五六七八九十半大前今昨当去上这本周星礼凌清早中午下傍黄晚夜深白正"
    "刚方现此目最过近停逗徘滞站待呆蹲守等坐超至不少小自从截约差将接每天"
    "黎拂后大临个一多起足长三"
)


class Ends(NamedTuple):
    """The ends of a `between` value; without a start it is open to the past."""

    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """`kind`: `between` ("ISO/ISO"), `nightly` ("HH:MM-HH:MM") or `dwell` (seconds).

    `spans`: [start, end) of its words in the text, the first ones first.
    """

    kind: ChipKind
    value: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a phrase, and [start, end) of words that name a time which cannot be searched beside them."""

    found: tuple[TimeExpression, ...]
    unread: tuple[tuple[int, int], ...]


def parse(text: str, now: datetime, zone: tzinfo) -> Times:
    """Return the time expressions of a normalised text."""
    local = now.astimezone(zone)
    expressions: list[Expression] = []
    at = 0
    while at < len(text):
        if text[at] not in _FIRST or _is_inside_word(text, at):
            at += 1
            continue
        expression = _expression_at(text, at, local)
        if expression is None:
            at += 1
        else:
            expressions.append(expression)
            at = expression.spans[0][1]
    return _meanings(_combined(expressions, text), local)


def ends_of(value: str) -> Ends:
    """Return the two ends of a `between` value."""
    start, end = value.split("/")
    return Ends(datetime.fromisoformat(start) if start else None, datetime.fromisoformat(end))


def _is_inside_word(text: str, at: int) -> bool:
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])


def _expression_at(text: str, at: int, now: datetime) -> Expression | None:
    """Return the longest expression that begins here and has a meaning of its own."""
    span = span_at(text, at, now)
    point = _every_at(text, at, now) or _points_at(text, at, now)
    if span is not None and (point is None or span.end >= point.spans[0][1]):
        known = span.period is not None or span.dwell_s is not None
        return Expression(period=span.period, dwell_s=span.dwell_s, is_unread=not known, spans=((at, span.end),))
    return point


def _every_at(text: str, at: int, now: datetime) -> Expression | None:
    match = _EVERY.match(text, at)
    if match is not None:
        found = _points_at(text, match.end(), now, bare=True)
        if found is None or found.begin is None:
            return None
        if found.begin.days is not None:  # every day from 18 to 20 November
            return replace(found, spans=((at, found.spans[0][1]),)) if found.names_only_days else None
        return replace(found, is_daily=True, spans=((at, found.spans[0][1]),))
    if (match := _NIGHTLY.match(text, at)) is None:
        return None
    found = _points_at(text, match.end(), now)
    begin = None if found is None else found.begin
    if found is not None and begin is not None and begin.days is None and begin.clock is not None:
        part = begin.part if begin.clock.is_definite else begin.part or "night"
        return replace(found, begin=replace(begin, part=part), is_daily=True, spans=((at, found.spans[0][1]),))
    night = TimePoint(None, "night", None, False, match.end())
    return Expression(begin=night, is_daily=True, spans=((at, at + len("nightly")),))


def _points_at(text: str, at: int, now: datetime, *, bare: bool = False) -> Expression | None:
    """Return one point or a range, with the words around it."""
    relation, start = Relation.NONE, at
    for pattern, meant, number_alone in _PREFIXES:
        if match := pattern.match(text, at):
            relation, start, bare = meant, match.end(), bare or number_alone
            break
    begin = point_at(text, start, Calendar(now.date(), None), bare=bare)
    if begin is None:
        return None
    ranged = _range_at(text, begin, now, and_joins=text.startswith("between", at))
    if ranged is not None and relation in (Relation.NONE, Relation.SINCE, Relation.AFTER):
        return replace(ranged, spans=((at, ranged.spans[0][1]),))
    end = begin.end
    for pattern, meant in _SUFFIXES:
        if match := pattern.match(text, end):
            relation, end = meant, match.end()
            break
    return Expression(begin=begin, relation=relation, spans=((at, end),))


def _range_at(text: str, begin: TimePoint, now: datetime, *, and_joins: bool) -> Expression | None:
    """Return the range whose begin was read: what follows it is a connector and its end."""
    connector = _CONNECTOR.match(text, begin.end) or (_AND.match(text, begin.end) if and_joins else None)
    if connector is None:
        return None
    at = connector.end()
    if match := _NOW.match(text, at):
        return Expression(begin=begin, to_now=True, spans=((0, match.end()),))
    first = begin.days.first if begin.days is not None else None
    next_day = _NEXT_DAY.match(text, at)
    end = point_at(
        text,
        next_day.end() if next_day is not None else at,
        Calendar(now.date(), first),
        bare=begin.clock is not None,
    )
    if next_day is not None and end is not None and end.days is None:
        end = replace(end, days=Days(first + _ONE_DAY, first + _ONE_DAY)) if first is not None else end
    if end is None:
        end = _day_end(text, at, begin)
    if end is None:
        return None
    if not begin.has_time and begin.days is not None and end.days is not None:
        end = _without_next_range(text, end)
        if not end.has_time and end.days is not None and end.days.last >= begin.days.first:
            begin = replace(begin, days=Days(begin.days.first, end.days.last), end=end.end)
            return Expression(begin=begin, spans=((0, _closed(text, end.end)),))
    return Expression(begin=begin, end=end, spans=((0, _closed(text, end.end)),))


def _closed(text: str, at: int) -> int:
    closing = _CLOSING.match(text, at)
    return at if closing is None else closing.end()


def _without_next_range(text: str, end: TimePoint) -> TimePoint:
    """Return the end of a range of days without the time that begins the next range: 18 to 20 May, 5 to 6 am."""
    connector = _CONNECTOR.match(text, end.end)
    follows = end.clock is not None and connector is not None and clock_at(text, connector.end(), bare=True) is not None
    return replace(end, part=None, clock=None, end=end.days_end) if follows else end


def _day_end(text: str, at: int, begin: TimePoint) -> TimePoint | None:
    """Return the end of a range of days that is said as a number only: November 20 to 22."""
    match = _END_DAY.match(text, at)
    if match is None or begin.days is None or begin.has_time or begin.days.first != begin.days.last:
        return None
    day = begin.days.first.replace(day=1) + (int(match[1]) - 1) * _ONE_DAY
    if day.month != begin.days.first.month or day <= begin.days.first:
        return None
    return TimePoint(Days(day, day), None, None, False, match.end())


def _combined(expressions: Sequence[Expression], text: str) -> list[Expression]:
    """Combine expressions of which one names the day and the other the time of day."""
    found: list[Expression] = []
    for expression in expressions:
        for i, earlier in enumerate(found[:_MAX_COMBINED]):
            between = text[earlier.spans[-1][1] : expression.spans[0][0]]
            both = intervals.combine(earlier, expression, joined=_JOINS_DAYS.fullmatch(between) is not None)
            if both is not None:
                found[i] = replace(both, spans=earlier.spans + expression.spans)
                break
        else:
            found.append(expression)
    return found


def _meanings(expressions: Sequence[Expression], now: datetime) -> Times:
    found: dict[ChipKind, TimeExpression] = {}
    unread: list[tuple[int, int]] = []
    for expression in expressions:
        meanings = intervals.meanings(expression, now)
        # One that says the same once more is read; another one never replaces the first.
        if not meanings or any(kind in found and found[kind].value != value for kind, value in meanings):
            unread += expression.spans
            continue
        for kind, value in meanings:
            known = found[kind].spans if kind in found else ()
            found[kind] = TimeExpression(kind, value, known + expression.spans)
    return Times(tuple(found.values()), tuple(sorted(unread)))
