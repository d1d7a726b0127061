"""The states of an alert: new → dispatched → acked → answered, new → rejected, or dispatched or acked → recalled.

Each step writes an audit row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices
from cases.tables import Alert, AlertAnswer, AlertState, Case, WatchSubject
from core import events
from core.accounts.scope import village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError

RECALL_WITHIN = timedelta(seconds=60)
RUNNING = (AlertState.NEW, AlertState.DISPATCHED, AlertState.ACKED)  # somebody still has to act on it
SENT = (AlertState.DISPATCHED, AlertState.ACKED, AlertState.ANSWERED)  # states in which patrol officers see an alert


async def get(
    session: AsyncSession, number: int, villages: Sequence[str] | None, states: Sequence[AlertState] | None = None
) -> Alert:
    """Return an alert within a scope, in one of `states` (None: any). Raises NotFoundError, also outside the scope."""
    query = select(Alert).where(Alert.id == number, village_in_scope(Alert.village, villages))
    if states is not None:
        query = query.where(Alert.state.in_(states))
    alert: Alert | None = await session.scalar(query)
    if alert is None:
        raise NotFoundError("there is no such alert", ErrorCode.ALERT_NOT_FOUND)
    return alert


async def case_of(session: AsyncSession, alert: Alert) -> str:
    """Return the number of the case that the alert's subject belongs to."""
    query = select(Case.number).join(WatchSubject, WatchSubject.case == Case.id).where(WatchSubject.id == alert.subject)
    return (await session.scalars(query)).one()


