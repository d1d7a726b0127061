"""What a recorder does before it records: bring its streams' files and index together after a crash.

- a file that was being written is cut back to its last whole fragment, gets its index and its hash, and an entry;
- a removal that was under way is finished;
- a file of the last two days without an entry (the database was locked, or lost) is adopted;
- a hole in the time line of the last hours, of which nobody could tell, becomes a gap.

It looks only at what a crash can have touched, so a station with a month of footage starts in seconds.
`archive verify` (nvr.verify) compares everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select

from core.clock import from_microseconds, to_microseconds
from core.database import Database
from nvr import fmp4, footage, gop_index
from nvr.fmp4 import TIMESCALE
from nvr.footage import Segment
from nvr.tables import Footage, Gap, OpenSegment, StreamUsage

log = logging.getLogger(__name__)

LOOK_BACK_DAYS = 2
HOLES_US = 6 * footage.HOUR_US


@dataclass(slots=True)
class Recovered:
    """What start-up recovery found and mended; lists hold paths."""

    closed: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    holes: int = 0  # of the time line, now gaps

    @property
    def clean(self) -> bool:
        return not (self.closed or self.vanished or self.removed or self.adopted or self.holes)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def recover(database: Database, streams: Iterable[str], now: datetime) -> Recovered:
    """Mend the streams' archive. Nothing may record them meanwhile."""
    wanted = set(streams)
    found = Recovered()
    async with database.reading() as session:
        volumes = await footage.volume_paths(session)
        open_rows = [o for o in await session.scalars(select(OpenSegment)) if o.stream in wanted]
        halves = [r.id for r in await session.scalars(select(Footage).where(Footage.deleting)) if r.stream in wanted]
    for number in halves:
        await finish_deletion(database, volumes, number, found)
    for row in open_rows:
        if row.volume in volumes:
            left = Segment(row.stream, row.volume, row.start_us, row.start_us, flags=row.flags, open=True)
            await _close(database, volumes, left, found)
    await _adopt_recent(database, volumes, wanted, now, found)
    for stream in sorted(wanted):
        found.holes += await _name_holes(database, stream, to_microseconds(now))
    return found


async def _name_holes(database: Database, stream: str, now_us: int) -> int:
    """A recorder killed twice in a row takes the fact of the first gap with it: holes of the last hours get one."""
    since = now_us - HOLES_US
    async with database.session() as session:
        known = (await footage.spans(session, [stream], since, now_us))[stream]
        gaps = await session.execute(
            select(Gap.start_us, Gap.end_us).where(Gap.stream == stream, (Gap.end_us > since) | Gap.end_us.is_(None))
        )
        spans = sorted([*known, *((start, end if end is not None else now_us) for start, end in gaps)])
        whole = footage.joined(spans)
        holes = [(a, b) for (_, a), (b, _) in pairwise(whole)]
        session.add_all(
            Gap(stream=stream, start_us=a, end_us=b, cause="recorder_down", detail="", ask_at=from_microseconds(now_us))
            for a, b in holes
        )
    return len(holes)


async def _close(database: Database, volumes: dict[int, Path], left_open: Segment, found: Recovered) -> None:
    path = footage.path_of(volumes, left_open)
    segment = await asyncio.to_thread(complete, left_open, path)
    async with database.session() as session:
        if segment is not None:
            await footage.append(session, [segment])
        else:
            await footage.forget_open(session, left_open.stream, left_open.start_us)
    (found.closed if segment is not None else found.vanished).append(str(path))


def complete(segment: Segment, path: Path, *, hashing: bool = True) -> Segment | None:
    """Close a file whose writer died: cut it back to its last whole fragment, add its index, hash it (or leave that for later).

    None where it holds no picture; then it is removed.
    """
    try:
        fragments = list(fmp4.scan(path))
    except FileNotFoundError:
        return None
    if not fragments:
        path.unlink()
        return None
    last = fragments[-1]
    end = last.offset + last.size
    if not gop_index.is_closed(path):
        os.truncate(path, end)
        with path.open("ab") as f:
            f.write(gop_index.box(list(gop_index.from_fragments(fragments))))
    media = (last.time + last.duration) * 1_000_000 // TIMESCALE
    flags = footage.RECOVERED | (segment.flags & footage.BACKFILLED)
    if b"soun" in fmp4.read_init(path):
        flags |= footage.AUDIO
    if not hashing:
        flags |= footage.UNHASHED
    return Segment(
        segment.stream, segment.volume, segment.start_us, segment.start_us + media, media, path.stat().st_size,
        sum(f.samples for f in fragments), 0, segment.clock_offset_us, flags, sha256_of(path) if hashing else footage.NO_HASH,
    )  # fmt: skip


