"""Which files still have to move after the station's clock was set: rows, so that a killed recorder's successor goes on.

A row is made in the transaction that moves the stream's gaps, gets rid of names in the transactions that move files, and goes with
the last one. A recorder whose correction was taken over by another one (a stream that changed its worker) hears so and stops.
"""

from __future__ import annotations

import asyncio
import filecmp
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US
from core.database import Database
from core.errors import StorageError
from nvr import footage
from nvr.footage import Segment
from nvr.tables import ClockCorrection, Footage
from nvr.timeline import ClockStep

log = logging.getLogger(__name__)

SHIFTS = 5  # µs by which a new name that is taken already gives way, and one


class TakenOver(StorageError):
    """Another recorder has the correction."""


@dataclass(slots=True, eq=False)
class Correction:
    """Of one stream. `row` is None until it is stored; `resumed`: another run of the recorder began it."""

    step: ClockStep
    row: int | None = None
    protected: bool = False
    resumed: bool = False


async def store(session: AsyncSession, worker: str, correction: Correction, files: Collection[int]) -> None:
    step = correction.step
    row = ClockCorrection(
        stream=step.stream, worker=worker, since_us=step.since_us, until_us=step.until_us, by_us=step.by_us, files=sorted(files),
        protected=False,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    correction.row = row.id


async def is_waiting(session: AsyncSession, stream: str) -> bool:
    return await session.scalar(select(ClockCorrection.id).where(ClockCorrection.stream == stream).limit(1)) is not None


async def is_done(session: AsyncSession, correction: Correction) -> bool:
    """Its row was there and is gone."""
    return correction.row is not None and await session.get(ClockCorrection, correction.row) is None


async def load(session: AsyncSession, worker: str, before: Correction | None = None) -> list[Correction]:
    """The worker's, in the order in which they are done; those of its stream that come `before` one."""
    query = select(ClockCorrection).where(ClockCorrection.worker == worker).order_by(ClockCorrection.id)
    if before is not None:
        query = query.where(ClockCorrection.stream == before.step.stream, ClockCorrection.id < (before.row or 0))
    return [
        Correction(ClockStep(r.stream, r.since_us, r.until_us, r.by_us, tuple(r.files)), r.id, r.protected, resumed=True)
        for r in await session.scalars(query)
    ]


async def waiting(session: AsyncSession, streams: Collection[str]) -> dict[str, dict[int, int]]:
    """Of streams with corrections: by how much (µs) the files that begin then are going to move."""
    found = dict[str, dict[int, int]]()
    rows = await session.scalars(select(ClockCorrection).order_by(ClockCorrection.id))
    for row in [r for r in rows if r.stream in streams]:
        found.setdefault(row.stream, {}).update(dict.fromkeys(row.files, row.by_us))
    return found


async def left_to(session: AsyncSession, worker: str, streams: Collection[str]) -> set[int]:
    """Rows of these streams that are other workers'."""
    rows = await session.execute(select(ClockCorrection.id, ClockCorrection.stream).where(ClockCorrection.worker != worker))
    return {row for row, stream in rows if stream in streams}


async def take_over(session: AsyncSession, worker: str, streams: Collection[str]) -> list[Correction]:
    """Corrections of these streams that other workers left; they are this one's from now on."""
    found = await left_to(session, worker, streams)
    await session.execute(update(ClockCorrection).where(ClockCorrection.id.in_(found)).values(worker=worker))
    return [c for c in await load(session, worker) if c.row in found]


async def keep(session: AsyncSession, worker: str, correction: Correction, files: Collection[int]) -> None:
    """These are to move. Raises TakenOver."""
    if (row := await _own(session, worker, correction)) is not None:
        row.files, row.protected = sorted(files), True


async def moved(session: AsyncSession, worker: str, correction: Correction, files: Collection[int]) -> None:
    """These have their new names with this transaction. Raises TakenOver."""
    if (row := await _own(session, worker, correction)) is not None:
        row.files = sorted(set(row.files) - set(files))


async def forget(session: AsyncSession, correction: Correction) -> None:
    await session.execute(delete(ClockCorrection).where(ClockCorrection.id == correction.row))


async def _own(session: AsyncSession, worker: str, correction: Correction) -> ClockCorrection | None:
    if correction.row is None:  # the database refused it: then it is done as long as this recorder lives
        return None
    row = await session.get(ClockCorrection, correction.row, with_for_update=True, populate_existing=True)
    if row is None or row.worker != worker:
        raise TakenOver(f"{correction.step.stream}: another recorder corrects what a wrong clock filed")
    return row


async def remove_second_names(database: Database, volumes: Mapping[int, Path], streams: Collection[str]) -> list[Path]:
    """A recorder was killed between giving files their second names and telling so: the old names with their entries are there, and
    recovery would take the others for other footage. Returns what was removed."""
    pairs = list[tuple[Path, Path]]()
    async with database.reading() as session:
        for row in await session.scalars(select(ClockCorrection).where(ClockCorrection.stream.in_(streams))):
            waiting = set[int](row.files)
            later = {s + row.by_us + shift for s in waiting for shift in range(SHIFTS)}
            known = {(s.volume, s.start_us) for s in await _entries(session, row.stream, later)}
            known |= {(s.volume, s.start_us) for s in await footage.still_open(session, [row.stream], 2**62)}
            for old in await _entries(session, row.stream, waiting):
                if old.start_us in waiting and old.volume in volumes:
                    pairs += _pairs(dict(volumes), old, row.by_us, known)
    return await asyncio.to_thread(_remove, pairs)


async def _entries(session: AsyncSession, stream: str, starts: Collection[int]) -> list[Segment]:
    """Entries of the hours in which these files begin."""
    hours = {start // HOUR_US for start in starts}
    rows = await session.scalars(select(Footage).where(Footage.stream == stream, Footage.hour.in_(hours)))
    return [s for r in rows for s in footage.unpack(r.stream, r.hour, r.volume, r.entries)]


def _pairs(
    volumes: dict[int, Path], old: Segment, by_us: int, known: Collection[tuple[int, int]]
) -> Iterator[tuple[Path, Path]]:
    """A file's name, and the second ones that it may have."""
    for start in range(old.start_us + by_us, old.start_us + by_us + SHIFTS):
        if (old.volume, start) not in known:
            yield footage.path_of(volumes, old), footage.path_of(volumes, replace(old, start_us=start))


def _remove(pairs: Iterable[tuple[Path, Path]]) -> list[Path]:
    """Blocking."""
    removed = list[Path]()
    for first, second in pairs:
        try:
            if second.exists() and first.exists() and (second.samefile(first) or filecmp.cmp(first, second, shallow=False)):
                second.unlink()
                removed.append(second)
        except OSError as e:
            log.error("%s cannot be removed, a second name of %s: %s", second, first, e.strerror or e)
    return removed
