"""What a time expression means at a moment: a period, a time of every day, a stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import Enum, auto

from search.query.chips import ChipKind
from search.query.words.clocks import (
    DAY_MINUTES,
    DAY_PARTS,
    LATE_PART_HOUR,
    MIDDLE_OF_PART,
    minutes_before,
    minutes_of,
)
from search.query.words.days import Days
from search.query.words.durations import AROUND, THIS_MINUTE
from search.query.words.points import TimePoint

DAY_HOURS = 24
AROUND_MINUTES = round(AROUND.total_seconds() / 60)
MORNING_MINUTES = 6 * 60  # "after" a time that ends its part of the day reaches to this hour of the next morning
NOON_MINUTES = (11 * 60, 13 * 60)
Meaning = tuple[ChipKind, str]


class Relation(Enum):
    """How a period lies to the point in time that is named."""

    NONE = auto()
    ABOUT = auto()
    AFTER = auto()
    SINCE = auto()  # after, until now
    BEFORE = auto()


@dataclass(frozen=True, slots=True)
class Expression:
    """A time as it is said: points and their relation, or a period or a stay that needs no interpretation.

    `spans`: [start, end) of its words; `is_unread`: it names a time that cannot be searched.
    """

    begin: TimePoint | None = None
    end: TimePoint | None = None
    to_now: bool = False
    relation: Relation = Relation.NONE
    is_daily: bool = False
    period: tuple[datetime, datetime] | None = None
    dwell_s: int | None = None
    is_unread: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def names_only_days(self) -> bool:
        """Whether it names days and no time of day, except a part of it."""
        begin = self.begin
        return (
            begin is not None and begin.days is not None and begin.clock is None and self.end is None
            and not self.to_now and self.relation is Relation.NONE and not self.is_daily
        )  # fmt: skip

    @property
    def names_only_times(self) -> bool:
        """Whether it names times of day and no day."""
        begin, end = self.begin, self.end
        return (
            begin is not None and begin.days is None and begin.has_time and (end is None or end.days is None)
            and not self.is_daily
        )  # fmt: skip


def combine(one: Expression, other: Expression, *, joined: bool) -> Expression | None:
    """Return what both say together: the day of one and the time of the other; None if they do not fit.

    `joined`: nothing but a conjunction stands between them; then days that follow each other become one period.
    """
    for days, times in ((one, other), (other, one)):
        if times.names_only_times and (found := _at_times(days, times)):
            return found
    if joined and one.names_only_days and other.names_only_days:
        return _both_days(one, other)
    return None


def _at_times(days: Expression, times: Expression) -> Expression | None:
    begin = times.begin
    assert begin is not None
    if days.is_daily:
        own = days.begin
        if own is None or own.clock is not None or days.end is not None:
            return None
        return replace(times, begin=replace(begin, part=begin.part or own.part), is_daily=True)
    if days.period is not None and days.period[1] - days.period[0] > timedelta(days=1):
        return replace(times, is_daily=True, period=days.period)
    if not days.names_only_days or days.begin is None:
        return None
    part = days.begin.part
    if part is not None and begin.part is not None and DAY_PARTS[part] != DAY_PARTS[begin.part]:
        return None
    if part is not None and begin.clock is not None and begin.clock.is_definite:
        part = None
    return replace(times, begin=replace(begin, days=days.begin.days, part=begin.part or part))


def _both_days(one: Expression, other: Expression) -> Expression | None:
    assert one.begin is not None and other.begin is not None
    a, b = one.begin.days, other.begin.days
    if a is None or b is None or one.begin.part or other.begin.part:
        return None
    if min(a.last, b.last) + timedelta(days=1) < max(a.first, b.first):
        return None
    return replace(one, begin=replace(one.begin, days=Days(min(a.first, b.first), max(a.last, b.last))))


def meanings(e: Expression, now: datetime) -> list[Meaning]:
    """Return what an expression means; nothing if it has no meaning (an end before its begin, a future without end)."""
    if e.is_unread:
        return []
    if e.dwell_s is not None:
        return [(ChipKind.DWELL, str(e.dwell_s))]
    if e.is_daily:
        daily = _daily(e)
        return [] if daily is None else [*([_between(*e.period)] if e.period is not None else []), daily]
    if e.period is not None:
        return [_between(*e.period)]
    begin = e.begin
    if begin is None:
        return []
    days = begin.days
    if days is not None and days.first != days.last and begin.has_time and (e.end is None or e.end.days is None):
        daily = _daily(replace(e, begin=replace(begin, days=None)))
        whole = _between(_moment(days.first, 0, now), _moment(days.last, DAY_MINUTES, now))
        return [] if daily is None else [whole, daily]
    period = _period(e, begin, now)
    if period is None or (period[0] is not None and period[0] >= period[1]):
        return []
    start, end = period
    if start is not None and start >= now and _is_after_midnight_today(begin, now):  # 今天半夜1点: it was this night
        start, end = start - timedelta(days=1), end - timedelta(days=1)
    return [_between(start, end)]


def _is_after_midnight_today(begin: TimePoint, now: datetime) -> bool:
    """Return whether a time of today's night is one of the next morning by the clock."""
    days = begin.days
    return days is not None and days.first == days.last == now.date() and begin.begin_minutes() >= DAY_MINUTES


