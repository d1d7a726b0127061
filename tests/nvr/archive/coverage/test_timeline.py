"""The timeline of gaps and coverage, on integers."""

from __future__ import annotations

import pytest

from nvr.archive.coverage.timeline import (
    MIN_GAP_US,
    PictureInterval,
    Timeline,
    TimelineEnd,
    end_of_unreported_gap,
    timeline_end,
    unreported_gaps,
)
from nvr.tables import GapCause
from tests.nvr.memory_recording import GapFact, MemoryArchive

S = 1_000_000
TICKS = 90_000


def timeline(covered: int | None = None) -> tuple[Timeline, MemoryArchive]:
    archive = MemoryArchive()
    line = Timeline("cam/main", archive)
    line.covered_until = covered
    return line, archive


@pytest.mark.parametrize("length", [MIN_GAP_US, 5 * S, 59 * S, 3600 * S])
def test_every_hole_of_a_second_and_more_is_told(length: int) -> None:
    line, archive = timeline(100 * S)
    line.last_cause = GapCause.PACKET_LOSS
    assert line.begin_recording(100 * S + length) == 100 * S + length
    assert archive.gaps == [GapFact(100 * S, 100 * S + length, "packet_loss")]
    assert (line.short_holes, line.short_holes_us) == (0, 0)


def test_shorter_holes_are_counted() -> None:
    line, archive = timeline(100 * S)
    line.begin_recording(100 * S + 700_000)
    line.report_missing(200 * S, 200 * S + 999_999, GapCause.NO_PACKETS, fillable=False)
    assert archive.gaps == [] and (line.short_holes, line.short_holes_us) == (2, 1_699_999)


def test_time_never_runs_backwards() -> None:
    line, archive = timeline(100 * S)
    assert line.begin_recording(99 * S) == 100 * S
    assert line.covered_until == 100 * S and archive.gaps == []


def test_what_a_wrong_clock_filed_ahead_makes_nothing_wrong_now() -> None:
    line, archive = timeline(3700 * S)
    assert line.begin_recording(100 * S) == 100 * S and line.covered_until == 100 * S and archive.gaps == []


def test_a_gap_runs_until_footage_begins() -> None:
    line, archive = timeline(100 * S)
    line.start_gap(GapCause.UNREACHABLE, "", 130 * S)
    line.start_gap(GapCause.UNREACHABLE, "again", 140 * S)
    assert line.in_gap and archive.gaps == [GapFact(100 * S, None, "unreachable")]
    line.begin_recording(150 * S)
    assert not line.in_gap and archive.gaps == [GapFact(100 * S, 150 * S, "unreachable")]


def test_a_gap_is_split_where_its_cause_changes() -> None:
    line, archive = timeline(100 * S)
    line.start_gap(GapCause.UNREACHABLE, "", 130 * S)
    line.start_gap(GapCause.AUTH_REFUSED, "", 140 * S)
    assert archive.gaps == [GapFact(100 * S, 140 * S, "unreachable"), GapFact(140 * S, None, "auth_refused")]


def test_a_gap_without_footage_before_it_begins_now() -> None:
    line, archive = timeline()
    line.start_gap(GapCause.UNREACHABLE, "", 130 * S)
    assert archive.gaps == [GapFact(130 * S, None, "unreachable")]


def test_a_split_gap_never_ends_before_it_begins() -> None:
    """The station's clock was set back meanwhile."""
    line, archive = timeline(100 * S)
    line.start_gap(GapCause.UNREACHABLE, "", 130 * S)
    line.start_gap(GapCause.AUTH_REFUSED, "", 50 * S)
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
    cadence, step = PictureInterval(), int(TICKS / fps)
    assert all(cadence.missing(step, [min(step, TICKS)]) == [] for _ in range(20))


@pytest.mark.parametrize("fps", [0.2, 1, 5, 25])
def test_missing_pictures_are_missed_by_the_streams_own_rhythm(fps: float) -> None:
    cadence, step = PictureInterval(), int(TICKS / fps)
    for _ in range(20):
        cadence.missing(step, [step])
    hole = 3 * step + TICKS // 2
    assert cadence.missing(step + hole, [step]) == [(0, hole)]
    assert cadence.missing(step, [step]) == []  # the usual distance is unchanged


