"""Parts of the day and times of day: 凌晨, 深夜, in the afternoon, 晚上8点半, 18:30, 6 pm, half past eight.

A time of day is counted in minutes from the midnight at which its day begins. It may exceed 24 hours: 昨晚12点 is 24:00
of yesterday, 昨天夜里2点 is 26:00 of yesterday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from search.query.words.numbers import CHINESE_NUMBER, ENGLISH_NUMBER, NUMBER, parse_number

DAY_MINUTES = 1440
# Hours (from, to) of the parts of a day; more than 24: the next morning.
DAY_PARTS = {
    "凌晨": (0, 6), "清晨": (6, 9), "清早": (6, 9), "早上": (6, 9), "早晨": (6, 9), "早": (6, 9), "上午": (6, 12),
    "中午": (11, 13), "午间": (11, 13), "下午": (12, 18), "午后": (12, 18), "傍晚": (17, 19), "黄昏": (17, 19),
    "晚上": (18, 24), "晚间": (18, 24), "夜晚": (18, 24), "晚": (18, 24), "夜里": (18, 24), "夜间": (18, 24),
    "夜": (18, 24), "一大早": (6, 9), "深夜": (22, 26), "半夜": (23, 29), "白天": (6, 18), "early morning": (0, 6),
    "early hours": (0, 6), "small hours": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "early evening": (17, 19),
    "dusk": (17, 19), "evening": (18, 24), "night": (18, 24), "late at night": (22, 26), "late night": (22, 26),
    "dawn": (4, 7), "daytime": (6, 18), "lunchtime": (11, 13), "一早": (6, 9), "大早上": (6, 9), "大清早": (6, 9),
    "一清早": (6, 9), "黎明": (4, 7), "拂晓": (4, 7), "晌午": (11, 13), "大中午": (11, 13), "后晌": (12, 18),
    "大白天": (6, 18), "傍黑": (17, 19), "擦黑": (17, 19), "大晚上": (18, 24), "前半夜": (18, 24), "上半夜": (18, 24),
    "后半夜": (24, 30), "下半夜": (24, 30), "大半夜": (23, 29), "三更半夜": (23, 29), "深更半夜": (23, 29),
    "middle of the night": (23, 29), "late evening": (18, 24), "night-time": (18, 24), "nighttime": (18, 24),
    "twilight": (17, 19),
}  # fmt: skip
MIDDLE_OF_PART = {"中午": 720, "午间": 720, "lunchtime": 720}  # "before noon": before these minutes
LATE_PART_HOUR = 17  # a part that begins here or later is meant where something was before a time within it
_LATE = frozenset({
    "夜里", "夜间", "夜", "深夜", "半夜", "后半夜", "下半夜", "大半夜", "三更半夜", "深更半夜", "大晚上", "night",
    "late at night", "late night", "middle of the night", "night-time", "nighttime",
})  # fmt: skip
_SHORT_PARTS = "早晚夜"  # only beside a day or a number: 20日晚, 早8点
_PART = re.compile("|".join(p + r"\b" if p.isascii() else p for p in sorted(DAY_PARTS, key=len, reverse=True)))
_BEFORE_NUMBER = re.compile(rf"\s?{NUMBER}")
_NAMED_MINUTES = {"半": 30, "一刻": 15, "三刻": 45, "thirty": 30, "fifteen": 15, "forty-five": 45}
_HALF = r"(am|pm|a\.m\.|p\.m\.)(?![a-z])"
# After 8点 a number is minutes unless it counts something: 8点2辆车.
_NO_COUNT = r"(?![\d零〇一二两三四五六七八九十个辆人名位台只条男女点时月年])"
_COLON = re.compile(rf"(\d{{1,2}}):(\d{{1,2}})(?::\d{{1,2}})?(?!\d)(?:\s{{0,2}}{_HALF})?")
_POINT = re.compile(
    rf"({NUMBER})\s?(?:点|时(?![候间而常段]))(?:钟|整)?(?:(半|一刻|三刻|(?:\d{{1,2}}|{CHINESE_NUMBER}){_NO_COUNT})分?)?"
    r"(?:钟|整)?(?:(多|过(?![来去后了]))|来钟?)?"
)
_AM_PM = re.compile(rf"(\d{{1,2}})\s{{0,2}}{_HALF}")
_O_CLOCK = re.compile(
    rf"({ENGLISH_NUMBER})(?:[\s-]((?:thirty|forty|fifty|twenty)(?:-five)?|fifteen|ten)\b(?:\s{{0,2}}{_HALF})?"
    r"|\s{0,2}o'?\s?clock\b)"
)
_DOT = re.compile(  # 7.30 pm; without am or pm only where a time follows
    rf"(\d{{1,2}})\.([0-5]\d)(?:\s{{0,2}}{_HALF}|(?=\s?(?:to|until|till|-|–)\s?\d{{1,2}}\.[0-5]\d\s{{0,2}}{_HALF}))"
)
_MILITARY = r"([01]\d|2[0-3])([0-5]\d)"  # 2130-2230, 0630 hrs
_FOUR_DIGITS = re.compile(
    rf"{_MILITARY}(?:\s?(?:hrs|hours|h)\b|(?=\s?(?:-|–|~|to|until|到|至)\s?(?:[01]\d|2[0-3])[0-5]\d(?!\d)))"
)
_FOUR_DIGITS_ALONE = re.compile(rf"{_MILITARY}(?!\d)(?:\s?(?:hrs|hours|h)\b)?")
_BEFORE_HOUR = re.compile(rf"差({NUMBER})分钟?(?:到|就)?({NUMBER})点(?:钟|整)?|({NUMBER})点(?:钟)?差({NUMBER})分")
_HALF_HOUR = re.compile(rf"half\s({ENGLISH_NUMBER})(?!\s?(?:hours?|an?|of|past|days?|dozen))")
_PAST = re.compile(  # 10 to 1 is a range
    rf"(half|a quarter|quarter|(?:\d{{1,2}}|five|ten|twenty|twenty-five)(?=\spast)|(?<!from )(?<!between )"
    rf"(?:five|ten|twenty|twenty-five)(?=\sto)|(?:\d{{1,2}}|five|ten|twenty|twenty-five)(?=\sminutes))(?:\sminutes)?\s(past|to)\s"
    rf"({ENGLISH_NUMBER})(?!\s(?:people|minutes?|hours?|days?|o'clock\sin\stotal))"
)
_NAMED = re.compile(r"(noon\b|midday\b|正午|midnight\b|午夜|零点)")
_UNITS = (  # what a number may not be followed by to be a time of day
    r"(?!\s?[^\x00-\x7f])(?!\s?(?:\d|:|/|%|people|persons?|m[ae]n|wom[ae]n|min|hours?|hrs?|days?|weeks?|sec|times|cars?|vans?|trucks?|"
    r"lorr|bikes?|bicycl|e-?bikes?|kids?|boys?|girls?|children|met(?:re|er)s?|km|dogs?|vehicles?|others?|of|or))"
)
_BARE = re.compile(rf"({ENGLISH_NUMBER}){_UNITS}")
_BARE_BEFORE_RANGE = re.compile(
    rf"({NUMBER})(?=\s?(?:到|至|-|~|–|—)\s?{NUMBER}\s?(?:点|时))"
    rf"|({ENGLISH_NUMBER})(?=\s?(?:to|-|–|until|till)\s?{ENGLISH_NUMBER}(?::\d\d)?\s?"
    r"(?:am\b|pm\b|a\.m|p\.m|o'clock|in\sthe|at\snight|last\snight|this\s|tonight))"
    rf"|({ENGLISH_NUMBER})(?=\s(?:in\sthe\s(?:early|morning|afternoon|evening)|at\snight|last\snight|tonight"
    r"|this\s(?:morning|afternoon|evening)))"
)
_NOT_ONE_O_CLOCK = "快慢大小高矮胖瘦深浅远近长短多少有"  # 快一点: a bit faster


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day as it is said: hours (lowest, highest), minute, am or pm, and the position after it."""

    hours: tuple[int, int]
    minute: int
    half: str
    end: int
    past: bool = False  # 三点多: within the hour after it
    named: bool = False  # noon, midnight

    @property
    def spread(self) -> int:
        """Minutes by which it may be later: 两三点 60."""
        return (self.hours[1] - self.hours[0]) * 60

    @property
    def is_definite(self) -> bool:
        """Whether it is a time of the 24-hour day without a part of the day."""
        return bool(self.half) or self.named or self.hours[0] > 12 or self.hours[0] == 0


