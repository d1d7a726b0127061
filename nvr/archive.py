"""The archive's facts on their way to the database, and the questions asked of it.

`ArchiveDatabase` collects facts in the recorder's event loop without waiting and writes them in one
transaction a second. While the database is locked they wait (bounded); footage is never touched by
that: what has no entry yet is adopted at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import case, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.clock import Clock
from core.database import Database
from core.errors import DatabaseUnreachable, StorageError
from nvr import footage
from nvr.footage import Segment
from nvr.tables import FILLABLE, Gap, OpenSegment

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MAX_WAITING = 200_000
FIRST_ASK = timedelta(seconds=30)  # after a gap, for what the camera's card has of it: the camera has just come back
_Write = Callable[[AsyncSession], Any]


class ArchiveDatabase:
    """An ArchiveLog that writes rows. `run` must be running; `drain` empties it at the end."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        self._waiting: deque[Segment | _Write] = deque()
        self.paths: dict[int, Path] = {}  # of the volumes
        self.dropped_facts = 0
        self._writing = asyncio.Lock()
        self.unsealed: set[str] = set()  # streams that closed a file without a hash (nvr.sealing)

    def opened(self, segment: Segment) -> None:
        self._put(segment)

    def closed(self, segment: Segment) -> None:
        if segment.flags & footage.UNHASHED and segment.frames:
            self.unsealed.add(segment.stream)
        self._put(segment)

    def gap(
        self, stream: str, start_us: int, cause: str, detail: str, end_us: int | None = None, *, fillable: bool = True
    ) -> None:
        ask = fillable and end_us is not None and cause in FILLABLE
        row = {"stream": stream, "start_us": start_us, "end_us": end_us, "cause": cause, "detail": detail[:200]}
        asked = {"ask_at": self._clock.now() + FIRST_ASK} if ask else {}
        self._put(lambda s: s.execute(insert(Gap).values(**row, **asked)))

    def gap_ended(self, stream: str, end_us: int) -> None:
        ask_at = case((Gap.cause.in_(FILLABLE), self._clock.now() + FIRST_ASK), else_=None)
        ended = update(Gap).where(Gap.stream == stream, Gap.end_us.is_(None)).values(end_us=end_us, ask_at=ask_at)
        self._put(lambda s: s.execute(ended))

    def announce(self, kind: str, camera: str | None, **data: Any) -> None:
        """Queue an event row."""

        async def write(session: AsyncSession) -> None:
            events.append(session, self._clock.now(), kind, camera=camera, **data)

        self._put(write)

    def write(self, rows: _Write) -> None:
        """Queue rows that must come behind the facts told before."""
        self._put(rows)

    def _put(self, write: Segment | _Write) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.dropped_facts += 1
        self._waiting.append(write)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> bool:
        """Write what waits; False where the database refused and it waits on."""
        async with self._writing:
            return await self._flush()

    async def _flush(self) -> bool:
        batch = list(self._waiting)
        if not batch:
            return True
        segments = [f for f in batch if isinstance(f, Segment)]
        # A file in which nothing was written: its name may still be there.
        empty = [s for s in segments if not s.open and not s.frames]
        try:
            await self._write(batch, segments, empty)
        except IntegrityError as e:
            log.error("a fact contradicts the archive: %s", e)
            await self._one_by_one(batch)
        except DatabaseUnreachable:
            return False  # the database has said so itself (core.database)
        except (StorageError, SQLAlchemyError) as e:
            log.warning("archive rows wait for the database: %s", e)
            return False
        for _ in batch:
            self._waiting.popleft()
        if empty:
            made = [s for s in empty if s.size >= 0 and s.volume in self.paths]
            await asyncio.to_thread(_remove, [footage.path_of(self.paths, s) for s in made])
        return True

    async def _write(self, batch: list[Segment | _Write], segments: list[Segment], empty: list[Segment]) -> None:
        async with self._database.session() as session:
            await self._store(session, segments, empty)
            for write in batch:
                if not isinstance(write, Segment):
                    await write(session)

    async def _one_by_one(self, batch: list[Segment | _Write]) -> None:
        """One fact that the database refuses must not hold up the others for ever."""
        for write in batch:
            segments = [write] if isinstance(write, Segment) else []
            try:
                await self._write([write], segments, [s for s in segments if not s.open and not s.frames])
            except IntegrityError:
                self.dropped_facts += 1

    async def _store(self, session: AsyncSession, segments: list[Segment], empty: list[Segment]) -> None:
        """Three statements for all segments of the last second, however many."""
        opened = [
            {"stream": s.stream, "start_us": s.start_us, "volume": s.volume, "flags": s.flags} for s in segments if s.open
        ]
        if opened:
            await session.execute(insert(OpenSegment), opened)
        await footage.append(session, [s for s in segments if not s.open and s.frames])
        for segment in empty:
            await footage.forget_open(session, segment.stream, segment.start_us)

    async def drain(self) -> None:
        for _ in range(3):
            if await self.flush():
                return
        log.error("%d archive facts could not be written; recovery adopts the files", len(self._waiting))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the time line, µs UTC."""

    start_us: int
    end_us: int
    cause: str = ""  # empty: recorded


async def gaps_between(session: AsyncSession, stream: str, start_us: int, end_us: int, now_us: int) -> list[Span]:
    """Gaps that touch [start, end), cut to it; one that goes on ends now."""
    rows = await session.scalars(
        select(Gap)
        .where(Gap.stream == stream, (Gap.end_us > start_us) | Gap.end_us.is_(None), Gap.start_us < end_us)
        .order_by(Gap.start_us)
    )
    spans = (Span(max(g.start_us, start_us), min(g.end_us if g.end_us is not None else now_us, end_us), g.cause) for g in rows)
    return [s for s in spans if s.end_us > s.start_us]


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
