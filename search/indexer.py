"""The indexer: a reader of the recording log with its own position in every stream.

It never slows the recorder, goes on after a crash where it stopped, and can be sent back to run a
better detector over last week. A stream that crashes the worker twice is put in quarantine, alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from cameras import registry
from cameras.tables import Camera, Stream
from core import events
from core.clock import Clock, from_microseconds, to_microseconds
from core.database import Database
from core.errors import ProtocolError
from nvr.decode_pool import DecodePool
from nvr.reader import ArchiveReader, Keyframe
from search import worker
from search.tables import IndexPosition, Sighting

log = logging.getLogger(__name__)

BATCH = 6
STEP_US = 200_000  # a closed segment's index may differ from the open file's by some ms
STRIKES = 2


class Indexer:
    def __init__(self, database: Database, clock: Clock, data_dir: Path, pool: DecodePool):
        self._database = database
        self._clock = clock
        self._data_dir = data_dir
        self._pool = pool
        self._reader = ArchiveReader(database, clock)

    async def run_once(self, start_us: int | None = None) -> int:
        """Index what is new in every stream; returns the number of sightings written.

        `start_us` begins there where a stream has no position yet (default: its newest minute).
        """
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
        total = 0
        for camera in cameras:
            stream = registry.watched_stream(camera)
            if stream is not None:
                total += await self.index_stream(camera, stream, start_us)
        return total

    async def index_stream(self, camera: Camera, stream: Stream, start_us: int | None = None) -> int:
        """Index the next batch of one stream; returns the number of sightings written."""
        now_us = to_microseconds(self._clock.now())
        async with self._database.reading() as session:
            position = await session.get(IndexPosition, stream.id)
        if position is not None and position.strikes >= STRIKES:
            return 0
        begin = position.position_us if position else (start_us if start_us is not None else now_us - 60_000_000)
        frames = await self._reader.keyframes(stream.id, begin + STEP_US, now_us + 5_000_000, BATCH)
        if not frames:
            return 0
        try:
            name, seen, undecodable = await self._pool.run(worker.detect, frames)
        except ProtocolError as e:
            await self._strike(camera, stream, frames, str(e))
            return 0
        if undecodable:
            log.info("%s: %d keyframes did not decode", stream.id, undecodable)
        await self._store(camera, stream, frames, name, seen)
        return len(seen)

    async def _store(
        self, camera: Camera, stream: Stream, frames: Sequence[Keyframe], name: str, seen: Sequence[worker.SeenObject]
    ) -> None:
        paths = [f"thumbs/{from_microseconds(o.at_us):%Y%m%d}/{camera.id}/{o.at_us}-{secrets.token_hex(3)}.jpg" for o in seen]
        await asyncio.to_thread(_write_all, self._data_dir, paths, [o.thumbnail for o in seen])
        async with self._database.session() as session:
            for path, o in zip(paths, seen, strict=True):
                d = o.detection
                session.add(
                    Sighting(
                        at_us=o.at_us, camera=camera.id, stream=stream.id, village=camera.village, cls=d.cls, score=d.score,
                        x=d.x, y=d.y, w=d.w, h=d.h, upper=joined(o.upper), lower=joined(o.lower), thumbnail=path, detector=name,
                    )
                )  # fmt: skip
            await session.merge(IndexPosition(stream=stream.id, position_us=frames[-1].at_us, strikes=0))

    async def _strike(self, camera: Camera, stream: Stream, frames: Sequence[Keyframe], reason: str) -> None:
        """Pass over the batch that crashed the worker; the second time the stream is left alone."""
        log.error("%s: %s", stream.id, reason)
        async with self._database.session() as session:
            row = await session.get(IndexPosition, stream.id) or IndexPosition(stream=stream.id, strikes=0)
            row.position_us, row.strikes = frames[-1].at_us, row.strikes + 1
            await session.merge(row)
            if row.strikes >= STRIKES:
                events.append(
                    session, self._clock.now(), "stream.quarantined", village=camera.village, camera=camera.id, reason=reason
                )


async def rewind(database: Database, start_us: int, streams: Sequence[str] | None = None) -> None:
    """Send streams (None: all) back to `start_us` and lift their quarantine."""
    async with database.session() as session:
        query = select(IndexPosition)
        for row in await session.scalars(query if streams is None else query.where(IndexPosition.stream.in_(streams))):
            row.position_us, row.strikes = start_us, 0


def joined(names: Sequence[str]) -> str:
    return f",{','.join(names)}," if names else ""


def _write_all(folder: Path, paths: Sequence[str], contents: Sequence[bytes]) -> None:
    for path, content in zip(paths, contents, strict=True):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
