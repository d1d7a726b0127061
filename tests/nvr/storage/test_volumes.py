"""Several disks: identity, placement, and one that fails while the recorder runs."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SECOND, ManualClock, SystemClock
from core.database import Database
from core.errors import StorageError
from core.events import Event
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.integrity.verify import verify
from nvr.archive.segment_index import Segment, path_of
from nvr.engine_choice import EngineKind
from nvr.media.buffers import iovec
from nvr.storage import disk_writer, volumes
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_remedies import remedy_of
from nvr.storage.disk_writer import Writer
from nvr.storage.volume_set import Disk, VolumeSet
from nvr.storage.volumes import IDENTITY, identity_of, prepare
from nvr.streams import StreamSpec
from nvr.tables import Gap, GapCause, OpenSegment, Volume, VolumeState
from tests.nvr.conftest import Recording, eventually, segments_of


async def test_a_volume_is_known_by_its_file_not_by_its_path(database: Database, tmp_path: Path) -> None:
    (first,) = await prepare(database, [tmp_path / "a"], tmp_path)
    await asyncio.to_thread((tmp_path / "a").rename, tmp_path / "b")
    (again,) = await prepare(database, [tmp_path / "b"], tmp_path)
    assert (again.number, again.path) == (first.number, str(tmp_path / "b"))


async def test_a_mistyped_folder_is_refused_and_not_created(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Recordings would fill the system disk, on which the folder that nobody mounts would lie."""
    await asyncio.to_thread((tmp_path / "disk1").mkdir)
    mistyped = [tmp_path / "diks2", tmp_path / "not-there" / "video"]
    (one,) = await prepare(database, [tmp_path / "disk1", *mistyped])
    assert one.path == str(tmp_path / "disk1")
    assert not any([await asyncio.to_thread(path.exists) for path in (*mistyped, tmp_path / "not-there")])
    for path in mistyped:
        refusal = f"{path} does not exist: mount its disk, correct data.volumes, or create the folder"
        assert f"volume refused: {refusal}" in caplog.messages
    with pytest.raises(StorageError, match="diks2 does not exist: mount its disk"):
        await prepare(database, mistyped[:1])


