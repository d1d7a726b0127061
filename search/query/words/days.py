"""Days in phrases: 昨天, 三天前, 上周五, 9月1日, 上个月20号, the day before yesterday, last Tuesday, 20 November."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from search.query.words.numbers import ENGLISH_NUMBER, NUMBER, parse_number, whole_number

_ONE_DAY = timedelta(days=1)


class Days(NamedTuple):
    """The first and the last day."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class DayMatch:
    """Days, the part of the day if the word has one (昨晚), and the position after the words."""

    days: Days
    part: str | None
    end: int


class Calendar(NamedTuple):
    """Today, and the day before which nothing is meant: that of the begin, while the end of a range is read."""

    today: date
    earliest: date | None


Reading = tuple[Days, str | None] | None
_AGO = {
    "大前日": 3, "昨儿个": 1, "昨个": 1, "今儿个": 0, "今个": 0, "前儿个": 2, "大前天": 3, "前天": 2, "前日": 2,
    "昨天": 1, "昨日": 1, "昨儿": 1, "今儿": 0,
    "前儿": 2, "今天": 0, "今日": 0, "当天": 0,
    "the day before yesterday": 2, "day before yesterday": 2, "yesterday": 1, "today": 0,
}  # fmt: skip
_AGO_WITH_PART = {
    "今早": (0, "早"), "今晨": (0, "早"), "今晚": (0, "晚"), "今夜": (0, "晚"), "昨早": (1, "早"), "昨晨": (1, "早"),
    "大前晚": (3, "晚"), "大前夜": (3, "晚"), "当晚": (0, "晚"), "昨晚": (1, "晚"), "昨夜": (1, "晚"),
    "前晚": (2, "晚"), "前夜": (2, "晚"), "tonight": (0, "night"),
    "last night": (1, "night"), "late last night": (1, "late at night"), "early this morning": (0, "early morning"),
    "the night before last": (2, "night"), "night before last": (2, "night"), "this morning": (0, "morning"),
    "this afternoon": (0, "afternoon"), "this evening": (0, "evening"), "last evening": (1, "evening"),
}  # fmt: skip
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = rf"(?:{'|'.join(_MONTHS)}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CHINESE_WEEKDAYS = {c: i for i, c in enumerate("一二三四五六日")} | {"天": 6}
_WEEK = r"(?:周|星期|礼拜)"
_SMALL = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
# 3号楼 is a building, 3日内 a duration.
_NOT_A_DAY = r"(?![楼门路线院车房桥机库台店口岗摄点内间里])"
_NUMERIC = (r"(?<!\d)()", r"(?<![\d.])()")  # how the patterns of dates without a year and words begin
_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)\b"


def day_at(text: str, at: int, calendar: Calendar) -> DayMatch | None:
    """Return the days that the words at this position name; the longest reading counts."""
    best: DayMatch | None = None
    for pattern, meaning in _PATTERNS:
        match = pattern.match(text, at)
        if match is None or (best is not None and match.end() <= best.end):
            continue
        found = meaning(match, calendar)
        if found is not None:
            best = DayMatch(*found, match.end())
    return best


def _single(day: date | None) -> Reading:
    return None if day is None else (Days(day, day), None)


def _relative(match: re.Match[str], calendar: Calendar) -> Reading:
    return _single(calendar.today - _AGO[match.group()] * _ONE_DAY)


def _relative_part(match: re.Match[str], calendar: Calendar) -> Reading:
    ago, part = _AGO_WITH_PART[match.group()]
    day = calendar.today - ago * _ONE_DAY
    return Days(day, day), part


def _days_ago(match: re.Match[str], calendar: Calendar) -> Reading:
    amount, unit = match.groups()
    number = (1, 1) if amount in ("a", "an") else (2, 2) if amount.endswith("couple of") else parse_number(amount)
    if number is None:
        return None
    days = 7 if unit[0] in "周星个礼w" else 1
    first, last = (calendar.today - n * days * _ONE_DAY for n in (number[1], number[0]))
    return Days(first, last), "night" if unit.startswith("night") else None


def _year(text: str | None, today: date) -> int:
    """Return the year, 0 for none."""
    named = {"去年": today.year - 1, "今年": today.year, "前年": today.year - 2}
    return named.get(text, 0) or int(text) if text else 0


def _date(match: re.Match[str], calendar: Calendar) -> Reading:
    year, month, day = match.groups()
    numbers = whole_number(month) or 0, whole_number(day) or 0
    if numbers[0] > 12 and match.re.pattern.startswith(_NUMERIC):  # 17/11
        numbers = numbers[1], numbers[0]
    return _calendar_day(_year(year, calendar.today), *numbers, calendar)


