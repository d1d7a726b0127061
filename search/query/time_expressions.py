"""Parses times in phrases: 昨晚, 18点到23点, every night 22:00-05:00, last 2 hours, 11月20日下午.

A clock time is counted in minutes from the midnight at which its day begins. It may exceed 24 hours: 昨晚12点 is 24:00
of yesterday, 昨天夜里2点 is 26:00 of yesterday.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from search.query.chips import ChipKind
from search.query.time_patterns import (
    DAY_PARTS,
    DAYS_AGO,
    DIGITS,
    NIGHT_PARTS,
    PATTERNS,
    UNIT_SECONDS,
    WEEKDAYS,
    Rule,
)

MAX_DWELL_S = 86_400  # a longer stay is searched as this one
LOITER_S = 60  # 徘徊 without a duration
AROUND_MINUTES = 30  # before and after a single clock time
DAY_MINUTES = 1440
Groups = Mapping[str, str | None]
Meaning = tuple[ChipKind, str]


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """`kind`: `between` ("ISO/ISO"), `nightly` ("HH:MM-HH:MM") or `dwell` (seconds); [start, end) in the text."""

    kind: ChipKind
    value: str
    start: int
    end: int


def parse(text: str, now: datetime, zone: tzinfo) -> list[TimeExpression]:
    """Return the time expressions of a normalised text, in order and without overlap."""
    local = now.astimezone(zone)
    found: list[TimeExpression] = []
    at = 0
    while at < len(text):
        best = None if _is_inside_word(text, at) else _longest_at(text, at, local)
        if best is None:
            at += 1
        else:
            found.append(best)
            at = best.end
    return found


def ends_of(value: str) -> Iterator[datetime]:
    """Return the two ends of a `between` value."""
    yield from (datetime.fromisoformat(v) for v in value.split("/"))


def parse_number(text: str) -> tuple[int, int] | None:
    """Parse 12, 十二, 二十 or 两 as (n, n), and approximate numbers as (lowest, highest): 两三 (2, 3), 二三十 (20, 30).

    Returns None if the text is not a number.
    """
    if not text:
        return None
    if text.isdigit():
        return int(text), int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return _spelled_digits(text)
    if "十" in ones:
        return None
    low_ten, high_ten = _spelled_digits(tens) if tens else (1, 1)
    low, high = _spelled_digits(ones) if ones else (0, 0)
    if low_ten == 0 or max(high_ten, high) > 9:
        return None
    return low_ten * 10 + low, high_ten * 10 + high


def _spelled_digits(text: str) -> tuple[int, int]:
    """Read digits by their place (一〇五: 105), or two neighbouring ones as an approximate number (两三, 三五)."""
    digits = [DIGITS[c] for c in text]
    if len(digits) == 2 and digits[0] > 0 and (digits[1] == digits[0] + 1 or digits == [3, 5]):
        return digits[0], digits[1]
    number = int("".join(map(str, digits)))
    return number, number


def _is_inside_word(text: str, at: int) -> bool:
    """Return whether an English word or a number continues at this position."""
    return at > 0 and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])


def _longest_at(text: str, at: int, now: datetime) -> TimeExpression | None:
    best: TimeExpression | None = None
    best_end = at
    for rule, pattern in PATTERNS:
        match = pattern.match(text, at)
        if match is None or match.end() <= best_end:
            continue
        meaning = _meaning(rule, match.groupdict(), now)
        if meaning is not None:
            best_end = match.end()
            best = TimeExpression(*meaning, at, at + len(match.group(0).rstrip(" ,，的")))
    return best


def _meaning(rule: Rule, g: Groups, now: datetime) -> Meaning | None:
    match rule:
        case Rule.DWELL:
            return _dwell(g)
        case Rule.LOITER:
            return ChipKind.DWELL, str(LOITER_S)
        case Rule.RECENT:
            return _recent(g, now)
        case Rule.NIGHTLY:
            return _nightly(g)
        case Rule.DAY | Rule.SHORT_DAY:
            return _on_a_day(g, now)
        case Rule.CLOCK_RANGE:
            return _clock_range(g, now)
        case Rule.CLOCK:
            return _around_clock(g, now)
        case Rule.DAY_PART:
            first, last = DAY_PARTS[g["part"] or ""]
            return _part_of(_last_day_with(now, first * 60), first, last, now)


def _dwell(g: Groups) -> Meaning | None:
    seconds = _seconds(g)
    return None if seconds is None else (ChipKind.DWELL, str(min(seconds[0], MAX_DWELL_S)))


def _recent(g: Groups, now: datetime) -> Meaning | None:
    seconds = _seconds(g)
    if seconds is None:
        return None
    return _between(now - timedelta(seconds=seconds[1]), now + timedelta(seconds=59, microseconds=999_999))


def _seconds(g: Groups) -> tuple[int, int] | None:
    """Return the (shortest, longest) duration that an amount with a unit may mean, in seconds."""
    unit, amount = UNIT_SECONDS[g["u"] or "秒"], g["n"] or "1"
    if amount == "半" or amount.startswith("half"):
        return unit // 2, unit // 2
    number = parse_number(amount)
    return None if number is None else (unit * number[0], unit * number[1])


def _nightly(g: Groups) -> Meaning | None:
    part = g["part"] or NIGHT_PARTS.get(g["every"] or "")
    if g["ah"] is not None:
        minutes = _range_minutes(g, part)
        if minutes is None or (minutes[1] - minutes[0]) % DAY_MINUTES == 0:
            return None
        return ChipKind.NIGHTLY, f"{_time_of(minutes[0]):%H:%M}-{_time_of(minutes[1]):%H:%M}"
    if part is None:
        return None
    first, last = DAY_PARTS[part]
    return ChipKind.NIGHTLY, f"{first % 24:02}:00-{last % 24:02}:00"


def _on_a_day(g: Groups, now: datetime) -> Meaning | None:
    day, part = _day(g, now.date())
    if day is None:
        return None
    if g.get("ah") is not None:
        minutes = _range_minutes(g, part)
        return None if minutes is None else _between(*(_moment(day, m, now) for m in minutes))
    if g.get("ch") is not None:
        clock = _clock_time(g, "c", part)
        return None if clock is None else _around(_moment(day, clock.minutes, now), clock)
    first, last = DAY_PARTS[part] if part else (0, 24)
    return _part_of(day, first, last, now)


def _clock_range(g: Groups, now: datetime) -> Meaning | None:
    minutes = _range_minutes(g)
    if minutes is None:
        return None
    day = _last_day_with(now, minutes[0])
    return _between(*(_moment(day, m, now) for m in minutes))


def _around_clock(g: Groups, now: datetime) -> Meaning | None:
    """Return the half hours around a clock time, or the time after or before it on its day."""
    clock = _clock_time(g, "c")
    if clock is None:
        return None
    at = _moment(_last_day_with(now, clock.minutes), clock.minutes, now)
    relation = (g["about"] or g["before"] or "").strip()
    if relation in ("以后", "之后", "后", "after", "since"):
        return _between(at, _moment(at.date(), DAY_MINUTES, now))
    if relation in ("以前", "之前", "前", "before", "until"):
        return _between(_moment(now.date(), 0, now), _moment(now.date(), clock.minutes, now))
    return _around(at, clock)


def _day(g: Groups, today: date) -> tuple[date | None, str | None]:
    """Return the day that the words name, and its part."""
    if short := g.get("short"):
        days_ago, short_part = _short_day(short)
        return today - timedelta(days=days_ago), short_part
    part = g.get("part")
    if rel := g.get("rel"):
        return today - timedelta(days=DAYS_AGO[rel]), part
    if g.get("m"):
        return _calendar_day(int(g["y"] or 0), int(g["m"] or 0), int(g["d"] or 0), today), part
    weekday = WEEKDAYS.get(g.get("wd") or g.get("wde") or "")
    if weekday is None:
        return None, None
    return today - timedelta(days=(today.weekday() - weekday) % 7 or 7), part


def _short_day(short: str) -> tuple[int, str]:
    """Return (days ago, part of the day): 昨晚, this morning."""
    if short == "tonight":
        return 0, "night"
    prefixes = {"this": 0, "yesterday": 1, "last": 1, "今": 0, "昨": 1, "前": 2}
    prefix = next(p for p in prefixes if short.startswith(p))
    return prefixes[prefix], short.removeprefix(prefix).strip()


def _calendar_day(year: int, month: int, day: int, today: date) -> date | None:
    """Return the date; without a year (0) the last such one until today. None if there is no such date."""
    # Nine years contain a 29 February, also around 2100.
    for candidate in [year] if year else range(today.year, today.year - 9, -1):
        with suppress(ValueError):
            found = date(candidate, month, day)
            if year or found <= today:
                return found
    return None


@dataclass(frozen=True, slots=True)
class _ClockTime:
    """Minutes from the midnight at which the day begins; `spread`: how much later it may be (两三点: 60)."""

    minutes: int
    spread: int


def _range_minutes(g: Groups, part: str | None = None) -> tuple[int, int] | None:
    """Return begin and end of the groups `a` and `b` in minutes of the begin's day; the end is after the begin."""
    begin = _clock_time(g, "a", part)
    end = None if begin is None else _clock_time(g, "b", after=begin if part or g["ap"] or g["aap"] else None)
    if begin is None or end is None:
        return None
    days = 0 if end.minutes > begin.minutes else 1 + (begin.minutes - end.minutes) // DAY_MINUTES
    return begin.minutes, end.minutes + end.spread + days * DAY_MINUTES


