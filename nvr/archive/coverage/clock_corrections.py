"""Corrections that are pending after the station's clock was set: rows that say which files still have to move.

A row allows the successor of a killed recorder to continue. It is created in the transaction that moves the stream's
gaps, loses names in the transactions that move files, and is deleted with the last one. A recorder whose correction
another one took over (a stream changed its worker) gets CorrectionTakenOver and stops.

Nothing here removes a file name: another recorder may be registering it at this moment, and then it is the only one
that stays. Second names that a crash left are no separate recordings (`is_second_name`); the recorder that continues
the correction uses them (nvr.clock_correction.file_moves).
"""

from __future__ import annotations

import filecmp
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import StorageError
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.segment_index import Segment
from nvr.tables import ClockCorrection

# A new name that is taken is shifted by 1 µs per try; a second name that lies up to this far off is recognised.
MAX_NAME_SHIFT_US = 4


class CorrectionTakenOver(StorageError):
    """Another recorder has taken over the correction."""


@dataclass(slots=True, eq=False)
class Correction:
    """A correction of one stream. `row` is None until it is stored; `resumed`: another run of the recorder began it."""

    step: ClockStep
    row: int | None = None
    protected: bool = False
    resumed: bool = False


async def store(session: AsyncSession, worker: str, correction: Correction, files: Collection[int]) -> None:
    step = correction.step
    row = ClockCorrection(
        stream=step.stream,
        worker=worker,
        since_us=step.since_us,
        until_us=step.until_us,
        by_us=step.by_us,
        files=sorted(files),
        protected=False,
    )
    session.add(row)
    await session.flush()
    correction.row = row.id


async def is_pending(session: AsyncSession, stream: str) -> bool:
    return await session.scalar(select(ClockCorrection.id).where(ClockCorrection.stream == stream).limit(1)) is not None


async def is_done(session: AsyncSession, correction: Correction) -> bool:
    """Return whether its row was stored and is gone."""
    return correction.row is not None and await session.get(ClockCorrection, correction.row) is None


async def load(session: AsyncSession, worker: str, before: Correction | None = None) -> list[Correction]:
    """Return the worker's corrections in the order in which they are done.

    With `before`, return only those of its stream that precede it.
    """
    query = select(ClockCorrection).where(ClockCorrection.worker == worker).order_by(ClockCorrection.id)
    if before is not None:
        query = query.where(ClockCorrection.stream == before.step.stream, ClockCorrection.id < (before.row or 0))
    return [
        Correction(
            ClockStep(r.stream, r.since_us, r.until_us, r.by_us, tuple(r.files)), r.id, r.protected, resumed=True
        )
        for r in await session.scalars(query)
    ]


async def has_corrections(session: AsyncSession, worker: str) -> bool:
    """Return whether the worker has corrections."""
    return await session.scalar(select(ClockCorrection.id).where(ClockCorrection.worker == worker).limit(1)) is not None


async def current(session: AsyncSession, correction: Correction) -> Correction:
    """Return the correction as its row is now.

    A stop or an error may have followed a transaction that was committed.
    """
    row = await session.get(ClockCorrection, correction.row) if correction.row is not None else None
    if row is None or not (row.protected or correction.resumed):  # before that, it is not known which files move
        return correction
    return replace(
        correction, step=replace(correction.step, files=tuple(row.files)), protected=row.protected, resumed=True
    )


async def pending_ranges(session: AsyncSession, streams: Collection[str]) -> set[tuple[str, int, int]]:
    """Return (stream, since, until) of all pending corrections of these streams, whichever worker does them."""
    c = ClockCorrection
    rows = await session.execute(select(c.stream, c.since_us, c.until_us).where(c.stream.in_(streams)))
    return {(stream, since, until) for stream, since, until in rows}


async def pending_moves(session: AsyncSession, streams: Collection[str]) -> dict[str, dict[int, int]]:
    """Return the pending moves of the streams that have corrections: start of a file → shift, µs."""
    found = dict[str, dict[int, int]]()
    query = select(ClockCorrection).where(ClockCorrection.stream.in_(streams)).order_by(ClockCorrection.id)
    for row in await session.scalars(query):
        found.setdefault(row.stream, {}).update(dict.fromkeys(row.files, row.by_us))
    return found


async def rows_of_other_workers(session: AsyncSession, worker: str, streams: Collection[str]) -> set[int]:
    """Return the ids of these streams' rows that belong to other workers."""
    others = ClockCorrection.worker != worker
    return set(await session.scalars(select(ClockCorrection.id).where(others, ClockCorrection.stream.in_(streams))))


async def take_over(session: AsyncSession, worker: str, streams: Collection[str]) -> list[Correction]:
    """Assign corrections of these streams that other workers left to this one, and return them."""
    found = await rows_of_other_workers(session, worker, streams)
    await session.execute(update(ClockCorrection).where(ClockCorrection.id.in_(found)).values(worker=worker))
    return [c for c in await load(session, worker) if c.row in found]


async def store_files(session: AsyncSession, worker: str, correction: Correction, files: Collection[int]) -> None:
    """Store the files that are to move. Raises CorrectionTakenOver."""
    if (row := await _own(session, worker, correction)) is not None:
        row.files, row.protected = sorted(files), True


async def remove_moved_files(
    session: AsyncSession, worker: str, correction: Correction, files: Collection[int]
) -> None:
    """Remove the files that get their new names in this transaction from the row. Raises CorrectionTakenOver."""
    if (row := await _own(session, worker, correction)) is not None:
        row.files = sorted(set(row.files) - set(files))


async def delete_row(session: AsyncSession, correction: Correction) -> None:
    await session.execute(delete(ClockCorrection).where(ClockCorrection.id == correction.row))


async def _own(session: AsyncSession, worker: str, correction: Correction) -> ClockCorrection | None:
    if correction.row is None:  # the database refused the row: the correction lasts only as long as this recorder
        return None
    row = await session.get(ClockCorrection, correction.row, with_for_update=True, populate_existing=True)
    if row is None or row.worker != worker:
        raise CorrectionTakenOver(f"{correction.step.stream}: another recorder has taken over the clock correction")
    return row


@dataclass(frozen=True, slots=True)
class PendingMoves:
    """Files of a correction that still have their old names."""

    by_us: int
    files: frozenset[int]

    def sources(self, start_us: int) -> list[int]:
        """Return the starts of the files of which this may be the second name."""
        return [s for shift in range(MAX_NAME_SHIFT_US + 1) if (s := start_us - self.by_us - shift) in self.files]


async def moves(session: AsyncSession, stream: str) -> list[PendingMoves]:
    rows = await session.scalars(select(ClockCorrection).where(ClockCorrection.stream == stream))
    return [PendingMoves(r.by_us, frozenset(r.files)) for r in rows]


def is_second_name(volumes: dict[int, Path], segment: Segment, given: Collection[PendingMoves]) -> bool:
    """Return whether the file without an entry is a second name, or a copy, of one of these files.

    It is registered, or used again, when the correction continues. Blocking; raises OSError.
    """
    path = segment_index.path_of(volumes, segment)
    sources = (s for m in given for s in m.sources(segment.start_us))
    return any(is_same_content(segment_index.path_of(volumes, replace(segment, start_us=s)), path) for s in sources)


def is_same_content(first: Path, second: Path) -> bool:
    """Return whether these are two names of one file, or one is a whole copy. Blocking; raises OSError."""
    try:
        return second.samefile(first) or filecmp.cmp(first, second, shallow=False)
    except FileNotFoundError:
        return False
