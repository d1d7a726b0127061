"""Alerts that an officer raises: a person saw the subject, on a live or a recorded picture, instead of the matcher."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.alerts import alerts, steps, trail
from cases.alerts.trail import Seen
from cases.tables import Alert
from cases.watch.subjects import subject_of
from core import events
from core.accounts.scope import Villages
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError

MANUAL_SIGHTING = 0  # instead of a sighting's number, for an alert that a person raised


async def raise_manual_alert(
    session: AsyncSession,
    now: datetime,
    actor: str,
    subject: int,
    camera: Camera,
    at_us: int,
    thumbnail: str,
    scope: Villages = None,
    *,
    send: bool = True,
) -> Alert:
    """Raise an alert for a subject that an officer saw on a camera; `send`: dispatch it at once.

    If officers are already out for the subject, the sighting joins that alert's trail, and that alert is returned.
    `thumbnail`: path of a JPEG below the data folder. Raises NotFoundError, and ConflictError for a subject that is not
    active or not looked for in this village.
    """
    row = await subject_of(session, subject, scope)
    if not row.is_active(now):
        raise ConflictError("this subject is not on the watch list now", ErrorCode.SUBJECT_NOT_ACTIVE)
    if row.villages is not None and camera.village not in row.villages:
        raise ConflictError("this subject is not looked for in that village", ErrorCode.SUBJECT_NOT_IN_VILLAGE)
    seen = Seen(MANUAL_SIGHTING, camera.id, camera.village, at_us, thumbnail)
    if (running := await trail.open_alert(session, row.id, seen, steps.OUT)) is not None:
        await trail.append(session, now, running, seen, actor)
        return running
    alert = await alerts.add(
        session, now, row, sighting=MANUAL_SIGHTING, camera=camera.id, village=camera.village, at_us=at_us,
        thumbnail=thumbnail,
    )  # fmt: skip
    events.append(
        session, now, events.EventKind.ALERT_RAISED, village=alert.village, camera=alert.camera, alert=alert.id
    )
    await audit_trail.record(
        session, now, actor, AuditAction.ALERT_RAISE, str(alert.id), subject=row.id, camera=camera.id
    )
    if send:
        await alerts.dispatch(session, now, actor, alert, reason="seen by an officer")
    return alert
