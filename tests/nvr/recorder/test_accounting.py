"""Recorded time plus gaps equals elapsed time over the lives of a recorder.

Includes reconnects, kills with facts that were not written yet, restarts, and steps of the station's clock. Integers;
no threads, no files, no database.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ClockStep, end_of_unreported_gap, timeline_end, unreported_gaps
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.clock.station_clock import StationClock
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.recorder.ffmpeg_engine import FfmpegEngine, _Session
from nvr.recorder.pre_event import EventSink
from nvr.recorder.watchdog import Watchdog
from nvr.storage.volume_set import VolumeSet
from nvr.streams import StreamSpec
from nvr.tables import GapCause
from tests.nvr.camera_clock import ORIGIN_US
from tests.nvr.memory_recording import VIDEO, GapFact, MemoryVolumes, Recording, single

S = 1_000_000
STREAM = "cam/main"
FRAGMENT_US = 400_000


@dataclass
class Facts:
    """The archive's rows, and the facts waiting to become rows."""

    segments: dict[int, Segment] = field(default_factory=dict)
    gaps: list[GapFact] = field(default_factory=list)
    waiting: list[Callable[[], object]] = field(default_factory=list)

    def segment_opened(self, segment: Segment) -> None: ...

    def segment_closed(self, segment: Segment) -> None:
        if segment.frames:
            self.waiting.append(lambda: self.segments.update({segment.start_us: segment}))

    def add_gap(
        self, stream: str, start_us: int, cause: str, detail: str, end_us: int | None = None, *, fillable: bool = True
    ) -> None:
        self.waiting.append(lambda: self.gaps.append(GapFact(start_us, end_us, cause, fillable)))

    def end_gap(self, stream: str, end_us: int) -> None:
        def end() -> None:
            for gap in self.gaps:
                gap.end_us = end_us if gap.end_us is None else gap.end_us

        self.waiting.append(end)

    def stepped(self, step: ClockStep) -> None:
        """Do what nvr.clock_correction.corrector does."""

        def move() -> None:
            for gap in self.gaps:
                if step.since_us <= gap.start_us <= step.until_us:
                    gap.start_us += step.by_us
                if gap.end_us is not None and step.since_us <= gap.end_us <= step.until_us:
                    gap.end_us += step.by_us
            for start in step.files or ():
                if (moved := self.segments.pop(start, None)) is not None:
                    new = replace(moved, start_us=start + step.by_us, end_us=moved.end_us + step.by_us)
                    self.segments[new.start_us] = new

        self.waiting.append(move)

    def flush(self, count: int | None = None) -> None:
        for write in self.waiting[:count]:
            write()
        del self.waiting[:count]


