"""Times in phrases that were once misread or crashed the parser, and the property that no text does."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query.chips import ChipKind
from search.query.filters import filter_of
from search.query.phrases import parse
from search.query.time_expressions import ends_of, parse_number

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=SHANGHAI)  # a Wednesday


def times_of(phrase: str, now: datetime = NOW) -> list[tuple[str, str]]:
    """Return (kind, value) of the chips; the ends of a period as "MM-DD HH:MM"."""
    parsed = parse(phrase, now, SHANGHAI)
    assert not parsed.unknown, phrase
    return [
        (c.kind.value, "/".join(f"{end:%m-%d %H:%M}" for end in ends_of(c.value)))
        if c.kind is ChipKind.BETWEEN
        else (c.kind.value, c.value)
        for c in parsed.chips
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", (12, 12)),
        ("十", (10, 10)),
        ("十二", (12, 12)),
        ("二十", (20, 20)),
        ("二十三", (23, 23)),
        ("两", (2, 2)),
        ("一〇五", (105, 105)),
        ("两三", (2, 3)),
        ("三五", (3, 5)),
        ("二三十", (20, 30)),
        ("十二三", (12, 13)),
        ("十十", None),
        ("零十", None),
        ("二五十", None),
        ("十二五", None),
        ("", None),
    ],
)
def test_numbers(text: str, number: tuple[int, int] | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("停留二三十分钟", ("dwell", "1200")),  # at least the smaller number
        ("停留两三个小时", ("dwell", "7200")),
        ("停留999小时", ("dwell", "86400")),
        ("最近两三天", ("between", "11-22 15:30/11-25 15:30")),  # back to the larger number
        ("两三点", ("between", "11-25 01:30/11-25 03:30")),
        ("昨天下午两三点", ("between", "11-24 13:30/11-24 15:30")),
    ],
)
def test_approximate_numbers(phrase: str, value: tuple[str, str]) -> None:
    assert times_of(phrase) == [value]


def test_impossible_numbers_are_unknown() -> None:
    assert parse("十十点", NOW, SHANGHAI).unknown == ("十",)
    for phrase in ("停留十十分钟", "30点", "8点99分", "2月30日"):
        assert not any(c.kind is ChipKind.BETWEEN for c in parse(phrase, NOW, SHANGHAI).chips), phrase


@pytest.mark.parametrize(
    ("now", "day"),
    [((2028, 1, 15), (2024, 2, 29)), ((2028, 3, 1), (2028, 2, 29)), ((2026, 11, 25), (2024, 2, 29))],
)
def test_29_february_is_the_last_one(now: tuple[int, int, int], day: tuple[int, int, int]) -> None:
    (chip,) = parse("2月29日", datetime(*now, 12, tzinfo=SHANGHAI), SHANGHAI).chips
    start, end = ends_of(chip.value)
    assert (start, end) == (datetime(*day, tzinfo=SHANGHAI), datetime(*day, tzinfo=SHANGHAI) + timedelta(days=1))


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        # 12 o'clock
        ("晚上12点", "11-24 23:30/11-25 00:30"),
        ("昨晚12点", "11-24 23:30/11-25 00:30"),
        ("昨天晚上十二点", "11-24 23:30/11-25 00:30"),
        ("昨天24点", "11-24 23:30/11-25 00:30"),
        ("半夜12点", "11-24 23:30/11-25 00:30"),
        ("凌晨12点", "11-24 23:30/11-25 00:30"),
        ("昨天凌晨12点", "11-23 23:30/11-24 00:30"),
        ("中午12点", "11-25 11:30/11-25 12:30"),
        ("上午12点", "11-25 11:30/11-25 12:30"),
        ("12am", "11-24 23:30/11-25 00:30"),
        ("12pm", "11-25 11:30/11-25 12:30"),
        ("昨天晚上8点到12点", "11-24 20:00/11-25 00:00"),
        ("晚上11点到12点", "11-24 23:00/11-25 00:00"),
        ("晚上12点到1点", "11-25 00:00/11-25 01:00"),
        # noon
        ("中午1点到2点", "11-25 13:00/11-25 14:00"),
        ("中午11点到1点", "11-25 11:00/11-25 13:00"),
        ("昨天中午1点", "11-24 12:30/11-24 13:30"),
        # a range that goes on in the next part of the day
        ("上午9点到3点", "11-25 09:00/11-25 15:00"),
        ("晚上8点到2点", "11-24 20:00/11-25 02:00"),
        ("昨晚10点到凌晨2点", "11-24 22:00/11-25 02:00"),
        ("9am to 5:00", "11-25 09:00/11-25 17:00"),
        # the part of the day stands in the word for the day
        ("昨晚8点", "11-24 19:30/11-24 20:30"),
        ("昨晚8点到10点", "11-24 20:00/11-24 22:00"),
        ("昨天晚上的8点", "11-24 19:30/11-24 20:30"),
        ("今早8点", "11-25 07:30/11-25 08:30"),
        ("last night 9:00 to 11:00", "11-24 21:00/11-24 23:00"),
        # after midnight
        ("夜里2点", "11-25 01:30/11-25 02:30"),
        ("昨天夜里2点", "11-25 01:30/11-25 02:30"),
        ("昨晚1点", "11-25 00:30/11-25 01:30"),
        ("夜里11点到4点", "11-24 23:00/11-25 04:00"),
    ],
)
def test_clock_times_in_parts_of_the_day(phrase: str, value: str) -> None:
    assert times_of(phrase) == [("between", value)]


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("每天晚上8点到10点", "20:00-22:00"),
        ("每晚10点到5点", "22:00-05:00"),
        ("每天中午12点到1点", "12:00-13:00"),
        ("每天8点到10点", "08:00-10:00"),
    ],
)
def test_nightly_times(phrase: str, value: str) -> None:
    assert times_of(phrase) == [("nightly", value)]


WORDS = st.sampled_from(
    [
        *"零〇一二两三四五六七八九十0123456789半点时分秒天日周月年号上下中午早晚夜到至从前后的每最近过去:-/ ",
        *("停留", "徘徊", "分钟", "小时", "个小时", "凌晨", "晚上", "夜里", "中午", "昨晚", "昨天", "每晚", "每天晚上"),
        *(
            "以前",
            "以后",
            "左右",
            "一刻",
            "上周五",
            "2月29日",
            "2028年",
            "last ",
            "night",
            "am",
            "pm",
            " to ",
            "between ",
        ),
        *("every night ", "yesterday ", "at ", "stayed ", "half an ", "hour", "红", "衣", "车", "骑"),
    ]
)
TEXTS = st.text(max_size=80) | st.lists(WORDS, max_size=14).map("".join)


@given(
    TEXTS, st.datetimes(datetime(2024, 1, 1), datetime(2033, 1, 1)), st.sampled_from(["Asia/Shanghai", "Europe/Berlin"])
)
def test_no_text_crashes_the_parser(text: str, now: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    parsed = parse(text, now.replace(tzinfo=zone), zone)
    for chip in parsed.chips:
        assert 0 <= chip.start < chip.end <= len(text) and chip.text == text[chip.start : chip.end]
        if chip.kind is ChipKind.BETWEEN:
            start, end = ends_of(chip.value)
            assert start <= end
    filter_of(parsed.chips)
