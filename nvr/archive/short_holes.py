"""Holes below a second, which are no gaps: counted by hour from the recorder's counters, so that a day and a month can tell them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, to_microseconds
from nvr.archive.timeline import Timeline
from nvr.tables import ShortHole

Count = tuple[int, int]  # holes, µs


class HourCounts:
    """Of one recorder: what its time lines counted since they were last stored. A time line that is replaced begins at none."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[Timeline, Count]] = {}
        self._written: dict[str, tuple[Timeline, Count]] = {}

    async def write(self, session: AsyncSession, now: datetime, timelines: Mapping[str, Timeline]) -> None:
        """Add what is new to the running hour; `stored` behind the commit."""
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

    def stored(self) -> None:
        self._stored = self._written


_ADD = text(
    "INSERT INTO short_hole (stream, hour, holes, us) VALUES (:stream, :hour, :holes, :us) "
    "ON CONFLICT (stream, hour) DO UPDATE SET holes = short_hole.holes + excluded.holes, us = short_hole.us + excluded.us"
)


async def between(session: AsyncSession, streams: Collection[str], start_us: int, end_us: int) -> dict[str, Count]:
    """By stream, of the whole hours from the one of `start_us` to the one of `end_us`; streams without any are left out."""
    hours = ShortHole.hour.between(start_us // HOUR_US, (end_us - 1) // HOUR_US)
    columns = select(ShortHole.stream, func.sum(ShortHole.holes), func.sum(ShortHole.us))
    query = columns.where(ShortHole.stream.in_(streams), hours).group_by(ShortHole.stream)
    return {stream: (int(holes), int(us)) for stream, holes, us in await session.execute(query)}


async def forget(session: AsyncSession, before_us: int) -> None:
    await session.execute(delete(ShortHole).where(ShortHole.hour < before_us // HOUR_US))