class Station:
    """A recorder, its camera, and what each life of the recorder leaves to the next. `now` is steady time, µs."""

    def __init__(self, fps: float, gop: int) -> None:
        self.now, self.offset = ORIGIN_US, 0
        self.correction_us = 0
        self.step, self.gop = round(S / fps), gop
        self.rows = Facts()
        self.written: dict[int, list[int]] = {}  # files on disk by start: end time of each fragment
        self.playing = False
        self.start()

    def read(self) -> int:
        return self.now

    @property
    def wall(self) -> int:
        return self.now + self.correction_us

    def start(self) -> None:
        """Start a new recorder after recovery."""
        spans = [(s.start_us, s.end_us) for s in self.rows.segments.values()]
        told = timeline_end(
            [e for _, e in spans] + [g.end_us for g in self.rows.gaps if g.end_us is not None],
            [(g.start_us, GapCause(g.cause)) for g in self.rows.gaps if g.end_us is None],
        )
        self.sink = SegmentWriter(
            STREAM, cast(VolumeSet, MemoryVolumes()), self.rows, StreamCounters(), 10.0, lambda call: call()
        )  # fmt: skip
        self.sink.follow_station_clock(cast(StationClock, self), self.rows.stepped)
        self.sink.live = self._written
        if told is not None:
            self.sink.timeline.resume_after(told, self.wall)

    def _written(self, run: FragmentSamples, segment: segment_index.Segment | object, head: bytes) -> None:
        of = self.sink.segment
        assert of is not None
        end = of.start_us + (run.time + sum(run.durations) - of.base) * 100 // 9
        self.written.setdefault(of.start_us, []).append(end)

    def recover(self) -> None:
        """Recover by the rules of nvr.archive.integrity.recovery."""
        mended = []
        for start, ends in self.written.items():
            if start not in self.rows.segments and ends:
                end = max(min(ends[-1], self.wall), ends[-2] if len(ends) > 1 else start + 1)
                self.rows.segments[start] = Segment(STREAM, 1, start, end, frames=1, flags=SegmentFlag.RECOVERED)
                mended.append(start)
        files = sorted((s.start_us, s.end_us) for s in self.rows.segments.values())
        for gap in self.rows.gaps:
            if gap.end_us is None:
                gap.end_us = end_of_unreported_gap(gap.start_us, files)
        told = [(g.start_us, g.end_us if g.end_us is not None else max(self.wall, g.start_us)) for g in self.rows.gaps]
        self.rows.gaps += [GapFact(a, b, "recorder_down") for a, b in unreported_gaps(files, told, mended)]

    # what happens

    def record(self, seconds: int) -> None:
        if not self.playing:
            self.playing, self.time, self.number = True, 0, 0
            self.sink.begin_session()
        at_once = max(1, FRAGMENT_US // self.step)
        ticks = self.step * 9 // 100
        for _ in range(max(1, seconds * S // (at_once * self.step))):
            self.now += at_once * self.step
            key = self.number % self.gop < at_once
            run = FragmentSamples(VIDEO, self.time, [ticks] * at_once, [4] * at_once, [], [b"\0\0\0\0"] * at_once, key)
            self.sink.write_fragment(run, self.now)
            self.time, self.number = self.time + at_once * ticks, self.number + at_once

    def fail(self, cause: str, ms: int) -> None:
        if self.playing:
            self.sink.end_session()
            self.playing = False
        self.sink.start_gap(GapCause(cause), "", self.wall)
        self.now += ms * 1000

    def kill(self, told: int, lost: int, down_ms: int) -> None:
        """Kill the recorder: only `told` of the waiting facts were written, the last `lost` fragments were not."""
        self.rows.flush(told)
        self.rows.waiting.clear()
        newest = max(self.written, default=None)
        if newest is not None and newest not in self.rows.segments and lost:
            del self.written[newest][-lost:]
        self.playing = False
        self.now += down_ms * 1000
        self.recover()
        self.start()

    def restart(self, down_ms: int) -> None:
        self.sink.end_session()
        self.playing = False
        self.rows.flush()
        self.now += down_ms * 1000
        self.recover()
        self.start()

    def set_clock(self, by_us: int) -> None:
        self.correction_us += by_us
        self.sink.clock_stepped(by_us)

    def finish(self) -> tuple[float, float]:
        """Return (seconds in no segment or gap, seconds counted twice)."""
        self.sink.end_session()
        if not self.sink.in_gap:
            self.sink.start_gap(GapCause.UNREACHABLE, "", self.wall)
        self.rows.flush()
        spans = [(s.start_us, s.end_us) for s in self.rows.segments.values()]
        spans += [(g.start_us, g.end_us if g.end_us is not None else self.wall) for g in self.rows.gaps if g.fillable]
        spans = sorted((a, min(b, self.wall)) for a, b in spans if b > a)
        if not spans:
            return 0.0, 0.0
        at, nowhere, twice = spans[0][0], 0, 0
        for a, b in spans:
            nowhere, twice = nowhere + max(0, a - at), twice + max(0, min(at, b) - a)
            at = max(at, b)
        return (nowhere + max(0, self.wall - at)) / S, twice / S


CAUSES = st.sampled_from(("unreachable", "no_packets", "auth_refused"))
RECORD = st.tuples(st.just("record"), st.integers(1, 30))
FAIL = st.tuples(st.just("fail"), CAUSES, st.integers(50, 20_000))
KILL = st.tuples(st.just("kill"), st.integers(0, 6), st.integers(0, 2), st.integers(200, 8_000))
RESTART = st.tuples(st.just("restart"), st.integers(200, 8_000))
FLUSH = st.tuples(st.just("flush"))
STEP = st.tuples(st.just("set_clock"), st.sampled_from([S, -S, 3600 * S, -3600 * S, 86_400 * S, -40 * 86_400 * S]))


def play(station: Station, course: list[tuple[object, ...]]) -> None:
    for act, *values in course:
        if act == "flush":
            station.rows.flush()
        else:
            getattr(station, str(act))(*values)


@settings(max_examples=150)
@given(
    st.lists(st.one_of(RECORD, FAIL, KILL, RESTART, FLUSH), max_size=12),
    st.sampled_from((0.2, 1.0, 5.0, 25.0)),
    st.integers(1, 60),
)
def test_no_second_is_nowhere_or_told_twice_over_kills_and_restarts(
    course: list[tuple[object, ...]], fps: float, gop: int
) -> None:
    station = Station(fps, gop)
    station.record(5)
    station.rows.flush()
    play(station, course)
    nowhere, twice = station.finish()
    assert nowhere <= 0.5 and twice <= 0.5


@settings(max_examples=60)
@given(st.lists(st.one_of(RECORD, FAIL, STEP, FLUSH), max_size=10), st.sampled_from((0.2, 5.0, 25.0)))
def test_no_second_is_nowhere_or_told_twice_when_the_stations_clock_is_set(
    course: list[tuple[object, ...]], fps: float
) -> None:
    station = Station(fps, 5)
    station.record(5)
    play(station, course)
    station.record(20)
    nowhere, twice = station.finish()
    assert nowhere <= 0.5 and twice <= 0.5


@dataclass
class StationTime:
    at: int
    correction_us: int = 0

    def read(self) -> int:
        return self.at


def test_a_disk_that_takes_nothing_when_a_file_begins_makes_no_file_without_a_head() -> None:
    made = Recording()
    next_us = made.pictures(50)
    made.sink.end_session()
    made.volumes.disks[0].writer.refuses = True
    made.sink.begin_session()
    next_us = made.pictures(25, next_us + S)
    made.volumes.disks[0].writer.refuses = False
    made.pictures(50, next_us, time=25 * 3600)
    made.sink.end_session()
    assert all(bytes(data[4:8]) == b"ftyp" for data in made.volumes.disks[0].writer.files.values())
    assert [g.cause for g in made.archive.gaps][-1] == "disk_error" and made.archive.gaps[-1].end_us is not None
    elapsed = (made.archive.segments[-1].end_us - made.archive.segments[0].start_us) / 1e6
    assert made.recorded + made.missing == pytest.approx(elapsed, abs=0.1)


def test_a_disk_that_refuses_the_end_of_a_closed_file_leaves_no_second_untold() -> None:
    made = Recording()
    made.pictures(25)
    segment = made.sink.segment
    assert segment is not None
    made.pictures(10, ORIGIN_US + S, time=25 * 3600, gop=25)
    segment.file.error = OSError(errno.ENOSPC, "No space left on device")
    segment.file.written = segment.gops[0].offset + segment.gops[0].size
    made.sink.end_session()
    assert made.archive.gaps == [GapFact(ORIGIN_US + S, ORIGIN_US + S + 400_000, "disk_full")]


def test_a_station_s_clock_that_was_slewed_for_a_day_without_a_file_is_followed_at_once() -> None:
    made, station = Recording(), StationTime(ORIGIN_US)
    made.sink.follow_station_clock(cast(StationClock, station), lambda _: None)
    made.pictures(50)
    made.sink.end_session()
    made.sink.start_gap(GapCause.UNREACHABLE, "", ORIGIN_US + 2 * S)
    station.at, station.correction_us = ORIGIN_US + 86_400 * S, 8 * S
    made.sink.begin_session()
    made.pictures(50, station.at)
    assert made.archive.open[-1].start_us == pytest.approx(station.at + 8 * S, abs=S // 10)


def test_between_events_a_stream_that_came_back_is_not_called_unreachable() -> None:
    made = Recording()
    sink = EventSink("cam/main", cast(VolumeSet, made.volumes), made.archive, made.counters, 10.0, lambda call: call())
    sink.start_gap(GapCause.UNREACHABLE, "", ORIGIN_US)
    sink.begin_session()
    sink.write_fragment(single(0, key=True), ORIGIN_US + 5 * S)
    assert made.archive.gaps == [
        GapFact(ORIGIN_US, ORIGIN_US + 5 * S, "unreachable"), GapFact(ORIGIN_US + 5 * S, None, "schedule")
    ]  # fmt: skip


async def test_the_ffmpeg_engine_tells_gaps_in_wall_time() -> None:
    """After a step of the station's clock, steady time and wall time differ."""
    made = Recording()
    made.sink.clock.correction_us = 86_400 * S
    made.sink.start_gap(GapCause.UNREACHABLE, "", ORIGIN_US + 86_400 * S)
    session = object.__new__(_Session)
    now = asyncio.get_running_loop().time()
    session._engine = cast(FfmpegEngine, SimpleNamespace(now_us=lambda: ORIGIN_US + 5 * S, ask_keyframe=lambda _: None))
    session._spec, session._sink = StreamSpec(STREAM, "rtsp://192.0.2.1/"), made.sink
    session._watchdog, session.pictures, session._waits = Watchdog(now - 10, 5.0), 100, True
    session._watchdog.check(now - 10, 50, waits=True)
    session._watch()
    assert made.archive.gaps[-1] == GapFact(ORIGIN_US + 86_405 * S, None, "no_keyframe")
