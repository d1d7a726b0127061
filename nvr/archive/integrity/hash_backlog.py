"""Hashes files that were closed without a SHA-256, at quieter times.

Either the CPU fell behind, or the disk refused the end of the file. Files of the second kind are completed as after a
crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, Clock, to_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.integrity import completion
from nvr.archive.integrity.completion import CompletedFile
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_remedies import remedy
from nvr.tables import Footage

LOOK_BACK_HOURS = 26
MAX_ROWS_COUNTED = 5000  # rows of footage that `backlog` reads: an hour of a stream each
FILES_PER_ROUND = 50  # files per round
HASH_TIMEOUT_S = 120.0  # for one file: a disk that takes longer hangs
log = logging.getLogger(__name__)


async def hash_waiting_files(
    database: Database,
    streams: Iterable[str],
    clock: Clock,
    calls: DiskCalls | None = None,
    failed: Callable[[int, OSError], object] = lambda _volume, _error: None,
) -> int:
    """Hash some unhashed files of the last day; return how many were waiting, `FILES_PER_ROUND` at most.

    `archive verify` hashes older files. A volume that does not answer within the limit of `calls` is skipped for this
    round, and `failed` is called.
    """
    calls = calls or DiskCalls(HASH_TIMEOUT_S)
    wanted = set(streams)
    if not wanted:
        return 0
    since = to_microseconds(clock.now()) // HOUR_US - LOOK_BACK_HOURS
    async with database.reading() as session:
        volumes = await segment_index.volume_paths(session)
        rows = await session.execute(
            select(Footage.id, Footage.stream, Footage.hour, Footage.volume, Footage.entries).where(
                Footage.stream.in_(wanted), Footage.hour >= since
            )
        )
        found = [(row.id, s) for row in rows if row.volume in volumes for s in _unhashed(*row[1:])]
    answering = [(number, s) for number, s in found if not calls.is_hanging(s.volume)]
    for number, segment in answering[:FILES_PER_ROUND]:
        if calls.is_hanging(segment.volume):
            continue
        path = segment_index.path_of(volumes, segment)
        try:
            done = await calls.run(segment.volume, partial(_hash, segment, path))
        except OSError as e:
            log.error("the SHA-256 of %s could not be computed (%s); %s", path, e.strerror or e, remedy(e))
            failed(segment.volume, e)
            continue
        if done is not None:
            await _store(database, number, segment, done)
    return min(len(found), FILES_PER_ROUND)


class HashBacklog(NamedTuple):
    waiting: int
    files: int


async def backlog(session: AsyncSession, now: datetime, hours: int) -> HashBacklog:
    """Return how many files of the last `hours` hours have no SHA-256 yet; of a large archive, of some of them."""
    since = to_microseconds(now) // HOUR_US - hours + 1
    columns = select(Footage.stream, Footage.hour, Footage.volume, Footage.entries)
    rows = (await session.execute(columns.where(Footage.hour >= since).limit(MAX_ROWS_COUNTED))).all()
    waiting = sum(1 for row in rows for _ in _unhashed(*row))
    return HashBacklog(waiting, sum(len(segment_index.unpack(*row)) for row in rows))


def _unhashed(stream: str, hour: int, volume: int, entries: bytes) -> Iterator[Segment]:
    return (s for s in segment_index.unpack(stream, hour, volume, entries) if s.flags & SegmentFlag.UNHASHED)


def _hash(segment: Segment, path: Path) -> CompletedFile | None:
    """Return the file with its hash; None if it is gone or its disk still refuses writes."""
    try:
        return completion.hash_file(segment, path)
    except OSError:
        return None


async def _store(database: Database, number: int, segment: Segment, done: CompletedFile) -> None:
    """Replace the entry; drop it if the file had no readable picture and is in quarantine now."""
    async with database.session() as session:
        row = await segment_index.lock_row(session, number)
        if row is None:
            return
        entries = [done.segment if s == segment else s for s in segment_index.segments_of(row)]
        await segment_index.rewrite(session, row, [s for s in entries if s is not None])
        damaged = done.damaged_ranges if done.segment is not None else [(segment.start_us, segment.end_us)]
        await completion.add_damage_gaps(session, segment.stream, damaged)
