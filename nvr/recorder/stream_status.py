"""The last status that a recorder wrote of a stream, and how long it is valid: a dead recorder's status is outdated."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from nvr.tables import StreamStatus, Worker

FRESH = timedelta(seconds=60)  # recorders write the status every 4 s
UNKNOWN = "unknown"


def is_fresh(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a row is recent."""
    return StreamStatus.at > now - FRESH


def state_of(status: StreamStatus | None, now: datetime) -> str:
    """Return the state (connecting, recording …); `unknown` where no recent status exists."""
    return status.state if status is not None and now - status.at < FRESH else UNKNOWN


async def by_stream(session: AsyncSession, streams: Collection[str] | None = None) -> dict[str, StreamStatus]:
    """Return the last status of streams, fresh or not; of all streams if `streams` is None."""
    query = select(StreamStatus)
    if streams is not None:
        query = query.where(StreamStatus.stream.in_(streams))
    return {s.stream: s for s in await session.scalars(query)}


async def count_by_state(session: AsyncSession, now: datetime) -> dict[str, int]:
    """Return how many streams are in each state, by the recorders' fresh reports."""
    query = select(StreamStatus.state, func.count()).where(is_fresh(now)).group_by(StreamStatus.state)
    return {row[0]: row[1] for row in await session.execute(query)}


async def recorder_url(session: AsyncSession, stream: str) -> str:
    """Return the address of the recorder that has a stream; empty if none has it."""
    status = await session.get(StreamStatus, stream)
    worker = await session.get(Worker, status.worker) if status is not None else None
    return (worker.url or "") if worker is not None else ""
