"""The second half of a deletion: unlinks the files of flagged entries, then drops the entries.

Retention and clock corrections flag entries first; a crash may follow each step, and start-up recovery finishes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.database import Database
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.tables import Footage


@dataclass(frozen=True, slots=True)
class RemovedFiles:
    """The entries that were dropped and the paths of their files."""

    segments: tuple[Segment, ...] = ()
    paths: tuple[Path, ...] = ()


async def finish_deletion(
    database: Database,
    volumes: dict[int, Path],
    number: int,
    run: Callable[[Callable[[], None]], Awaitable[None]] = asyncio.to_thread,
) -> RemovedFiles:
    """Unlink the files of a row's flagged entries, then drop the entries. `run` runs the blocking calls.

    Raises OSError if the volume refuses: the entries stay flagged for a retry.
    """
    async with database.reading() as session:
        row = await session.get(Footage, number)
    if row is None or row.volume not in volumes:
        return RemovedFiles()
    flagged = [s for s in segment_index.segments_of(row) if s.flags & SegmentFlag.DELETING]
    paths = [segment_index.path_of(volumes, s) for s in flagged]
    await run(partial(_unlink, paths))
    async with database.session() as session:
        row = await segment_index.lock_row(session, number)
        if row is not None:
            gone = {s.start_us for s in flagged}  # other entries may have been flagged since
            kept = [
                s for s in segment_index.segments_of(row) if not (s.flags & SegmentFlag.DELETING and s.start_us in gone)
            ]
            await segment_index.rewrite(session, row, kept)
    return RemovedFiles(tuple(flagged), tuple(paths))


def _unlink(paths: Iterable[Path]) -> None:
    """Unlink files and remove folders that are empty then. Blocking."""
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            continue  # other files are in it