def _daily(e: Expression) -> Meaning | None:
    """Return the time of every day: a range, a part of the day, what is after or around a time."""
    begin = e.begin
    if begin is None or not begin.has_time or e.to_now:
        return None
    start = begin.begin_minutes()
    if e.end is not None:
        start, end = _range_minutes(begin, e.end)
    elif begin.clock is None:
        end = begin.end_minutes()
    elif e.relation in (Relation.AFTER, Relation.SINCE):
        end = DAY_PARTS[begin.part][1] * 60 if begin.part is not None else DAY_MINUTES
        end = end if end > start else DAY_MINUTES + MORNING_MINUTES
    elif e.relation is Relation.BEFORE:
        start, end = _earliest_before(begin), start
    elif _is_noon(begin) and e.relation is Relation.NONE:
        start, end = NOON_MINUTES
    else:
        start, end = start - AROUND_MINUTES, start + begin.clock.spread + AROUND_MINUTES
    if (end - start) % DAY_MINUTES == 0:
        return None
    return ChipKind.NIGHTLY, f"{_time_of(start):%H:%M}-{_time_of(end):%H:%M}"


def _period(e: Expression, begin: TimePoint, now: datetime) -> tuple[datetime | None, datetime] | None:
    if e.to_now or e.relation is Relation.SINCE:
        return _start_of(begin, now), now + THIS_MINUTE
    if e.end is not None:
        return _range(begin, e.end, now)
    match e.relation:
        case Relation.AFTER:
            return _after(begin, now)
        case Relation.BEFORE:
            return _before(begin, now)
        case _:
            return _at(begin, now, about=e.relation is Relation.ABOUT)


def _at(begin: TimePoint, now: datetime, *, about: bool) -> tuple[datetime, datetime]:
    """Return the time that a point alone names: whole days, a part of a day, the time around a time of day."""
    clock = begin.clock
    if clock is None and begin.part is None and begin.days is not None:
        return _moment(begin.days.first, 0, now), _moment(begin.days.last, DAY_MINUTES, now)
    start = begin.begin_minutes()
    day = _day_of(begin, start, now)
    if clock is None:
        return _moment(day, start, now), _moment(day, begin.end_minutes(), now)
    if _is_noon(begin) and not about:
        return _moment(day, NOON_MINUTES[0], now), _moment(day, NOON_MINUTES[1], now)
    before = 0 if clock.past else AROUND_MINUTES
    at = _moment(day, start, now)
    return at - timedelta(minutes=before), at + timedelta(minutes=clock.spread + (60 if clock.past else AROUND_MINUTES))


def _is_noon(point: TimePoint) -> bool:
    return point.clock is not None and point.clock.named and point.clock.hours[0] == 12


def _start_of(begin: TimePoint, now: datetime) -> datetime:
    minutes = begin.begin_minutes()
    return _moment(_day_of(begin, minutes, now), minutes, now)


def _after(begin: TimePoint, now: datetime) -> tuple[datetime, datetime]:
    """Return from a point to the end of its part of the day, else of its day, else to now."""
    minutes = _middle_or_begin(begin)
    day = _day_of(begin, minutes, now)
    start = _moment(day, minutes, now)
    if begin.clock is not None and begin.part is not None:
        end = _moment(day, DAY_PARTS[begin.part][1] * 60, now)
        return start, end if end > start else _moment(day, DAY_MINUTES + MORNING_MINUTES, now)
    if begin.days is None or not begin.has_time or (day == now.date() and start < now):
        return start, now + THIS_MINUTE
    return start, max(_moment(day, DAY_MINUTES, now), start + timedelta(minutes=MORNING_MINUTES - AROUND_MINUTES))