def _clock_time(g: Groups, prefix: str, part: str | None = None, after: _ClockTime | None = None) -> _ClockTime | None:
    """Return the clock time of a group: 下午3点 and 3pm are 15 h, 晚上12点 is 24 h.

    `part`: part of the day where the group names none. `after`: the time before it in a range, of which the part of the
    day is known: 4点 after 下午2点 is 16 h.
    """
    hours = parse_number(g[f"{prefix}h"] or "")
    named_minutes = {"半": 30, "一刻": 15, "三刻": 45, None: 0}
    text = g[f"{prefix}mm"]
    minute = named_minutes[text] if text in named_minutes else int(text or 0)
    if hours is None or hours[1] > 24 or minute > 59:
        return None
    hour, half, part = hours[0], (g[f"{prefix}ap"] or "").replace(".", ""), g[f"{prefix}p"] or part
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0) if hour <= 12 else hour
    elif part is not None:
        hour = _hour_in_part(hour, part)
    elif after is not None:
        candidates = range(hour, 49, 12 if 0 < hour <= 12 else 24)
        hour = next(h for h in candidates if h * 60 + minute > after.minutes)
    return _ClockTime(hour * 60 + minute, (hours[1] - hours[0]) * 60)


def _hour_in_part(hour: int, part: str) -> int:
    """Return the hour of the day that a spoken hour means in a part of the day; more than 24: the next morning."""
    first, last = DAY_PARTS[part]
    if hour > 12 or (last <= 12 and hour < 12):  # a 24-hour time, or a time of the morning
        return hour
    if last <= 12:
        return 0 if first == 0 else 12  # 凌晨12点, 上午12点
    if last >= 24:  # evening and night
        early = 5 if last == 24 else 6
        return hour + 24 if hour < early else hour + 12
    if first >= 12:  # afternoon
        return hour % 12 + 12
    return hour + 12 if hour < first and hour + 12 <= last + 1 else hour  # 中午1点, 白天3点


def _around(at: datetime, clock: _ClockTime) -> Meaning:
    return _between(at - timedelta(minutes=AROUND_MINUTES), at + timedelta(minutes=clock.spread + AROUND_MINUTES))


def _last_day_with(now: datetime, minutes: int) -> date:
    """Return the last day of which this time (to the hour) has come."""
    hours_ahead = minutes // 60 - now.hour
    return now.date() - timedelta(days=max(0, -(-hours_ahead // 24)))


def _part_of(day: date, first: int, last: int, now: datetime) -> Meaning:
    return _between(_moment(day, first * 60, now), _moment(day, last * 60, now))


def _moment(day: date, minutes: int, now: datetime) -> datetime:
    """Return the moment at which the station's clock shows this time of the day."""
    return datetime.combine(day + timedelta(days=minutes // DAY_MINUTES), _time_of(minutes), now.tzinfo)


def _time_of(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


def _between(start: datetime, end: datetime) -> Meaning:
    return ChipKind.BETWEEN, f"{start.isoformat(timespec='minutes')}/{end.isoformat(timespec='minutes')}"
