"""Reads the figures of complete days (DailyFigures): of the town, of villages, vendors and sponsors."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.scope import Villages, village_in_scope
from health.tables import DailyFigures
from health.vocabulary import FiguresKind


async def page(
    session: AsyncSession, kind: FiguresKind, scope: Villages, *, name: str | None, before: str | None, limit: int
) -> list[DailyFigures]:
    """Return rows of a kind, newest day first. `scope` limits the names, so it fits villages only."""
    query = select(DailyFigures).where(DailyFigures.kind == kind, village_in_scope(DailyFigures.name, scope))
    if name is not None:
        query = query.where(DailyFigures.name == name)
    if before is not None:
        query = query.where(DailyFigures.day < before)
    return list(await session.scalars(query.order_by(DailyFigures.day.desc(), DailyFigures.name).limit(limit)))


async def between(
    session: AsyncSession, kind: FiguresKind, scope: Villages, first: str, last: str
) -> dict[tuple[str, str], DailyFigures]:
    """Return the rows of a kind of the days first…last (YYYY-MM-DD) by day and name. `scope` as in `page`."""
    query = select(DailyFigures).where(
        DailyFigures.kind == kind, DailyFigures.day.between(first, last), village_in_scope(DailyFigures.name, scope)
    )
    return {(row.day, row.name): row for row in await session.scalars(query)}


async def of_last_day(session: AsyncSession, kind: FiguresKind) -> list[DailyFigures]:
    """Return the rows of a kind of the newest day that has been written."""
    day = await session.scalar(select(func.max(DailyFigures.day)))
    query = select(DailyFigures).where(DailyFigures.day == day, DailyFigures.kind == kind)
    return list(await session.scalars(query))
