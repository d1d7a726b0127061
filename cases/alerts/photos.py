"""Photos that officers take where an alert led them; they belong to the alert and so to its case."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import Alert, AlertPhoto, AlertState
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError

MAX_PHOTOS = 6  # of an alert
STATES = (AlertState.ACKED, AlertState.UNDER_WAY, AlertState.ANSWERED, AlertState.CLOSED)


async def of_alert(session: AsyncSession, alert: int) -> list[AlertPhoto]:
    """Return the photos of an alert, oldest first."""
    query = select(AlertPhoto).where(AlertPhoto.alert == alert).order_by(AlertPhoto.id)
    return list(await session.scalars(query))


async def check(session: AsyncSession, actor: str, alert: Alert) -> None:
    """Raise ConflictError unless the officer may add a photo: he took the alert, and there are not too many."""
    if alert.acked_by != actor or alert.state not in STATES:
        raise ConflictError("only the officer who took the alert adds photos to it", ErrorCode.ALERT_PHOTO_REFUSED)
    if len(await of_alert(session, alert.id)) >= MAX_PHOTOS:
        raise ConflictError(
            f"an alert can have at most {MAX_PHOTOS} photos", ErrorCode.ALERT_PHOTOS_FULL, limit=MAX_PHOTOS
        )


async def add(session: AsyncSession, now: datetime, actor: str, alert: Alert, path: str) -> AlertPhoto:
    """Add a photo (a path below the data folder) with its event and audit row. Raises ConflictError."""
    await check(session, actor, alert)
    row = AlertPhoto(alert=alert.id, at=now, by=actor, path=path)
    session.add(row)
    await session.flush()
    events.append(
        session, now, events.EventKind.ALERT_PHOTO, village=alert.village, camera=alert.camera, alert=alert.id,
        photo=row.id,
    )  # fmt: skip
    await audit_trail.record(
        session, now, actor, AuditAction.ALERT_PHOTO, str(alert.id), photo=row.id, village=alert.village
    )
    return row


async def get(session: AsyncSession, alert: Alert, number: int) -> AlertPhoto:
    """Return a photo of an alert. Raises NotFoundError."""
    row = await session.get(AlertPhoto, number)
    if row is None or row.alert != alert.id:
        raise NotFoundError("there is no such photo", ErrorCode.PHOTO_NOT_FOUND)
    return row
