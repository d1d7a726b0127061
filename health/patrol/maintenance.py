"""Planned maintenance of a camera or a village: what patrol finds there meanwhile is no fault."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.scope import Villages
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from health.tables import Maintenance


async def not_ended(session: AsyncSession, scope: Villages, now: datetime) -> list[Maintenance]:
    """Return the maintenance of a scope that is running or planned, the first to end first."""
    rows = await session.scalars(select(Maintenance).where(Maintenance.until > now).order_by(Maintenance.until))
    return [m for m in rows if _sees(scope, await _village_of(session, m))]


async def begin(
    session: AsyncSession,
    now: datetime,
    actor: str,
    *,
    camera: str | None,
    village: str | None,
    hours: float,
    reason: str,
    scope: Villages,
) -> Maintenance:
    """Start maintenance now, for some hours.

    Raises NotFoundError, and UsageError unless exactly one of camera and village is named.
    """
    if (camera is None) == (village is None):
        raise UsageError("name a camera or a village", ErrorCode.MAINTENANCE_TARGET_REQUIRED)
    row = Maintenance(
        camera=camera, village=village, start=now, until=now + timedelta(hours=hours), reason=reason, by=actor
    )
    where = await _village_of(session, row)
    if not where or not _sees(scope, where):
        raise NotFoundError("there is no such camera or village", ErrorCode.CAMERA_OR_VILLAGE_NOT_FOUND)
    session.add(row)
    await session.flush()
    await audit_trail.record(session, now, actor, AuditAction.MAINTENANCE_BEGIN, camera or where, hours=hours)
    return row


async def end(session: AsyncSession, now: datetime, actor: str, number: int, scope: Villages) -> None:
    """End maintenance before its time. Raises NotFoundError, also outside the scope."""
    row = await session.get(Maintenance, number)
    if row is None or not _sees(scope, await _village_of(session, row)):
        raise NotFoundError("maintenance not found", ErrorCode.MAINTENANCE_NOT_FOUND)
    row.until = min(row.until, now)
    await audit_trail.record(session, now, actor, AuditAction.MAINTENANCE_END, str(row.id))


async def _village_of(session: AsyncSession, row: Maintenance) -> str:
    """Return the village concerned; empty if its camera does not exist."""
    if row.village is not None:
        return row.village
    camera = await session.get(Camera, row.camera)
    return camera.village if camera is not None else ""


def _sees(scope: Villages, village: str) -> bool:
    return scope is None or village in scope
