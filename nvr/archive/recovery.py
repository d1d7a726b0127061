"""Start-up recovery: makes the files and the index of a recorder's streams consistent after a crash, before it records.

- A file that was being written is truncated after its last whole fragment and gets its index, its hash and an entry.
- An interrupted deletion is finished.
- A file of the last two days without an entry (the database was locked, or lost) is adopted.
- The readable parts of a damaged file are salvaged. The original, and files that are no segment files, move to the
  volume's quarantine. Nothing is deleted, and a file that its disk cannot read is left for the next time.
- An absent volume keeps its entries and is checked when it returns (`recover_volume`).
- A hole in the timeline of the last hours that nobody could report becomes a gap.

Recovery looks only at what a crash can have affected, so that a station with a month of recordings starts in seconds.
`archive verify` (nvr.archive.verify) compares everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, from_microseconds, to_microseconds
from core.database import Database
from core.units import media_to_us
from nvr.archive import clock_corrections, salvage, segment_index, timeline
from nvr.archive.clock_corrections import PendingMoves
from nvr.archive.segment_index import Segment
from nvr.archive.timeline import CoveredUntil
from nvr.media import fmp4
from nvr.storage import volume_quarantine
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.volumes import is_mounted, remedy
from nvr.tables import FILLABLE, Footage, Gap, OpenSegment, StreamUsage, Volume

log = logging.getLogger(__name__)

LOOK_BACK_DAYS = 2
MOUNT_SECONDS = 10.0  # a volume that does not answer for this long counts as absent
HOLES_US = 6 * HOUR_US


@dataclass(slots=True)
class RecoveryReport:
    """What start-up recovery found and repaired; lists hold paths."""

    closed: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)  # original paths
    unreadable: list[str] = field(default_factory=list)  # their disk cannot read them; left unchanged
    waiting: int = 0  # files left open on absent volumes
    holes: int = 0  # in the timeline, now gaps

    @property
    def clean(self) -> bool:
        return not any(asdict(self).values())

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def recover(database: Database, streams: Iterable[str], now: datetime) -> RecoveryReport:
    """Repair the streams' archive. Nothing may record them meanwhile."""
    wanted = set(streams)
    found = RecoveryReport()
    volumes = await mounted(database)
    async with database.reading() as session:
        open_rows = [o for o in await session.scalars(select(OpenSegment)) if o.stream in wanted]
        halves = [r.id for r in await session.scalars(select(Footage).where(Footage.deleting)) if r.stream in wanted]
    for number in halves:
        try:
            await finish_deletion(database, volumes, number, found)
        except OSError as e:  # its volume refuses: the entries stay flagged, retention retries
            log.error("a removal cannot be finished: %s", e)
    for row in open_rows:
        if row.volume in volumes:
            await _close(database, volumes, _left_open(row), found, now)
        else:
            found.waiting += 1
    await _adopt_recent(database, volumes, wanted, now, found)
    async with database.reading() as session:
        moving = await clock_corrections.waiting(session, wanted)
    for stream in sorted(wanted - moving.keys()):  # the others have files that are not at their final place yet
        found.holes += await _name_holes(database, stream, to_microseconds(now))
    return found


async def recover_volume(
    database: Database, streams: Iterable[str], number: int, before_us: int, now: datetime
) -> RecoveryReport:
    """Close the files on a returned volume that an earlier recorder left open: those that began before `before_us`."""
    found, volumes, wanted = RecoveryReport(), await mounted(database), set(streams)
    async with database.reading() as session:
        rows = await session.scalars(
            select(OpenSegment).where(OpenSegment.volume == number, OpenSegment.start_us < before_us)
        )
        left = [_left_open(o) for o in rows if o.stream in wanted and o.volume in volumes]
    for segment in left:
        await _close(database, volumes, segment, found, now)
    return found


async def mounted(database: Database) -> dict[int, Path]:
    """Return the paths of the volumes that are present and answer. Files of other volumes must not count as lost."""
    calls, there = DiskCalls(MOUNT_SECONDS), dict[int, Path]()
    async with database.reading() as session:
        rows = (await session.scalars(select(Volume).order_by(Volume.number))).all()
    for row in rows:
        try:
            if await calls.run(row.path, partial(is_mounted, row)):
                there[row.number] = Path(row.path)
        except OSError as e:
            log.error("%s: %s; its files are left as they are", row.path, e)
    return there


