"""Numbers of sightings of one camera over time, by class, for a time line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from search.query.find import Query, find_ids
from search.store import SightingStore, ids
from search.tables import IndexState
from search.vocabulary import Cls

MAX_COUNTED = 100_000  # sightings of one class


@dataclass(frozen=True, slots=True)
class SightingDensity:
    """Counts by class and bucket. `first_ms`: start of the camera's oldest sighting of all that are kept, ms UTC."""

    counts: dict[str, list[int]]
    first_ms: int | None
    from_ms: int  # older ones were not counted, because there are too many


async def indexed_until(session: AsyncSession, camera: str) -> int | None:
    """Return up to when the camera's footage was analysed, µs UTC; None: never."""
    query = select(func.max(IndexState.position_us)).where(IndexState.stream.in_([f"{camera}/main", f"{camera}/sub"]))
    until: int | None = await session.scalar(query)
    return until


def sighting_density(
    store: SightingStore, cameras: frozenset[int], start_us: int, end_us: int, buckets: int
) -> SightingDensity:
    """Count the sightings that begin in each of `buckets` equal parts of [start, end). Blocking.

    `cameras`: the numbers of one camera. Every class is a query through the index by camera.
    """
    edges, counts, since = np.linspace(start_us // 1000, end_us // 1000, buckets + 1), dict[str, list[int]](), 0
    for cls in Cls:
        query = Query(start_us=start_us, end_us=end_us, cameras=cameras, classes=(int(cls),))
        found = find_ids(store, query, MAX_COUNTED)
        if len(found) == MAX_COUNTED:
            since = max(since, ids.milliseconds(found[-1]))
        if found:
            times = [ids.milliseconds(n) for n in found]
            counts[cls.name] = np.histogram(times, edges)[0].tolist()
    return SightingDensity(counts, _first_ms(store, cameras), since)


def _first_ms(store: SightingStore, cameras: frozenset[int]) -> int | None:
    for day in reversed(store.days()):
        start = ids.day_start(day) * 1000
        whole = Query(start_us=start, end_us=start + ids.DAY_MS * 1000, cameras=cameras)
        if found := find_ids(store, whole):
            return ids.milliseconds(found[-1])
    return None