def part_at(text: str, at: int, *, beside_day: bool) -> tuple[str, int] | None:
    """Return the part of the day that begins here, and the position after it."""
    match = _PART.match(text, at)
    if match is None:
        return None
    if match.group() in _SHORT_PARTS and not beside_day and _BEFORE_NUMBER.match(text, match.end()) is None:
        return None
    return match.group(), match.end()


def clock_at(text: str, at: int, *, bare: bool) -> ClockTime | None:
    """Return the time of day that begins here; `bare`: also a number without anything (before 8)."""
    if match := _COLON.match(text, at):
        return _clock(match[1], match[2], match[3], match.end())
    if match := _POINT.match(text, at):
        if match[1] == "一" and at > 0 and text[at - 1] in _NOT_ONE_O_CLOCK:
            return None
        return _clock(match[1], match[2], None, match.end(), past=match[3] is not None)
    if match := _NAMED.match(text, at):
        hour = 24 if match[1] in ("midnight", "午夜", "零点") else 12
        return ClockTime((hour, hour), 0, "", match.end(), named=True)
    if (match := _DOT.match(text, at)) or (match := _FOUR_DIGITS.match(text, at)):
        return _clock(match[1], match[2], match[3] if match.re is _DOT else None, match.end())
    if bare and (match := _FOUR_DIGITS_ALONE.match(text, at)):
        return _clock(match[1], match[2], None, match.end())
    if match := _BEFORE_HOUR.match(text, at):
        return _minutes_before(match[2] or match[3], match[1] or match[4], match.end())
    if match := _HALF_HOUR.match(text, at):
        return _clock(match[1], "30", None, match.end())
    if match := _AM_PM.match(text, at):
        return _clock(match[1], None, match[2], match.end())
    if match := _PAST.match(text, at):
        return _past(match)
    if match := _O_CLOCK.match(text, at):
        return _clock(match[1], match[2], match[3], match.end())
    if match := _BARE_BEFORE_RANGE.match(text, at):
        return _clock(match[1] or match[2] or match[3], None, None, match.end())
    if bare and (match := _BARE.match(text, at)):
        return _clock(match[1], None, None, match.end())
    return None