def _left_open(row: OpenSegment) -> Segment:
    return Segment(row.stream, row.volume, row.start_us, row.start_us, flags=row.flags, open=True)


async def _name_holes(database: Database, stream: str, now_us: int) -> int:
    """Add gaps that a killed recorder could not report: the end of a gap, or a whole gap (killed twice in a row).

    Return the number of added gaps.
    """
    async with database.session() as session:
        await _end_overtaken(session, stream, now_us)
        end = await _end_of(session, stream)
        since = min(now_us, now_us if end is None else end) - HOLES_US
        segments = [s for s in await segment_index.between(session, [stream], since, 2**62) if not s.open]
        gaps = await session.execute(
            select(Gap.start_us, Gap.end_us).where(Gap.stream == stream, (Gap.end_us > since) | Gap.end_us.is_(None))
        )
        spans = [(start, end if end is not None else max(now_us, start)) for start, end in gaps]
        mended = [s.start_us for s in segments if s.flags & segment_index.RECOVERED]
        found = timeline.holes([(s.start_us, s.end_us) for s in segments], spans, mended)
        session.add_all(
            Gap(stream=stream, start_us=a, end_us=b, cause="recorder_down", detail="", ask_at=from_microseconds(now_us))
            for a, b in found
        )
    return len(found)


async def _end_overtaken(session: AsyncSession, stream: str, now_us: int) -> None:
    for gap in await session.scalars(select(Gap).where(Gap.stream == stream, Gap.end_us.is_(None))):
        files = (await segment_index.spans(session, [stream], gap.start_us, 2**62))[stream]
        if (end := timeline.overtaken(gap.start_us, files)) is not None:
            gap.end_us = end
            gap.ask_at = from_microseconds(now_us) if gap.cause in FILLABLE else None


async def _end_of(session: AsyncSession, stream: str) -> int | None:
    """Return the end of a stream's newest file; None if it has none."""
    hour = await session.scalar(select(func.max(Footage.hour)).where(Footage.stream == stream))
    if hour is None:
        return None
    rows = await session.scalars(select(Footage).where(Footage.stream == stream, Footage.hour == hour))
    return max(s.end_us for r in rows for s in segment_index.unpack(r.stream, r.hour, r.volume, r.entries))


async def _close(
    database: Database, volumes: dict[int, Path], left_open: Segment, found: RecoveryReport, now: datetime
) -> None:
    path = segment_index.path_of(volumes, left_open)
    try:
        done = await asyncio.to_thread(completed, left_open, path, now=now)
    except FileNotFoundError:
        done = CompletedFile()
        found.vanished.append(str(path))
    except OSError as e:
        _note_unreadable(found, path, e)
        return
    async with database.session() as session:
        await _store(session, left_open.stream, done)
        if done.segment is None:
            await segment_index.forget_open(session, left_open.stream, left_open.start_us)
    if done.segment is not None:
        found.closed.append(str(path))
    if done.quarantined is not None:
        found.quarantined.append(str(path))


def _note_unreadable(found: RecoveryReport, path: Path, error: OSError) -> None:
    found.unreadable.append(str(path))
    log.error("%s cannot be read (%s), and is left as it is; %s", path, error.strerror or error, remedy(error))


async def _store(session: AsyncSession, stream: str, done: CompletedFile) -> None:
    """Store the entry of a completed file, and a gap for each damaged range of it."""
    if done.segment is None:
        return
    await segment_index.append(session, [done.segment])
    session.add_all(
        Gap(stream=stream, start_us=start, end_us=end, cause="disk_error", detail="damaged on its disk")
        for start, end in done.holes
    )


@dataclass(frozen=True, slots=True)
class CompletedFile:
    """What became of a file: its entry, the quarantined original, and the damaged ranges, µs UTC.

    `segment` is None if the file has no readable picture.
    """

    segment: Segment | None = None
    quarantined: Path | None = None
    holes: tuple[tuple[int, int], ...] = ()


def complete(segment: Segment, path: Path, *, hashing: bool = True) -> Segment | None:
    """Complete a file whose writer died (`completed`) and return its entry.

    Return None if the file has no readable picture or does not exist.
    """
    try:
        return completed(segment, path, hashing=hashing).segment
    except FileNotFoundError:
        return None