def test_holes_within_a_run() -> None:
    cadence = PictureInterval()
    cadence.missing(3600, [3600] * 10)
    assert cadence.missing(3600, [3600, 3600 + 45_000, 3600, 90_000]) == [(2, 45_000)]  # the last is a guess


def test_a_stream_that_becomes_slower_is_missed_once() -> None:
    cadence = PictureInterval()
    cadence.missing(3600, [3600] * 10)
    missed = [bool(cadence.missing(5 * TICKS, [TICKS])) for _ in range(10)]
    assert missed[0] and not any(missed[3:])


def test_a_timeline_ends_with_its_newest_file_or_its_open_gap() -> None:
    assert timeline_end([], []) is None
    assert timeline_end([5 * S, 9 * S, 7 * S], []) == TimelineEnd(9 * S, False, GapCause.NO_PACKETS)
    assert timeline_end([9 * S], [(3 * S, GapCause.UNREACHABLE), (4 * S, GapCause.NO_PACKETS)]) == TimelineEnd(
        4 * S, True, GapCause.NO_PACKETS
    )


@pytest.mark.parametrize(
    ("files", "end"),
    [
        ([], None),
        ([(99 * S, 100 * S)], None),  # the file before the gap
        ([(98 * S, 100 * S + 1)], 100 * S),  # begins two seconds before it
        ([(98 * S - 1, 130 * S)], None),
        ([(110 * S, 120 * S), (105 * S, 130 * S)], 105 * S),
    ],
)
def test_a_file_that_begins_after_an_open_gap_ends_it(files: list[tuple[int, int]], end: int | None) -> None:
    assert end_of_unreported_gap(100 * S, files) == end


A = (1000 * S, 1010 * S)


@pytest.mark.parametrize(
    ("files", "gaps", "mended", "found"),
    [
        ([], [], [], []),
        ([A, (1011 * S, 1020 * S)], [], [], []),  # one second
        ([A, (1011 * S + 1, 1020 * S)], [], [], [(1010 * S, 1011 * S + 1)]),
        ([A, (1002 * S, 1005 * S), (1012 * S, 1020 * S)], [], [], [(1010 * S, 1012 * S)]),
        ([A, (1020 * S, 1030 * S)], [(1010 * S, 1020 * S)], [], []),
        ([(1011 * S, 1020 * S), A], [], [1000 * S], [(1010 * S, 1011 * S)]),  # after a mended file
        ([A, (1011 * S, 1020 * S)], [], [1011 * S], [(1010 * S, 1011 * S)]),  # before a mended file
        ([A, (1010 * S + 50_000, 1020 * S)], [], [1000 * S], []),
        ([A, (1010 * S + 50_001, 1020 * S)], [], [1000 * S], [(1010 * S, 1010 * S + 50_001)]),
        ([A], [(1011 * S, 1020 * S)], [1011 * S], []),  # a gap is not mended
        ([A, (1002 * S, 1005 * S), (1011 * S, 1020 * S)], [], [1002 * S], []),  # the mended file lies in another
        ([A, (1002 * S, 1010 * S), (1011 * S, 1020 * S)], [], [1002 * S], []),
    ],
)
def test_holes_that_nobody_reported(
    files: list[tuple[int, int]], gaps: list[tuple[int, int]], mended: list[int], found: list[tuple[int, int]]
) -> None:
    assert unreported_gaps(files, gaps, mended) == found


def test_a_recorder_continues_an_open_gap() -> None:
    line, archive = timeline()
    line.resume_after(TimelineEnd(100 * S, True, GapCause.UNREACHABLE), 130 * S)
    assert (line.covered_until, line.in_gap, line.last_cause, archive.gaps) == (100 * S, True, "unreachable", [])


@pytest.mark.parametrize(("now", "start"), [(130 * S, 100 * S), (90 * S, 90 * S)])
def test_a_recorder_that_starts_again_was_down(now: int, start: int) -> None:
    line, archive = timeline()
    line.resume_after(TimelineEnd(100 * S, False), now)
    assert archive.gaps == [GapFact(start, None, "recorder_down")]
    assert (line.covered_until, line.in_gap) == (start, True)
    line.begin_recording(150 * S)
    assert archive.gaps == [GapFact(start, 150 * S, "recorder_down")]