def _english_date(match: re.Match[str], calendar: Calendar) -> Reading:
    found = match.groupdict()
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(match["month"][:3]))
    return _calendar_day(int(found.get("year") or 0), month, int(found["day"]), calendar)


def _calendar_day(year: int, month: int, day: int, calendar: Calendar) -> Reading:
    """Return the date; without a year (0) the last such one until today, or the first from the earliest."""
    today, earliest = calendar
    years = range(today.year, today.year - 9, -1)  # nine years contain a 29 February, also around 2100
    if earliest is not None:
        years = range(earliest.year, earliest.year + 9)
    for candidate in [year] if year else years:
        with suppress(ValueError):
            found = date(candidate, month, day)
            if year or (found <= today if earliest is None else found >= earliest):
                return _single(found)
    return None


def _month(match: re.Match[str], calendar: Calendar) -> Reading:
    year, name = _year(match.groupdict().get("year"), calendar.today), match["month"]
    month = _MONTHS.index(name) + 1 if name in _MONTHS else whole_number(name) or 0
    first = _calendar_day(year, month, 1, calendar)
    return None if first is None else (_whole_month(first[0].first), None)


def _whole_month(day: date) -> Days:
    return Days(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))


def _relative_month(match: re.Match[str], calendar: Calendar) -> Reading:
    word, number = match["which"], match.groupdict().get("day")
    back = 0 if word.startswith(("这", "本", "this", "当")) else 2 if word.startswith("上上") else 1
    month = _whole_month(calendar.today)
    for _ in range(back):
        month = _whole_month(month.first - _ONE_DAY)
    if number is None:
        return month, None
    day = whole_number(number) or 0
    return _single(month.first + (day - 1) * _ONE_DAY) if 1 <= day <= month.last.day else None


def _day_of_month(match: re.Match[str], calendar: Calendar) -> Reading:
    """Return the last such day until today, or the first from the earliest."""
    number = whole_number(match.group(1)) or 0
    today, earliest = calendar
    month = _whole_month(today if earliest is None else earliest)
    for _ in range(13):
        if 1 <= number <= month.last.day:
            day = month.first + (number - 1) * _ONE_DAY
            if day <= today if earliest is None else day >= earliest:
                return _single(day)
        month = _whole_month(month.first - _ONE_DAY if earliest is None else month.last + _ONE_DAY)
    return None


def _weekday(match: re.Match[str], calendar: Calendar) -> Reading:
    which, name = match.groups()
    today, earliest = calendar
    monday = today - today.weekday() * _ONE_DAY
    weekend = name in ("末", "weekend")
    number = 5 if weekend else _CHINESE_WEEKDAYS[name] if name in _CHINESE_WEEKDAYS else _english_weekday(name)
    if which and which.startswith(("上", "这", "本")):
        weeks = {"上上": 2, "上": 1}.get(which.removesuffix("个"), 0)
        day = monday - (weeks * 7 - number) * _ONE_DAY
    elif earliest is not None:
        day = earliest + (number - earliest.weekday()) % 7 * _ONE_DAY
    else:
        day = today - ((today.weekday() - number) % 7 or (0 if weekend else 7)) * _ONE_DAY
    return (Days(day, day + _ONE_DAY), None) if weekend else _single(day)


def _weekday_of_week(match: re.Match[str], calendar: Calendar) -> Reading:
    """Read Tuesday of last week, last week Tuesday."""
    found = match.groupdict()
    name, which = found["day"] or found["day_after"], found["which"] or found["which_before"]
    monday = calendar.today - (calendar.today.weekday() + (7 if which == "last" else 0)) * _ONE_DAY
    return _single(monday + _english_weekday(name) * _ONE_DAY)


def _before_last(match: re.Match[str], calendar: Calendar) -> Reading:
    name, today = match["what"], calendar.today
    if name == "month":
        return _whole_month(_whole_month(_whole_month(today).first - _ONE_DAY).first - _ONE_DAY), None
    if name == "week":
        monday = today - (today.weekday() + 14) * _ONE_DAY
        return Days(monday, monday + 6 * _ONE_DAY), None
    number = 5 if name == "weekend" else _english_weekday(name)
    day = today - ((today.weekday() - number) % 7 or 7) * _ONE_DAY - 7 * _ONE_DAY
    return (Days(day, day + _ONE_DAY), None) if name == "weekend" else _single(day)


def _english_weekday(name: str) -> int:
    return next(i for i, full in enumerate(_WEEKDAYS) if full.startswith(name[:3]))


def _week(match: re.Match[str], calendar: Calendar) -> Reading:
    weeks = {"上上": 2, "上": 1, "last": 1}.get(match.group(1).removesuffix("个"), 0)
    monday = calendar.today - (calendar.today.weekday() + weeks * 7) * _ONE_DAY
    return Days(monday, monday + 6 * _ONE_DAY), None


