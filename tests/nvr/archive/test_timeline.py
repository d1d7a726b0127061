"""The timeline of gaps and coverage, on integers."""

from __future__ import annotations

import pytest

from nvr.archive.timeline import GAP_MIN_US, Cadence, Timeline
from tests.nvr.sink import GapFact, MemoryArchive

S = 1_000_000
TICKS = 90_000


def timeline(covered: int | None = None) -> tuple[Timeline, MemoryArchive]:
    archive = MemoryArchive()
    line = Timeline("cam/main", archive)
    line.covered_until = covered
    return line, archive


@pytest.mark.parametrize("length", [GAP_MIN_US, 5 * S, 59 * S, 3600 * S])
def test_every_hole_of_a_second_and_more_is_told(length: int) -> None:
    line, archive = timeline(100 * S)
    line.last_cause = "packet_loss"
    assert line.begin(100 * S + length) == 100 * S + length
    assert archive.gaps == [GapFact(100 * S, 100 * S + length, "packet_loss")]
    assert (line.short_holes, line.short_holes_us) == (0, 0)


def test_shorter_holes_are_counted() -> None:
    line, archive = timeline(100 * S)
    line.begin(100 * S + 700_000)
    line.hole(200 * S, 200 * S + 999_999, "no_packets", fillable=False)
    assert archive.gaps == [] and (line.short_holes, line.short_holes_us) == (2, 1_699_999)


def test_time_never_runs_backwards() -> None:
    line, archive = timeline(100 * S)
    assert line.begin(99 * S) == 100 * S
    assert line.covered_until == 100 * S and archive.gaps == []


def test_what_a_wrong_clock_filed_ahead_makes_nothing_wrong_now() -> None:
    line, archive = timeline(3700 * S)
    assert line.begin(100 * S) == 100 * S and line.covered_until == 100 * S and archive.gaps == []


def test_a_gap_runs_until_footage_begins() -> None:
    line, archive = timeline(100 * S)
    line.start_gap("unreachable", "", 130 * S)
    line.start_gap("unreachable", "again", 140 * S)
    assert line.in_gap and archive.gaps == [GapFact(100 * S, None, "unreachable")]
    line.begin(150 * S)
    assert not line.in_gap and archive.gaps == [GapFact(100 * S, 150 * S, "unreachable")]


def test_a_gap_is_split_where_its_cause_changes() -> None:
    line, archive = timeline(100 * S)
    line.start_gap("unreachable", "", 130 * S)
    line.start_gap("auth_refused", "", 140 * S)
    assert archive.gaps == [GapFact(100 * S, 140 * S, "unreachable"), GapFact(140 * S, None, "auth_refused")]


def test_a_gap_without_footage_before_it_begins_now() -> None:
    line, archive = timeline()
    line.start_gap("unreachable", "", 130 * S)
    assert archive.gaps == [GapFact(130 * S, None, "unreachable")]


def test_a_split_gap_never_ends_before_it_begins() -> None:
    """The station's clock was set back meanwhile."""
    line, archive = timeline(100 * S)
    line.start_gap("unreachable", "", 130 * S)
    line.start_gap("auth_refused", "", 50 * S)
    assert archive.gaps[0] == GapFact(100 * S, 100 * S, "unreachable") and archive.gaps[1].start_us == 100 * S


def test_a_step_of_the_stations_clock_moves_what_is_covered() -> None:
    line, _ = timeline(100 * S)
    line.shift(-30 * S)
    assert line.covered_until == 70 * S
    line, _ = timeline()
    line.shift(5)
    assert line.covered_until is None


@pytest.mark.parametrize("fps", [0.2, 1, 5, 25])
def test_sparse_pictures_are_no_gap(fps: float) -> None:
    cadence, step = Cadence(), int(TICKS / fps)
    assert all(cadence.missing(step, [min(step, TICKS)]) == [] for _ in range(20))


@pytest.mark.parametrize("fps", [0.2, 1, 5, 25])
def test_missing_pictures_are_missed_by_the_streams_own_rhythm(fps: float) -> None:
    cadence, step = Cadence(), int(TICKS / fps)
    for _ in range(20):
        cadence.missing(step, [step])
    hole = 3 * step + TICKS // 2
    assert cadence.missing(step + hole, [step]) == [(0, hole)]
    assert cadence.missing(step, [step]) == []  # the usual distance is unchanged


def test_holes_within_a_run() -> None:
    cadence = Cadence()
    cadence.missing(3600, [3600] * 10)
    assert cadence.missing(3600, [3600, 3600 + 45_000, 3600, 90_000]) == [(2, 45_000)]  # the last is a guess


def test_a_stream_that_becomes_slower_is_missed_once() -> None:
    cadence = Cadence()
    cadence.missing(3600, [3600] * 10)
    missed = [bool(cadence.missing(5 * TICKS, [TICKS])) for _ in range(10)]
    assert missed[0] and not any(missed[3:])
