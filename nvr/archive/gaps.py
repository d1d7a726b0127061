"""Queries on gaps that do not read all stored gaps (400 days): each is a seek in the index on stream and end."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Stream
from nvr.tables import Gap


async def touching(session: AsyncSession, streams: Collection[str], start_us: int, end_us: int) -> list[Gap]:
    """Return the gaps of the streams that touch [start, end), µs UTC, including open ones.

    Two queries: with OR between the conditions, SQLite reads every gap of the streams.
    """
    ours = and_(Gap.stream.in_(streams), Gap.start_us < end_us)
    ended = await session.scalars(select(Gap).where(ours, Gap.end_us > start_us))
    return [*ended, *await session.scalars(select(Gap).where(ours, Gap.end_us.is_(None)))]


async def first_starts(session: AsyncSession, streams: Collection[str]) -> dict[str, int]:
    """Return the start of each stream's first gap, µs UTC. Only registered streams that have a gap are included."""
    query = select(Stream.id, _first_of_stream(), _open_of_stream()).where(Stream.id.in_(streams))
    found = {stream: [at for at in starts if at is not None] for stream, *starts in await session.execute(query)}
    return {stream: min(starts) for stream, starts in found.items() if starts}


async def first_start(session: AsyncSession) -> int | None:
    """Return the start of the first gap of all registered streams, µs UTC."""
    found = (
        await session.execute(select(func.min(_first_of_stream()), func.min(_open_of_stream())).select_from(Stream))
    ).one()
    return min((at for at in found if at is not None), default=None)


def _first_of_stream() -> ScalarSelect[int]:
    """Select the start of a stream's first closed gap: the gap that ended first began first, as gaps do not nest."""
    ours = select(Gap.start_us).where(Gap.stream == Stream.id, Gap.end_us.is_not(None))
    return ours.order_by(Gap.end_us).limit(1).correlate(Stream).scalar_subquery()


def _open_of_stream() -> ScalarSelect[int]:
    ours = select(Gap.start_us).where(Gap.stream == Stream.id, Gap.end_us.is_(None))
    return ours.order_by(Gap.end_us).limit(1).correlate(Stream).scalar_subquery()
