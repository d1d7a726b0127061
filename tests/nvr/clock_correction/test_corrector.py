"""The station's own clock is set: wrongly named recordings are corrected, crash or not, and nothing overlaps."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from cameras.virtual.rtsp_server import Mount
from core.clock import SECOND, ManualClock, SystemClock, to_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.retention import file_removal
from nvr.archive.segment_index import SegmentFlag, path_of
from nvr.clock.station_clock import StationClock
from nvr.clock_correction import corrector, file_moves
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from nvr.tables import Footage, Gap, GapCause, StreamUsage
from tests.nvr.clock_correction.recorded_files import HOUR, RecordedFiles, SteppedClock, T
from tests.nvr.conftest import LOGIN, eventually, record, segments_of


def test_steady_time_goes_on_when_the_clock_is_set() -> None:
    steps = list[int]()
    ours = SteppedClock()
    station = StationClock(ours)
    station.on_step = steps.append
    before = station.read()
    ours.ahead = timedelta(days=-3)
    assert 0 <= station.read() - before < SECOND
    assert steps == [pytest.approx(-3 * 86_400 * SECOND, abs=SECOND)]
    assert station.correction_us == pytest.approx(steps[0], abs=SECOND)
    station.read()
    assert len(steps) == 1
    ours.ahead += timedelta(seconds=0.4)  # slewing
    station.read()
    assert len(steps) == 1


def test_slewing_never_becomes_a_step() -> None:
    class Slewed(ManualClock):
        def now(self) -> datetime:
            return super().now() + timedelta(seconds=0.05 * self.monotonic())

    ours, steps = Slewed(), list[int]()
    station = StationClock(ours)
    station.on_step = steps.append
    for _ in range(1000):
        ours.advance(0.2)
        station.read()
    assert steps == [] and station.correction_us == pytest.approx(10 * SECOND, rel=0.01)


@pytest.fixture(params=[0, errno.EPERM, errno.EOPNOTSUPP], ids=["links", "exFAT", "CIFS"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks with and without hard links."""

    def refuses(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    if request.param:
        monkeypatch.setattr(os, "link", refuses)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("by", [-HOUR, -10 * SECOND, 10 * SECOND, HOUR, 400 * 24 * HOUR])
async def test_files_and_entries_move_together(filed: RecordedFiles, by: int) -> None:
    await filed.prepare(T - 7 * HOUR, T, T + 10 * SECOND, T + 20 * SECOND)
    assert await file_moves.move_files(filed.database, filed.step(by, T, T + 10 * SECOND, T + 20 * SECOND)) == 3
    found = await segments_of(filed.database)
    assert [s.start_us for s in found] == pytest.approx(
        sorted([T - 7 * HOUR, T + by, T + by + 10 * SECOND, T + by + 20 * SECOND]), abs=1
    )
    moved = [s for s in found if s.start_us != T - 7 * HOUR]
    assert all(s.clock_offset_us == 7 * SECOND - by for s in moved)
    assert await filed.names() == sorted(path_of(filed.archive.paths, s) for s in found)
    async with filed.database.reading() as session:
        usage = await session.get_one(StreamUsage, "cam/main")
        assert (usage.files, usage.bytes_held) == (4, 16)


async def test_what_a_camera_card_gave_moves_with_the_gap_that_it_fills(filed: RecordedFiles) -> None:
    """Its times are those of the gap, by the same wrong clock. What fills an earlier gap stays."""
    await filed.prepare(T - 7 * HOUR, T, T + 10 * SECOND)
    async with filed.database.session() as session:
        for number in await session.scalars(select(Footage.id)):
            row = await segment_index.lock_row(session, number)
            assert row is not None
            entries = segment_index.segments_of(row)
            marked = [s if s.start_us == T else segment_index.with_flag(s, SegmentFlag.BACKFILLED) for s in entries]
            await segment_index.rewrite(session, row, marked)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(filed.step(40 * HOUR, T))
    await clock_corrector.finish()
    found = [(s.start_us, bool(s.flags & SegmentFlag.BACKFILLED)) for s in await segments_of(filed.database)]
    assert found == [(T - 7 * HOUR, True), (T + 40 * HOUR, False), (T + 10 * SECOND + 40 * HOUR, True)]


async def test_gaps_of_the_wrong_clock_move_and_those_of_before_end_where_they_ended(filed: RecordedFiles) -> None:
    await filed.prepare(T + 5 * SECOND)
    archive = filed.archive
    archive.add_gap(
        "cam/main", T - 3 * HOUR, GapCause.RECORDER_DOWN, "", T + 5 * SECOND
    )  # began under a clock that was right
    archive.add_gap("cam/main", T + 15 * SECOND, GapCause.UNREACHABLE, "", T + 20 * SECOND)
    archive.add_gap("cam/main", T + 30 * SECOND, GapCause.UNREACHABLE, "")
    clock_corrector = corrector.ClockCorrector(archive)
    clock_corrector.queue_step(filed.step(-HOUR, T + 5 * SECOND))
    archive.add_gap("cam/main", T + 12 * SECOND, GapCause.NO_PACKETS, "", T + 14 * SECOND)  # by the new clock
    archive.end_gap("cam/main", T + 40 * SECOND - HOUR)
    await clock_corrector.finish()
    await archive.flush()
    assert clock_corrector.moved == 1
    assert await filed.gaps() == [
        (T - 3 * HOUR, T + 5 * SECOND - HOUR), (T + 15 * SECOND - HOUR, T + 20 * SECOND - HOUR),
        (T + 30 * SECOND - HOUR, T + 40 * SECOND - HOUR), (T + 12 * SECOND, T + 14 * SECOND),
    ]  # fmt: skip


async def test_a_gap_that_could_not_end_because_the_clock_was_behind(filed: RecordedFiles) -> None:
    await filed.prepare(T)
    # Closed at once, by a clock that was right.
    filed.archive.add_gap("cam/main", T + HOUR // 2, GapCause.UNREACHABLE, "", T + HOUR // 2)
    filed.archive.add_gap("cam/main", T + HOUR, GapCause.RECORDER_DOWN, "", T + HOUR)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(filed.step(2 * HOUR, T))
    await clock_corrector.finish()
    assert await filed.gaps() == [(T + HOUR // 2, T + HOUR // 2), (T + HOUR, T + 2 * HOUR)]


async def test_a_clock_that_was_wrong_for_long_is_marked(filed: RecordedFiles) -> None:
    await filed.prepare(T)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(ClockStep("cam/main", T, T + 10 * SECOND, HOUR, None))
    await clock_corrector.finish()
    await filed.archive.flush()
    assert await filed.gaps() == [(T + 10 * SECOND, T + 10 * SECOND + HOUR)]
    assert [s.start_us for s in await segments_of(filed.database)] == [T]


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("crash", ["_exchange", "finish_deletion"])
async def test_a_crash_loses_no_file(filed: RecordedFiles, crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await filed.prepare(T, T + 10 * SECOND)

    async def dies(*_: object, **__: object) -> None:
        raise SystemError("killed")

    monkeypatch.setattr(file_moves if crash == "_exchange" else file_removal, crash, dies)
    with pytest.raises(SystemError):
        await file_moves.move_files(filed.database, filed.step(-HOUR, T, T + 10 * SECOND))
    found = await segments_of(filed.database)
    assert len(found) == 2
    for segment in found:
        assert await asyncio.to_thread(path_of(filed.archive.paths, segment).read_bytes) == b"film"


async def test_a_full_disk_without_hard_links_leaves_everything_as_it_was(
    filed: RecordedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filed.prepare(T)

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"f")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        await file_moves.move_files(filed.database, filed.step(-HOUR, T))
    assert [s.start_us for s in await segments_of(filed.database)] == [T]
    left = await asyncio.to_thread(lambda: [p for p in filed.folder.rglob("*") if p.suffix in (".mp4", ".copy")])
    assert len(left) == 1


async def test_a_disk_that_refuses_leaves_everything_as_it_was(
    filed: RecordedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filed.prepare(T)

    def refuses(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "link", refuses)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(filed.step(HOUR, T))
    await clock_corrector.finish()
    assert [s.start_us for s in await segments_of(filed.database)] == [T] and clock_corrector.moved == 0


@pytest.mark.parametrize("ahead", [3600.0, *(pytest.param(a, marks=pytest.mark.soak) for a in (-3600.0, 1.2))])
async def test_a_recorder_whose_clock_is_set_right(
    rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path, ahead: float
) -> None:
    ours = SteppedClock(ahead)
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    began = to_microseconds(SystemClock().now())
    async with record(database, tmp_path / "video", spec, clock=ours, segment_seconds=1.1) as machine:
        state = machine.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 12)
        ours.ahead = timedelta(0)
        seen = state.counters.frames
        await eventually(lambda: state.counters.frames >= seen + 18)
    segments = await segments_of(database)
    ended = to_microseconds(SystemClock().now())
    assert began - SECOND < segments[0].start_us and segments[-1].end_us < ended + SECOND
    assert all(abs(b.start_us - a.end_us) < SECOND // 5 for a, b in pairwise(segments))
    assert all(b.start_us >= a.end_us - 2 for a, b in pairwise(segments))
    async with database.reading() as session:
        assert (await session.scalars(select(Gap))).all() == []
        volumes = await segment_index.volume_paths(session)
    for segment in segments:
        assert await asyncio.to_thread(path_of(volumes, segment).exists)


async def test_a_stream_that_is_off_when_the_clock_is_set_right_is_corrected_too(
    rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path
) -> None:
    """Its schedule has ended and begins again later. The time between is a gap by the right clock."""
    ours = SteppedClock(3600.0)
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    began = to_microseconds(SystemClock().now())
    async with record(database, tmp_path / "video", spec, clock=ours, segment_seconds=1.1) as machine:
        await eventually(lambda: machine.streams["cam/main"].counters.frames >= 12)
        await machine.want([])
        ours.ahead = timedelta(0)
        machine.poll_loop.station.read()
        await machine.want([spec])
        await eventually(lambda: machine.streams["cam/main"].counters.frames >= 18)
    ended = to_microseconds(SystemClock().now())
    segments = await segments_of(database)
    assert began - SECOND < segments[0].start_us and segments[-1].end_us < ended + SECOND
    async with database.reading() as session:
        gaps = [(g.start_us, g.end_us) for g in await session.scalars(select(Gap)) if g.end_us]
    spans = sorted([(s.start_us, s.end_us) for s in segments] + gaps)
    assert all(abs(a[1] - b[0]) < SECOND // 5 for a, b in pairwise(spans))


@pytest.mark.parametrize("by", [-15 * SECOND, HOUR, 25 * SECOND])
async def test_more_files_than_a_stream_remembers_move_in_batches(
    filed: RecordedFiles, by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file moves twice, although new names lie among old ones; what the new clock named stays."""
    monkeypatch.setattr(file_moves, "FILES_PER_TRANSACTION", 3)
    before = T - 40 * SECOND  # in an earlier hour of the archive: an entry made before
    await filed.prepare(before - HOUR)
    clock_corrector = corrector.ClockCorrector(filed.archive)
    await clock_corrector.begin(T - 100)
    starts = [T + k * 10 * SECOND for k in range(10)]
    new = T + 100 * SECOND + by
    await filed.prepare(*starts, new)
    step = ClockStep("cam/main", T, T + 100 * SECOND, by, tuple(starts[:2]), True, [new])
    clock_corrector.clock_stepped(by)
    clock_corrector.queue_step(step)
    await clock_corrector.finish()
    assert clock_corrector.moved == 10
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == pytest.approx(sorted([before - HOUR, new, *(s + by for s in starts)]), abs=12)
    assert await filed.names() == sorted(path_of(filed.archive.paths, s) for s in await segments_of(filed.database))
