"""The archive's facts on their way to the database, and the questions asked of it.

`ArchiveDatabase` collects facts in the recorder's event loop without waiting and writes them in one
transaction a second. While the database is locked they wait (bounded); footage is never touched by
that: what has no row yet is adopted at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.clock import Clock
from core.database import Database
from core.errors import StorageError
from nvr.tables import CLOSED, DELETING, OPEN, Gap, Segment

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MAX_WAITING = 200_000
_Write = Callable[[AsyncSession], Any]


class ArchiveDatabase:
    """An ArchiveLog that writes rows. `run` must be running; `drain` empties it at the end."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        self._waiting: deque[_Write] = deque()
        self._quiet_until: dict[str, float] = {}
        self.dropped_facts = 0

    def opened(self, stream: str, path: Path, start_us: int) -> None:
        values = {"stream": stream, "path": str(path), "state": OPEN, "start_us": start_us, "end_us": start_us}
        values |= {"media_us": 0, "size_bytes": 0, "frames": 0, "lost_packets": 0}
        self._put(lambda s: s.execute(insert(Segment).values(**values)))

    def closed(
        self,
        path: Path,
        *,
        end_us: int,
        media_us: int,
        size: int,
        frames: int,
        lost: int,
        clock_offset_us: int | None,
        gops: bytes,
    ) -> None:
        if frames == 0:  # nothing was written: the file, if any, holds no picture
            self._put(lambda s: s.execute(delete(Segment).where(Segment.path == str(path))))
            path.unlink(missing_ok=True)
            return
        values: dict[str, Any] = {"state": CLOSED, "end_us": end_us, "media_us": media_us, "size_bytes": size, "frames": frames}
        values |= {"lost_packets": lost, "clock_offset_us": clock_offset_us, "gops": gops}
        self._put(lambda s: s.execute(update(Segment).where(Segment.path == str(path)).values(**values)))

    def gap(self, stream: str, start_us: int, cause: str, detail: str) -> None:
        self._put(lambda s: s.execute(insert(Gap).values(stream=stream, start_us=start_us, cause=cause, detail=detail)))

    def gap_ended(self, stream: str, end_us: int) -> None:
        self._put(lambda s: s.execute(update(Gap).where(Gap.stream == stream, Gap.end_us.is_(None)).values(end_us=end_us)))

    def disk_failed(self, stream: str, path: Path, full: bool, detail: str) -> None:
        kind = "disk.full" if full else "disk.failed"
        now = self._clock.monotonic()
        if now < self._quiet_until.get(kind, 0.0):
            return  # every camera of the disk says the same
        self._quiet_until[kind] = now + 60
        log.error("writing %s failed: %s", path, detail)

        async def announce(session: AsyncSession) -> None:
            events.append(
                session, self._clock.now(), kind, camera=stream.partition("/")[0], detail=detail, folder=str(path.parents[3])
            )

        self._put(announce)

    def announce(self, kind: str, camera: str, **data: Any) -> None:
        """Queue an event row."""

        async def write(session: AsyncSession) -> None:
            events.append(session, self._clock.now(), kind, camera=camera, **data)

        self._put(write)

    def _put(self, write: _Write) -> None:
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
        batch = list(self._waiting)
        if not batch:
            return True
        try:
            async with self._database.session() as session:
                for write in batch:
                    await write(session)
        except (StorageError, SQLAlchemyError) as e:
            log.warning("archive rows wait for the database: %s", e)
            return False
        for _ in batch:
            self._waiting.popleft()
        return True

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


async def segments_between(
    session: AsyncSession, stream: str, start_us: int, end_us: int, limit: int = 5000
) -> Sequence[Segment]:
    """Segments that touch [start, end), oldest first; the open one counts as lasting on."""
    query = (
        select(Segment)
        .where(
            Segment.stream == stream,
            Segment.start_us < end_us,
            # No segment is longer than its period by far: this bounds the index range.
            Segment.start_us > start_us - LONGEST_US,
            Segment.state.in_((OPEN, CLOSED)),
            (Segment.end_us > start_us) | (Segment.state == OPEN),
        )
        .order_by(Segment.start_us)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


LONGEST_US = 900 * 1_000_000


async def gaps_between(session: AsyncSession, stream: str, start_us: int, end_us: int, now_us: int) -> list[Span]:
    """Gaps that touch [start, end), cut to it; one that goes on ends now."""
    rows = await session.scalars(
        select(Gap)
        .where(Gap.stream == stream, Gap.start_us < end_us, (Gap.end_us > start_us) | Gap.end_us.is_(None))
        .order_by(Gap.start_us)
    )
    spans = (Span(max(g.start_us, start_us), min(g.end_us if g.end_us is not None else now_us, end_us), g.cause) for g in rows)
    return [s for s in spans if s.end_us > s.start_us]


def merge(spans: Sequence[Span], joint_us: int = 1_000_000) -> list[Span]:
    """Neighbouring recorded spans as one where no more than `joint_us` lies between."""
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_us - merged[-1].end_us <= joint_us:
            merged[-1] = Span(merged[-1].start_us, max(merged[-1].end_us, span.end_us))
        else:
            merged.append(span)
    return merged


def mark_deleting(segments: Sequence[Segment]) -> None:
    for segment in segments:
        segment.state = DELETING
