"""Keeps the clock epoch of a recorder: since when, and from which rows on, the station's clock has its current setting.

In: the wall time at which a run begins, the file of earlier runs, changes of the clock. Out: `current`, stored in the
file, which tells the corrector (nvr.clock_correction.corrector) what each clock named.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.coverage import clock_corrections
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.retention import retention_clock
from nvr.archive.segment_index import SegmentFlag
from nvr.clock import clock_epoch
from nvr.clock.clock_epoch import Epoch
from nvr.clock.plausibility import STEP_US
from nvr.tables import Footage, Gap, RetentionClockRow

log = logging.getLogger(__name__)

COUNTED_HOURS = 26  # around its start; an epoch counts older entries of these hours' rows, to tell them from its own
MAX_COUNTED_ROWS = 200_000  # that are counted so; what a wrong clock named in more rows stays where it is


class EpochKeeper:
    """The epoch of one recorder; `current` is None until `begin`."""

    def __init__(self, database: Database):
        self._database = database
        self.current: Epoch | None = None
        self._file: Path | None = None
        self.first_offset_us = 0  # of the epoch, when this run began
        self.began_us = 0  # wall time at which this run began, by its first clock

    async def begin(self, wall_us: int, epoch_file: Path | None) -> None:
        """Begin a run. `epoch_file` says whether earlier runs used the same clock."""
        async with self._database.reading() as session:
            row, gap = [await session.scalar(select(func.max(t.id))) or 0 for t in (Footage, Gap)]
        epoch = await asyncio.to_thread(clock_epoch.current_epoch, wall_us, row + 1, gap + 1)
        before = await asyncio.to_thread(clock_epoch.load, epoch_file) if epoch_file is not None else None
        if before is not None and before.continues(epoch):
            epoch = before
        else:
            epoch.rows = await self._rows_around(wall_us, before.streams if before is not None else ())
            epoch = clock_epoch.next_epoch(before, epoch) if before is not None else epoch
        self.current = epoch = await self._without_stored(epoch)
        self._file, self.began_us, self.first_offset_us = epoch_file, wall_us, epoch.offset_us

    async def _rows_around(self, wall_us: int, streams: Sequence[str]) -> dict[int, int]:
        """Return how many entries the rows have to which this epoch adds its own."""
        now = wall_us // HOUR_US
        query = select(Footage.id, func.length(Footage.entries)).where(
            Footage.hour.between(now - COUNTED_HOURS, now + COUNTED_HOURS)
        )
        async with self._database.reading() as session:
            rows = await session.execute(query.where(Footage.stream.in_(streams)) if streams else query)
            return {row: length // segment_index.ENTRY_BYTES for row, length in rows}

    def wall_us(self) -> int:
        return self.current.offset_us + clock_epoch.since_boot() if self.current is not None else 0

    async def count_rows(self, session: AsyncSession, since_us: int) -> None:
        """Record how many entries the rows of the hours from `since_us` on have, before this epoch adds any there."""
        epoch, until = self.current, self.wall_us() // HOUR_US + COUNTED_HOURS
        if epoch is None:
            return
        query = select(Footage.id, func.length(Footage.entries)).where(
            Footage.hour.between(since_us // HOUR_US - 1, until),
            Footage.id < epoch.first_row,
            Footage.stream.in_(epoch.streams),
        )
        for row, length in await session.execute(query.limit(MAX_COUNTED_ROWS)):
            if len(epoch.rows) < MAX_COUNTED_ROWS:
                epoch.rows.setdefault(row, length // segment_index.ENTRY_BYTES)

    def register_stream(self, stream: str) -> None:
        """Register a stream that this run records."""
        if self.current is not None and stream not in self.current.streams:
            self.current.streams = (*self.current.streams, stream)

    async def forget_stream(self, stream: str) -> None:
        """Remove a finished stream from the oldest epoch, so that a killed recorder does not move its gaps again."""
        if self.current is not None:
            left = tuple(s for s in self.current.earlier[0].streams if s != stream)
            self.current = replace(
                self.current, earlier=(replace(self.current.earlier[0], streams=left), *self.current.earlier[1:])
            )
            await self.save()

    async def is_believed(self, epoch: Epoch) -> bool:
        async with self._database.reading() as session:
            row = await session.get(RetentionClockRow, retention_clock.ROW_ID)
        if row is None or row.suspicion or row.boot != epoch.boot[:40]:
            return False
        return abs(row.wall_us - row.uptime_us - epoch.offset_us) <= STEP_US

    async def _without_stored(self, epoch: Epoch) -> Epoch:
        """Return the epoch without the streams whose stored correction a killed recorder did not get to remove."""
        streams = {s for old in epoch.earlier for s in old.streams}
        if not streams:
            return epoch
        async with self._database.reading() as session:
            stored = await clock_corrections.pending_ranges(session, streams)
        past = [
            replace(old, streams=tuple(s for s in old.streams if (s, *epoch_range(old)) not in stored))
            for old in epoch.earlier
        ]
        return replace(epoch, earlier=tuple(past))

    async def save(self) -> None:
        if self._file is None or self.current is None:
            return
        self.current.saved_uptime_us = max(self.current.saved_uptime_us, clock_epoch.since_boot())
        try:
            await asyncio.to_thread(clock_epoch.save, self._file, self.current)
        except OSError as e:
            log.warning("the state of the clock cannot be saved in %s: %s", self._file, e.strerror)


def epoch_range(old: Epoch) -> tuple[int, int]:
    """Return the time range of what an earlier clock named, slightly extended. It also identifies the correction."""
    return old.since_us - SECOND, old.end_us + 2 * clock_epoch.SAVE_INTERVAL_S * SECOND


async def names_of_epoch(
    session: AsyncSession, step: ClockStep, epoch: Epoch | None, later: Epoch | None = None
) -> set[int]:
    """Return the starts of a stream's files in the range of the step that the epoch, and not the later one, named.

    Recordings from the camera's own storage lie in gaps of the old clock, and are included.
    """
    hours = Footage.hour.between(step.since_us // HOUR_US, step.until_us // HOUR_US)
    rows = await session.scalars(select(Footage).where(Footage.stream == step.stream, hours))
    found = ((r.id, at, s) for r in rows for at, s in enumerate(segment_index.segments_of(r)))
    return {
        s.start_us
        for row, at, s in found
        if step.since_us <= s.start_us <= step.until_us
        and (s.flags & SegmentFlag.BACKFILLED or (epoch is not None and epoch.filed(row, at)))
        and not (later is not None and later.filed(row, at))
    }
