"""The station's own clock is set: wrongly named recordings are corrected, crash or not, and nothing overlaps."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from cameras.virtual.rtsp_server import Mount
from core.clock import SECOND, ManualClock, SystemClock, to_microseconds
from core.database import Database
from core.settings import RetentionSettings
from nvr.archive import file_removal, holds, segment_index
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.retention import Retention
from nvr.archive.retention_clock import RetentionClock
from nvr.archive.segment_index import Segment, SegmentFlag, path_of
from nvr.archive.timeline import ClockStep
from nvr.clock import clock_epoch
from nvr.clock.plausibility import ClockSnapshot
from nvr.clock.station_clock import StationClock
from nvr.clock_correction import corrector, file_moves
from nvr.storage.volumes import prepare
from nvr.streams import StreamSpec
from nvr.tables import Footage, Gap, Hold, RetentionClockRow, StreamUsage
from tests.nvr.conftest import LOGIN, eventually, record, segments_of

T = 1_764_000_000 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


class SteppedClock(SystemClock):
    """A clock that a test sets."""

    def __init__(self, ahead: float = 0.0):
        self.ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        return super().now() + self.ahead


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


class RecordedFiles:
    """Files of ten seconds, and gaps, as a recorder left them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.archive = ArchiveLogWriter(database, SystemClock())
        self.folder = folder
        self.segments: list[Segment] = []

    async def prepare(self, *starts: int) -> RecordedFiles:
        (volume,) = await prepare(self.database, [self.folder], self.folder)
        self.archive.paths = {volume.number: self.folder}
        for start in starts:
            segment = Segment(
                "cam/main", volume.number, start, start + 10 * SECOND, 10 * SECOND, 4, 250, clock_offset_us=7 * SECOND
            )
            self.segments.append(segment)
            await asyncio.to_thread(self._write, segment)
            self.archive.segment_opened(Segment("cam/main", volume.number, start, start, open=True))
            self.archive.segment_closed(segment)
        await self.archive.flush()
        return self

    def _write(self, segment: Segment) -> None:
        path = path_of(self.archive.paths, segment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")

    def step(self, by: int, *files: int) -> ClockStep:
        return ClockStep("cam/main", T, T + 30 * SECOND, by, tuple(files))

    async def gaps(self) -> list[tuple[int, int | None]]:
        async with self.database.reading() as session:
            return [(g.start_us, g.end_us) for g in await session.scalars(select(Gap).order_by(Gap.id))]

    async def names(self) -> list[Path]:
        return await asyncio.to_thread(lambda: sorted(self.folder.glob("cam/main/*/*.mp4")))


@pytest.fixture
async def filed(database: Database, tmp_path: Path) -> RecordedFiles:
    return RecordedFiles(database, tmp_path / "video")


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
    archive.add_gap("cam/main", T - 3 * HOUR, "recorder_down", "", T + 5 * SECOND)  # began under a clock that was right
    archive.add_gap("cam/main", T + 15 * SECOND, "unreachable", "", T + 20 * SECOND)
    archive.add_gap("cam/main", T + 30 * SECOND, "unreachable", "")
    clock_corrector = corrector.ClockCorrector(archive)
    clock_corrector.queue_step(filed.step(-HOUR, T + 5 * SECOND))
    archive.add_gap("cam/main", T + 12 * SECOND, "no_packets", "", T + 14 * SECOND)  # by the new clock
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
    filed.archive.add_gap("cam/main", T + HOUR // 2, "unreachable", "", T + HOUR // 2)
    filed.archive.add_gap("cam/main", T + HOUR, "recorder_down", "", T + HOUR)
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
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, "native")
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
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, "native")
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


