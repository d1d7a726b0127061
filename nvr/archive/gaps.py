"""Reading gaps without reading all that are kept (400 days of them): each query is a seek in the index of stream and end."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Stream
from nvr.tables import Gap


async def touching(session: AsyncSession, streams: Collection[str], start_us: int, end_us: int) -> list[Gap]:
    """Gaps of the streams that touch [start, end), µs UTC, those that go on among them.

    Two queries: with "or" between them SQLite reads every gap of the streams.
    """
    ours = and_(Gap.stream.in_(streams), Gap.start_us < end_us)
    ended = await session.scalars(select(Gap).where(ours, Gap.end_us > start_us))
    return [*ended, *await session.scalars(select(Gap).where(ours, Gap.end_us.is_(None)))]


async def first_starts(session: AsyncSession, streams: Collection[str]) -> dict[str, int]:
    """Start of each stream's first gap, µs UTC; streams without one are left out. Of registered streams only."""
    query = select(Stream.id, _first_of_stream(), _open_of_stream()).where(Stream.id.in_(streams))
    found = {stream: [at for at in starts if at is not None] for stream, *starts in await session.execute(query)}
    return {stream: min(starts) for stream, starts in found.items() if starts}


async def first_start(session: AsyncSession) -> int | None:
    """Start of the first gap of all registered streams, µs UTC."""
    found = (
        await session.execute(select(func.min(_first_of_stream()), func.min(_open_of_stream())).select_from(Stream))
    ).one()
    return min((at for at in found if at is not None), default=None)


def _first_of_stream() -> ScalarSelect[int]:
    """The gap that ended first began first: gaps of a stream do not lie inside each other."""
    ours = select(Gap.start_us).where(Gap.stream == Stream.id, Gap.end_us.is_not(None))
    return ours.order_by(Gap.end_us).limit(1).correlate(Stream).scalar_subquery()


def _open_of_stream() -> ScalarSelect[int]:
    ours = select(Gap.start_us).where(Gap.stream == Stream.id, Gap.end_us.is_(None))
    return ours.order_by(Gap.end_us).limit(1).correlate(Stream).scalar_subquery()
