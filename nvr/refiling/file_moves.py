"""Files that a wrong clock named get their right names and entries.

A file is moved as: second name (hard link) → one transaction (new entry, old one flagged) → old name goes, old entry
goes. Each step may be the last before a crash, a stop or an error: recovery finishes the deletion, and second names that nobody
told of stay for the next try, which takes them. Nobody removes them: that may be too late, when another recorder has told of them.
Where the file system has no hard links (CIFS, exFAT, FAT) the second name is a copy, made whole before it has its name, and files
go one after another, so that there need be room for one.
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
from nvr.archive import recovery, salvage, segment_index
from nvr.archive.clock_corrections import SHIFTS, same
from nvr.archive.segment_index import Segment
from nvr.archive.timeline import ClockStep
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Footage

log = logging.getLogger(__name__)

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
CALLS = DiskCalls(120.0)  # a volume that hangs holds up nobody's end
BATCH = 200  # files of a stream that are moved in one transaction
_Name = Callable[[Path, Path], object]
_Told = Callable[[AsyncSession, set[int]], Awaitable[object]]


def batches(step: ClockStep) -> Iterator[ClockStep]:
    """The step for a few files at a time, in the order in which none gets the name of one that has yet to move."""
    files = sorted(step.files or (), reverse=step.by_us > 0)
    for at in range(0, len(files), BATCH):
        yield replace(step, files=tuple(files[at : at + BATCH]))


async def refile(database: Database, step: ClockStep, told: _Told | None = None) -> int:
    """Give the stream's files of the wrong clock their right times; returns how many were moved. `told` hears which, in the same
    transaction. Raises OSError; StorageError, and what `told` does: then no file of this batch has moved."""
    starts = set(step.files or ())
    async with database.reading() as session:
        volumes = await segment_index.volume_paths(session)
        rows = await session.scalars(
            select(Footage).where(Footage.stream == step.stream, Footage.hour.in_(_hours(starts)))
        )
        found = [
            (r.id, s)
            for r in rows
            for s in segment_index.unpack(r.stream, r.hour, r.volume, r.entries)
            if s.start_us in starts
        ]
    going = [(number, s) for number, s in found if not s.flags & segment_index.DELETING]
    for number in {number for number, s in found if s.flags & segment_index.DELETING}:  # told of before a stop
        await _unlink_old(database, volumes, number)
    try:
        await _move(database, volumes, going, step.by_us, os.link, told)
    except OSError as e:
        if e.errno not in NO_LINKS:
            raise
        going.sort(key=lambda one: one[1].start_us, reverse=step.by_us > 0)  # each leaves its name to the next
        for one in going:
            await _move(database, volumes, [one], step.by_us, _copy, told)
    return len(going)


async def _move(
    database: Database,
    volumes: dict[int, Path],
    going: Sequence[tuple[int, Segment]],
    by_us: int,
    name: _Name,
    told: _Told | None,
) -> None:
    segments, given_up = [s for _, s in going], threading.Event()
    on = frozenset(s.volume for s in segments)
    async with database.reading() as session:
        known = await _known(session, segments, by_us)
    try:
        moved = await CALLS.run(on, partial(_named, volumes, segments, by_us, name, known, given_up))
    except BaseException:
        given_up.set()  # it need not go on: the next try does
        raise
    async with database.session() as session:
        await _exchange(session, going, moved)
        if told is not None:
            await told(session, {s.start_us for s in segments})
    try:
        await CALLS.run(on, partial(_name_lost, volumes, segments, moved, name))
        for number in {number for number, _ in going}:
            await _unlink_old(database, volumes, number)
    except OSError as e:  # they have moved: nobody may try that again, with copies or without
        log.error("old names of %s stay until retention comes by: %s", segments[0].stream if segments else "", e)


async def _unlink_old(database: Database, volumes: dict[int, Path], number: int) -> None:
    await recovery.finish_deletion(database, volumes, number, run=partial(CALLS.run, ("unlink", number)))


async def _known(session: AsyncSession, segments: Sequence[Segment], by_us: int) -> set[tuple[int, int]]:
    """(volume, start) of files of the stream that have entries, or are open, about where these go."""
    streams = {s.stream for s in segments}
    hours = _hours({s.start_us + by_us + shift for s in segments for shift in range(SHIFTS)})
    rows = await session.scalars(select(Footage).where(Footage.stream.in_(streams), Footage.hour.in_(hours)))
    entries = [s for r in rows for s in segment_index.unpack(r.stream, r.hour, r.volume, r.entries)]
    return {(s.volume, s.start_us) for s in (*entries, *await segment_index.still_open(session, list(streams), 2**62))}


def _copy(source: Path, target: Path) -> None:
    """Blocking. `target` is there whole, or not at all."""
    copy = target.with_name(target.name + salvage.COPY)
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


def _named(
    volumes: dict[int, Path],
    segments: Sequence[Segment],
    by_us: int,
    name: _Name,
    known: Collection[tuple[int, int]],
    given_up: threading.Event,
) -> list[Segment]:
    """Blocking. A second name for each file, where it does not have one already; returns them as they will be."""
    moved, taken = list[Segment](), set(known)
    for segment in segments:
        old, new = segment_index.path_of(volumes, segment), _moved(segment, by_us)
        begun = _begun(volumes, old, new, taken)
        if begun is None:
            while (new.volume, new.start_us) in taken or segment_index.path_of(
                volumes, new
            ).exists():  # another one that moves itself
                new = replace(new, start_us=new.start_us + 1)
            path = segment_index.path_of(volumes, new)
            path.parent.mkdir(parents=True, exist_ok=True)
            name(old, path)
        moved.append(begun or new)
        taken.add((moved[-1].volume, moved[-1].start_us))
        if given_up.is_set():
            raise TimeoutError("its volume answered too late")
    return moved


def _begun(volumes: dict[int, Path], old: Path, new: Segment, known: Collection[tuple[int, int]]) -> Segment | None:
    """Blocking. What a try before this one named, and could not tell of."""
    for shift in range(SHIFTS):
        maybe = replace(new, start_us=new.start_us + shift)
        if (maybe.volume, maybe.start_us) not in known and same(old, segment_index.path_of(volumes, maybe)):
            return maybe
    return None


def _name_lost(volumes: dict[int, Path], segments: Sequence[Segment], moved: Sequence[Segment], name: _Name) -> None:
    """Blocking. The old names go now: whoever removed a new one meanwhile would have removed the footage."""
    for segment, new in zip(segments, moved, strict=True):
        old, path = segment_index.path_of(volumes, segment), segment_index.path_of(volumes, new)
        if not path.exists() and old.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            name(old, path)


async def _exchange(session: AsyncSession, going: Sequence[tuple[int, Segment]], moved: Sequence[Segment]) -> None:
    """The old entries are flagged and the new ones there, or neither."""
    for number in {number for number, _ in going}:
        row = await segment_index.locked(session, number)
        if row is not None:
            starts = {s.start_us for n, s in going if n == number}
            entries = segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
            flagged = [segment_index.flagged(s, segment_index.DELETING) if s.start_us in starts else s for s in entries]
            await segment_index.rewrite(session, row, flagged)
    await session.flush()
    await segment_index.append(session, moved)