def _words(table: dict[str, int] | dict[str, tuple[int, str]]) -> str:
    """Return the pattern of the words; English ones end at the end of a word."""
    ordered = sorted(table, key=len, reverse=True)
    return "|".join(w + r"\b" if w.isascii() else w for w in ordered)


_PATTERNS: list[tuple[re.Pattern[str], Callable[[re.Match[str], Calendar], Reading]]] = [
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (_words(_AGO), _relative),
        (_words(_AGO_WITH_PART), _relative_part),
        (rf"({NUMBER})\s?(天|日|周|个?星期|个?礼拜)(?:以前|之前|前)(?![面方后])", _days_ago),
        (rf"({ENGLISH_NUMBER}|a\scouple\sof|couple\sof|an?)\s(day|week|night)s?\sago\b", _days_ago),
        (r"(20\d\d)[-/.年]\s?(\d{1,2})[-/.月]\s?(\d{1,2})[日号]?(?!\d)", _date),
        (rf"(?:(20\d\d(?=年)|去年|今年|前年)年?的?)?({_SMALL})月份?的?({_SMALL})[日号]{_NOT_A_DAY}", _date),
        (r"(?:(20\d\d(?=年)|去年|今年|前年)年?的?)?(\d{1,2})月(\d{1,2})(?![\d点时:个辆人名位台])", _date),
        (r"(?<!\d)()(\d{1,2})/(\d{1,2})(?![\d/])", _date),
        (
            r"(?<![\d.])()(\d{1,2})\.(\d{1,2})(?!\d|\.\d|\s?(?:[个小分秒天米公吨岁元万%]|hours?|hrs?|min|km|m\b|am\b|pm\b"
            r"|a\.m|p\.m|to\s|until\s)|\s?[-–]\s?\d{1,2}\.\d\d\s?[ap]\.?m)",
            _date,
        ),
        (
            rf"(?<!\d)()(\d{{1,2}})-(\d{{1,2}})(?![\d:点时号日人个辆-]|\s?[ap]\.?m|\s(?:of\s)?{_MONTH})",
            _date,
        ),
        (rf"(?P<which>上上个?月|上个?月|这个?月|本月|当月)的?(?P<day>{_SMALL})[日号]{_NOT_A_DAY}", _relative_month),
        (r"(?P<which>上上个?月|上个?月|这个月|本月|last\smonth\b|this\smonth\b)", _relative_month),
        (r"(?:the\s)?(?P<day>\d{1,2})(?:st|nd|rd|th)?\sof\s(?P<which>last|this)\smonth\b", _relative_month),
        (rf"(?P<month>{_MONTH})\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<year>20\d\d))?(?![\d:])", _english_date),
        (
            rf"(?:the\s)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_MONTH})(?:,?\s(?P<year>20\d\d))?",
            _english_date,
        ),
        (rf"(?:(?P<year>20\d\d(?=年)|去年|今年|前年)年?的?)?(?P<month>{_SMALL})月份?(?!\d)", _month),
        (rf"in\s(?P<month>{'|'.join(_MONTHS)})\b", _month),
        (rf"(?<![月\d])({_SMALL})[号日]{_NOT_A_DAY}", _day_of_month),
        (rf"(?<![月\d])({_SMALL})(?=\s?[到至~-]\s?{_SMALL}[号日])", _day_of_month),
        (
            rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?=\s?(?:to|-|–|and|until)\s?\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?"
            rf"(?P<month>{_MONTH}))",
            _english_date,
        ),
        (rf"(?:the\s)?{_ORDINAL}", _day_of_month),
        (rf"(?<!每)(?<!每个)(上上个?|上个?|这个?|本)?{_WEEK}([一二三四五六日天末])", _weekday),
        (rf"(?<!every\s)(?<!each\s)(last|this|past)?(?(1)\s)({'|'.join(_WEEKDAYS)}|weekend)\b", _weekday),
        (r"(?:on|last|this)\s()(mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b", _weekday),
        (rf"(?<!每)(上上个?|上个?|这个?|本){_WEEK}(?![一二三四五六日天末])", _week),
        (r"(this)\sweek\b", _week),
        (r"(?<!the\s)(last)\sweek\b(?:'s)?", _week),
        (
            rf"(?:the\s)?(?P<day>{'|'.join(_WEEKDAYS)})\s(?:of\s)?(?P<which>last|this)\sweek\b"
            rf"|(?P<which_before>last|this)\sweek(?:'s|,)?\s(?:on\s)?(?P<day_after>{'|'.join(_WEEKDAYS)})\b",
            _weekday_of_week,
        ),
        (rf"(?:the\s)?(?P<what>{'|'.join(_WEEKDAYS)}|weekend|week|month)\sbefore\slast\b", _before_last),
    )
]
