"""The options of `minwang search` beside the conditions that its words gave."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from core.errors import UsageError
from search.query.filters import Filter
from station.cli.foreground.search import SearchOptions, _add_options

NONE = SearchOptions(
    words=(), cls=(), upper=None, lower=None, heading=None, camera=(), village=(), start=None, end=None, limit=20,
    after=None, reason="test",
)  # fmt: skip
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def test_without_options_the_words_count() -> None:
    asked = Filter(cameras=["a"], cls=["person"], upper="red", heading="east", start=NOON)
    before = asked.model_copy(deep=True)
    _add_options(asked, NONE)
    assert asked == before


def test_lists_are_added_and_single_values_replaced() -> None:
    asked = Filter(cameras=["a"], cls=["person"], upper="red", start=NOON)
    options = SearchOptions(
        **{
            **NONE, "camera": ("b", "c"), "village": ("v",), "cls": ("rider",), "upper": "blue", "lower": "black",
            "heading": "north", "end": "2026-11-21T21:00:00+08:00",
        }
    )  # fmt: skip
    _add_options(asked, options)
    assert (asked.cameras, asked.villages, asked.cls) == (["a", "b", "c"], ["v"], ["person", "rider"])
    assert (asked.upper, asked.lower, asked.heading) == (["blue"], ["black"], "north")
    assert asked.start == NOON and asked.end == NOON.replace(hour=13)


def test_a_time_that_is_none() -> None:
    with pytest.raises(UsageError, match="is not a time"):
        _add_options(Filter(), {**NONE, "start": "noon"})