async def test_a_folder_in_the_data_folder_or_on_a_mounted_disk_is_created(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, data = tmp_path / "disk", tmp_path / "data"
    await asyncio.to_thread(disk.mkdir)
    monkeypatch.setattr(Path, "is_mount", lambda self: self == disk)
    first, second = await prepare(database, [data / "video", disk / "video"], data)
    assert (first.state, second.state) == ("ok", "ok")


async def test_an_unmounted_or_wrong_disk_is_refused(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare(database, [tmp_path / "a", tmp_path / "b"], tmp_path)
    await asyncio.to_thread((tmp_path / "a" / IDENTITY).unlink)  # an empty mount point
    first, second = await prepare(database, [tmp_path / "a", tmp_path / "b"], tmp_path)
    assert (first.state, second.state) == ("missing", "ok")
    assert "check that the disk is mounted" in first.detail
    assert not await asyncio.to_thread((tmp_path / "a" / IDENTITY).exists)
    await asyncio.to_thread((tmp_path / "b" / IDENTITY).unlink)
    with pytest.raises(StorageError, match="no volume can be used"):
        await prepare(database, [tmp_path / "a", tmp_path / "b"], tmp_path)


def disk(number: int, free: int) -> Disk:
    return Disk(number, Path(f"/{number}"), f"disk-{number}", Writer(), total=1000, free=free)


def test_streams_spread_by_free_space_and_stay_where_they_are() -> None:
    disks = VolumeSet([disk(1, 100), disk(2, 300)], SystemClock())
    chosen = {f"c{i}/main": disks.choose_disk(f"c{i}/main", None) for i in range(2000)}
    share = sum(d is disks.disks[1] for d in chosen.values()) / len(chosen)
    assert 0.71 < share < 0.79  # three quarters of the free space
    disks.disks[0].free, disks.disks[1].free = 900, 10
    assert all(disks.choose_disk(s, d) is d for s, d in chosen.items())
    disks.disks[1].state = VolumeState.FAILED
    assert all(disks.choose_disk(s, d) is disks.disks[0] for s, d in chosen.items())
    disks.disks[0].state = VolumeState.FULL
    assert disks.choose_disk("c1/main", None) is None


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
async def test_a_failing_disk_moves_its_cameras_to_the_others(
    number: int,
    clip: LoopClip,
    recording: Recording,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = RtspServer([Mount(f"/cam{i}", {"healthy": clip}) for i in range(12)])
    port = await server.start("127.0.0.1", 0)
    specs = [StreamSpec(f"cam{i}/main", f"rtsp://127.0.0.1:{port}/cam{i}", None, EngineKind.NATIVE) for i in range(12)]
    broken: set[str] = set()
    real = iovec.write

    def writev(descriptor: int, parts: Any) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(tuple(broken) or "\0"):
            raise OSError(number, os.strerror(number))
        return real(descriptor, parts)

    monkeypatch.setattr("nvr.media.buffers.iovec.write", writev)
    volumes = [tmp_path / "one", tmp_path / "two"]
    async with recording(*specs, volumes=volumes, segment_seconds=30) as recorder:
        states = list(recorder.streams.values())
        await eventually(lambda: all(s.sink.segment and s.counters.frames > 12 for s in states))
        used = {s.sink.segment.disk.number for s in states if s.sink.segment}
        assert used == {1, 2}
        broken.add(str(tmp_path / "one"))
        await eventually(lambda: all(s.sink.segment and s.sink.segment.disk.number == 2 for s in states), 10)
        frames = [s.counters.frames for s in states]
        await eventually(lambda: all(s.counters.frames > f + 10 for s, f in zip(states, frames, strict=True)))
    await server.stop()
    async with database.reading() as session:
        kinds = set(await session.scalars(select(Event.kind).where(Event.kind.startswith("volume."))))
        gaps = (await session.scalars(select(Gap))).all()
    assert kinds == {"volume.full" if number == errno.ENOSPC else "volume.failed"}
    assert all(g.end_us is not None and g.end_us - g.start_us < 5_000_000 for g in gaps)
    findings = await verify(database, hash_files=True)
    assert findings.clean, findings
    for spec in specs:
        assert await segments_of(database, spec.id)


async def test_a_disk_that_hangs_is_left_and_comes_back(
    clip: LoopClip, recording: Recording, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvr.storage.volume_set.MAX_LAG_S", 0.5)
    monkeypatch.setattr("nvr.storage.volume_set.RETRY_INTERVAL_S", 1.0)
    server = RtspServer([Mount(f"/cam{i}", {"healthy": clip}) for i in range(12)])
    port = await server.start("127.0.0.1", 0)
    specs = [StreamSpec(f"cam{i}/main", f"rtsp://127.0.0.1:{port}/cam{i}", None, EngineKind.NATIVE) for i in range(12)]
    import threading

    answering = threading.Event()
    answering.set()
    real = iovec.write

    def writev(descriptor: int, parts: Any) -> int:
        if not answering.is_set() and os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(tmp_path / "one")):
            answering.wait(20)
        return real(descriptor, parts)

    monkeypatch.setattr("nvr.media.buffers.iovec.write", writev)
    async with recording(*specs, volumes=[tmp_path / "one", tmp_path / "two"], segment_seconds=30) as recorder:
        states = list(recorder.streams.values())
        await eventually(lambda: all(s.sink.segment and s.counters.frames > 12 for s in states))
        answering.clear()
        await eventually(lambda: all(s.sink.segment and s.sink.segment.disk.number == 2 for s in states), 10)
        assert recorder.volumes[1].state == "slow"
        answering.set()
        await eventually(lambda: recorder.volumes[1].state == "ok", 10)
    await server.stop()
    async with database.reading() as session:
        assert (await session.get_one(Volume, 1)).number == 1
    findings = await verify(database, hash_files=True)
    assert findings.clean, findings


async def test_a_file_that_was_there_before_is_never_removed(database: Database, tmp_path: Path) -> None:
    """A file that could not be created may be somebody else's; an empty file of the recorder is removed."""
    archive = ArchiveLogWriter(database, SystemClock())
    archive.paths = {1: tmp_path}
    other, own = (Segment("c/main", 1, start, start, size=size) for start, size in ((SECOND, -1), (2 * SECOND, 0)))

    def make() -> None:
        for segment in (other, own):
            path = path_of(archive.paths, segment)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")

    await asyncio.to_thread(make)
    for segment in (other, own):
        archive.segment_opened(replace(segment, open=True))
        archive.segment_closed(segment)
    assert await archive.flush()
    assert await asyncio.to_thread(path_of(archive.paths, other).exists)
    assert not await asyncio.to_thread(path_of(archive.paths, own).exists)


async def test_one_fact_that_contradicts_holds_up_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    archive = ArchiveLogWriter(database, SystemClock())
    twice = Segment("cam/main", 1, 1_000_000, 1_000_000, open=True)
    archive.segment_opened(twice)
    assert await archive.flush()
    archive.segment_opened(twice)
    archive.add_gap("cam/main", 0, GapCause.UNREACHABLE, "", 1_000_000)
    archive.segment_opened(Segment("cam/sub", 1, 1_000_000, 1_000_000, open=True))
    assert await archive.flush() and archive.dropped_facts == 1
    async with database.reading() as session:
        assert len((await session.scalars(select(OpenSegment))).all()) == 2
        assert len((await session.scalars(select(Gap))).all()) == 1
    assert "a database error rejected" in caplog.text


class Hardware:
    """A volume set on plain folders, checked once per call."""

    def __init__(self, folders: list[Path], clock: ManualClock) -> None:
        disks = [Disk(n, f, f"id{n}", Writer()) for n, f in enumerate(folders, 1)]
        self.set = VolumeSet(disks, clock, _by_number={d.number: d for d in disks})
        self.clock, self.flushes = clock, list[str]()
        self.set.on_flush_failed = lambda disk: self.flushes.append(disk.detail)

    async def check(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        for disk in self.set.disks:
            await self.set._check_disk(disk)


@pytest.fixture
def hardware(tmp_path: Path, clock: ManualClock) -> Hardware:
    folders = [tmp_path / "one", tmp_path / "two"]
    for n, folder in enumerate(folders, 1):
        folder.mkdir()
        (folder / IDENTITY).write_text(f'{{"identity": "id{n}"}}')
    return Hardware(folders, clock)


@pytest.mark.parametrize("others", [1, 0])
async def test_a_failed_flush_is_a_fault_and_another_disk_goes_on(
    others: int, hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not others:
        hardware.set.disks.pop()
    disk = hardware.set.disks[0]
    disk.writer._flush_error = OSError(errno.EIO, os.strerror(errno.EIO))
    await hardware.check()
    assert hardware.flushes == [disk.detail] and "Input/output error" in disk.detail
    assert disk.usable is (not others)  # the only disk continues: what it accepts may well be stored
    await hardware.check(11)  # it passes a probe
    assert disk.usable and len(hardware.flushes) == 1


async def test_a_flush_tells_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asyncio.to_thread(disk_writer.sync_file_system, tmp_path) is None
    gone = await asyncio.to_thread(disk_writer.sync_file_system, tmp_path / "gone")
    assert gone is not None and gone.errno == errno.ENOENT


async def test_a_volume_that_hangs_is_slow_and_the_others_are_looked_at(
    hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    back, real = threading.Event(), os.statvfs
    one, two = hardware.set.disks

    def statvfs(path: Path) -> Any:
        if path == one.path:
            back.wait(20)
        return real(path)

    monkeypatch.setattr("nvr.storage.volume_set.os.statvfs", statvfs)
    hardware.set._calls = DiskCalls(0.05)
    await hardware.check()
    assert (one.state, two.state) == ("slow", "ok") and two.total > 0
    await hardware.check(11)  # it gets no further call while it hangs
    assert one.state == "slow"
    back.set()
    await asyncio.sleep(0.05)
    await hardware.check(11)
    assert one.state == "ok"


async def test_a_volume_that_is_read_only_comes_back_when_it_is_writable(
    hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, changes = hardware.set.disks[0], list[str]()
    hardware.set.on_change = lambda disk: changes.append(disk.state)
    hardware.set.report_error(one, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    real = os.open

    def read_only(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).startswith(str(one.path / ".minwang-probe")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, *args, **kwargs)

    monkeypatch.setattr("nvr.storage.volume_set.os.open", read_only)
    for _ in range(3):
        await hardware.check(11)
    assert one.state == "failed" and "Read-only" in one.detail and "fsck" in remedy_of(one.state, one.detail).sentence
    monkeypatch.setattr("nvr.storage.volume_set.os.open", real)
    await hardware.check(11)
    assert changes == ["failed", "ok"]


@pytest.mark.parametrize(
    ("free", "inodes", "room"), [(10**9, 5, False), (10, 10**6, False), (10**9, 10**6, True), (10**9, None, True)]
)
async def test_a_full_volume_is_used_again_with_bytes_and_inodes(
    free: int, inodes: int | None, room: bool, hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hardware.set.disks[0]
    hardware.set.min_free = 10**6
    monkeypatch.setattr("nvr.storage.volume_set._measured", lambda _: (10**12, free, 10**7 if inodes else 0, inodes))
    await hardware.check()
    hardware.set.report_error(one, OSError(errno.ENOSPC, "No space left on device"))
    for _ in range(2):
        await hardware.check(11)
    assert one.usable is room


async def test_a_volume_that_hangs_at_the_start_is_refused_and_the_others_work(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    back = threading.Event()
    await prepare(database, [tmp_path / "a", tmp_path / "b"], tmp_path)

    def hanging(path: Path) -> str:
        if path == tmp_path / "a":
            back.wait(20)
        return identity_of(path)

    monkeypatch.setattr(volumes, "identity_of", hanging)
    monkeypatch.setattr("nvr.storage.volumes.START_TIMEOUT_S", 0.1)
    first, second = await prepare(database, [tmp_path / "a", tmp_path / "b"], tmp_path)
    assert (first.state, second.state) == ("missing", "ok") and "does not answer" in first.detail
    back.set()
