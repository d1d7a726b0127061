"""Facts on their way to the archive: a refusing disk or database stops nothing and loses no fact needlessly."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.clock import SECOND, SystemClock
from core.database import Database
from core.events import Event, EventKind
from nvr.archive import archive_log as archive_module
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.segment_index import Segment, path_of
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Gap, GapCause
from tests import waiting
from tests.nvr.conftest import eventually, segments_of

NO_ARGUMENTS: Any = {}


class Facts:
    """Numbered facts. `written` are those whose transaction was not refused."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.go = asyncio.Event()
        self.go.set()
        self.refuses: dict[int, Exception] = {}
        self.refuses_all: Exception | None = None

    def make(self, number: int) -> Any:
        async def write(_session: AsyncSession) -> None:
            await self.go.wait()
            if error := self.refuses.get(number, self.refuses_all):
                raise error
            self.written.append(number)

        return write


def outage() -> OperationalError:
    """Return a failure of a statement, not of the server: PostgreSQL's io_error."""
    error = Exception("disk I/O error")
    error.sqlstate = "58030"  # type: ignore[attr-defined]
    return OperationalError("INSERT", NO_ARGUMENTS, error)


@pytest.fixture
def archive(database: Database) -> ArchiveLogWriter:
    return ArchiveLogWriter(database, SystemClock())


async def test_a_disk_that_keeps_an_empty_file_does_not_end_the_writing(
    archive: ArchiveLogWriter, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[tuple[int, int | None]] = []
    archive.paths = {1: tmp_path}
    archive.on_unlink_failed = lambda volume, error: refused.append((volume, error.errno))
    empty = Segment("cam/main", 1, SECOND, SECOND)
    path = path_of(archive.paths, empty)
    await asyncio.to_thread(lambda: (path.parent.mkdir(parents=True), path.write_bytes(b"x")))
    real, read_only = Path.unlink, True
    unlinked: list[Path] = []

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if read_only and self == path:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(self, missing_ok)
        unlinked.append(self)

    monkeypatch.setattr(Path, "unlink", unlink)
    monkeypatch.setattr(archive_module, "FLUSH_INTERVAL_S", 0.01)
    running = asyncio.create_task(archive.run())
    archive.segment_closed(empty)
    await eventually(lambda: refused)
    archive.segment_closed(Segment("cam/main", 1, 2 * SECOND, 3 * SECOND, SECOND, 10, 5))

    async def is_stored() -> bool:
        return [s.start_us for s in await segments_of(database)] == [2 * SECOND]

    await waiting.eventually(is_stored)
    assert not running.done() and refused[0] == (1, errno.EROFS)
    read_only = False
    archive.add_gap("cam/main", 0, GapCause.UNREACHABLE, "", SECOND)
    await eventually(lambda: path in unlinked)
    running.cancel()
    assert not await asyncio.to_thread(path.exists)  # it is retried as soon as its disk allows


async def test_facts_that_come_during_a_flush_push_out_none_that_is_being_written(
    archive: ArchiveLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive._queue, "limit", 5)
    facts = Facts()
    facts.go.clear()
    for n in range(5):
        archive.queue(facts.make(n))
    flushing = asyncio.create_task(archive.flush())
    await asyncio.sleep(0.05)
    for n in range(5, 13):  # three more than the queue can hold
        archive.queue(facts.make(n))
    facts.go.set()
    assert await flushing
    assert facts.written == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12] and archive.dropped_facts == 3


