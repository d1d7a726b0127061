"""Spans of time in phrases: 最近2小时, an hour and a half ago, 刚才; how long something stayed: 停了半小时以上."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from search.query.words.numbers import ENGLISH_NUMBER, NUMBER, parse_number

MAX_DWELL_S = 86_400  # a longer stay is searched as this one
LINGER_S = 60  # 逗留 without a duration
JUST_NOW = timedelta(minutes=10)
AROUND = timedelta(minutes=30)  # before and after a moment that is named
THIS_MINUTE = timedelta(seconds=59, microseconds=999_999)  # until now: with what this minute has brought so far
_DAYS = frozenset({"天", "日", "day"})
UNIT_SECONDS = {
    "秒": 1, "秒钟": 1, "分": 60, "分钟": 60, "刻钟": 900, "小时": 3600, "钟头": 3600, "天": 86_400, "日": 86_400,
    "周": 604_800, "星期": 604_800, "月": 2_592_000, "second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600,
    "hr": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000,
}  # fmt: skip
_CHINESE_UNITS = "|".join(sorted((u for u in UNIT_SECONDS if not u.isascii()), key=len, reverse=True))
_ENGLISH_UNITS = "|".join(sorted((u for u in UNIT_SECONDS if u.isascii()), key=len, reverse=True))
_AMOUNT = rf"(?P<n>\d{{1,3}}\.\d|{NUMBER}[来多几]?|半|个把)\s?(?P<h1>个半)?个?多?"
_CHINESE = rf"{_AMOUNT}(?P<u>{_CHINESE_UNITS})(?P<h2>半)?"
_ENGLISH = (
    rf"(?P<n>half(?:\san?)?|(?:(?:a|three)\s)?quarters?\sof\san|(?:a\s)?couple\sof|\d{{1,3}}\.\d|{ENGLISH_NUMBER}|an?)"
    rf"[\s-]?(?P<h1>and\sa\shalf\s)?(?P<u>{_ENGLISH_UNITS})s?\b(?P<h2>\sand\sa\shalf\b)?"
)
_VERBS = (
    r"停留|逗留|滞留|停放|停着|停|站|待|呆|蹲守|蹲|守|等|坐|"
    r"(?:stays?|stayed|staying|lingers?|lingered|lingering|waits?|waited|waiting|parked|remained|remains|"
    r"parking|stood|standing|stopped|sat|sitting)\b"
)
# Ways to move of which the length is said: the way stays a chip of its own.
_PACING = (
    "徘徊|转悠|溜达|闲逛|游荡|晃悠|晃荡|踱步|走动|"
    "loitering|loitered|loiters|pacing|wandering|strolling|around|about|there"
)
_AFTER_PACING = "|".join(
    f"(?<={v}{end})" for v in _PACING.split("|") for end in ((r"\s",) if v.isascii() else ("", "了", "过"))
)
_MORE = (
    r"超过了?|大于|至少|不少于|不低于|多于|起码|最少|不止|足足|长达|"
    r"(?:over|more\sthan|at\sleast|longer\sthan|upwards\sof|in\sexcess\sof|exceeding|no\sless\sthan|not\sless\sthan)\b"
)
_LESS = r"不到|少于|小于|不足|不超过|(?:less\sthan|under|at\smost|no\smore\sthan|no\slonger\sthan)\b"


@dataclass(frozen=True, slots=True)
class Duration:
    """What a span of time means: a period, a stay in seconds, or (both None) what cannot be searched."""

    period: tuple[datetime, datetime] | None
    dwell_s: int | None
    end: int


def span_at(text: str, at: int, now: datetime) -> Duration | None:
    """Return the longest span of time that begins here."""
    best: Duration | None = None
    for kind, pattern in _PATTERNS:
        match = pattern.match(text, at)
        if match is None or (best is not None and match.end() <= best.end):
            continue
        best = _span(kind, match, now) or best
    return best


def _span(kind: str, match: re.Match[str], now: datetime) -> Duration | None:
    if kind == "now":
        return Duration((now - JUST_NOW, now + THIS_MINUTE), None, match.end())
    if kind == "linger":
        return Duration(None, LINGER_S, match.end())
    seconds = _seconds(match)
    if seconds is None or seconds[1] == 0:
        return None
    if kind == "less":
        return Duration(None, None, match.end())
    if kind == "dwell":
        return Duration(None, min(seconds[0], MAX_DWELL_S), match.end())
    longest = timedelta(seconds=seconds[1])
    if kind == "recent":
        days = seconds[1] // UNIT_SECONDS["day"]
        if match["u"] in _DAYS and days > 1:  # 最近三天: today and the two days before it
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return Duration((midnight - timedelta(days=days - 1), midnight + timedelta(days=1)), None, match.end())
        return Duration((now - longest, now + THIS_MINUTE), None, match.end())
    shortest = timedelta(seconds=seconds[0])  # ago
    margin = min(AROUND, shortest)
    return Duration((now - longest - margin, min(now - shortest + margin, now) + THIS_MINUTE), None, match.end())


def _seconds(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the (shortest, longest) duration that an amount with a unit may mean."""
    found = match.groupdict()
    unit, amount = UNIT_SECONDS[found["u"]], (found["n"] or "1").rstrip("来多几")
    half = unit // 2 if found.get("h1") or found.get("h2") else 0
    if amount == "半" or amount.startswith("half"):
        return unit // 2, unit // 2
    if "." in amount:
        return round(unit * float(amount)), round(unit * float(amount))
    if "quarter" in amount:
        return (unit * 3 // 4, unit * 3 // 4) if amount.startswith("three") else (unit // 4, unit // 4)
    number = _SMALL_AMOUNTS.get(amount.removeprefix("a ")) or parse_number(amount)
    return None if number is None else (unit * number[0] + half, unit * number[1] + half)


_SMALL_AMOUNTS = {"a": (1, 1), "an": (1, 1), "个把": (1, 1), "couple of": (2, 2)}
_SHORT_UNITS = "秒钟|秒|分钟|分|刻钟|小时|钟头"  # with longer ones a day is meant: 三天前
_PATTERNS = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("now", r"刚才|刚刚|方才|(?:just\snow|a\smoment\sago|moments\sago)\b"),
        ("now", r"(?:现在|此刻|目前|right\snow\b)(?!\s?为止)"),
        ("recent", rf"(?:最近|刚?刚?过去|近|这|前)的?这?\s?{_CHINESE}(?:以来|之内|以内|内|里)?"),
        ("recent", rf"{_CHINESE}(?:之内|以内|内|里)"),
        ("recent", rf"(?:(?:in|within|over|during|for)\s)?(?:the\s)?(?:last|past)\s{_ENGLISH}"),
        (
            "recent",
            rf"(?:(?:in|within|over|during|for)\s)?(?:the\s)?(?:last(?!\sweek)|(?<=the\s)last|past)\s(?P<n>)(?!month)(?P<u>{_ENGLISH_UNITS})\b",
        ),
        ("recent", rf"within\s{_ENGLISH}"),
        (
            "ago",
            rf"{_AMOUNT}(?P<u>{_SHORT_UNITS})(?P<h2>半)?(?:左右)?(?:以前|之前|前)",
        ),
        (
            "ago",
            rf"(?P<n>half\san?|(?:a\s)?quarter\sof\san|(?:a\s)?couple\sof|\d{{1,3}}\.\d|{ENGLISH_NUMBER}|an?)\s(?P<h1>and\sa\shalf\s)?"
            r"(?P<u>second|sec|minute|min|hour|hr)s?(?P<h2>\sand\sa\shalf)?\sago\b",
        ),
        (
            "dwell",
            rf"(?:{_VERBS})(?:在?(?:那儿?|这儿?|那里|这里|原地))?[了着过]?\s?(?:有|(?:there\s)?for\b)?\s?(?:{_MORE})?\s?{_CHINESE}"
            r"(?:及?以上|多|开外|往上)?",
        ),
        (
            "dwell",
            rf"(?:{_AFTER_PACING})(?:有|(?:there\s)?for\s)?\s?(?:{_MORE})?\s?{_CHINESE}(?:及?以上|多|开外|往上)?",
        ),
        ("dwell", rf"(?:{_AFTER_PACING})(?:there\s)?(?:for\s)(?:{_MORE})?\s?{_ENGLISH}(?:\sor\s(?:more|longer)\b)?"),
        ("dwell", rf"(?:{_VERBS})\s?(?:there\s)?(?:for\b)?\s?(?:{_MORE})?\s?{_ENGLISH}(?:\sor\s(?:more|longer)\b)?"),
        ("dwell", rf"(?:{_MORE})\s?{_CHINESE}(?:及?以上)?"),
        ("dwell", rf"(?:for\s)?(?:{_MORE})\s?{_ENGLISH}"),
        ("dwell", rf"{_CHINESE}(?:及?以上|开外|往上)"),
        ("dwell", rf"{_ENGLISH}\sor\s(?:more|longer|over)\b"),
        ("dwell", rf"for\s(?!the\s){_ENGLISH}(?:\sor\s(?:more|longer)\b)?"),
        ("less", rf"(?:{_LESS})\s?{_CHINESE}"),
        ("less", rf"(?:for\s)?(?:{_LESS})\s?{_ENGLISH}"),
        ("less", rf"{_CHINESE}以下"),
        ("linger", r"逗留|滞留|(?:lingering|lingers|lingered)\b"),
    )
]
