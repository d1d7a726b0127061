"""Gives files that a wrong clock named their right names and entries.

A file is moved as: second name (hard link) → one transaction (new entry, old one flagged) → the old name is removed,
the old entry is removed. A crash, a stop or an error may follow each step: recovery finishes the deletion, and second
names that were not registered stay for the next try, which uses them. Nobody removes them: another recorder may have
registered them meanwhile. On file systems without hard links (CIFS, exFAT, FAT) the second name is a copy, completed
before it gets that name, and files move one after another, so that space for one is enough.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US
from core.database import Database
from core.files import sync_folder
from nvr.archive import segment_index
from nvr.archive.coverage.clock_corrections import MAX_NAME_SHIFT_US, is_same_content
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.integrity import salvage
from nvr.archive.retention import file_removal
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Footage

log = logging.getLogger(__name__)

NO_HARD_LINK_ERRNOS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_DISK_CALLS = DiskCalls(120.0)  # a volume that hangs does not delay the end of the process
FILES_PER_TRANSACTION = 200  # files of a stream that move in one transaction
_Name = Callable[[Path, Path], object]
_Told = Callable[[AsyncSession, set[int]], Awaitable[object]]


def batches(step: ClockStep) -> Iterator[ClockStep]:
    """Yield the step in batches, in an order in which no file gets the name of one that has yet to move."""
    files = sorted(step.files or (), reverse=step.by_us > 0)
    for at in range(0, len(files), FILES_PER_TRANSACTION):
        yield replace(step, files=tuple(files[at : at + FILES_PER_TRANSACTION]))


async def move_files(database: Database, step: ClockStep, on_moved: _Told | None = None) -> int:
    """Give the stream's files of the wrong clock their right times; return how many moved.

    `on_moved` is called with the moved files, in the same transaction. Raises OSError, StorageError and what `on_moved`
    raises; after the latter two, no file of this batch has moved, or, without hard links, none from the failed one on.
    """
    starts = set(step.files or ())
    async with database.reading() as session:
        volumes = await segment_index.volume_paths(session)
        rows = await session.scalars(
            select(Footage).where(Footage.stream == step.stream, Footage.hour.in_(_hours(starts)))
        )
        found = [(r.id, s) for r in rows for s in segment_index.segments_of(r) if s.start_us in starts]
    files = [(number, s) for number, s in found if not s.flags & SegmentFlag.DELETING]
    for number in {number for number, s in found if s.flags & SegmentFlag.DELETING}:  # registered before a stop
        await _unlink_old(database, volumes, number)
    try:
        await _move(database, volumes, files, step.by_us, os.link, on_moved)
    except OSError as e:
        if e.errno not in NO_HARD_LINK_ERRNOS:
            raise
        files.sort(key=lambda one: one[1].start_us, reverse=step.by_us > 0)  # each frees its name for the next
        for one in files:
            await _move(database, volumes, [one], step.by_us, _copy, on_moved)
    return len(files)


async def _move(
    database: Database,
    volumes: dict[int, Path],
    files: Sequence[tuple[int, Segment]],
    by_us: int,
    name: _Name,
    on_moved: _Told | None,
) -> None:
    segments, given_up = [s for _, s in files], threading.Event()
    on = frozenset(s.volume for s in segments)
    async with database.reading() as session:
        known = await _known(session, segments, by_us)
    try:
        moved = await _DISK_CALLS.run(
            on, partial(_create_second_names, volumes, segments, by_us, name, known, given_up)
        )
    except BaseException:
        given_up.set()  # the thread may stop: the next try continues
        raise
    async with database.session() as session:
        await _exchange(session, files, moved)
        if on_moved is not None:
            await on_moved(session, {s.start_us for s in segments})
    try:
        await _DISK_CALLS.run(on, partial(_restore_second_names, volumes, segments, moved, name))
        for number in {number for number, _ in files}:
            await _unlink_old(database, volumes, number)
    except OSError as e:  # they have moved: no retry, with or without copies
        log.error(
            "old file names of %s could not be removed: %s; retention removes them",
            segments[0].stream if segments else "",
            e,
        )


async def _unlink_old(database: Database, volumes: dict[int, Path], number: int) -> None:
    await file_removal.finish_deletion(database, volumes, number, run=partial(_DISK_CALLS.run, ("unlink", number)))


async def _known(session: AsyncSession, segments: Sequence[Segment], by_us: int) -> set[tuple[int, int]]:
    """Return (volume, start) of the files near the new names that have entries or are open."""
    streams = {s.stream for s in segments}
    hours = _hours({s.start_us + by_us + shift for s in segments for shift in range(MAX_NAME_SHIFT_US + 1)})
    rows = await session.scalars(select(Footage).where(Footage.stream.in_(streams), Footage.hour.in_(hours)))
    entries = [s for r in rows for s in segment_index.segments_of(r)]
    return {
        (s.volume, s.start_us) for s in (*entries, *await segment_index.open_segments(session, list(streams), 2**62))
    }


def _copy(source: Path, target: Path) -> None:
    """Copy a file. `target` exists completely or not at all. Blocking."""
    copy = target.with_name(target.name + salvage.COPY_SUFFIX)
    try:
        shutil.copyfile(source, copy)
        with copy.open("rb+") as f:
            os.fsync(f.fileno())
        copy.rename(target)
    except OSError:
        copy.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _hours(starts: set[int]) -> set[int]:
    return {s // HOUR_US for s in starts}


def _moved(segment: Segment, by_us: int) -> Segment:
    offset = segment.clock_offset_us
    return replace(
        segment, start_us=segment.start_us + by_us, end_us=segment.end_us + by_us,
        clock_offset_us=offset - by_us if offset is not None else None,
    )  # fmt: skip


def _create_second_names(
    volumes: dict[int, Path],
    segments: Sequence[Segment],
    by_us: int,
    name: _Name,
    known: Collection[tuple[int, int]],
    given_up: threading.Event,
) -> list[Segment]:
    """Give each file a second name if it has none yet; return the segments as they will be. Blocking."""
    moved, taken = list[Segment](), set(known)
    for segment in segments:
        old, new = segment_index.path_of(volumes, segment), _moved(segment, by_us)
        begun = _find_second_name(volumes, old, new, taken)
        if begun is None:
            while (new.volume, new.start_us) in taken or segment_index.path_of(
                volumes, new
            ).exists():  # the name of another file that is to move
                new = replace(new, start_us=new.start_us + 1)
            path = segment_index.path_of(volumes, new)
            path.parent.mkdir(parents=True, exist_ok=True)
            name(old, path)
        moved.append(begun or new)
        taken.add((moved[-1].volume, moved[-1].start_us))
        if given_up.is_set():
            raise TimeoutError("the volume did not answer in time")
    return moved


def _find_second_name(
    volumes: dict[int, Path], old: Path, new: Segment, known: Collection[tuple[int, int]]
) -> Segment | None:
    """Return the segment that an earlier try named but did not register; None if there is none. Blocking."""
    for shift in range(MAX_NAME_SHIFT_US + 1):
        maybe = replace(new, start_us=new.start_us + shift)
        if (maybe.volume, maybe.start_us) not in known and is_same_content(old, segment_index.path_of(volumes, maybe)):
            return maybe
    return None


def _restore_second_names(
    volumes: dict[int, Path], segments: Sequence[Segment], moved: Sequence[Segment], name: _Name
) -> None:
    """Restore new names that were removed meanwhile: the old names are removed next, and with them the data.

    Blocking.
    """
    for segment, new in zip(segments, moved, strict=True):
        old, path = segment_index.path_of(volumes, segment), segment_index.path_of(volumes, new)
        if not path.exists() and old.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            name(old, path)


async def _exchange(session: AsyncSession, files: Sequence[tuple[int, Segment]], moved: Sequence[Segment]) -> None:
    """Flag the old entries and add the new ones, in one transaction."""
    for number in {number for number, _ in files}:
        row = await segment_index.lock_row(session, number)
        if row is not None:
            starts = {s.start_us for n, s in files if n == number}
            entries = segment_index.segments_of(row)
            flagged = [segment_index.with_flag(s, SegmentFlag.DELETING) if s.start_us in starts else s for s in entries]
            await segment_index.rewrite(session, row, flagged)
    await session.flush()
    await segment_index.append(session, moved)
