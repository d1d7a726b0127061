"""Real segment files in a station's archive, with their index entries, without a recorder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from cameras.virtual.clip import LoopClip
from core.clock import SECOND, SystemClock, to_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.reader import LocatedGop
from nvr.archive.segment_index import Segment
from nvr.tables import Gap, GapCause, Volume
from tests.nvr.segment_files import street_pictures, write_segment

CLIP_US = 2 * SECOND  # length of a file of `street_pictures`


def minutes_ago(minutes: float) -> int:
    """Return a whole second before now, µs UTC."""
    return (to_microseconds(SystemClock().now()) // SECOND - round(minutes * 60)) * SECOND


async def add_volume(database: Database, folder: Path) -> None:
    async with database.session() as session:
        session.add(Volume(number=1, identity="v1", path=str(folder)))


async def record(
    database: Database, folder: Path, stream: str, starts_us: Sequence[int], clip: LoopClip | None = None
) -> list[LocatedGop]:
    """Write a file of two seconds at each start, and its entry; return the GOPs of all."""
    gops: list[LocatedGop] = []
    entries: list[Segment] = []
    chosen = clip or street_pictures(size=(320, 180))
    for start in starts_us:
        gops += await asyncio.to_thread(write_segment, folder / stream, start, chosen)
        content = await asyncio.to_thread(gops[-1].path.read_bytes)
        sha = hashlib.sha256(content).digest()
        entries.append(Segment(stream, 1, start, start + CLIP_US, CLIP_US, len(content), 20, sha256=sha))
    async with database.session() as session:
        await segment_index.append(session, entries)
    return gops


async def add_gap(
    database: Database, stream: str, start_us: int, end_us: int | None, cause: GapCause = GapCause.UNREACHABLE
) -> None:
    async with database.session() as session:
        session.add(Gap(stream=stream, start_us=start_us, end_us=end_us, cause=cause, detail=""))