async def test_what_an_earlier_run_filed_by_the_same_clock_moves_too(filed: RecordedFiles, tmp_path: Path) -> None:
    """The recorder is restarted before the clock is set.

    What a right clock named before both, in the same time range, stays.
    """
    kept = tmp_path / "clock-0.json"
    right = T - 400 * 24 * HOUR
    await filed.prepare(right, T + 2 * HOUR)  # by a clock that was right, or in another boot: entries made before
    filed.archive.add_gap("cam/main", T + 2 * HOUR, "unreachable", "", T + 2 * HOUR + SECOND)
    await filed.archive.flush()
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    await filed.prepare(T, T + 10 * SECOND)
    filed.archive.add_gap("cam/main", T + 20 * SECOND, "recorder_down", "", T + 30 * SECOND)
    await filed.archive.flush()
    second = corrector.ClockCorrector(filed.archive)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None and ours.since_us == T
    # Half a minute passed.
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, offset_us=ours.offset_us + 30 * SECOND))
    await second.begin(T + 30 * SECOND, kept)
    await filed.prepare(T + 30 * SECOND)
    by = 300 * 24 * HOUR
    second.clock_stepped(by)
    second.queue_step(ClockStep("cam/main", T + 30 * SECOND, T + 3 * HOUR, by, (T + 30 * SECOND,)))
    await filed.archive.flush()
    await second.finish()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == [right, T + 2 * HOUR, T + by, T + by + 10 * SECOND, T + by + 30 * SECOND]
    assert await filed.gaps() == [
        (T + 2 * HOUR, T + 2 * HOUR + SECOND), (T + by + 20 * SECOND, T + by + 30 * SECOND),
    ]  # fmt: skip
    after = await asyncio.to_thread(clock_epoch.load, kept)
    assert after is not None and after.since_us == T + by


@pytest.mark.parametrize("by", [-400 * DAY, 400 * DAY])
async def test_a_mistake_that_a_reboot_undoes_deletes_nothing(filed: RecordedFiles, by: int) -> None:
    """Twenty days of recordings move with a clock that somebody sets wrong; after a reboot the clock is right again."""
    clocks, reading = ManualClock(), [T, 10 * HOUR, 0]  # wall, uptime, boot
    guard = RetentionClock(
        filed.database, clocks, 30, lambda _: ClockSnapshot(reading[0], reading[1], str(reading[2]), True)
    )
    retention = Retention(filed.database, clocks, RetentionSettings(main_days=30, sub_days=30), guard)
    retention.measure_free, retention.measure_inodes = (lambda volume: 2**50), (lambda volume: None)
    await filed.prepare()
    clock_corrector = corrector.ClockCorrector(filed.archive)
    await clock_corrector.begin(T)
    starts = [T + k * DAY - 20 * SECOND for k in range(1, 21)]
    for start in starts:
        reading[:2] = [reading[0] + DAY, reading[1] + DAY]
        await retention.run_once()
        await filed.prepare(start)
    reading[:2] = [reading[0] + by + 5 * SECOND, reading[1] + 5 * SECOND]
    clock_corrector.clock_stepped(by)
    clock_corrector.queue_step(ClockStep("cam/main", T, T + 20 * DAY, by, tuple(starts)))
    await clock_corrector.finish()
    assert clock_corrector.moved == 20 and await retention.run_once() == 0
    reading[:] = [reading[0] - by + 300 * SECOND, 60 * SECOND, 1]
    for _ in range(3):
        reading[:2] = [reading[0] + 60 * SECOND, reading[1] + 60 * SECOND]
        assert await retention.run_once() == 0
    assert not (await guard.check()).suspended and len(await filed.names()) == 20


async def test_another_boot_or_another_clock_begins_anew(filed: RecordedFiles, tmp_path: Path) -> None:
    kept = tmp_path / "clock-0.json"
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    for other in (replace(ours, boot="another"), replace(ours, offset_us=ours.offset_us - HOUR)):
        await asyncio.to_thread(clock_epoch.save, kept, other)
        second = corrector.ClockCorrector(filed.archive)
        await second.begin(T + 50, kept)
        found = await asyncio.to_thread(clock_epoch.load, kept)
        assert found is not None and found.since_us == T + 50
    await asyncio.to_thread(kept.write_text, "[1, 2")
    assert await asyncio.to_thread(clock_epoch.load, kept) is None