async def recent(
    session: AsyncSession,
    villages: Sequence[str] | None,
    states: Sequence[AlertState] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[tuple[Alert, WatchSubject]]:
    """Return alerts with their subjects, newest first, within a scope.

    `before`: the last id of the previous page.
    """
    query = (
        select(Alert, WatchSubject)
        .join(WatchSubject, WatchSubject.id == Alert.subject)
        .order_by(Alert.id.desc())
        .limit(limit)
    )
    query = query.where(village_in_scope(Alert.village, villages))
    if states is not None:
        query = query.where(Alert.state.in_(states))
    if before is not None:
        query = query.where(Alert.id < before)
    return [(a, s) for a, s in await session.execute(query)]


async def of_camera(
    session: AsyncSession, camera: str, villages: Sequence[str] | None, start_us: int, end_us: int, limit: int
) -> list[Alert]:
    """Return a camera's alerts in [start, end), µs UTC, within a scope, newest first."""
    query = select(Alert).where(Alert.camera == camera, Alert.at_us >= start_us, Alert.at_us < end_us)
    query = query.where(village_in_scope(Alert.village, villages))
    return list(await session.scalars(query.order_by(Alert.at_us.desc()).limit(limit)))


async def count_running(session: AsyncSession, villages: Sequence[str] | None) -> int:
    """Return the number of alerts of a scope on which somebody still has to act."""
    query = select(func.count()).select_from(Alert).where(Alert.state.in_(RUNNING))
    return await session.scalar(query.where(village_in_scope(Alert.village, villages))) or 0


async def is_quiet(session: AsyncSession, subject: int, camera: str, at_us: int, quiet_us: int) -> bool:
    """Return whether the subject has no alert on the camera within `quiet_us` of a time."""
    near = (Alert.at_us > at_us - quiet_us, Alert.at_us < at_us + quiet_us)
    query = select(Alert.id).where(Alert.subject == subject, Alert.camera == camera, *near)
    return await session.scalar(query.limit(1)) is None


async def add(
    session: AsyncSession,
    now: datetime,
    subject: WatchSubject,
    *,
    sighting: int,
    camera: str,
    village: str,
    at_us: int,
    thumbnail: str,
) -> Alert:
    """Add a new alert and return it with its id. The caller announces it."""
    alert = Alert(
        subject=subject.id, sighting=sighting, camera=camera, village=village, at_us=at_us, thumbnail=thumbnail,
        state=AlertState.NEW, raised_at=now, note="",
    )  # fmt: skip
    session.add(alert)
    await session.flush()
    return alert


async def dispatch(session: AsyncSession, now: datetime, actor: str, alert: Alert, *, reason: str = "") -> None:
    """Dispatch an alert to the patrol officers. Raises ConflictError."""
    if alert.state is not AlertState.NEW:
        raise ConflictError("this alert was already confirmed or rejected", ErrorCode.ALERT_ALREADY_DECIDED)
    if not (await session.get_one(WatchSubject, alert.subject)).is_active(now):
        raise ConflictError(
            "its subject is no longer on the watch list; renew the subject or reject the alert",
            ErrorCode.ALERT_SUBJECT_ENDED,
        )
    alert.state, alert.confirmed_by, alert.confirmed_at = AlertState.DISPATCHED, actor, now
    events.append(
        session, now, events.EventKind.ALERT_DISPATCHED, village=alert.village, camera=alert.camera, alert=alert.id
    )
    await notices.dispatched(session, now, alert)
    await audit_trail.record(session, now, actor, AuditAction.ALERT_DISPATCH, str(alert.id), reason=reason)


async def confirm(session: AsyncSession, now: datetime, actor: str, alert: Alert, *, yes: bool) -> None:
    """Dispatch an alert, or reject it, after a video officer has viewed it. Raises ConflictError."""
    if yes:
        await dispatch(session, now, actor, alert)
        return
    if alert.state is not AlertState.NEW:
        raise ConflictError("this alert was already confirmed or rejected", ErrorCode.ALERT_ALREADY_DECIDED)
    alert.state, alert.confirmed_by, alert.confirmed_at = AlertState.REJECTED, actor, now
    events.append(
        session, now, events.EventKind.ALERT_REJECTED, village=alert.village, camera=alert.camera, alert=alert.id
    )
    await audit_trail.record(session, now, actor, AuditAction.ALERT_REJECT, str(alert.id))


def recall_left(alert: Alert, now: datetime) -> timedelta:
    """Return for how long an alert can still be taken back; zero: it cannot."""
    if alert.state not in (AlertState.DISPATCHED, AlertState.ACKED) or alert.confirmed_at is None:
        return timedelta(0)
    return max(timedelta(0), alert.confirmed_at + RECALL_WITHIN - now)


async def recall(session: AsyncSession, now: datetime, actor: str, alert: Alert, reason: str) -> None:
    """Take back an alert within RECALL_WITHIN of its dispatch: patrol officers no longer see it.

    For a sighting that turns out to be somebody else. Raises ConflictError.
    """
    if alert.state not in (AlertState.DISPATCHED, AlertState.ACKED) or alert.confirmed_at is None:
        raise ConflictError(
            "only an alert that is out with the patrol officers can be taken back", ErrorCode.ALERT_NOT_DISPATCHED
        )
    if now - alert.confirmed_at > RECALL_WITHIN:
        raise ConflictError(
            "an alert can be taken back within a minute of its dispatch; tell the officers by radio",
            ErrorCode.ALERT_RECALL_TOO_LATE,
            seconds=int(RECALL_WITHIN.total_seconds()),
        )
    alert.state, alert.recalled_by, alert.recalled_at = AlertState.RECALLED, actor, now
    events.append(
        session, now, events.EventKind.ALERT_RECALLED, village=alert.village, camera=alert.camera, alert=alert.id,
        by=actor,
    )  # fmt: skip
    await notices.recalled(session, now, alert)
    await audit_trail.record(session, now, actor, AuditAction.ALERT_RECALL, str(alert.id), reason=reason)


async def acknowledge(session: AsyncSession, now: datetime, actor: str, alert: Alert) -> None:
    """Let an officer take a dispatched alert. Raises ConflictError."""
    if alert.acked_by:
        sentence = f"this alert was taken by {alert.acked_by}"
        raise ConflictError(sentence, ErrorCode.ALERT_TAKEN, account=alert.acked_by)
    if alert.state is not AlertState.DISPATCHED:
        raise ConflictError("this alert was not dispatched", ErrorCode.ALERT_NOT_DISPATCHED)
    alert.state, alert.acked_by, alert.acked_at = AlertState.ACKED, actor, now
    events.append(
        session, now, events.EventKind.ALERT_ACKED, village=alert.village, camera=alert.camera, alert=alert.id, by=actor
    )
    await notices.taken(session, alert)
    await audit_trail.record(session, now, actor, AuditAction.ALERT_ACK, str(alert.id))


async def answer(session: AsyncSession, now: datetime, actor: str, alert: Alert, result: str, note: str = "") -> None:
    """Record the result of an alert, given by the officer who took it. Raises UsageError, ConflictError."""
    if result not in list(AlertAnswer):
        raise UsageError(
            f"an answer is one of: {', '.join(AlertAnswer)}", ErrorCode.ALERT_ANSWER_UNKNOWN, allowed=list(AlertAnswer)
        )
    if alert.state is not AlertState.ACKED or alert.acked_by != actor:
        raise ConflictError("only the officer who took the alert may answer it, once", ErrorCode.ALERT_ANSWER_REFUSED)
    alert.state, alert.answer, alert.note = AlertState.ANSWERED, AlertAnswer(result), note[:400]
    alert.answered_by, alert.answered_at = actor, now
    events.append(
        session,
        now,
        events.EventKind.ALERT_ANSWERED,
        village=alert.village,
        camera=alert.camera,
        alert=alert.id,
        result=result,
    )
    await audit_trail.record(session, now, actor, AuditAction.ALERT_ANSWER, str(alert.id), result=result)
