"""Queries for the subjects of the watch list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import SubjectState, WatchSubject
from core.accounts.scope import Villages, covers, overlaps, villages_overlap_scope
from core.error_codes import ErrorCode
from core.errors import NotFoundError


async def subject_of(session: AsyncSession, number: int, scope: Villages) -> WatchSubject:
    """Return a subject that is looked for in one of an account's villages. Raises NotFoundError, also for others."""
    row = await session.get(WatchSubject, number)
    if row is None or not overlaps(scope, row.villages):
        raise NotFoundError("there is no such subject", ErrorCode.SUBJECT_NOT_FOUND)
    return row


async def newest(session: AsyncSession, scope: Villages, limit: int = 200) -> list[WatchSubject]:
    """Return the subjects that are looked for in one of an account's villages, newest first."""
    query = (
        select(WatchSubject)
        .where(villages_overlap_scope(WatchSubject.villages, scope))
        .order_by(WatchSubject.id.desc())
    )
    return [r for r in await session.scalars(query.limit(limit)) if overlaps(scope, r.villages)]


def is_active(now: datetime) -> ColumnElement[bool]:
    """Condition: the subject matches sightings now (`WatchSubject.is_active`)."""
    return (WatchSubject.state == SubjectState.ACTIVE) & (WatchSubject.expires_at > now)


async def count_proposed(session: AsyncSession, scope: Villages, now: datetime) -> int:
    """Return the number of subjects that wait for approval and that an account of the scope may decide about."""
    query = select(WatchSubject.villages).where(
        WatchSubject.state == SubjectState.PROPOSED, WatchSubject.expires_at > now
    )
    return sum(1 for villages in await session.scalars(query) if covers(scope, villages))


async def active(session: AsyncSession, now: datetime) -> Sequence[WatchSubject]:
    return (await session.scalars(select(WatchSubject).where(is_active(now)))).all()