def _clock(hour: str, minute: str | None, half: str | None, end: int, *, past: bool = False) -> ClockTime | None:
    hours = parse_number(hour)
    minutes = _NAMED_MINUTES.get(minute) if minute in _NAMED_MINUTES else (parse_number(minute or "0") or (60, 60))[0]
    if hours is None or hours[1] > 24 or minutes is None or minutes > 59:
        return None
    return ClockTime(hours, minutes, (half or "").replace(".", ""), end, past)


def _past(match: re.Match[str]) -> ClockTime | None:
    before = {"half": 30, "quarter": 15, "a quarter": 15}.get(match[1])
    minutes = (parse_number(match[1]) or (0, 0))[0] if before is None else before
    hours = parse_number(match[3])
    if hours is None or hours[1] > 12 or not 0 < minutes < 60:
        return None
    if match[2] == "past":
        return ClockTime(hours, minutes, "", match.end())
    return _minutes_before(match[3], match[1] if before is None else str(before), match.end())


def _minutes_before(hour: str, minutes: str, end: int) -> ClockTime | None:
    """Return a quarter to nine, 差五分九点."""
    hours, before = parse_number(hour), parse_number(minutes)
    if hours is None or before is None or not 0 < before[0] < 60 or not 0 < hours[0] <= 24:
        return None
    earlier = (hours[0] - 1) or 12
    return ClockTime((earlier, earlier), 60 - before[0], "", end)


def minutes_of(clock: ClockTime, part: str | None, after: int | None = None) -> int:
    """Return the minutes of a clock time: 下午3点 and 3 pm are 15 h, 晚上12点 is 24 h.

    `after`: the time before it in a range, of which the part of the day is known: 4点 after 下午2点 is 16 h.
    """
    hour = clock.hours[0]
    if clock.half:
        hour = hour % 12 + (12 if clock.half == "pm" else 0) if hour <= 12 else hour
    elif clock.named:
        pass
    elif part is not None:
        hour = _hour_in_part(hour, part)
    elif after is not None:
        candidates = range(hour, 49, 12 if 0 < hour <= 12 else 24)
        hour = next((h for h in candidates if h * 60 + clock.minute > after), hour)
    return hour * 60 + clock.minute


def minutes_before(clock: ClockTime, end: int) -> int:
    """Return the last time before `end` that a clock without a part may mean: 3 before 16:00 is 15:00."""
    hour = clock.hours[0]
    candidates = {hour, hour + 12} if hour < 12 else {hour}
    return min((h * 60 + clock.minute for h in candidates), key=lambda m: (end - m - 1) % DAY_MINUTES)


def _hour_in_part(hour: int, part: str) -> int:
    """Return the hour of the day that a spoken hour means in a part of the day; more than 24: the next morning."""
    first, last = DAY_PARTS[part]
    if hour > 12 or (last <= 12 and hour < 12):  # a 24-hour time, or a time of the morning
        return hour
    if last <= 12:
        return 0 if first == 0 else 12  # 凌晨12点, 上午12点
    if last >= 24:  # evening and night
        early = 6 if part in _LATE else 5
        return hour + 24 if hour < early else hour + 12
    if first >= 12:  # afternoon
        return hour % 12 + 12
    return hour + 12 if hour < first and hour + 12 <= last + 1 else hour  # 中午1点, 白天3点
