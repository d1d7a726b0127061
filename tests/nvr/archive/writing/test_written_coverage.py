"""Gaps and coverage of what a segment writer was given: they make up what elapsed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SECOND as S
from nvr.clock.station_clock import StationClock
from nvr.media.samples import FragmentSamples
from nvr.tables import GapCause
from tests.nvr.camera_clock import DAY, ORIGIN_US, CameraClock
from tests.nvr.memory_recording import VIDEO, Recording


def test_a_hole_is_called_packet_loss_only_where_packets_were_lost() -> None:
    made = Recording()
    until = made.pictures(50)
    made.pictures(50, until + 5 * S, time=55 * 90_000 - 53 * 90_000 + 50 * 3600 + 3 * 90_000)
    assert [(g.cause, round(g.seconds)) for g in made.archive.gaps] == [("no_packets", 5)]
    made.counters.lost_packets += 7
    made.pictures(50, until + 12 * S, time=(2 + 12) * 90_000)
    assert [g.cause for g in made.archive.gaps] == ["no_packets", "packet_loss"]
    made.pictures(50, until + 19 * S, time=(2 + 19) * 90_000)
    assert [g.cause for g in made.archive.gaps] == ["no_packets", "packet_loss", "no_packets"]


def test_short_holes_are_counted_and_covered() -> None:
    made = Recording()
    made.feed_camera(CameraClock(pauses=tuple((5.0 * i, 0.7, False) for i in range(1, 6))))
    made.sink.end_session()
    assert made.archive.gaps == [] and made.sink.timeline.short_holes == 5
    assert made.sink.timeline.short_holes_us == pytest.approx(3.5 * S, abs=S // 10)
    assert all(a.end_us == b.start_us for a, b in pairwise(made.archive.segments))


@pytest.mark.parametrize("fps", [0.2, 0.5, 1.0])
def test_a_sparse_stream_has_no_gaps(fps: float) -> None:
    made = Recording(segment_seconds=30)
    made.feed_camera(CameraClock(fps, seconds=200), gop=4)
    made.sink.end_session()
    assert made.archive.gaps == [] and len(made.archive.segments) > 3
    assert made.recorded == pytest.approx(200 - 1 / fps, abs=1.5)


def test_a_gap_begins_where_footage_ends() -> None:
    made = Recording()
    until = made.pictures(50)
    made.sink.end_session()
    made.sink.start_gap(GapCause.UNREACHABLE, "", until + 2 * S)
    made.sink.begin_session()
    made.pictures(25, until + 10 * S)
    made.sink.end_session()
    first, second = made.archive.segments
    (gap,) = made.archive.gaps
    assert (gap.start_us, gap.end_us, gap.cause) == (first.end_us, second.start_us, "unreachable")


FPS = (0.2, 1.0, 5.0, 25.0, 60.0)
clocks = st.builds(
    CameraClock,
    fps=st.sampled_from(FPS),
    speed=st.sampled_from((0.8, 0.95, 1.0, 1.0, 1.05, 1.2)),
    seconds=st.just(40.0),
    steps=st.lists(st.tuples(st.floats(3, 35), st.sampled_from((0.5, -0.5, 4.0, -4.0, 3600.0, -DAY))), max_size=3).map(
        tuple
    ),
    strays=st.lists(st.tuples(st.integers(20, 900), st.floats(-20, 20)), max_size=2).map(tuple),
    pauses=st.lists(st.tuples(st.floats(3, 35), st.floats(0.2, 6), st.booleans()), max_size=2).map(tuple),
    seed=st.integers(0, 2**31),
)


@settings(max_examples=30, deadline=None)
@given(clocks, st.integers(1, 60), st.sampled_from((2.0, 7.0, 60.0)))
def test_recorded_and_gaps_make_up_what_elapsed(clock: CameraClock, gop: int, segment_seconds: float) -> None:
    made = Recording(segment_seconds)
    made.feed_camera(clock, gop)
    made.sink.end_session()
    segments = sorted(made.archive.segments, key=lambda s: s.start_us)
    assert all(a.end_us <= b.start_us for a, b in pairwise(segments))
    elapsed = (segments[-1].end_us - segments[0].start_us) / 1e6
    assert made.recorded + made.missing == pytest.approx(elapsed, abs=0.5)
    taken = clock.seconds + sum(length for at, length, _ in clock.pauses if at < clock.seconds)
    assert elapsed == pytest.approx(taken, abs=0.5 + max(1.5, 1 / clock.fps))
    assert sum(s.frames for s in segments) == int(clock.seconds * clock.fps)


@settings(max_examples=15, deadline=None)
@given(
    clocks,
    st.lists(
        st.tuples(st.floats(0.5, 20), st.sampled_from((GapCause.UNREACHABLE, GapCause.NO_PACKETS))),
        min_size=1,
        max_size=4,
    ),
)
def test_accounting_over_reconnections(clock: CameraClock, breaks: list[tuple[float, GapCause]]) -> None:
    made, later = Recording(7.0), 0
    clock = replace(clock, seconds=12.0, pauses=())
    for pause, cause in breaks:
        made.feed_camera(clock, later_us=later)
        made.sink.end_session()
        later += int((clock.seconds + pause) * 1e6)
        made.sink.start_gap(cause, "", ORIGIN_US + later)
    made.feed_camera(clock, later_us=later)
    made.sink.end_session()
    segments = made.archive.segments
    assert all(a.end_us <= b.start_us for a, b in pairwise(segments))
    elapsed = (segments[-1].end_us - segments[0].start_us) / 1e6
    assert made.recorded + made.missing == pytest.approx(elapsed, abs=0.5)


class Stopped:
    """A station clock that shows one instant."""

    correction_us = 0

    def __init__(self, at: int) -> None:
        self.at = at

    def read(self) -> int:
        return self.at


def test_the_last_picture_of_a_sparse_stream_lasts_until_the_session_ends_at_most() -> None:
    made = Recording()
    made.sink.follow_station_clock(cast(StationClock, Stopped(ORIGIN_US)), lambda step: None)
    made.pictures(10, step_us=S, gop=1)
    made.sink._discipline.station = cast(StationClock, Stopped(ORIGIN_US + 9_200_000))
    made.sink.end_session()
    assert made.archive.segments[-1].end_us == pytest.approx(ORIGIN_US + 9_200_000, abs=20)


def test_a_camera_whose_clock_runs_wrong_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    made = Recording(segment_seconds=5)
    made.feed_camera(CameraClock(speed=0.84, seconds=40))
    assert [r.getMessage() for r in caplog.records] == [
        "cam/main: the camera's clock runs 16 % too slow; check the camera's time settings"
    ]
    made = Recording(segment_seconds=5)
    made.feed_camera(CameraClock(seconds=40, steps=((20.0, 4.0),)))
    assert len(caplog.records) == 1 and made.counters.timestamp_jumps == 1


def test_what_was_lost_behind_a_silence_in_the_same_run_is_not_its_cause() -> None:
    """The batch depacketizer counts the losses of a poll before any of its runs is written."""
    made = Recording(segment_seconds=600)
    until = made.pictures(50)
    made.counters.lost_packets += 4
    late = 50 * 3600 + 5 * 90_000
    silent = FragmentSamples(VIDEO, late, [3600] * 3, [4] * 3, [], [b"\0" * 12], True, losses={})
    lossy = FragmentSamples(
        VIDEO, late + 3 * 3600, [3600, 3600 * 75, 3600], [4] * 3, [], [b"\0" * 12], False, losses={2: 4}
    )
    made.sink.write_fragment(silent, until + 5 * S + 80_000)
    made.sink.write_fragment(lossy, until + 8 * S + 160_000)
    assert [g.cause for g in made.archive.gaps] == ["no_packets", "packet_loss"]
