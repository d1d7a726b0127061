"""Who of the patrol officers is on duty, and where.

A phone tells its position only while its owner is on duty, at most every MIN_INTERVAL. Positions are deleted after
KEPT_FOR; one older than FRESH, or from before the duty began, says nothing about where the officer is now.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.units.tables import OfficerDuty, OfficerPosition
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database, changed_rows
from core.error_codes import ErrorCode
from core.errors import ConflictError, TooManyError, UsageError

KEPT_FOR = timedelta(hours=24)
FRESH = timedelta(minutes=15)
MIN_INTERVAL = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Position:
    """Where an officer was: WGS 84 in degrees, and when (UTC)."""

    latitude: float
    longitude: float
    at: datetime


async def of_officer(session: AsyncSession, account: str) -> OfficerDuty | None:
    """Return an officer's duty; None: he was never on duty."""
    return await session.get(OfficerDuty, account)


async def on_duty(session: AsyncSession) -> set[str]:
    """Return the accounts that are on duty."""
    return set(await session.scalars(select(OfficerDuty.account).where(OfficerDuty.on_duty.is_(True))))


async def change(session: AsyncSession, now: datetime, account: str, on: bool) -> OfficerDuty:
    """Begin or end an officer's duty; the state that is there already is kept with its beginning."""
    row = await session.get(OfficerDuty, account, with_for_update=True)
    if row is None:
        row = OfficerDuty(account=account, on_duty=False, since=now)
        session.add(row)
        if not on:
            return row
    if row.on_duty is not on:
        row.on_duty, row.since = on, now
        await audit_trail.record(session, now, account, AuditAction.UNIT_DUTY, account, on_duty=on)
    return row


async def report_position(
    session: AsyncSession, now: datetime, account: str, latitude: float, longitude: float, accuracy_m: float | None
) -> None:
    """Store where an officer on duty is. Raises UsageError, ConflictError off duty, TooManyError."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise UsageError("latitude and longitude are degrees of WGS 84", ErrorCode.VALUE_REFUSED)
    duty = await of_officer(session, account)
    if duty is None or not duty.on_duty:
        raise ConflictError("a position is told only while on duty", ErrorCode.NOT_ON_DUTY)
    newest = await session.scalar(select(func.max(OfficerPosition.at)).where(OfficerPosition.account == account))
    if newest is not None and timedelta(0) <= now - newest < MIN_INTERVAL:
        raise TooManyError("a position every 5 seconds is enough", ErrorCode.TOO_MANY_REQUESTS)
    session.add(
        OfficerPosition(
            account=account, at=now, latitude=latitude, longitude=longitude, accuracy_m=accuracy_m
        )
    )  # fmt: skip


async def positions(session: AsyncSession, accounts: Collection[str], now: datetime) -> dict[str, Position]:
    """Return the newest position of officers on duty that says where they are now, by account."""
    query = (
        select(OfficerPosition, OfficerDuty.since)
        .join(OfficerDuty, OfficerDuty.account == OfficerPosition.account)
        .where(OfficerPosition.account.in_(accounts), OfficerDuty.on_duty.is_(True), OfficerPosition.at > now - FRESH)
        .order_by(OfficerPosition.at)
    )
    return {
        p.account: Position(p.latitude, p.longitude, p.at) for p, since in await session.execute(query) if p.at >= since
    }


async def purge(database: Database, clock: Clock) -> int:
    """Delete positions older than KEPT_FOR; returns their number."""
    async with database.session() as session:
        old = OfficerPosition.at < clock.now() - KEPT_FOR
        return await changed_rows(session, delete(OfficerPosition).where(old))