def _before(begin: TimePoint, now: datetime) -> tuple[datetime | None, datetime]:
    """Return the time of its day before a point; before a day: all that is older."""
    if not begin.has_time and begin.days is not None:
        return None, _moment(begin.days.first, 0, now)
    minutes, first = _middle_or_begin(begin), _earliest_before(begin)
    day = begin.days.first if begin.days is not None else _last_day_with(now, first)
    return _moment(day, first if first < minutes else 0, now), _moment(day, minutes, now)


def _earliest_before(point: TimePoint) -> int:
    """Return where the time before a point begins: at midnight, in the evening with the evening."""
    first = DAY_PARTS[point.part][0] if point.part is not None else 0
    return first * 60 if first >= LATE_PART_HOUR else 0


def _middle_or_begin(point: TimePoint) -> int:
    """Return the minutes that a relation refers to: 12:00 for 中午."""
    if point.clock is None and point.part in MIDDLE_OF_PART:
        return MIDDLE_OF_PART[point.part]
    return point.begin_minutes()


def _range(begin: TimePoint, end: TimePoint, now: datetime) -> tuple[datetime, datetime] | None:
    if end.days is not None:
        until = end.end_minutes()
        if not begin.has_time and begin.days is not None:
            return _moment(begin.days.first, 0, now), _moment(end.days.last, until, now)
        start, on_that_day = _range_minutes(begin, end)
        if begin.days is None and end.part is not None and DAY_PARTS[end.part][1] >= DAY_HOURS:
            # 11 pm to 2 am last night: the night of the words is that of the begin
            return _moment(end.days.first, start, now), _moment(end.days.first, on_that_day, now)
        day = begin.days.first if begin.days is not None else end.days.first
        finish = _moment(end.days.last, until, now)
        if begin.days is None and _moment(day, start, now) >= finish:
            day -= timedelta(days=1)
        return _moment(day, start, now), finish
    if not begin.has_time and begin.days is not None:  # 昨天到下午3点
        return _moment(begin.days.first, 0, now), _moment(now.date(), end.end_minutes(), now)
    start, until = _range_minutes(begin, end)
    day = _day_of(begin, start, now)
    return _moment(day, start, now), _moment(day, until, now)


def _range_minutes(begin: TimePoint, end: TimePoint) -> tuple[int, int]:
    """Return begin and end in minutes of the begin's day; the end is after the begin."""
    start = begin.begin_minutes()
    if (
        begin.clock is not None and begin.part is None and not begin.clock.is_definite and end.clock is not None
        and (end.trailing_part or end.clock.half)
    ):  # fmt: skip
        start = minutes_before(begin.clock, end.end_minutes() - end.clock.spread)
    until = end.end_minutes() if end.clock is not None or end.part not in MIDDLE_OF_PART else _middle_or_begin(end)
    known = begin.part is not None or (begin.clock is not None and bool(begin.clock.half or begin.clock.named))
    if end.clock is not None and end.part is None and not end.clock.half and not end.clock.named and known:
        until = minutes_of(end.clock, None, after=start) + end.clock.spread
    if until <= start:
        until += (1 + (start - until) // DAY_MINUTES) * DAY_MINUTES
    return start, until


def _day_of(point: TimePoint, minutes: int, now: datetime) -> date:
    return point.days.first if point.days is not None else _last_day_with(now, minutes)


def _last_day_with(now: datetime, minutes: int) -> date:
    """Return the last day of which this time (to the hour) has come."""
    hours_ahead = minutes // 60 - now.hour
    return now.date() - timedelta(days=max(0, -(-hours_ahead // 24)))


def _moment(day: date, minutes: int, now: datetime) -> datetime:
    """Return the moment at which the station's clock shows this time of the day."""
    return datetime.combine(day + timedelta(days=minutes // DAY_MINUTES), _time_of(minutes), now.tzinfo)


def _time_of(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


def _between(start: datetime | None, end: datetime) -> Meaning:
    begin = "" if start is None else start.isoformat(timespec="minutes")
    return ChipKind.BETWEEN, f"{begin}/{end.isoformat(timespec='minutes')}"
