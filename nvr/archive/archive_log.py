"""Writes the archive's facts to the database, and answers queries on them.

`ArchiveLogWriter` collects facts in the recorder's event loop without blocking and writes them in one transaction per
second. They wait in a bounded queue while the database is locked. This never affects recordings: a file without an
entry is adopted at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from sqlalchemy import case, insert, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import DatabaseUnreachable, StorageError
from core.json_types import JsonInput
from core.tasks import spawn
from nvr.archive import gaps, segment_index
from nvr.archive.fact_queue import Fact, FactQueue, Write
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import FILLABLE, Gap, GapCause, OpenSegment

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 1.0
MAX_QUEUED_FACTS = 200_000
BATCH_FACTS = 5_000  # facts per transaction
UNLINK_TIMEOUT_S = 5.0  # a volume that does not answer for this long hangs
MAX_FLUSH_S = 20.0  # the wait for a locked database ends after 15 s
MAX_EMPTY_FILES = 10_000
REFUSALS_BEFORE_SINGLES = 10  # consecutive flushes; after them, the facts are tried one by one
MAX_TRIES_WITHOUT_SUCCESS = 20  # facts tried one by one; if none succeeds, the database is at fault
BACKFILL_DELAY = timedelta(
    seconds=30
)  # after a gap, before the camera's storage is queried: the camera has just come back


class ArchiveLogWriter:
    """An ArchiveLog that writes rows. `run` must be running; `drain` empties the queue at the end."""

    def __init__(self, database: Database, clock: Clock):
        self.database = database
        self._clock = clock
        self._queue = FactQueue(MAX_QUEUED_FACTS)
        self._empty_files: deque[Segment] = deque(maxlen=MAX_EMPTY_FILES)  # to be unlinked
        self.paths: dict[int, Path] = {}  # of the volumes, by number
        self._refused_facts = 0
        self._calls = DiskCalls(UNLINK_TIMEOUT_S)
        self._refusals = 0  # consecutive flushes that the database refused
        self._flush_lock = asyncio.Lock()
        self.unhashed_streams: set[str] = (
            set()
        )  # they closed a file without a hash (nvr.archive.integrity.hash_backlog)
        self.on_unlink_failed: Callable[[int, OSError], object] = lambda _volume, _error: None

    def now(self) -> datetime:
        return self._clock.now()

    def segment_opened(self, segment: Segment) -> None:
        self._put(segment)

    def segment_closed(self, segment: Segment) -> None:
        if segment.flags & SegmentFlag.UNHASHED and segment.frames:
            self.unhashed_streams.add(segment.stream)
        self._put(segment)

    def add_gap(
        self,
        stream: str,
        start_us: int,
        cause: GapCause,
        detail: str,
        end_us: int | None = None,
        *,
        fillable: bool = True,
    ) -> None:
        ask = fillable and end_us is not None and cause in FILLABLE
        row = {"stream": stream, "start_us": start_us, "end_us": end_us, "cause": cause, "detail": detail[:200]}
        asked = {"ask_at": self._clock.now() + BACKFILL_DELAY} if ask else {}
        self._put(lambda s: s.execute(insert(Gap).values(**row, **asked)))

    def end_gap(self, stream: str, end_us: int) -> None:
        ask_at = case((Gap.cause.in_(FILLABLE), self._clock.now() + BACKFILL_DELAY), else_=None)
        ended = update(Gap).where(Gap.stream == stream, Gap.end_us.is_(None)).values(end_us=end_us, ask_at=ask_at)
        self._put(lambda s: s.execute(ended))

    def queue_event(self, kind: events.EventKind, camera: str | None, **data: JsonInput) -> None:
        """Queue an event row; it belongs to the camera's village."""

        async def write(session: AsyncSession) -> None:
            village = await village_of(session, camera)
            events.append(session, self._clock.now(), kind, village=village, camera=camera, **data)

        self._put(write)

    def queue(self, rows: Write) -> None:
        """Queue rows that must be written after the facts queued so far."""
        self._put(rows)

    def _put(self, fact: Fact) -> None:
        self._queue.put(fact)

    @property
    def dropped_facts(self) -> int:
        """The number of facts that did not fit into the queue or that the database always refuses."""
        return self._queue.dropped + self._refused_facts

    async def run(self) -> None:
        """Flush once a second, for ever."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> bool:
        """Write the queued facts. Return False if the database refused them: they stay queued.

        A flush that has begun runs to its end although its task is cancelled: a transaction whose commit went unnoticed
        would be written twice.
        """
        work = spawn(self._flush_all(), "archive flush")
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work}, timeout=MAX_FLUSH_S)
            raise

    async def _flush_all(self) -> bool:
        async with self._flush_lock:
            while self._queue:
                if not await self._flush():
                    return False
            await self._unlink_empty_files()
            return True

    async def _flush(self) -> bool:
        """Write one transaction.

        Its facts leave the queue first, so that facts that arrive meanwhile cannot displace them.
        """
        batch = self._queue.pop_batch(BATCH_FACTS)
        left: Sequence[Fact] = batch
        try:
            left = await self._written(batch)
        finally:
            self._queue.put_back(left)
        if not left:
            self._empty_files += (s for s in batch if isinstance(s, Segment) and _is_empty(s))
        return not left

    async def _written(self, batch: Sequence[Fact]) -> Sequence[Fact]:
        """Write facts; return those that must wait for the database."""
        try:
            await self._write(batch)
        except DatabaseUnreachable:
            return batch  # core.database has logged it
        except (StorageError, OperationalError, InterfaceError) as e:
            self._refusals += 1
            log.warning("archive rows are queued because the database refused them: %s", e)
            if self._refusals < REFUSALS_BEFORE_SINGLES:
                return batch
        except Exception as e:  # noqa: BLE001  # any refusal by the driver: a contradiction, a value out of range
            log.error(
                "a database error rejected a batch of archive rows: %s; they are written one by one", _first_line(e)
            )
        else:
            self._refusals = 0
            return ()
        return await self._one_by_one(batch)

    async def _one_by_one(self, batch: Sequence[Fact]) -> Sequence[Fact]:
        """Write facts one by one, so that a refused fact does not block the others; return those that must wait."""
        refused: list[Fact] = []
        for at, fact in enumerate(batch):
            try:
                await self._write([fact])
            except DatabaseUnreachable:
                return [*refused, *batch[at:]]
            except (StorageError, OperationalError, InterfaceError):
                refused.append(fact)
                if len(refused) == at + 1 >= MAX_TRIES_WITHOUT_SUCCESS:
                    return batch  # it accepts nothing: none of these facts is to blame
            except Exception as e:  # noqa: BLE001
                self._drop(fact, e)
        if len(refused) == len(batch):
            return batch
        self._refusals = 0
        for fact in refused:
            self._drop(fact, None)
        return ()

    def _drop(self, fact: Fact, error: Exception | None) -> None:
        self._refused_facts += 1
        about = f"{fact.stream} from {fact.start_us} µs" if isinstance(fact, Segment) else "a gap or an event"
        why = _first_line(error) if error is not None else "it always fails"
        log.error("a row of the archive (%s) was dropped because the database rejects it: %s", about, why)

    async def _write(self, batch: Sequence[Fact]) -> None:
        async with self.database.session() as session:
            await self._store(session, [f for f in batch if isinstance(f, Segment)])
            for write in batch:
                if not isinstance(write, Segment):
                    await write(session)

    async def _store(self, session: AsyncSession, segments: Sequence[Segment]) -> None:
        """Store all segments of the last second with four statements, and one more per empty file."""
        opened = [
            {"stream": s.stream, "start_us": s.start_us, "volume": s.volume, "flags": s.flags}
            for s in segments
            if s.open
        ]
        if opened:
            await session.execute(insert(OpenSegment), opened)
        await segment_index.append(session, [s for s in segments if not s.open and s.frames])
        for segment in segments:
            if _is_empty(segment):
                await segment_index.delete_open_row(session, segment.stream, segment.start_us)

    async def _unlink_empty_files(self) -> None:
        """Unlink files in which nothing was written.

        A file that its disk does not remove is tried again with the next ones.
        """
        waiting = [s for s in self._empty_files if s.size >= 0 and s.volume in self.paths]
        self._empty_files.clear()
        if not waiting:
            return
        for volume in {s.volume for s in waiting}:
            files = [(s, segment_index.path_of(self.paths, s)) for s in waiting if s.volume == volume]
            try:
                failed = await self._calls.run(volume, partial(_remove, files))
            except OSError as e:  # it hangs: the rows of the others must not wait for it
                failed = [(segment, e) for segment, _ in files]
            for segment, error in failed:
                log.error("the empty file of %s on volume %d cannot be unlinked: %s", segment.stream, volume, error)
                self._empty_files.append(segment)
                self.on_unlink_failed(volume, error)

    async def drain(self) -> None:
        """Flush up to three times; log the facts that remain."""
        for _ in range(3):
            if await self.flush():
                return
        log.error("%d archive rows could not be written; the next start adopts their files", len(self._queue))


def _is_empty(segment: Segment) -> bool:
    """Return whether nothing was written to the file. Its name may still exist."""
    return not segment.open and not segment.frames


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _remove(files: Sequence[tuple[Segment, Path]]) -> list[tuple[Segment, OSError]]:
    """Unlink files. Return those that could not be unlinked, with the errors. Blocking."""
    failed = []
    for segment, path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            failed.append((segment, e))
    return failed


async def village_of(session: AsyncSession, camera: str | None) -> str | None:
    """Return the camera's village, which decides who may see its events; None without a camera."""
    return await session.scalar(select(Camera.village).where(Camera.id == camera)) if camera else None


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """A span of the timeline, µs UTC."""

    start_us: int
    end_us: int
    cause: GapCause | Literal[""] = ""  # empty: recorded


async def gaps_between(
    session: AsyncSession, stream: str, start_us: int, end_us: int, now_us: int
) -> list[TimelineSpan]:
    """Return gaps that touch [start, end), clipped to it; an open gap ends at `now_us`."""
    rows = sorted(await gaps.touching(session, [stream], start_us, end_us), key=lambda g: g.start_us)
    spans = (
        TimelineSpan(max(g.start_us, start_us), min(g.end_us if g.end_us is not None else now_us, end_us), g.cause)
        for g in rows
    )
    return [s for s in spans if s.end_us > s.start_us]
