"""A clock that can be set, and files that were recorded by it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core.clock import SECOND, SystemClock
from core.database import Database
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.segment_index import Segment, path_of
from nvr.storage.volumes import prepare
from nvr.tables import Gap

T = 1_764_000_000 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


class SteppedClock(SystemClock):
    """A clock that a test sets."""

    def __init__(self, ahead: float = 0.0):
        self.ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        return super().now() + self.ahead


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
