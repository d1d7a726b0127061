"""Parses times in phrases: 昨晚, 18点到23点, every night 22:00-05:00, last 2 hours, 11月20日下午."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMBER = r"(?:\d{1,3}|[零〇一二两三四五六七八九十]{1,3})"
_UNITS = {  # seconds
    "秒": 1,
    "秒钟": 1,
    "分": 60,
    "分钟": 60,
    "小时": 3600,
    "个小时": 3600,
    "钟头": 3600,
    "天": 86400,
    "日": 86400,
    "周": 604800,
    "个星期": 604800,
    "星期": 604800,
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "hr": 3600,
    "day": 86400,
    "week": 604800,
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
# Hours (from, to) of the parts of a day; more than 24 is the next morning.
_PARTS = {
    "凌晨": (0, 6),
    "清晨": (5, 8),
    "早上": (6, 9),
    "早晨": (6, 9),
    "今早": (6, 9),
    "上午": (6, 12),
    "中午": (11, 14),
    "下午": (12, 18),
    "傍晚": (17, 20),
    "晚上": (18, 24),
    "夜里": (20, 30),
    "夜间": (20, 30),
    "深夜": (22, 30),
    "半夜": (23, 29),
    "晚": (18, 24),
    "早": (6, 9),
    "夜": (20, 30),
    "白天": (6, 18),
    "morning": (6, 12),
    "noon": (11, 14),
    "afternoon": (12, 18),
    "evening": (18, 24),
    "night": (20, 30),
    "dawn": (4, 7),
    "daytime": (6, 18),
}
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
_DAYS = {  # days ago
    "今天": 0, "今日": 0, "当天": 0, "昨天": 1, "昨日": 1, "前天": 2, "前日": 2, "大前天": 3,
    "today": 0, "yesterday": 1, "the day before yesterday": 2,
}  # fmt: skip
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6} | {
    w: i for i, w in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
}
_DAY = (
    r"(?P<rel>大前天|今天|今日|当天|昨天|昨日|前天|前日|the day before yesterday|today|yesterday)"
    r"|(?:(?P<y>20\d\d)[年/-])?(?P<m>\d{1,2})[月/-](?P<d>\d{1,2})[日号]?(?!\d)"
    r"|(?:上)?(?:周|星期|礼拜)(?P<wd>[一二三四五六日天])"
    r"|(?:last |on )?(?P<wde>monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
)


def _clock(prefix: str) -> str:
    """Return the pattern of a time of day: 下午3点半, 18:30, 6pm, 二十二点. Its groups begin with the prefix."""
    p = f"?P<{prefix}"
    part, hour, minutes = rf"({p}p>{_PART})?", rf"({p}h>{_NUMBER})", rf"[:点时]({p}mm>\d{{1,2}}|半|一刻|三刻)?分?"
    half = rf"({p}ap>am|pm|a\.m\.|p\.m\.)"
    return rf"{part}\s*{hour}(?:{minutes}|(?=\s*(?:am|pm|a\.m|p\.m)))\s*{half}?(?:整|钟)?"


_UNTIL = r"\s*(?:到|至|-|~|–|—|and|to|until|till)\s*"
_RANGE = rf"(?:between |from |从)?{_clock('a')}{_UNTIL}(?:次日|第二天|the next day )?{_clock('b')}(?:之间|期间)?"
_EVERY = (
    r"(?P<every>每天晚上|每天夜里|每天|每晚|每夜|每日|天天|every night|every day|each night|each day|nightly|daily)"
)
_NIGHTS = {
    "每晚": "夜", "每夜": "夜", "每天晚上": "夜", "每天夜里": "夜",
    "every night": "night", "each night": "night", "nightly": "night",
}  # fmt: skip
_SEPARATORS = r"[的\s,，]*"
_AMOUNT = rf"(?P<n>{_NUMBER}|半|half an?)\s*(?P<u>{_UNIT})(?:s\b)?"
_STAY_VERBS = r"停留|逗留|徘徊|滞留|停放|停了|站了|待了|stays?|stayed|lingers?|lingered|loitering|loiters|waits|parked"
_AT_LEAST = r"(?:超过|大于|至少|over|more than|at least)?"
_DAY_PARTS = (
    r"今早|今晚|今夜|昨晚|昨夜|前晚|昨早|tonight|last night|this morning|this afternoon|this evening"
    r"|yesterday (?:morning|afternoon|evening|night)"
)
_AT_TIMES = rf"(?:{_RANGE}|(?:at )?{_clock('c')}(?:左右|前后)?|(?:in the |at )?(?P<part>{_PART}))?"
PATTERNS = [
    (name, re.compile(pattern))
    for name, pattern in (
        ("nightly", rf"{_EVERY}{_SEPARATORS}(?:{_RANGE}|(?P<part>{_PART}))?"),
        (
            "recent",
            rf"(?:最近|过去|近|the last|last|the past|past)\s*"
            rf"(?:(?P<n>{_NUMBER}|半|half an?)\s*)?(?P<u>{_UNIT})(?:s\b)?"
            r"(?:以来|之内|内|里)?",
        ),
        ("dwell", rf"(?:{_STAY_VERBS})\s*(?:了|for)?\s*{_AT_LEAST}\s*{_AMOUNT}(?:以上)?"),
        ("loiter", r"徘徊|逗留|滞留|loitering|loiters|lingering|lingers"),
        ("when", rf"(?:{_DAY}){_SEPARATORS}{_AT_TIMES}"),
        ("short", rf"(?P<short>{_DAY_PARTS}){_SEPARATORS}(?:{_RANGE})?"),
        ("range", _RANGE),
        (
            "point",
            rf"(?:at |around |(?P<before>after |before |since |until ))?{_clock('c')}"
            r"(?P<about>左右|前后|以后|之后|以前|之前|后|前)?",
        ),
        ("part", rf"(?:in the |at )?(?P<part>{_PART})(?![a-z])"),
    )
]


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """`kind`: `between` ("ISO/ISO"), `nightly` ("HH:MM-HH:MM") or `dwell` (seconds); [start, end) in the text."""

    kind: str
    value: str
    start: int
    end: int


def parse(text: str, now: datetime, zone: tzinfo) -> list[TimeExpression]:
    """Return the time expressions of a normalised text, in order and without overlap."""
    found: list[TimeExpression] = []
    at = 0
    while at < len(text):
        best: TimeExpression | None = None
        for name, pattern in PATTERNS:
            match = pattern.match(text, at)
            if match is None or (
                text[at].isascii() and text[at].isalnum() and at and text[at - 1].isascii() and text[at - 1].isalnum()
            ):
                continue
            meaning = _meaning(name, match.groupdict(), now.astimezone(zone))
            if meaning is not None and (best is None or match.end() > best.end):
                best = TimeExpression(*meaning, at, at + len(match.group(0).rstrip(" ,，的")))
        if best is None:
            at += 1
        else:
            found.append(best)
            at = best.end
    return found


def _meaning(name: str, g: dict[str, str | None], now: datetime) -> tuple[str, str] | None:
    if name == "dwell":
        return "dwell", str(_seconds(g))
    if name == "loiter":
        return "dwell", "60"
    if name == "recent":
        return _between(now - timedelta(seconds=_seconds(g)), now + timedelta(seconds=59, microseconds=999_999))
    if name == "nightly":
        return _nightly(g)
    if name in ("when", "short"):
        return _on_a_day(g, now)
    if name == "range" and g["ah"] is not None:
        return _range(g, now, _last_such_day)
    if name == "point":
        return _point(g, now)
    if name == "part" and g["part"]:
        first, last = _PARTS[g["part"]]
        return _between(*_hours(_last_such_day(now, first), first, last, now))
    return None


def _seconds(g: dict[str, str | None]) -> int:
    unit, amount = _UNITS[g["u"] or "秒"], g["n"] or "1"
    return unit // 2 if amount == "半" or amount.startswith("half") else unit * parse_number(amount)


def _nightly(g: dict[str, str | None]) -> tuple[str, str] | None:
    if g["ah"] is not None:
        begin, end = _time(g, "a"), _time(g, "b", after=_time(g, "a"))
        return ("nightly", f"{begin:%H:%M}-{end:%H:%M}") if begin and end else None
    part = g["part"] or _NIGHTS.get(g["every"] or "")
    if part is None:
        return None
    first, last = _PARTS[part]
    return "nightly", f"{first % 24:02}:00-{last % 24:02}:00"


def _on_a_day(g: dict[str, str | None], now: datetime) -> tuple[str, str] | None:
    day, part = _day(g, now)
    if day is None:
        return None
    if g.get("ah") is not None:
        return _range(g, now, lambda _now, _hour: day)
    if g.get("ch") is not None:
        moment = _time(g, "c")
        if moment is None:
            return None
        at = datetime.combine(day, moment, now.tzinfo)
        return _between(at - timedelta(minutes=30), at + timedelta(minutes=30))
    first, last = _PARTS[part] if part else (0, 24)
    return _between(*_hours(day, first, last, now))


def _day(g: dict[str, str | None], now: datetime) -> tuple[date | None, str | None]:
    if short := g.get("short"):
        for words, back in (
            ("today", 0),
            ("tonight", 0),
            ("this", 0),
            ("yesterday", 1),
            ("last", 1),
            ("今", 0),
            ("昨", 1),
            ("前", 2),
        ):
            if short.startswith(words):
                rest = {"tonight": "night"}.get(short, short.removeprefix(words).strip())
                return now.date() - timedelta(days=back), rest
    if rel := g.get("rel"):
        return now.date() - timedelta(days=_DAYS[rel]), g.get("part")
    if g.get("m"):
        year = int(g["y"] or now.year)
        try:
            day = date(year, int(g["m"] or 0), int(g["d"] or 0))
        except ValueError:
            return None, None
        return (day if g["y"] or day <= now.date() else day.replace(year=year - 1)), g.get("part")
    weekday = _WEEKDAYS.get(g.get("wd") or g.get("wde") or "")
    if weekday is None:
        return None, None
    return now.date() - timedelta(days=(now.weekday() - weekday) % 7 or 7), g.get("part")


def _range(g: dict[str, str | None], now: datetime, day_of: Callable[[datetime, int], date]) -> tuple[str, str] | None:
    begin = _time(g, "a")
    end = _time(g, "b", after=begin)
    if begin is None or end is None:
        return None
    day = day_of(now, begin.hour)
    start = datetime.combine(day, begin, now.tzinfo)
    over = end <= begin
    return _between(start, datetime.combine(day + timedelta(days=over), end, now.tzinfo))


def _point(g: dict[str, str | None], now: datetime) -> tuple[str, str] | None:
    moment = _time(g, "c")
    if moment is None:
        return None
    at = datetime.combine(_last_such_day(now, moment.hour), moment, now.tzinfo)
    about = (g["about"] or g["before"] or "").strip()
    if about in ("以后", "之后", "后", "after", "since"):
        return _between(at, datetime.combine(at.date() + timedelta(days=1), time(0), now.tzinfo))
    if about in ("以前", "之前", "前", "before", "until"):
        return _between(
            datetime.combine(now.date(), time(0), now.tzinfo), datetime.combine(now.date(), moment, now.tzinfo)
        )
    return _between(at - timedelta(minutes=30), at + timedelta(minutes=30))


def _time(g: dict[str, str | None], prefix: str, after: time | None = None) -> time | None:
    """Return the clock time of a group. 下午3点 and 3pm are 15 h; 4点 after 下午2点 is 16 h."""
    if g.get(f"{prefix}h") is None:
        return None
    hour = parse_number(g[f"{prefix}h"] or "0")
    minutes = {"半": 30, "一刻": 15, "三刻": 45, None: 0}
    mm = g[f"{prefix}mm"]
    minute = minutes[mm] if mm in minutes else int(mm or 0)
    part, half = g[f"{prefix}p"], (g[f"{prefix}ap"] or "").replace(".", "")
    late = part is not None and _PARTS[part][0] >= 12 and not (_PARTS[part][1] > 24 and hour < 6)
    # 下午2点到4点: the part of the day given for the first time applies to the second.
    goes_on = (
        part is None
        and not half
        and after is not None
        and g.get("ap") is not None
        and after.hour >= 12
        and hour + 12 > after.hour
    )
    if hour < 12 and (half == "pm" or late or goes_on):
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    if hour == 24:
        hour = 0
    return time(hour, minute) if hour < 24 and minute < 60 else None


def parse_number(text: str) -> int:
    """Parse a number: 12, 十二, 二十, 两."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return int("".join(str(_DIGITS[c]) for c in text))
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)


def _last_such_day(now: datetime, hour: int) -> date:
    """Return today, or yesterday if that hour is still to come."""
    return now.date() if hour <= now.hour else now.date() - timedelta(days=1)


def _hours(day: date, first: int, last: int, now: datetime) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time(0), now.tzinfo)
    end = datetime.combine(day + timedelta(days=last // 24), time(last % 24), now.tzinfo)
    return midnight.replace(hour=first), end


def _between(start: datetime, end: datetime) -> tuple[str, str]:
    return "between", f"{start.isoformat(timespec='minutes')}/{end.isoformat(timespec='minutes')}"


def ends_of(value: str) -> Iterator[datetime]:
    """Return the two ends of a `between` value."""
    yield from (datetime.fromisoformat(v) for v in value.split("/"))