def completed(segment: Segment, path: Path, *, hashing: bool = True, now: datetime | None = None) -> CompletedFile:
    """Complete a file (nvr.archive.salvage) and hash it, or leave hashing for later. Raises OSError."""
    outcome = salvage.complete(path, now)
    if not outcome.fragments:
        return CompletedFile(quarantined=outcome.quarantined)
    last = outcome.fragments[-1]
    media = media_to_us(last.time + last.duration)
    flags = segment_index.RECOVERED | (segment.flags & segment_index.BACKFILLED)
    if b"soun" in fmp4.read_init(path):
        flags |= segment_index.AUDIO
    if not hashing:
        flags |= segment_index.UNHASHED
    end = segment.start_us + media
    if now is not None:  # the duration of the newest picture is a guess: until now at most
        end = max(segment.start_us + media_to_us(last.time) + 1, min(end, to_microseconds(now)))
    whole = Segment(
        segment.stream, segment.volume, segment.start_us, end, media, path.stat().st_size,
        sum(f.samples for f in outcome.fragments), 0, segment.clock_offset_us, flags,
        sha256_of(path) if hashing else segment_index.NO_HASH,
    )  # fmt: skip
    holes = tuple((segment.start_us + media_to_us(a), segment.start_us + media_to_us(b)) for a, b in outcome.holes)
    return CompletedFile(whole, outcome.quarantined, holes)


def sha256_of(path: Path) -> bytes:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").digest()


async def finish_deletion(
    database: Database,
    volumes: dict[int, Path],
    number: int,
    found: RecoveryReport | None = None,
    run: Callable[[Callable[[], None]], Awaitable[None]] = asyncio.to_thread,
) -> list[Segment]:
    """Unlink the files of a row's flagged entries, then drop the entries; return them. `run` runs the blocking calls.

    Raises OSError if the volume refuses: the entries stay flagged for a retry.
    """
    async with database.reading() as session:
        row = await session.get(Footage, number)
    if row is None or row.volume not in volumes:
        return []
    entries = segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
    going = [s for s in entries if s.flags & segment_index.DELETING]
    paths = [segment_index.path_of(volumes, s) for s in going]
    await run(partial(_unlink, paths))
    async with database.session() as session:
        row = await segment_index.locked(session, number)
        if row is not None:
            entries = segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
            gone = {s.start_us for s in going}  # other entries may have been flagged since
            await segment_index.rewrite(
                session, row, [s for s in entries if not (s.flags & segment_index.DELETING and s.start_us in gone)]
            )
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
            continue  # other files are in it


async def _adopt_recent(
    database: Database, volumes: dict[int, Path], streams: set[str], now: datetime, found: RecoveryReport
) -> None:
    since = now - timedelta(days=LOOK_BACK_DAYS)
    days = [f"{since + timedelta(days=i):%Y%m%d}" for i in range(LOOK_BACK_DAYS + 2)]
    for stream in sorted(streams):
        await asyncio.to_thread(_finish_salvages, volumes, stream, days)
        files = await asyncio.to_thread(lambda s: sorted(all_files_of(volumes, s, days), key=lambda f: f[2]), stream)
        if not files:
            continue
        async with database.reading() as session:
            # Read this before the entries, because another recorder may continue the corrections.
            moves = await clock_corrections.moves(session, stream)
        hours = to_microseconds(since) // HOUR_US - 24
        known = await _known(database, stream, hours)
        for volume, start, path in files:
            unknown = Segment(stream, volume, start or 0, start or 0)
            if start is not None and (
                (volume, start) in known or await _is_moving(database, volumes, unknown, moves, hours)
            ):
                continue
            await _adopt(database, volumes[volume], unknown, path, now, found)


async def _known(database: Database, stream: str, since_hour: int) -> set[tuple[int, int]]:
    """Return (volume, start) of files that have entries, including flagged ones, or are open."""
    async with database.reading() as session:
        opened = await segment_index.still_open(session, [stream], 2**62)
        rows = await session.scalars(select(Footage).where(Footage.stream == stream, Footage.hour >= since_hour))
        entries = (s for r in rows for s in segment_index.unpack(r.stream, r.hour, r.volume, r.entries))
        return {(s.volume, s.start_us) for s in (*opened, *entries)}


async def _is_moving(
    database: Database, volumes: dict[int, Path], unknown: Segment, moves: list[PendingMoves], since_hour: int
) -> bool:
    """Return whether a pending clock correction gave the file this name, or has registered it meanwhile."""
    if not any(m.sources(unknown.start_us) for m in moves):
        return False
    try:
        if await asyncio.to_thread(clock_corrections.is_second_name, volumes, unknown, moves):
            return True
    except OSError as e:
        log.error("%s cannot be read: %s", segment_index.path_of(volumes, unknown), e.strerror or e)
        return True
    return (unknown.volume, unknown.start_us) in await _known(database, unknown.stream, since_hour)