def test_a_new_timeline_knows_of_nothing() -> None:
    line, archive = timeline()
    assert (line.covered_until, line.in_gap, line.last_cause) == (None, False, "no_packets")
    assert (line.short_holes, line.short_holes_us) == (0, 0)
    assert line.begin_recording(5 * S) == 5 * S
    line.cover_until(6 * S)
    assert line.covered_until == 6 * S and archive.gaps == [] and line.short_holes == 0
    line.resume(7 * S, True)
    assert (line.covered_until, line.in_gap, line.last_cause) == (7 * S, True, "no_packets")


def test_a_file_that_follows_at_once_leaves_no_hole() -> None:
    line, archive = timeline(100 * S)
    assert line.begin_recording(100 * S) == 100 * S
    assert archive.gaps == [] and line.short_holes == 0


def test_an_overlap_above_two_seconds_is_kept() -> None:
    assert timeline(100 * S)[0].begin_recording(98 * S) == 100 * S
    line, archive = timeline(100 * S)
    assert line.begin_recording(98 * S - 1) == 98 * S - 1 and line.covered_until == 98 * S - 1
    assert archive.gaps == [] and line.short_holes == 0


def test_a_gap_of_a_clock_that_was_ahead_ends_where_it_began() -> None:
    line, archive = timeline(3700 * S)
    line.start_gap(GapCause.UNREACHABLE, "", 3710 * S)
    assert line.begin_recording(100 * S) == 100 * S
    assert archive.gaps == [GapFact(3700 * S, 3700 * S, "unreachable")]


def test_a_changed_cause_splits_a_gap_in_either_order() -> None:
    line, archive = timeline(100 * S)
    line.start_gap(GapCause.AUTH_REFUSED, "", 130 * S)
    line.start_gap(GapCause.UNREACHABLE, "", 140 * S)
    assert [(g.start_us, g.end_us, g.cause) for g in archive.gaps] == [
        (100 * S, 140 * S, "auth_refused"),
        (140 * S, None, "unreachable"),
    ]
    assert (line.covered_until, line.last_cause) == (140 * S, "unreachable")


def test_a_gap_says_whether_a_card_may_fill_it_and_why_at_length_at_most_200() -> None:
    line, archive = timeline(100 * S)
    line.begin_recording(110 * S)
    line.report_missing(120 * S, 130 * S, GapCause.PACKET_LOSS, fillable=False)
    assert archive.gaps == [
        GapFact(100 * S, 110 * S, "no_packets", True),
        GapFact(120 * S, 130 * S, GapCause.PACKET_LOSS, False),
    ]
    details: list[str] = []
    archive.add_gap = lambda stream, start_us, cause, detail: details.append(detail)  # type: ignore
    line.start_gap(GapCause.UNREACHABLE, "x" * 300, 140 * S)
    assert details == ["x" * 200]


@pytest.mark.parametrize(
    ("usual", "distance", "hole"),
    [
        (None, 10 * TICKS, 0),  # the usual distance is unknown
        (None, 10 * TICKS + 7, 7),
        (3_600, TICKS // 4, 0),
        (3_600, TICKS // 4 + 1, TICKS // 4 + 1 - 3_600),
        (40_000, 100_000, 0),  # two and a half times the usual distance
        (40_000, 100_001, 60_001),
    ],
)
def test_the_distance_from_which_pictures_are_missing(usual: int | None, distance: int, hole: int) -> None:
    found = [(0, hole)] if hole else []
    alone, within = PictureInterval(), PictureInterval()
    for cadence in (alone, within):
        if usual:
            cadence.missing(usual, [usual] * 10)
    assert alone.missing(distance, [100]) == found
    assert within.missing(100, [distance, 100]) == [(i + 1, length) for i, length in found]


def test_the_usual_distance_is_the_median_of_the_last_five() -> None:
    cadence = PictureInterval()
    for distance in (90_000, 10_000, 20_000, 30_000, 40_000, 50_000):
        assert cadence.missing(distance, [1]) == []
    assert cadence.missing(500_000, [1]) == [(0, 470_000)]


def test_a_run_of_six_pictures_tells_the_usual_distance_by_itself() -> None:
    few, many = PictureInterval(), PictureInterval()
    few.missing(1, [30_000, 40_000, 50_000, 60_000, 1])
    assert few.missing(500_000, [1]) == [(0, 460_000)]  # 1, 30, 40, 50, 60
    many.missing(1, [30_000, 40_000, 50_000, 60_000, 70_000, 1])
    assert many.missing(500_000, [1]) == [(0, 450_000)]
