"""The last status that a recorder wrote of a stream, and how long it is valid: a dead recorder's status is outdated."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import to_microseconds
from nvr.recording_state import RecordingState
from nvr.tables import GapCause, OpenSegment, StreamStatus, Worker

FRESH = timedelta(seconds=60)  # recorders write the status every 4 s
UNKNOWN = "unknown"


def is_fresh(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a row is recent."""
    return StreamStatus.at > now - FRESH


class StreamReport(NamedTuple):
    """What a status says of whether its stream is recorded: of all streams it is read every few seconds."""

    state: RecordingState
    cause: GapCause | None
    at: datetime
    since: datetime
    last_picture: datetime | None


def state_of(status: StreamStatus | StreamReport | None, now: datetime) -> str:
    """Return the state (connecting, recording …); `unknown` where no recent status exists."""
    return status.state if status is not None and now - status.at < FRESH else UNKNOWN


async def by_stream(session: AsyncSession, streams: Collection[str] | None = None) -> dict[str, StreamStatus]:
    """Return the last status of streams, fresh or not; of all streams if `streams` is None."""
    query = select(StreamStatus)
    if streams is not None:
        query = query.where(StreamStatus.stream.in_(streams))
    return {s.stream: s for s in await session.scalars(query)}


async def reports(session: AsyncSession) -> dict[str, StreamReport]:
    """Return the last report on every stream, fresh or not, by stream id."""
    s = StreamStatus
    rows = await session.execute(select(s.stream, s.state, s.cause, s.at, s.since, s.last_picture))
    return {r.stream: StreamReport(r.state, r.cause, r.at, r.since, r.last_picture) for r in rows}


async def count_by_state(session: AsyncSession, now: datetime) -> dict[RecordingState, int]:
    """Return how many streams are in each state, by the recorders' fresh reports."""
    query = select(StreamStatus.state, func.count()).where(is_fresh(now)).group_by(StreamStatus.state)
    return {row[0]: row[1] for row in await session.execute(query)}


class CounterSums(NamedTuple):
    """What the recorders counted since they started, summed over streams."""

    lost_packets: int
    foreign_packets: int
    skipped_units: int
    damaged_units: int
    duplicate_packets: int
    start_points: int
    held_back: int
    short_holes: int
    short_hole_seconds: float


async def sum_counters(session: AsyncSession, now: datetime) -> CounterSums:
    """Return the sums over all streams with a fresh report."""
    sums = [func.coalesce(func.sum(getattr(StreamStatus, name)), 0) for name in CounterSums._fields]
    return CounterSums._make((await session.execute(select(*sums).where(is_fresh(now)))).one())


async def count_late_rows(session: AsyncSession, now: datetime, longest: timedelta) -> int:
    """Return how many recorded streams have a file that has been open for more than `longest`.

    It was closed by now: its row waits for the database.
    """
    query = (
        select(func.count(func.distinct(OpenSegment.stream)))
        .join(StreamStatus, StreamStatus.stream == OpenSegment.stream)
        .where(
            OpenSegment.start_us < to_microseconds(now - longest),
            StreamStatus.state == RecordingState.RECORDING,
            is_fresh(now),
        )
    )
    return await session.scalar(query) or 0


async def recorder_url(session: AsyncSession, stream: str) -> str:
    """Return the address of the recorder that has a stream; empty if none has it."""
    status = await session.get(StreamStatus, stream)
    worker = await session.get(Worker, status.worker) if status is not None else None
    return (worker.url or "") if worker is not None else ""
