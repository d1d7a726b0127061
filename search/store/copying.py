"""Moves days of sightings between SQLite and PostgreSQL. Thumbnails and vectors stay in the day's folder. Blocking."""

from __future__ import annotations

import sqlalchemy as sa

from core.errors import StorageError
from search.store.rows import PENDING, PROGRESS, SIGHTING
from search.store.sighting_store import SightingStore

BATCH_ROWS = 2000


def copy_day(source: SightingStore, target: SightingStore, day: str) -> int:
    """Copy a day in one transaction, replacing the target's rows, and compare. Returns the number of sightings.

    Raises StorageError if the copy differs.
    """
    with source.connected(day) as one:
        progress = [r._asdict() for r in one.execute(sa.select(PROGRESS).where(PROGRESS.c.day == day))]
        query = sa.select(PENDING.c.day, PENDING.c.sighting).where(PENDING.c.day == day).order_by(PENDING.c.n)
        pending = [r._asdict() for r in one.execute(query)]
        with target.connected(day, create=True) as other:
            _clear(other, target, day)
            for table, rows in ((PROGRESS, progress), (PENDING, pending)):
                if rows:
                    other.execute(sa.insert(table), rows)
            count = 0
            rows_of_day = source.whole_day(one, day)
            for batch in rows_of_day.partitions(BATCH_ROWS):
                # By the keys of the columns: the stored name of one differs (`looks`, rows.py).
                other.execute(sa.insert(SIGHTING), [dict(zip(SIGHTING.c.keys(), r, strict=True)) for r in batch])
                count += len(batch)
            _compare(source.whole_day(one, day), target.whole_day(other, day), day)
    return count


def _clear(connection: sa.Connection, store: SightingStore, day: str) -> None:
    connection.execute(sa.delete(SIGHTING).where(store.of_day(day)))
    connection.execute(sa.delete(PROGRESS).where(PROGRESS.c.day == day))
    connection.execute(sa.delete(PENDING).where(PENDING.c.day == day))


def _compare(one: sa.Result[tuple[object, ...]], other: sa.Result[tuple[object, ...]], day: str) -> None:
    for row in one:
        if tuple(row) != tuple(other.fetchone() or ()):
            raise StorageError(f"sightings of {day}: {row[0]} differs between source and target; copy again")
    if other.fetchone() is not None:
        raise StorageError(f"sightings of {day}: the target has more than the source; copy again")