def _finish_salvages(volumes: dict[int, Path], stream: str, days: Iterable[str]) -> None:
    """Finish interrupted salvages. Blocking."""
    for volume in volumes.values():
        for day in days:
            try:
                for part in (volume / stream / day).glob(f"*.mp4{salvage.PART}"):
                    salvage.finish_interrupted(part.with_suffix(""))
            except OSError as e:
                log.error("%s cannot be tidied: %s; %s", volume / stream / day, e.strerror or e, remedy(e))


async def _adopt(
    database: Database, volume: Path, unknown: Segment, path: Path, now: datetime, found: RecoveryReport
) -> None:
    """Give a file an entry; quarantine it if it is no segment file."""
    try:
        if not unknown.start_us:
            why = "its name is not one of a segment file"
            await asyncio.to_thread(volume_quarantine.move, volume, path, why, now)
            found.quarantined.append(str(path))
            return
        done = await asyncio.to_thread(completed, unknown, path, now=now)
    except FileNotFoundError:  # it was a part file that a repeated salvage replaced
        return
    except OSError as e:
        _note_unreadable(found, path, e)
        return
    async with database.session() as session:
        await _store(session, unknown.stream, done)
    if done.segment is not None:
        found.adopted.append(str(path))
    if done.quarantined is not None:
        found.quarantined.append(str(path))


def files_of(volumes: dict[int, Path], stream: str, days: list[str]) -> Iterator[tuple[int, int, Path]]:
    """Yield (volume, start, path) of a stream's segment files of some days. Blocking."""
    return ((v, start, path) for v, start, path in all_files_of(volumes, stream, days) if start is not None)


def all_files_of(volumes: dict[int, Path], stream: str, days: list[str]) -> Iterator[tuple[int, int | None, Path]]:
    """As `files_of`, including files of other names, whose start is None.

    Blocking; folders that cannot be listed are skipped.
    """
    for number, volume in volumes.items():
        for day in days:
            try:
                entries = [e for e in os.scandir(volume / stream / day) if e.is_file(follow_symlinks=False)]
            except FileNotFoundError:
                continue
            except OSError as e:
                log.error("%s cannot be listed: %s; %s", volume / stream / day, e.strerror or e, remedy(e))
                continue
            for entry in entries:
                path = Path(entry.path)
                yield number, segment_index.start_of(path) if entry.name.endswith(".mp4") else None, path


async def _ends_to_be(session: AsyncSession, stream: str, moves: dict[int, int]) -> list[int]:
    """Return where the stream's newest files and gaps end after all pending moves (start of file → shift, µs)."""
    since = min([start + min(by, 0) for start, by in moves.items()], default=0)
    files = await segment_index.between(session, [stream], since, 2**62)
    gap = await session.scalar(select(func.max(Gap.end_us)).where(Gap.stream == stream))
    return [s.end_us + moves.get(s.start_us, 0) for s in files if not s.open] + ([gap] if gap is not None else [])


async def last_covered(database: Database, streams: Iterable[str]) -> dict[str, CoveredUntil]:
    """Return where the timeline of each stream with recordings or an open gap ended."""
    wanted = set(streams)
    ends, opened = defaultdict[str, list[int]](list), defaultdict[str, list[tuple[int, str]]](list)
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
            ends[row.stream] += (s.end_us for s in segment_index.unpack(row.stream, row.hour, row.volume, row.entries))
        newest_gap = select(func.max(Gap.end_us)).where(Gap.stream == StreamUsage.stream).scalar_subquery()
        for stream, end in await session.execute(select(StreamUsage.stream, newest_gap)):
            ends[stream] += [end] if end is not None else []
        for gap in await session.scalars(select(Gap).where(Gap.end_us.is_(None))):
            opened[gap.stream].append((gap.start_us, gap.cause))
        for stream, files in (await clock_corrections.waiting(session, wanted)).items():
            ends[stream] = await _ends_to_be(session, stream, files)
    found = {s: timeline.covered(ends.get(s, ()), opened.get(s, ())) for s in wanted}
    return {stream: covered for stream, covered in found.items() if covered is not None}
