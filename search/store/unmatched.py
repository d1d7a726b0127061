"""Pictures and vectors of whoever matched nothing go earlier than the sightings: nobody asked for them (R-RET-3).

Of a day that is old enough every thumbnail and vector is erased inside its file, except those that somebody needs: alerts,
candidates, footage on hold. The rows stay, and are found by time, place, class, colour and way until the day goes whole. A run
erases so many and no more; bytes go before the row forgets them, so a crash between the two repeats the work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from core.clock import Clock
from core.erase import erase
from core.intervals import without
from search.store import ids, thumbnails, vectors
from search.store.rows import SIGHTING
from search.store.sighting_store import SightingStore

log = logging.getLogger(__name__)

MAX_A_RUN = 100_000  # sightings; a run comes every hour
BATCH = 5_000
AGAIN_S = 86_400.0  # a day that was done is looked at again: a vector may have been made anew meanwhile
_c = SIGHTING.c


@dataclass(frozen=True, slots=True)
class KeptSightings:
    """Of a UTC day: sightings that matched, and stretches of cameras (numbers of search.store.camera_numbers, ms) that are on hold."""

    sightings: frozenset[int] = frozenset()
    held: Sequence[tuple[frozenset[int], int, int]] = field(default_factory=tuple)

    def has(self, number: int) -> bool:
        if number in self.sightings:
            return True
        camera, at = ids.camera_of(number), ids.milliseconds(number)
        return any(camera in cameras and start <= at < end for cameras, start, end in self.held)


Need = Callable[[str], Awaitable[KeptSightings]]  # of a day, YYYYMMDD


class UnmatchedErasure:
    def __init__(self, clock: Clock, days: SightingStore, need: Need):
        self._clock, self._days, self._need = clock, days, need
        self._done: dict[str, float] = {}  # day → monotonic time

    async def run_once(self, days: Sequence[str]) -> dict[str, int]:
        """Erase what nobody needs of these days, the oldest first, at most MAX_A_RUN; how many of each day."""
        now, left, counts = self._clock.monotonic(), MAX_A_RUN, dict[str, int]()
        self._done = {d: at for d, at in self._done.items() if d in days and now - at < AGAIN_S}
        for day in sorted(d for d in days if d not in self._done):
            needed = await self._need(day)
            gone, whole = await asyncio.to_thread(self._erase_day, day, needed, left)
            if gone:
                counts[day] = gone
            if whole:
                self._done[day] = now
            left -= gone
            if left <= 0:
                break
        return counts

    def _erase_day(self, day: str, needed: KeptSightings, most: int) -> tuple[int, bool]:
        """Blocking. (how many were erased, whether that was all of the day)."""
        gone, after = 0, 0
        while gone < most:
            query = sa.select(_c.id, _c.embedder, _c.vector, _c.thumb, _c.thumb_size)
            query = query.where(self._days.of_day(day), _c.id > after, sa.or_(_c.thumb >= 0, _c.vector >= 0))
            rows = self._days.run(day, query.order_by(_c.id).limit(min(BATCH, most - gone)))
            if not rows:
                self._erase_rest(day)
                return gone, True
            after = rows[-1].id
            going = [r for r in rows if not needed.has(r.id)]
            if going:
                self._erase(day, going)
                gone += len(going)
        return gone, False

    def _erase_rest(self, day: str) -> None:
        """What no row names: earlier, worse pictures of a sighting and their vectors, vectors of a former pack."""
        folder = self._days.place(day)
        sizes = {p: p.stat().st_size for p in [folder / thumbnails.NAME, *vectors.shards(folder)] if p.exists()}
        query = sa.select(_c.embedder, _c.vector, _c.thumb, _c.thumb_size).where(sa.or_(_c.thumb >= 0, _c.vector >= 0))
        rows = self._days.run(day, query.where(self._days.of_day(day)))
        for path, size in sizes.items():
            if path.name == thumbnails.NAME:
                erase(path, without([(0, size)], [(r.thumb, r.thumb + r.thumb_size) for r in rows if r.thumb >= 0]))
            else:
                vectors.erase_other_places(path, size, {(r.embedder, r.vector) for r in rows if r.vector >= 0})

    def _erase(self, day: str, rows: Sequence[sa.Row[tuple[int, int, int, int, int]]]) -> None:
        folder = self._days.place(day)
        pictures = [(r.thumb, r.thumb + r.thumb_size) for r in rows if r.thumb >= 0]
        if pictures and (folder / thumbnails.NAME).exists():
            erase(folder / thumbnails.NAME, pictures)
        for pack in {r.embedder for r in rows if r.vector >= 0}:
            vectors.erase_places(folder, pack, [r.vector for r in rows if r.vector >= 0 and r.embedder == pack])
        forgotten = {"thumb": -1, "thumb_size": 0, "vector": -1, "embedder": 0}
        with self._days.connected(day) as connection:
            numbers = [r.id for r in rows]
            for at in range(0, len(numbers), 900):
                connection.execute(sa.update(SIGHTING).where(_c.id.in_(numbers[at : at + 900])).values(forgotten))
