"""Holes shorter than a second, which are no gaps: counts per hour, taken from the recorder's counters.

Reports by day and by month use them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, to_microseconds
from nvr.archive.coverage.timeline import Timeline
from nvr.tables import ShortHole

Count = tuple[int, int]  # holes, µs


class HourCounts:
    """Counts of one recorder's timelines since they were last stored.

    A timeline that replaces another one starts at zero.
    """

    def __init__(self) -> None:
        self._stored: dict[str, tuple[Timeline, Count]] = {}
        self._written: dict[str, tuple[Timeline, Count]] = {}

    async def write(self, session: AsyncSession, now: datetime, timelines: Mapping[str, Timeline]) -> None:
        """Add the new counts to the current hour; call `stored` after the commit."""
        self._written = {s: (t, (t.short_holes, t.short_holes_us)) for s, t in timelines.items()}
        hour, rows = to_microseconds(now) // HOUR_US, []
        for stream, (timeline, (holes, us)) in self._written.items():
            before, (old_holes, old_us) = self._stored.get(stream, (timeline, (0, 0)))
            if before is not timeline:
                old_holes = old_us = 0
            if holes > old_holes:
                rows.append({"stream": stream, "hour": hour, "holes": holes - old_holes, "us": us - old_us})
        if rows:
            await session.execute(_ADD, rows)

    def mark_stored(self) -> None:
        self._stored = self._written


_ADD = text(
    "INSERT INTO short_hole (stream, hour, holes, us) VALUES (:stream, :hour, :holes, :us) "
    "ON CONFLICT (stream, hour) DO UPDATE SET "
    "holes = short_hole.holes + excluded.holes, us = short_hole.us + excluded.us"
)


async def between(session: AsyncSession, streams: Collection[str], start_us: int, end_us: int) -> dict[str, Count]:
    """Return the counts by stream of the whole hours from `start_us` to `end_us`.

    Streams without holes are left out.
    """
    hours = ShortHole.hour.between(start_us // HOUR_US, (end_us - 1) // HOUR_US)
    columns = select(ShortHole.stream, func.sum(ShortHole.holes), func.sum(ShortHole.us))
    query = columns.where(ShortHole.stream.in_(streams), hours).group_by(ShortHole.stream)
    return {stream: (int(holes), int(us)) for stream, holes, us in await session.execute(query)}


async def delete_before(session: AsyncSession, before_us: int) -> None:
    await session.execute(delete(ShortHole).where(ShortHole.hour < before_us // HOUR_US))
