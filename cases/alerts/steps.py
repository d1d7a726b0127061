"""The steps of alerts: which are allowed in which state, and the row, event and audit row of each.

A phone repeats a step whose answer it did not get. It gives each step an id of its own (`client_id`), and the step
applies once: `repeated` finds it, and a unique column refuses a second row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import phone_time
from cases.alerts.phone_time import PhoneReport
from cases.tables import Alert, AlertState, AlertStep, AlertStepKind, AlertTrail
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError
from core.events import EventKind
from core.json_types import JsonInput

# With the patrol officers, and not answered.
OUT = frozenset({AlertState.DISPATCHED, AlertState.ACKED, AlertState.UNDER_WAY})
# The states in which a step is possible.
FROM: Mapping[AlertStepKind, frozenset[AlertState]] = {
    AlertStepKind.DISPATCHED: frozenset({AlertState.NEW}),
    AlertStepKind.REJECTED: frozenset({AlertState.NEW}),
    AlertStepKind.SNOOZED: frozenset({AlertState.NEW}),
    AlertStepKind.RECALLED: frozenset({AlertState.DISPATCHED, AlertState.ACKED}),
    AlertStepKind.ACKED: frozenset({AlertState.DISPATCHED}),
    AlertStepKind.DECLINED: frozenset({AlertState.DISPATCHED, AlertState.ACKED}),
    AlertStepKind.ARRIVED: frozenset({AlertState.ACKED}),
    AlertStepKind.ANSWERED: frozenset({AlertState.ACKED, AlertState.UNDER_WAY}),
    AlertStepKind.CLOSED: frozenset({AlertState.NEW, *OUT, AlertState.ANSWERED}),
}
_RECORDS: Mapping[AlertStepKind, tuple[EventKind, AuditAction]] = {
    AlertStepKind.DISPATCHED: (EventKind.ALERT_DISPATCHED, AuditAction.ALERT_DISPATCH),
    AlertStepKind.REJECTED: (EventKind.ALERT_REJECTED, AuditAction.ALERT_REJECT),
    AlertStepKind.SNOOZED: (EventKind.ALERT_SNOOZED, AuditAction.ALERT_SNOOZE),
    AlertStepKind.RECALLED: (EventKind.ALERT_RECALLED, AuditAction.ALERT_RECALL),
    AlertStepKind.ACKED: (EventKind.ALERT_ACKED, AuditAction.ALERT_ACK),
    AlertStepKind.DECLINED: (EventKind.ALERT_DECLINED, AuditAction.ALERT_DECLINE),
    AlertStepKind.ARRIVED: (EventKind.ALERT_ARRIVED, AuditAction.ALERT_ARRIVE),
    AlertStepKind.ANSWERED: (EventKind.ALERT_ANSWERED, AuditAction.ALERT_ANSWER),
    AlertStepKind.CLOSED: (EventKind.ALERT_CLOSED, AuditAction.ALERT_CLOSE),
}
# Steps whose event names who did it: their pages and phones show it at once.
_NAMED = frozenset({AlertStepKind.RECALLED, AlertStepKind.ACKED, AlertStepKind.DECLINED, AlertStepKind.ARRIVED})


def is_possible(alert: Alert, kind: AlertStepKind) -> bool:
    return alert.state in FROM[kind]


async def of_alert(session: AsyncSession, alert: int) -> list[AlertStep]:
    """Return the steps of an alert, oldest first."""
    return list(await session.scalars(select(AlertStep).where(AlertStep.alert == alert).order_by(AlertStep.id)))


async def villages(session: AsyncSession, alert: Alert) -> list[str]:
    """Return the villages that an alert concerns: its own, then those of its trail."""
    query = select(AlertTrail.village).where(AlertTrail.alert == alert.id, AlertTrail.village != alert.village)
    return [alert.village, *await session.scalars(query.distinct().order_by(AlertTrail.village))]


async def repeated(
    session: AsyncSession, actor: str, alert: int, kind: AlertStepKind, report: PhoneReport | None
) -> AlertStep | None:
    """Return the step that an earlier request with the same id has applied; None: the step is new.

    Raises ConflictError if the id was used for something else. The caller holds the alert's lock.
    """
    if report is None:
        return None
    query = select(AlertStep).where(AlertStep.by == actor, AlertStep.client_id == report.client_id)
    found: AlertStep | None = await session.scalar(query)
    if found is not None and (found.alert, found.kind) != (alert, kind):
        raise ConflictError(
            "this client_id was used for another step; give each step an id of its own", ErrorCode.CLIENT_ID_REUSED
        )
    return found


async def done_at(session: AsyncSession, now: datetime, alert: Alert, report: PhoneReport | None) -> datetime:
    """Return when a step was done, by the station's clock: not before the last one, not after now."""
    newest = select(AlertStep.at).where(AlertStep.alert == alert.id).order_by(AlertStep.at.desc()).limit(1)
    return phone_time.done_at(report, now, await session.scalar(newest) or alert.raised_at)


async def record(
    session: AsyncSession,
    now: datetime,
    actor: str,
    alert: Alert,
    kind: AlertStepKind,
    *,
    at: datetime | None = None,
    text: str = "",
    report: PhoneReport | None = None,
    event: Mapping[str, JsonInput] | None = None,
    audit: Mapping[str, JsonInput] | None = None,
) -> AlertStep:
    """Write the row, the event and the audit row of a step. `at`: when it was done; None: now."""
    place = report.place if report is not None else None
    row = AlertStep(
        alert=alert.id, kind=kind, at=at or now, recorded_at=now, by=actor, text=text[:400],
        client_id=report.client_id if report is not None else None,
        phone_at=report.at if report is not None else None, clock_offset_s=phone_time.offset_s(report, now),
        latitude=place.latitude if place is not None else None,
        longitude=place.longitude if place is not None else None,
        accuracy_m=place.accuracy_m if place is not None else None,
    )  # fmt: skip
    session.add(row)
    announced, action = _RECORDS[kind]
    told: dict[str, JsonInput] = {"by": actor} if kind in _NAMED else {}
    for village in await villages(session, alert):
        events.append(
            session, now, announced, village=village, camera=alert.camera, alert=alert.id, **told, **(event or {})
        )
    await audit_trail.record(session, now, actor, action, str(alert.id), reason=text, **(audit or {}))
    return row