def sha256_of(path: Path) -> bytes:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").digest()


async def finish_deletion(
    database: Database,
    volumes: dict[int, Path],
    number: int,
    found: Recovered | None = None,
    run: Callable[[Callable[[], None]], Awaitable[None]] = asyncio.to_thread,
) -> list[Segment]:
    """Unlink the files of a row's flagged entries, then drop the entries; returns them. `run` runs what blocks.

    Raises OSError where the volume refuses: the entries stay flagged, and it is tried again.
    """
    async with database.reading() as session:
        row = await session.get(Footage, number)
    if row is None or row.volume not in volumes:
        return []
    entries = footage.unpack(row.stream, row.hour, row.volume, row.entries)
    going = [s for s in entries if s.flags & footage.DELETING]
    paths = [footage.path_of(volumes, s) for s in going]
    await run(partial(_unlink, paths))
    async with database.session() as session:
        row = await footage.locked(session, number)
        if row is not None:
            entries = footage.unpack(row.stream, row.hour, row.volume, row.entries)
            await footage.rewrite(session, row, [s for s in entries if not s.flags & footage.DELETING])
    if found is not None:
        found.removed += [str(p) for p in paths]
    return going


def _unlink(paths: Iterable[Path]) -> None:
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            continue  # other files lie there


async def _adopt_recent(
    database: Database, volumes: dict[int, Path], streams: set[str], now: datetime, found: Recovered
) -> None:
    since = now - timedelta(days=LOOK_BACK_DAYS)
    days = [f"{since + timedelta(days=i):%Y%m%d}" for i in range(LOOK_BACK_DAYS + 2)]
    for stream in sorted(streams):
        files = await asyncio.to_thread(lambda s: list(files_of(volumes, s, days)), stream)
        if not files:
            continue
        async with database.reading() as session:
            known = {
                (s.volume, s.start_us)
                for s in await footage.between(session, [stream], to_microseconds(since) - 86_400_000_000, 2**62)
            }
        for volume, start, path in files:
            if (volume, start) not in known:
                segment = await asyncio.to_thread(complete, Segment(stream, volume, start, start), path)
                if segment is not None:
                    async with database.session() as session:
                        await footage.append(session, [segment])
                    found.adopted.append(str(path))


def files_of(volumes: dict[int, Path], stream: str, days: list[str]) -> Iterator[tuple[int, int, Path]]:
    """(volume, start, path) of a stream's segment files of some days. Blocking."""
    for number, volume in volumes.items():
        for day in days:
            try:
                entries = list(os.scandir(volume / stream / day))
            except FileNotFoundError:
                continue
            for entry in entries:
                start = footage.start_of(Path(entry.path)) if entry.name.endswith(".mp4") else None
                if start is not None:
                    yield number, start, Path(entry.path)


async def last_covered(database: Database, streams: Iterable[str]) -> dict[str, tuple[int, bool]]:
    """For each stream with footage: (end of its newest segment or gap, whether a gap is open). Times µs UTC."""
    wanted = set(streams)
    result: dict[str, tuple[int, bool]] = {}
    async with database.reading() as session:
        newest_hour = (
            select(Footage.stream, func.max(Footage.hour).label("hour"))
            .where(Footage.stream.in_(select(StreamUsage.stream)))
            .group_by(Footage.stream)
            .subquery()
        )
        query = select(Footage).join(
            newest_hour, (Footage.stream == newest_hour.c.stream) & (Footage.hour == newest_hour.c.hour)
        )
        for row in await session.scalars(query):
            if row.stream in wanted:
                end = max(s.end_us for s in footage.unpack(row.stream, row.hour, row.volume, row.entries))
                result[row.stream] = (max(end, result.get(row.stream, (0, False))[0]), False)
        for gap in await session.scalars(select(Gap).where(Gap.end_us.is_(None))):
            if gap.stream in wanted:
                result[gap.stream] = (gap.start_us, True)
    return result
