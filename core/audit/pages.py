"""Reads the audit trail in pages, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.audit_trail import AuditRow


async def page(
    session: AsyncSession, *, before: int | None = None, actor: str | None = None, limit: int = 50
) -> Sequence[AuditRow]:
    """Return rows of the trail. `before`: the last id of the previous page; `actor`: rows of this account only."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.id < before)
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    return (await session.scalars(query)).all()


async def newest_of(
    session: AsyncSession, actor: str, actions: Collection[str], since: datetime, limit: int
) -> Sequence[AuditRow]:
    """Return what an account did later than `since`, of these actions only."""
    mine = AuditRow.actor == actor, AuditRow.action.in_(actions), AuditRow.at > since
    return (await session.scalars(select(AuditRow).where(*mine).order_by(AuditRow.id.desc()).limit(limit))).all()
