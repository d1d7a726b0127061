"""Nightly time ranges: their ends, and nights over midnight."""

from __future__ import annotations

from datetime import time, timezone

import pytest

from core.errors import UsageError
from search.query import filters
from search.query.find import Query, spans_of
from search.store import ids

DAY = "20261129"
HOUR_MS = 3_600_000


def test_a_night_has_two_different_times_of_day() -> None:
    assert filters._nightly("22:00-05:30") == (time(22), time(5, 30))
    for text in ("22:00-22:00", "00:00-00:00", "25:00-05:00", "22:00"):
        with pytest.raises(UsageError):
            filters._nightly(text)


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        (22, 5, [(0, 5), (22, 24)]),
        (7, 9, [(7, 9)]),
        (0, 7, [(0, 7)]),
        (22, 22, [(0, 22), (22, 24)]),  # a whole day, whoever asks
    ],
)
def test_a_night_that_ends_before_it_begins_ends_on_the_next_day(
    begin: int, end: int, hours: list[tuple[int, int]]
) -> None:
    midnight = ids.day_start(DAY)
    spans = list(spans_of(Query(nightly=(time(begin), time(end)), zone=timezone.utc), DAY))
    assert [((s.start_ms - midnight) / HOUR_MS, (s.end_ms - midnight) / HOUR_MS) for s in spans] == hours
