"""Hashes files that were closed without a SHA-256, at quieter times.

Either the CPU fell behind, or the disk refused the end of the file. Files of the second kind are completed as after a
crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import select

from core.clock import HOUR_US, Clock, to_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.recovery import complete, sha256_of
from nvr.archive.segment_index import Segment
from nvr.media import gop_index
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.volumes import remedy
from nvr.tables import Footage

LOOK_BACK_HOURS = 26
AT_ONCE = 50  # files per round
SEAL_SECONDS = 120.0  # for one file: a disk that takes longer hangs
log = logging.getLogger(__name__)


async def seal(
    database: Database,
    streams: Iterable[str],
    clock: Clock,
    calls: DiskCalls | None = None,
    failed: Callable[[int, OSError], object] = lambda _volume, _error: None,
) -> int:
    """Hash some unhashed files of the last day; return how many were waiting, `AT_ONCE` at most.

    `archive verify` hashes older files. A volume that does not answer within the limit of `calls` is skipped for this
    round, and `failed` is called.
    """
    calls = calls or DiskCalls(SEAL_SECONDS)
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
    answering = [(number, s) for number, s in found if not calls.hangs(s.volume)]
    for number, segment in answering[:AT_ONCE]:
        if calls.hangs(segment.volume):
            continue
        path = segment_index.path_of(volumes, segment)
        try:
            sealed = await calls.run(segment.volume, partial(_sealed, segment, path))
        except OSError as e:
            log.error("%s cannot be hashed (%s); %s", path, e.strerror or e, remedy(e))
            failed(segment.volume, e)
            continue
        if sealed is not None:
            await _store(database, number, segment, sealed)
    return min(len(found), AT_ONCE)


def _unhashed(stream: str, hour: int, volume: int, entries: bytes) -> Iterator[Segment]:
    return (s for s in segment_index.unpack(stream, hour, volume, entries) if s.flags & segment_index.UNHASHED)


def _sealed(segment: Segment, path: Path) -> Segment | None:
    """Return the entry with its hash; None if the file is gone or its disk still refuses writes."""
    try:
        if gop_index.is_closed(path):
            # An earlier try may have completed the file.
            flags, size = segment.flags & ~segment_index.UNHASHED, path.stat().st_size
            return replace(segment, flags=flags, size=size, sha256=sha256_of(path))
        whole = complete(segment, path)
        # Keep the end at which its gap begins, although a part of its last GOP lies after it.
        return replace(whole, end_us=segment.end_us, lost=segment.lost) if whole is not None else None
    except OSError:
        return None


async def _store(database: Database, number: int, segment: Segment, sealed: Segment) -> None:
    async with database.session() as session:
        row = await segment_index.locked(session, number)
        if row is None:
            return
        entries = segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
        await segment_index.rewrite(session, row, [sealed if s == segment else s for s in entries])
