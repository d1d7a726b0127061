"""Re-embedding with a new people pack: computes vectors of earlier sightings from their thumbnails, in the background.

Vectors of different packs are never compared: each pack has its own files, and a sighting names its pack. Written
vectors are read back before a sighting refers to them, so a failed re-embedding is never recorded as done.
"""

from __future__ import annotations

import asyncio
import logging

import cv2
import numpy as np
import sqlalchemy as sa

from core.database import Database
from core.errors import ProtocolError, StorageError
from nvr.playback.decode_pool import DecodePool
from search.analysis import pipeline
from search.analysis.description import CROP_MARGIN
from search.analysis.embedders import Vector
from search.models import ModelRegistry, Pack
from search.store import camera_numbers, thumbnails, vectors
from search.store.rows import SIGHTING, Sighting
from search.store.sighting_store import Batch, SightingStore
from search.vocabulary import Cls

log = logging.getLogger(__name__)
# Share of the thumbnail on each side of the object (search.analysis.description).
THUMBNAIL_MARGIN = CROP_MARGIN / (1 + 2 * CROP_MARGIN)
BATCH_SIGHTINGS = 100
_c = SIGHTING.c


class Reembedder:
    """Re-embeds sightings in batches, newest day first."""

    def __init__(
        self, database: Database, store: SightingStore, pool: DecodePool, registry: ModelRegistry, embedder: str
    ):
        self._database, self._store, self._pool = database, store, pool
        self._registry, self._embedder = registry, embedder
        self._state, self._number = -1, 0
        self._pack: Pack | None = None
        self._done: set[str] = set()  # days without work for this pack; new sightings have its vectors already

    async def run_once(self, limit: int = BATCH_SIGHTINGS) -> int:
        """Re-embed up to `limit` sightings of the newest day that have another pack's vector; return their number."""
        await self._select_pack()
        if self._pack is None:
            return 0
        day, rows = await asyncio.to_thread(
            self._next_batch, self._number, [int(Cls[c]) for c in self._pack.applies_to], limit
        )
        if not rows:
            return 0
        pictures = await asyncio.to_thread(self._pictures, day, rows)
        made: list[Vector | None]
        try:
            name, made = await self._pool.run(embed, [p for _, p in pictures])
            if name != self._pack.name:  # a worker that still has the old pack; it is replaced soon
                return 0
        except ProtocolError as e:
            log.error("%d thumbnails of %s could not be embedded: %s", len(pictures), day, e)
            made = [None] * len(pictures)
        done = [(s, v) for (s, _), v in zip(pictures, made, strict=True) if v is not None]
        await asyncio.to_thread(
            self._write,
            day,
            self._number,
            self._pack.name,
            done,
            [s for s in rows if s.id not in {d.id for d, _ in done}],
        )
        return len(done)

    async def _select_pack(self) -> None:
        """Select the people pack again if the installed packs have changed."""
        state = await asyncio.to_thread(self._registry.modified_ns)
        if state == self._state:
            return
        chosen = await asyncio.to_thread(self._registry.choose, "embed", self._embedder)
        if chosen is not None:
            async with self._database.session() as session:
                self._number = await camera_numbers.of_pack(session, chosen.pack.name)
        self._state, self._pack = state, chosen.pack if chosen else None
        self._done.clear()

    def _next_batch(self, number: int, classes: list[int], limit: int) -> tuple[str, list[Sighting]]:
        for day in self._store.days():
            if day in self._done:
                continue
            query = (
                sa.select(SIGHTING)
                .where(_c.cls.in_(classes), _c.embedder.not_in([number, 0]), _c.thumb >= 0)
                .limit(limit)
            )
            if rows := self._store.sightings(day, query):
                return day, rows
            self._done.add(day)
        return "", []

    def _pictures(self, day: str, rows: list[Sighting]) -> list[tuple[Sighting, bytes]]:
        found = []
        for s in rows:
            try:
                found.append((s, thumbnails.read(self._store.day_dir(day), s.thumb, s.thumb_size)))
            except OSError:
                continue
        return found

    def _write(
        self,
        day: str,
        number: int,
        name: str,
        done: list[tuple[Sighting, Vector]],
        without_thumbnail: list[Sighting],
    ) -> None:
        """Write the vectors, read them back, then write the rows. Raises StorageError if they differ."""
        folder = self._store.day_dir(day)
        if done:
            values = np.stack([v for _, v in done])
            places = vectors.append(folder, number, name, [s.id for s, _ in done], values)
            shard = vectors.open_shard(folder, number)
            if shard is None or [int(shard.ids[p]) for p in places] != [s.id for s, _ in done]:
                raise StorageError(f"{folder}: the vectors read back differ; no row was changed")
            for (s, _), place in zip(done, places, strict=True):
                s.embedder, s.vector = number, place
        for s in without_thumbnail:  # without a thumbnail: not tried again; filters still find it
            s.embedder, s.vector = 0, -1
        self._store.write(day, [Batch("", 0, changed=[*(s for s, _ in done), *without_thumbnail])])


def embed(pictures: list[bytes]) -> tuple[str, list[Vector | None]]:
    """Return the name of this worker's people pack and its vectors of thumbnails. Runs in a worker."""
    people = pipeline.models().people
    found: list[Vector | None] = []
    for content in pictures:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if people is None or picture is None:
            found.append(None)
            continue
        height, width = picture.shape[:2]
        y, x = round(height * THUMBNAIL_MARGIN), round(width * THUMBNAIL_MARGIN)
        found.append(people.of(np.asarray(picture[y : max(y + 1, height - y), x : max(x + 1, width - x)], np.uint8)))
    return people.name if people is not None else "", found
