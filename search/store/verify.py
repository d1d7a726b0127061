"""Verifies the store: every vector and thumbnail that a sighting refers to exists, and the vector belongs to it."""

from __future__ import annotations

import sqlalchemy as sa

from search.store.rows import SIGHTING
from search.store.sighting_store import SightingStore
from search.store.thumbnails import NAME
from search.store.vectors import open_shard

MOST = 20
_c = SIGHTING.c


def faults(days: SightingStore) -> list[str]:
    """Return the problems, one sentence each, at most MOST. Blocking."""
    found: list[str] = []
    for day in days.days():
        found += _vectors(days, day) + _pictures(days, day)
    return found[:MOST]


def _vectors(days: SightingStore, day: str) -> list[str]:
    found = []
    packs = [r[0] for r in days.run(day, sa.select(_c.embedder).where(_c.vector >= 0).distinct())]
    for pack in packs:
        shard = open_shard(days.place(day), pack)
        count = 0 if shard is None else len(shard.ids)
        rows = days.run(day, sa.select(_c.id, _c.vector).where(_c.vector >= 0, _c.embedder == pack))
        wrong = sum(shard is None or r.vector >= count or int(shard.ids[r.vector]) != r.id for r in rows)
        if wrong:
            found.append(
                f"{day}: {wrong} of {len(rows)} sightings name a vector of pack {pack} that is not theirs; "
                "index the day again"
            )
    return found


def _pictures(days: SightingStore, day: str) -> list[str]:
    path = days.place(day) / NAME
    size = path.stat().st_size if path.exists() else 0
    beyond = days.run(day, sa.select(sa.func.count()).where(_c.thumb >= 0, _c.thumb + _c.thumb_size > size))
    count = int(beyond[0][0]) if beyond else 0
    return [f"{day}: {count} sightings name a picture beyond the end of {NAME}; index the day again"] if count else []
