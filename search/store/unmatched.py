"""Erases thumbnails and vectors of sightings without a match earlier than the sightings themselves (R-RET-3).

For each day that is old enough, every thumbnail and vector is overwritten in its file, except those needed by alerts,
candidates or footage on hold. The rows stay and are found by time, place, class, colour and path until the day is
deleted. A run erases a limited number; bytes are erased before the row is updated, so a crash between repeats the work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from core.clock import Clock
from core.erase import erase_ranges
from core.intervals import subtract
from search.store import ids, thumbnails, vectors
from search.store.rows import SIGHTING
from search.store.sighting_store import SightingStore

log = logging.getLogger(__name__)

MAX_PER_RUN = 100_000  # sightings per run, which comes every hour
BATCH_ROWS = 5_000
RECHECK_S = 86_400.0  # a finished day is checked again after this, because vectors may have been written since
_c = SIGHTING.c


@dataclass(frozen=True, slots=True)
class KeptSightings:
    """The sightings of a UTC day that keep thumbnail and vector.

    `sightings`: ids with a match; `held`: (camera numbers, start, end) in ms of footage on hold.
    """

    sightings: frozenset[int] = frozenset()
    held: Sequence[tuple[frozenset[int], int, int]] = field(default_factory=tuple)

    def keeps(self, number: int) -> bool:
        """Return whether the sighting keeps thumbnail and vector."""
        if number in self.sightings:
            return True
        camera, at = ids.camera_of(number), ids.milliseconds(number)
        return any(camera in cameras and start <= at < end for cameras, start, end in self.held)


LoadKeptSightings = Callable[[str], Awaitable[KeptSightings]]  # argument: a day, YYYYMMDD


class UnmatchedErasure:
    """Erases unneeded thumbnails and vectors day by day."""

    def __init__(self, clock: Clock, store: SightingStore, load_kept: LoadKeptSightings):
        self._clock, self._store, self._load_kept = clock, store, load_kept
        self._done: dict[str, float] = {}  # day → monotonic time in s

    async def run_once(self, days: Sequence[str]) -> dict[str, int]:
        """Erase unneeded thumbnails and vectors of these days, oldest first; return the number per day.

        Erases those of at most MAX_PER_RUN sightings.
        """
        now, remaining, counts = self._clock.monotonic(), MAX_PER_RUN, dict[str, int]()
        self._done = {d: at for d, at in self._done.items() if d in days and now - at < RECHECK_S}
        for day in sorted(d for d in days if d not in self._done):
            kept = await self._load_kept(day)
            erased, finished = await asyncio.to_thread(self._erase_day, day, kept, remaining)
            if erased:
                counts[day] = erased
            if finished:
                self._done[day] = now
            remaining -= erased
            if remaining <= 0:
                break
        return counts

    def _erase_day(self, day: str, kept: KeptSightings, limit: int) -> tuple[int, bool]:
        """Return (number erased, whether the day is finished). Blocking."""
        erased, after = 0, 0
        while erased < limit:
            query = sa.select(_c.id, _c.embedder, _c.vector, _c.thumb, _c.thumb_size)
            query = query.where(self._store.of_day(day), _c.id > after, sa.or_(_c.thumb >= 0, _c.vector >= 0))
            rows = self._store.run(day, query.order_by(_c.id).limit(min(BATCH_ROWS, limit - erased)))
            if not rows:
                self._erase_rest(day)
                return erased, True
            after = rows[-1].id
            unneeded = [r for r in rows if not kept.keeps(r.id)]
            if unneeded:
                self._erase(day, unneeded)
                erased += len(unneeded)
        return erased, False

    def _erase_rest(self, day: str) -> None:
        """Erase entries that no row refers to: replaced pictures and their vectors, vectors of a former pack."""
        folder = self._store.day_dir(day)
        sizes = {p: p.stat().st_size for p in [folder / thumbnails.FILE_NAME, *vectors.shards(folder)] if p.exists()}
        query = sa.select(_c.embedder, _c.vector, _c.thumb, _c.thumb_size).where(sa.or_(_c.thumb >= 0, _c.vector >= 0))
        rows = self._store.run(day, query.where(self._store.of_day(day)))
        for path, size in sizes.items():
            if path.name == thumbnails.FILE_NAME:
                erase_ranges(
                    path, subtract([(0, size)], [(r.thumb, r.thumb + r.thumb_size) for r in rows if r.thumb >= 0])
                )
            else:
                vectors.erase_other_places(path, size, {(r.embedder, r.vector) for r in rows if r.vector >= 0})

    def _erase(self, day: str, rows: Sequence[sa.Row[tuple[int, int, int, int, int]]]) -> None:
        folder = self._store.day_dir(day)
        pictures = [(r.thumb, r.thumb + r.thumb_size) for r in rows if r.thumb >= 0]
        if pictures and (folder / thumbnails.FILE_NAME).exists():
            erase_ranges(folder / thumbnails.FILE_NAME, pictures)
        for pack in {r.embedder for r in rows if r.vector >= 0}:
            vectors.erase_places(folder, pack, [r.vector for r in rows if r.vector >= 0 and r.embedder == pack])
        without_content = {"thumb": -1, "thumb_size": 0, "vector": -1, "embedder": 0}
        with self._store.connected(day) as connection:
            numbers = [r.id for r in rows]
            for at in range(0, len(numbers), 900):
                connection.execute(sa.update(SIGHTING).where(_c.id.in_(numbers[at : at + 900])).values(without_content))
