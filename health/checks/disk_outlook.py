"""How many days the free space of each disk lasts at the present rate of writing.

Retention deletes the oldest footage when a disk is full, so 0 days left is the normal state of an old disk;
health.checks.storage_forecast says whether footage is then deleted too early.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import from_microseconds
from core.settings import RetentionSettings
from nvr.recorder.reconcile import bit_rates
from nvr.tables import OpenSegment, Volume, VolumeState


@dataclass(frozen=True, slots=True)
class DiskOutlook:
    """A disk. `days_left` until its free space is used up; None: unknown, because nothing is written to it."""

    path: str
    state: VolumeState
    free_bytes: int
    total_bytes: int
    days_left: float | None


async def disk_outlooks(session: AsyncSession, settings: RetentionSettings, now_us: int) -> list[DiskOutlook]:
    """Return the outlook of every disk, by path."""
    rates = await bit_rates(session, from_microseconds(now_us))
    written: dict[int, float] = {}  # bits per second
    for stream, volume in await session.execute(select(OpenSegment.stream, OpenSegment.volume)):
        written[volume] = written.get(volume, 0.0) + rates.get(stream, 0.0)
    return [
        DiskOutlook(
            v.path, v.state, v.free_bytes, v.total_bytes,
            _days(v.free_bytes - settings.min_free_bytes, written.get(v.number, 0.0)),
        )
        for v in await session.scalars(select(Volume).order_by(Volume.path))
    ]  # fmt: skip


def _days(free: int, bits_per_second: float) -> float | None:
    return None if bits_per_second <= 0 else round(max(0, free) / (bits_per_second / 8 * 86_400), 2)