@pytest.mark.parametrize("by", [-400 * DAY, -8 * HOUR, -HOUR, HOUR, 8 * HOUR, 400 * DAY])
async def test_a_mistake_that_a_restart_of_the_machine_undoes_is_taken_back(
    filed: RecordedFiles, tmp_path: Path, by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that the previous boot named, and moved, returns to its recording time once the clock is believed.

    What others named in the same hours stays. The restart is a gap.
    """
    up, kept, began = [30 * SECOND], tmp_path / "clock-0.json", T + 600 * SECOND
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    others = [began - 10 * SECOND, *([began + by - 10 * SECOND] if abs(by) > DAY else [])]
    await filed.prepare(*others)
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(began, kept)
    first.register_stream("cam/main")
    starts = [began + k * 10 * SECOND for k in range(3)]
    await filed.prepare(*starts)
    first.clock_stepped(by)
    first.queue_step(ClockStep("cam/main", began, began + 30 * SECOND, by, tuple(starts)))
    await first.finish()
    await filed.prepare(began + 30 * SECOND + by)  # by the wrong clock
    up[0] += 40 * SECOND
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, boot="before"))
    up[0], again = 20 * SECOND, began + 340 * SECOND
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(again, kept)
    if by < 0:  # otherwise its timeline was in the future and continued from now
        filed.archive.add_gap("cam/main", began + 40 * SECOND + by, "recorder_down", "", again)
    await filed.prepare(again)
    await second.check()
    assert second.moved == 0  # nobody has confirmed the clock yet
    async with filed.database.session() as session:
        session.add(
            RetentionClockRow(
                id=1,
                boot=ours.boot,
                uptime_us=up[0],
                wall_us=again,
                plausible_us=again,
                suspicion="",
                steady_us=0,
                ntp_us=0,
            )
        )
    await second.check()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == pytest.approx(sorted([*others, *starts, began + 30 * SECOND, again]), abs=5)
    assert await filed.names() == sorted(path_of(filed.archive.paths, s) for s in await segments_of(filed.database))
    assert await filed.gaps() == [(pytest.approx(began + 40 * SECOND), pytest.approx(again))]
    after = await asyncio.to_thread(clock_epoch.load, kept)
    assert after is not None and after.earlier == () and after.is_proved
    await second.check()
    assert sorted(s.start_us for s in await segments_of(filed.database)) == found


async def test_a_stream_that_only_an_earlier_run_recorded_is_corrected_too(
    filed: RecordedFiles, tmp_path: Path
) -> None:
    """Its schedule had ended before the recorder was restarted."""
    kept = tmp_path / "clock-0.json"
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T, kept)
    first.register_stream("cam/main")
    await filed.prepare(T, T + 10 * SECOND)
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, offset_us=ours.offset_us + 60 * SECOND))
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(T + 60 * SECOND, kept)
    second.clock_stepped(-HOUR, {"other/main"})
    await second.finish()
    assert [s.start_us for s in await segments_of(filed.database)] == [T - HOUR, T + 10 * SECOND - HOUR]


@pytest.mark.parametrize("by", [-400 * DAY, -5 * SECOND, 8 * HOUR])
async def test_a_hold_follows_the_footage_that_it_protects(filed: RecordedFiles, by: int) -> None:
    """Whichever clock was right: held recordings stay held under their new names, and when the change is undone."""
    await filed.prepare(T, T + 10 * SECOND, T + 20 * SECOND)
    now = SystemClock().now()
    held = {
        "camera": "cam",
        "owner": "li",
        "reason": "case 7",
        "created_at": now,
        "expires_at": now + timedelta(days=90),
    }
    async with filed.database.session() as session:
        session.add(Hold(start_us=T + 8 * SECOND, end_us=T + 18 * SECOND, **held))
        session.add(Hold(start_us=T, end_us=T + 20 * SECOND, released_at=now, **held | {"reason": "over"}))
        session.add(Hold(start_us=T, end_us=T + 20 * SECOND, **held | {"camera": "other"}))
    clock_corrector = corrector.ClockCorrector(filed.archive)
    clock_corrector.queue_step(filed.step(by, T, T + 10 * SECOND, T + 20 * SECOND))
    clock_corrector.queue_step(replace(filed.step(by, T, T + 10 * SECOND), stream="cam/sub"))
    await clock_corrector.finish()

    async def kept() -> list[bool]:
        async with filed.database.reading() as session:
            found = await holds.active_holds(session, None)
            assert all(h.end_us - h.start_us <= 20 * SECOND for h in found if h.camera == "cam")
            assert len(found) == (2 if abs(by) < 10 * SECOND else 3)
        return [holds.is_held(found, s) for s in await segments_of(filed.database)]

    assert (await kept())[:2] == [True, True]
    back = ClockStep("cam/main", T + by, T + by + 30 * SECOND, -by, tuple(T + by + k * 10 * SECOND for k in range(3)))
    clock_corrector.queue_step(back)
    await clock_corrector.finish()
    assert (await kept())[:2] == [True, True]


async def test_what_was_filed_before_the_clock_was_set_while_no_recorder_ran(
    filed: RecordedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up, kept, began = [HOUR], tmp_path / "clock-0.json", T + 600 * SECOND
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    first = corrector.ClockCorrector(filed.archive)
    await first.begin(began, kept)
    first.register_stream("cam/main")
    await filed.prepare(began, began + 10 * SECOND)
    up[0] += 60 * SECOND
    await first.finish()
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(began + 60 * SECOND - 60 * SECOND - 120 * SECOND, kept)  # two minutes back: the same hour
    await filed.prepare(began - 120 * SECOND)
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    async with filed.database.session() as session:
        session.add(
            RetentionClockRow(
                id=1, boot=ours.boot, uptime_us=up[0], wall_us=ours.offset_us + up[0], plausible_us=T, suspicion="",
                steady_us=0, ntp_us=0,
            )
        )  # fmt: skip
    await second.check()
    found = sorted(s.start_us for s in await segments_of(filed.database))
    assert found == [began - 180 * SECOND, began - 170 * SECOND, began - 120 * SECOND]
    assert await filed.gaps() == [(began - 160 * SECOND, began - 120 * SECOND)]


H_MS = HOUR // 1000


@pytest.mark.parametrize(
    ("wrong", "before", "after", "moves"),
    [
        (-5 * HOUR, (0, 300, -200), (0, 300, -200), True),
        (3 * DAY, (0, 9 * H_MS, -200), (0, 9 * H_MS, -200), True),  # one camera is wrong itself, steadily
        (-5 * HOUR, (0, 9 * H_MS, -7 * H_MS), (0, 0, 0), False),  # they do not agree
        (-5 * HOUR, (0, 300, None), (0, 300, None), False),  # too few cameras
        (2 * HOUR, (-30 * 24 * H_MS,) * 3, (0, 0, 0), False),  # no restart explains what they report
        # All cameras had lost their time and have it again: the station's was right.
        (0, (-26 * 365 * 24 * H_MS,) * 3, (0, 0, 0), False),
    ],
)
async def test_a_clock_that_was_wrong_from_the_start_of_the_machine_and_never_set(
    filed: RecordedFiles,
    tmp_path: Path,
    wrong: int,
    before: tuple[int | None, ...],
    after: tuple[int | None, ...],
    moves: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cameras know the error, because their clocks continued.

    `wrong`: error of the previous boot; `before` and `after`: the cameras' own errors, ms.
    """
    up, kept = [30 * SECOND], tmp_path / "clock-0.json"
    monkeypatch.setattr(clock_epoch, "since_boot", lambda: up[0])
    volume = (await filed.prepare()).archive.paths

    async def record_all(at: int, error: int, offsets: tuple[int | None, ...]) -> None:
        for number, offset in enumerate(offsets):
            stream, camera_us = f"c{number}/main", offset * 1000 - error if offset is not None else None
            segment = Segment(
                stream, next(iter(volume)), at, at + 10 * SECOND, 10 * SECOND, 4, 250, clock_offset_us=camera_us
            )
            await asyncio.to_thread(filed._write, segment)
            filed.archive.segment_opened(replace(segment, open=True))
            filed.archive.segment_closed(segment)
        await filed.archive.flush()

    first = corrector.ClockCorrector(filed.archive)
    await first.begin(T + wrong, kept)
    for number in range(len(before)):
        first.register_stream(f"c{number}/main")
    await record_all(T + wrong, wrong, before)
    up[0] += 20 * SECOND
    await first.finish()
    ours = await asyncio.to_thread(clock_epoch.load, kept)
    assert ours is not None
    await asyncio.to_thread(clock_epoch.save, kept, replace(ours, boot="before"))
    up[0], again = 20 * SECOND, T + 300 * SECOND
    second = corrector.ClockCorrector(filed.archive)
    await second.begin(again, kept)
    await record_all(again, 0, after)
    up[0] += 60 * SECOND
    async with filed.database.session() as session:
        row = RetentionClockRow(
            id=1,
            boot=ours.boot,
            uptime_us=up[0],
            wall_us=again - 20 * SECOND + up[0],
            plausible_us=again,
            suspicion="",
            steady_us=0,
            ntp_us=0,
        )
        session.add(row)
    await second.check()
    async with filed.database.reading() as session:
        found = [s for n in range(len(before)) for s in await segment_index.between(session, [f"c{n}/main"], 0, 2**62)]
    old = [s.start_us for s in found if s.start_us != again]
    assert old == pytest.approx([T if moves else T + wrong] * len(before), abs=SECOND)
