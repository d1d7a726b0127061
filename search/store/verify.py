"""Verifies the store: every vector and thumbnail that a sighting refers to exists, and the vector belongs to it."""

from __future__ import annotations

import sqlalchemy as sa

from search.store.rows import SIGHTING
from search.store.sighting_store import SightingStore
from search.store.thumbnails import FILE_NAME
from search.store.vectors import open_shard

MAX_PROBLEMS = 20
_c = SIGHTING.c


def problems(store: SightingStore) -> list[str]:
    """Return the problems, one sentence each, at most MAX_PROBLEMS. Blocking."""
    found: list[str] = []
    for day in store.days():
        found += _vectors(store, day) + _thumbnails(store, day)
    return found[:MAX_PROBLEMS]


def _vectors(store: SightingStore, day: str) -> list[str]:
    found = []
    packs = [r[0] for r in store.run(day, sa.select(_c.embedder).where(_c.vector >= 0).distinct())]
    for pack in packs:
        shard = open_shard(store.day_dir(day), pack)
        count = 0 if shard is None else len(shard.ids)
        rows = store.run(day, sa.select(_c.id, _c.vector).where(_c.vector >= 0, _c.embedder == pack))
        wrong = sum(shard is None or r.vector >= count or int(shard.ids[r.vector]) != r.id for r in rows)
        if wrong:
            found.append(
                f"{day}: {wrong} of {len(rows)} sightings refer to a wrong vector of pack {pack}; index the day again"
            )
    return found


def _thumbnails(store: SightingStore, day: str) -> list[str]:
    path = store.day_dir(day) / FILE_NAME
    size = path.stat().st_size if path.exists() else 0
    beyond = store.run(day, sa.select(sa.func.count()).where(_c.thumb >= 0, _c.thumb + _c.thumb_size > size))
    count = int(beyond[0][0]) if beyond else 0
    return (
        [f"{day}: {count} sightings refer to a thumbnail beyond the end of {FILE_NAME}; index the day again"]
        if count
        else []
    )
