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
from search.query.words.numbers import parse_number
from search.query.words.times import ends_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=SHANGHAI)  # a Wednesday


def times_of(phrase: str, now: datetime = NOW) -> list[tuple[str, str]]:
    """Return (kind, value) of the chips; the ends of a period as "MM-DD HH:MM"."""
    parsed = parse(phrase, now, SHANGHAI)
    assert not parsed.unknown, phrase
    return [
        (c.kind.value, "/".join("" if end is None else f"{end:%m-%d %H:%M}" for end in ends_of(c.value)))
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
        ("最近两三天", ("between", "11-23 00:00/11-26 00:00")),  # back to the larger number
        ("两三点", ("between", "11-25 01:30/11-25 03:30")),
        ("昨天下午两三点", ("between", "11-24 13:30/11-24 15:30")),
    ],
)
def test_approximate_numbers(phrase: str, value: tuple[str, str]) -> None:
    assert times_of(phrase) == [value]


def test_impossible_numbers_are_unknown() -> None:
    assert parse("十十点", NOW, SHANGHAI).unknown
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
        ("8到10点", "11-25 08:00/11-25 10:00"),
        ("晚上8到10点", "11-24 20:00/11-24 22:00"),
        ("3-4pm", "11-25 15:00/11-25 16:00"),
        ("11 to 1pm", "11-25 11:00/11-25 13:00"),
        ("8 to 10 last night", "11-24 20:00/11-24 22:00"),
        ("10点一刻到11点", "11-25 10:15/11-25 11:00"),
        ("零点到一点", "11-25 00:00/11-25 01:00"),
        ("noon", "11-25 11:00/11-25 13:00"),
        ("before noon", "11-25 00:00/11-25 12:00"),
        ("中午以前", "11-25 00:00/11-25 12:00"),
        ("midnight", "11-24 23:30/11-25 00:30"),
        ("昨晚10点前", "11-24 18:00/11-24 22:00"),
        ("周一以来", "11-23 00:00/11-25 15:30"),
        ("since Monday", "11-23 00:00/11-25 15:30"),
        ("before Monday", "/11-23 00:00"),
        ("from 8 onwards", "11-25 08:00/11-25 15:30"),
        ("11月20日晚上10点到次日凌晨2点", "11-20 22:00/11-21 02:00"),
        ("11月20到22日", "11-20 00:00/11-23 00:00"),
        ("November 20 to 22", "11-20 00:00/11-23 00:00"),
        ("十一月二十号", "11-20 00:00/11-21 00:00"),
        ("the 20th of last month", "10-20 00:00/10-21 00:00"),
        ("周五到周日", "11-20 00:00/11-23 00:00"),
        ("上周末", "11-21 00:00/11-23 00:00"),
        ("上周", "11-16 00:00/11-23 00:00"),
        ("上个月", "10-01 00:00/11-01 00:00"),
        ("28号", "10-28 00:00/10-29 00:00"),
        ("两三天前", "11-22 00:00/11-24 00:00"),
        ("半小时前", "11-25 14:30/11-25 15:30"),
        ("两小时内", "11-25 13:30/11-25 15:30"),
    ],
)
def test_ranges_and_relations(phrase: str, value: str) -> None:
    assert times_of(phrase) == [("between", value)]


@pytest.mark.parametrize(
    ("phrase", "value", "unknown"),
    [
        ("昨天下午3点，昨晚8点", "11-24 14:30/11-24 15:30", "昨晚8点"),
        ("yesterday afternoon, on Monday", "11-24 12:00/11-24 18:00", "on Monday"),
        ("周一和周三的面包车", "11-23 00:00/11-24 00:00", "周三"),
    ],
)
def test_a_second_time_replaces_nothing_and_is_shown(phrase: str, value: str, unknown: str) -> None:
    parsed = parse(phrase, NOW, SHANGHAI)
    (chip,) = [c for c in parsed.chips if c.kind is ChipKind.BETWEEN]
    assert "/".join(f"{end:%m-%d %H:%M}" for end in ends_of(chip.value)) == value
    assert parsed.unknown == (unknown,)


@pytest.mark.parametrize("phrase", ["快一点", "3号楼", "每周一", "一起", "昨天到前天", "30点"])
def test_what_is_no_time(phrase: str) -> None:
    assert not any(c.kind is ChipKind.BETWEEN for c in parse(phrase, NOW, SHANGHAI).chips)


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("每天晚上8点到10点", "20:00-22:00"),
        ("每晚10点到5点", "22:00-05:00"),
        ("每天中午12点到1点", "12:00-13:00"),
        ("每天8点到10点", "08:00-10:00"),
        ("每天晚上10点以后", "22:00-00:00"),
        ("every morning between 7 and 9", "07:00-09:00"),
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
            assert start is None or start <= end
    filter_of(parsed.chips)


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("Sunday morning around 10", "11-22 09:30/11-22 10:30"),
        ("this afternoon at about 2", "11-25 13:30/11-25 14:30"),
        ("yesterday before noon", "11-24 00:00/11-24 12:00"),
        ("yesterday after 5 pm", "11-24 17:00/11-25 00:00"),
        ("last night between 11 and 1", "11-24 23:00/11-25 01:00"),
        ("between midnight and 3 am", "11-25 00:00/11-25 03:00"),
        ("from noon to 2", "11-25 12:00/11-25 14:00"),
        ("8 in the morning", "11-25 07:30/11-25 08:30"),
        ("in the last half hour", "11-25 15:00/11-25 15:30"),
        ("1-5 November", "11-01 00:00/11-06 00:00"),
        ("between the 18th and the 20th", "11-18 00:00/11-21 00:00"),
        ("昨日14时30分许", "11-24 14:00/11-24 15:00"),
        ("15时至17时", "11-25 15:00/11-25 17:00"),
        ("3点左右到4点左右", "11-25 03:00/11-25 04:00"),
        ("今天上午8点至今", "11-25 08:00/11-25 15:30"),
        ("昨天中午到下午", "11-24 11:00/11-24 18:00"),
        ("一刻钟前", "11-25 15:00/11-25 15:30"),
    ],
)
def test_days_and_times_in_any_order(phrase: str, value: str) -> None:
    assert times_of(phrase) == [("between", value)]
