"""How long each village's recordings can be kept at the present rates. In: rates of streams. Out: a Forecast each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.ids import StreamId
from nvr.storage.volumes import all_volumes
from nvr.tables import StreamUsage


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a village's recordings can be kept at the present rate."""

    village: str
    bytes_held: int
    bytes_per_day: float
    days_possible: float | None  # its share of all volumes divided by its rate; the same for all villages
    days_until_full: float | None  # None: nothing is being written


async def forecast(session: AsyncSession, rates: dict[str, float]) -> list[Forecast]:
    """Return the forecast per village from the present rates of its streams (bits a second).

    Disks are shared in proportion to rate.
    """
    village_of = {c.id: c.village for c in await session.scalars(select(Camera))}
    total_rate = sum(rates.values()) / 8 * 86_400
    volumes = await all_volumes(session)
    free, capacity = sum(v.free_bytes for v in volumes), sum(v.total_bytes for v in volumes)
    held: dict[str, int] = defaultdict(int)
    per_day: dict[str, float] = defaultdict(float)
    for usage in await session.scalars(select(StreamUsage)):
        held[village_of.get(StreamId(usage.stream).camera, "")] += usage.bytes_held
    for stream, rate in rates.items():
        per_day[village_of.get(StreamId(stream).camera, "")] += rate / 8 * 86_400
    return [
        Forecast(
            v,
            held[v],
            per_day[v],
            capacity / total_rate if total_rate else None,
            free / total_rate if total_rate else None,
        )
        for v in sorted({*held, *per_day} - {""})
    ]
