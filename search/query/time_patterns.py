"""The words and patterns of times in phrases, Chinese and English; search.query.time_expressions interprets them."""

from __future__ import annotations

import re
from enum import Enum, auto

DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMBER = r"(?:\d{1,3}|[零〇一二两三四五六七八九十]{1,3})"
UNIT_SECONDS = {  # seconds
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
_UNIT = "|".join(sorted(UNIT_SECONDS, key=len, reverse=True))
# Hours (from, to) of the parts of a day; more than 24: the next morning.
DAY_PARTS = {
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
_PART = "|".join(sorted(DAY_PARTS, key=len, reverse=True))
DAYS_AGO = {  # days ago
    "今天": 0, "今日": 0, "当天": 0, "昨天": 1, "昨日": 1, "前天": 2, "前日": 2, "大前天": 3,
    "today": 0, "yesterday": 1, "the day before yesterday": 2,
}  # fmt: skip
WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6} | {
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
    part, hour, minutes = (
        rf"(?:({p}p>{_PART})[\s的]*)?",
        rf"({p}h>{_NUMBER})",
        rf"[:点时]({p}mm>\d{{1,2}}|半|一刻|三刻)?分?",
    )
    half = rf"({p}ap>am|pm|a\.m\.|p\.m\.)"
    return rf"{part}{hour}(?:{minutes}|(?=\s*(?:am|pm|a\.m|p\.m)))\s*{half}?(?:整|钟)?"


_UNTIL = r"\s*(?:到|至|-|~|–|—|and|to|until|till)\s*"
_RANGE = rf"(?:between |from |从)?{_clock('a')}{_UNTIL}(?:次日|第二天|the next day )?{_clock('b')}(?:之间|期间)?"
_EVERY = (
    r"(?P<every>每天晚上|每天夜里|每天|每晚|每夜|每日|天天|every night|every day|each night|each day|nightly|daily)"
)
NIGHT_PARTS = {
    "每晚": "夜", "每夜": "夜", "每天晚上": "夜", "每天夜里": "夜",
    "every night": "night", "each night": "night", "nightly": "night",
}  # fmt: skip
_SEPARATORS = r"[的\s,，]*"
_AMOUNT = rf"(?P<n>{_NUMBER}|半|half an?)\s*(?P<u>{_UNIT})(?:s\b)?"
_STAY_VERBS = r"停留|逗留|徘徊|滞留|停放|停了|站了|待了|stays?|stayed|lingers?|lingered|loitering|loiters|waits|parked"
_AT_LEAST = r"(?:超过|大于|至少|over|more than|at least)?"
_SHORT_DAYS = (
    r"今早|今晚|今夜|昨晚|昨夜|前晚|昨早|tonight|last night|this morning|this afternoon|this evening"
    r"|yesterday (?:morning|afternoon|evening|night)"
)
_AT_CLOCK = rf"{_RANGE}|(?:at )?{_clock('c')}(?:左右|前后)?"


class Rule(Enum):
    """The kinds of time expressions, one pattern each."""

    NIGHTLY = auto()  # every night 22:00-05:00
    RECENT = auto()  # 最近2小时
    DWELL = auto()  # 停留超过10分钟
    LOITER = auto()  # 徘徊
    DAY = auto()  # 昨天下午2点到4点
    SHORT_DAY = auto()  # 昨晚8点
    CLOCK_RANGE = auto()  # 18点到23点
    CLOCK = auto()  # 下午3点左右
    DAY_PART = auto()  # 中午


PATTERNS = [
    (rule, re.compile(pattern))
    for rule, pattern in (
        (Rule.NIGHTLY, rf"{_EVERY}{_SEPARATORS}(?:{_RANGE}|(?P<part>{_PART}))?"),
        (
            Rule.RECENT,
            rf"(?:最近|过去|近|the last|last|the past|past)\s*"
            rf"(?:(?P<n>{_NUMBER}|半|half an?)\s*)?(?P<u>{_UNIT})(?:s\b)?"
            r"(?:以来|之内|内|里)?",
        ),
        (Rule.DWELL, rf"(?:{_STAY_VERBS})\s*(?:了|for)?\s*{_AT_LEAST}\s*{_AMOUNT}(?:以上)?"),
        (Rule.LOITER, r"徘徊|逗留|滞留|loitering|loiters|lingering|lingers"),
        (Rule.DAY, rf"(?:{_DAY}){_SEPARATORS}(?:{_AT_CLOCK}|(?:in the |at )?(?P<part>{_PART}))?"),
        (Rule.SHORT_DAY, rf"(?P<short>{_SHORT_DAYS}){_SEPARATORS}(?:{_AT_CLOCK})?"),
        (Rule.CLOCK_RANGE, _RANGE),
        (
            Rule.CLOCK,
            rf"(?:at |around |(?P<before>after |before |since |until ))?{_clock('c')}"
            r"(?P<about>左右|前后|以后|之后|以前|之前|后|前)?",
        ),
        (Rule.DAY_PART, rf"(?:in the |at )?(?P<part>{_PART})(?![a-z])"),
    )
]
