"""Start-up recovery: makes the files and the index of a recorder's streams consistent after a crash, before it records.

- A file that was being written is truncated after its last whole fragment and gets its index, its hash and an entry.
- An interrupted deletion is finished.
- A file of the last two days without an entry (the database was locked, or lost) is adopted.
- The readable parts of a damaged file are salvaged. The original, and files that are no segment files, move to the
  volume's quarantine. Nothing is deleted, and a file that its disk cannot read is left for the next time.
- An absent volume keeps its entries and is checked when it returns (`recover_volume`).
- A hole in the timeline of the last hours that nobody could report becomes a gap.

Recovery looks only at what a crash can have affected, so that a station with a month of recordings starts in seconds.
`archive verify` (nvr.archive.integrity.verify) compares everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core.clock import HOUR_US, to_microseconds
from core.database import Database
from nvr.archive import segment_index, volume_files
from nvr.archive.coverage import clock_corrections
from nvr.archive.coverage.clock_corrections import PendingMoves
from nvr.archive.coverage.unreported_gaps import add_unreported_gaps
from nvr.archive.integrity import completion, salvage
from nvr.archive.integrity.completion import CompletedFile, complete_file
from nvr.archive.retention import file_removal
from nvr.archive.segment_index import Segment
from nvr.storage import volume_quarantine
from nvr.storage.disk_remedies import remedy
from nvr.tables import Footage, OpenSegment

log = logging.getLogger(__name__)

LOOK_BACK_DAYS = 2


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
    report = RecoveryReport()
    volumes = await volume_files.mounted_volumes(database)
    async with database.reading() as session:
        open_rows = [o for o in await session.scalars(select(OpenSegment)) if o.stream in wanted]
        half_deleted = [
            r.id for r in await session.scalars(select(Footage).where(Footage.deleting)) if r.stream in wanted
        ]
    for number in half_deleted:
        try:
            done = await file_removal.finish_deletion(database, volumes, number)
        except OSError as e:  # its volume refuses: the entries stay flagged, retention retries
            log.error("an interrupted deletion could not be finished: %s; retention retries it", e)
            continue
        report.removed += map(str, done.paths)
    for row in open_rows:
        if row.volume in volumes:
            await _close(database, volumes, _left_open(row), report, now)
        else:
            report.waiting += 1
    await _adopt_recent(database, volumes, wanted, now, report)
    async with database.reading() as session:
        pending = await clock_corrections.pending_moves(session, wanted)
    for stream in sorted(wanted - pending.keys()):  # the others have files that are not at their final place yet
        report.holes += await add_unreported_gaps(database, stream, to_microseconds(now))
    return report


async def recover_volume(
    database: Database, streams: Iterable[str], number: int, before_us: int, now: datetime
) -> RecoveryReport:
    """Close the files on a returned volume that an earlier recorder left open: those that began before `before_us`."""
    report, volumes, wanted = RecoveryReport(), await volume_files.mounted_volumes(database), set(streams)
    async with database.reading() as session:
        rows = await session.scalars(
            select(OpenSegment).where(OpenSegment.volume == number, OpenSegment.start_us < before_us)
        )
        left = [_left_open(o) for o in rows if o.stream in wanted and o.volume in volumes]
    for segment in left:
        await _close(database, volumes, segment, report, now)
    return report


def _left_open(row: OpenSegment) -> Segment:
    return Segment(row.stream, row.volume, row.start_us, row.start_us, flags=row.flags, open=True)


async def _close(
    database: Database, volumes: dict[int, Path], left_open: Segment, report: RecoveryReport, now: datetime
) -> None:
    path = segment_index.path_of(volumes, left_open)
    try:
        done = await asyncio.to_thread(complete_file, left_open, path, now=now)
    except FileNotFoundError:
        done = CompletedFile()
        report.vanished.append(str(path))
    except OSError as e:
        _note_unreadable(report, path, e)
        return
    async with database.session() as session:
        await completion.store(session, left_open.stream, [done])
        if done.segment is None:
            await segment_index.delete_open_row(session, left_open.stream, left_open.start_us)
    if done.segment is not None:
        report.closed.append(str(path))
    if done.quarantined is not None:
        report.quarantined.append(str(path))


def _note_unreadable(report: RecoveryReport, path: Path, error: OSError) -> None:
    report.unreadable.append(str(path))
    log.error("%s cannot be read (%s) and was left unchanged; %s", path, error.strerror or error, remedy(error))


async def _adopt_recent(
    database: Database, volumes: dict[int, Path], streams: set[str], now: datetime, report: RecoveryReport
) -> None:
    since = now - timedelta(days=LOOK_BACK_DAYS)
    days = [f"{since + timedelta(days=i):%Y%m%d}" for i in range(LOOK_BACK_DAYS + 2)]
    for stream in sorted(streams):
        await asyncio.to_thread(_finish_salvages, volumes, stream, days)
        files = await asyncio.to_thread(_files_by_path, volumes, stream, days)
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
                (volume, start) in known or await _is_pending_move(database, volumes, unknown, moves, hours)
            ):
                continue
            await _adopt(database, volumes[volume], unknown, path, now, report)


async def _known(database: Database, stream: str, since_hour: int) -> set[tuple[int, int]]:
    """Return (volume, start) of files that have entries, including flagged ones, or are open."""
    async with database.reading() as session:
        opened = await segment_index.open_segments(session, [stream], 2**62)
        rows = await session.scalars(select(Footage).where(Footage.stream == stream, Footage.hour >= since_hour))
        entries = (s for r in rows for s in segment_index.segments_of(r))
        return {(s.volume, s.start_us) for s in (*opened, *entries)}


async def _is_pending_move(
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


def _files_by_path(volumes: dict[int, Path], stream: str, days: Sequence[str]) -> list[tuple[int, int | None, Path]]:
    return sorted(volume_files.all_files_of(volumes, stream, days), key=lambda f: f[2])


def _finish_salvages(volumes: dict[int, Path], stream: str, days: Iterable[str]) -> None:
    """Finish interrupted salvages. Blocking."""
    for volume in volumes.values():
        for day in days:
            try:
                for part in (volume / stream / day).glob(f"*.mp4{salvage.PART_SUFFIX}"):
                    salvage.finish_interrupted(part.with_suffix(""))
            except OSError as e:
                log.error(
                    "%s: interrupted salvages in this folder cannot be finished: %s; %s",
                    volume / stream / day,
                    e.strerror or e,
                    remedy(e),
                )


async def _adopt(
    database: Database, volume: Path, unknown: Segment, path: Path, now: datetime, report: RecoveryReport
) -> None:
    """Give a file an entry; quarantine it if it is no segment file."""
    try:
        if not unknown.start_us:
            why = "its name is not a segment file name"
            await asyncio.to_thread(volume_quarantine.move, volume, path, why, now)
            report.quarantined.append(str(path))
            return
        done = await asyncio.to_thread(complete_file, unknown, path, now=now)
    except FileNotFoundError:  # it was a part file that a repeated salvage replaced
        return
    except OSError as e:
        _note_unreadable(report, path, e)
        return
    async with database.session() as session:
        await completion.store(session, unknown.stream, [done])
    if done.segment is not None:
        report.adopted.append(str(path))
    if done.quarantined is not None:
        report.quarantined.append(str(path))