async def test_what_could_not_be_written_waits_in_its_order_within_the_bound(
    archive: ArchiveLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive._queue, "limit", 5)
    facts = Facts()
    facts.refuses_all = outage()
    for n in range(4):
        archive.queue(facts.make(n))
    assert not await archive.flush()
    for n in range(4, 7):
        archive.queue(facts.make(n))
    assert not await archive.flush() and archive.dropped_facts == 2
    facts.refuses_all = None
    assert await archive.flush() and facts.written == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "error",
    [
        DataError("INSERT", NO_ARGUMENTS, Exception("value too long for type character varying(20)")),
        StatementError(
            "bad bind", "INSERT", NO_ARGUMENTS, ValueError("a datetime without a time zone cannot be stored")
        ),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
    ],
)
async def test_a_fact_that_the_driver_does_not_take_holds_up_no_other(
    archive: ArchiveLogWriter, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    facts = Facts()
    facts.refuses[1] = error
    for n in range(4):
        archive.queue(facts.make(n))
    assert await archive.flush()
    assert set(facts.written) == {0, 2, 3} and archive.dropped_facts == 1
    assert "was dropped because the database rejects it" in caplog.text


async def test_a_fact_that_always_looks_like_an_outage_is_found_out(archive: ArchiveLogWriter) -> None:
    facts = Facts()
    facts.refuses[1] = outage()
    for n in range(4):
        archive.queue(facts.make(n))
    for _ in range(archive_module.REFUSALS_BEFORE_SINGLES - 1):
        assert not await archive.flush()
    assert await archive.flush()
    assert facts.written[-3:] == [0, 2, 3] and archive.dropped_facts == 1


async def test_an_outage_costs_no_fact_however_long_it_lasts(
    archive: ArchiveLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts()
    facts.refuses_all = outage()
    for n in range(50):
        archive.queue(facts.make(n))
    for _ in range(archive_module.REFUSALS_BEFORE_SINGLES * 2):
        assert not await archive.flush()
    facts.refuses_all = None
    assert await archive.flush() and facts.written == list(range(50)) and archive.dropped_facts == 0


async def test_a_cancelled_flush_is_committed_once(archive: ArchiveLogWriter) -> None:
    facts = Facts()
    facts.go.clear()
    archive.queue(facts.make(0))
    flushing = asyncio.create_task(archive.flush())
    await asyncio.sleep(0.05)
    flushing.cancel()
    await asyncio.sleep(0.01)
    facts.go.set()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await archive.drain()
    assert facts.written == [0]


async def test_events_of_the_recorder_belong_to_a_village(archive: ArchiveLogWriter, database: Database) -> None:
    async with database.session() as session:
        session.add(Village(code="east", name="East", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(Camera(id="cam", name="c", village="east", profile={}))
    archive.queue_event(EventKind.STREAM_FELL_BACK, "cam", stream="cam/main")
    archive.queue_event(EventKind.RECORDER_STALLED, None, streams=3)
    assert await archive.flush()
    async with database.reading() as session:
        found = {e.kind: e.village for e in await session.scalars(select(Event))}
    assert found == {"stream.fell_back": "east", "recorder.stalled": None}


async def test_an_hour_of_facts_is_written_in_several_transactions(
    archive: ArchiveLogWriter, database: Database
) -> None:
    for n in range(archive_module.BATCH_FACTS + 10):
        archive.segment_opened(replace(Segment("cam/main", 1, n, n), open=True))
    archive.add_gap("cam/main", 0, GapCause.UNREACHABLE, "", SECOND)
    assert await archive.flush()
    async with database.reading() as session:
        assert len((await session.scalars(select(Gap))).all()) == 1


async def test_a_volume_that_hangs_holds_up_no_row(
    archive: ArchiveLogWriter, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    back, real = threading.Event(), Path.unlink
    archive._calls = DiskCalls(0.05)
    archive.paths = {1: tmp_path / "hangs", 2: tmp_path / "works"}
    own = Segment("cam/main", 2, SECOND, SECOND)
    path = path_of(archive.paths, own)
    await asyncio.to_thread(lambda: (path.parent.mkdir(parents=True), path.write_bytes(b"x")))

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if tmp_path / "hangs" in self.parents:
            back.wait(20)
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    archive.segment_closed(Segment("cam/sub", 1, SECOND, SECOND))
    archive.segment_closed(own)
    assert await archive.flush()
    archive.segment_closed(Segment("cam/main", 1, 2 * SECOND, 3 * SECOND, SECOND, 10, 5))
    assert await archive.flush() and len(await segments_of(database)) == 1
    assert not await asyncio.to_thread(path.exists)
    back.set()


async def test_where_facts_must_be_dropped_gaps_are_kept_and_files_adopted_later(
    archive: ArchiveLogWriter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive._queue, "limit", 20)
    for n in range(30):
        if n % 3 == 0:
            archive.add_gap("cam/main", n * SECOND, GapCause.UNREACHABLE, "", n * SECOND + 1)
        else:
            archive.segment_closed(Segment("cam/main", 1, n * SECOND, n * SECOND + 1, frames=1))
    assert await archive.flush()
    async with database.reading() as session:
        gaps = [g.start_us // SECOND for g in await session.scalars(select(Gap).order_by(Gap.start_us))]
    assert gaps == list(range(0, 30, 3)) and archive.dropped_facts >= 10
