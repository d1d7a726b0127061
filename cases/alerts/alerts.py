"""Alerts, and what video officers decide about them: dispatch, reject, snooze, recall, close.

What patrol officers do with them is in `cases.alerts.patrol`, the order of the steps in `cases.alerts.steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices, steps
from cases.tables import Alert, AlertOutcome, AlertState, AlertStepKind, AlertTrail, Case, WatchSubject
from core.accounts.scope import Villages, village_in_scope
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError

RECALL_WITHIN = timedelta(seconds=60)
MAX_SNOOZE = timedelta(minutes=15)
RUNNING = (AlertState.NEW, *sorted(steps.OUT))  # somebody still has to act on it
SENT = (*sorted(steps.OUT), AlertState.ANSWERED, AlertState.CLOSED)  # states in which patrol officers see an alert


def in_scope(villages: Villages) -> ColumnElement[bool]:
    """Condition: an alert concerns one of the villages, by its first sighting or by its trail (None: the town)."""
    if villages is None:
        return true()
    trail = select(AlertTrail.id).where(AlertTrail.alert == Alert.id, AlertTrail.village.in_(villages))
    return village_in_scope(Alert.village, villages) | trail.exists()


async def get(
    session: AsyncSession, number: int, villages: Sequence[str] | None, states: Sequence[AlertState] | None = None
) -> Alert:
    """Return an alert within a scope, in one of `states` (None: any). Raises NotFoundError, also outside the scope."""
    query = select(Alert).where(Alert.id == number, in_scope(villages))
    if states is not None:
        query = query.where(_in_states(states))
    alert: Alert | None = await session.scalar(query)
    if alert is None:
        raise NotFoundError("there is no such alert", ErrorCode.ALERT_NOT_FOUND)
    return alert


async def locked(
    session: AsyncSession, number: int, villages: Sequence[str] | None, states: Sequence[AlertState] | None = None
) -> Alert:
    """Return an alert like `get`, locked until the end of the transaction: of two officers, one comes second."""
    await session.scalar(select(Alert.id).where(Alert.id == number).with_for_update())
    return await get(session, number, villages, states)


def _in_states(states: Sequence[AlertState]) -> ColumnElement[bool]:
    """Condition: an alert is in one of the states; a duplicate that was never dispatched is in none that was."""
    never_sent = Alert.confirmed_at.is_(None) & (Alert.state == AlertState.CLOSED)
    return Alert.state.in_(states) & ~never_sent


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
    *,
    case: int | None = None,
) -> list[tuple[Alert, WatchSubject]]:
    """Return alerts with their subjects, newest first, within a scope.

    `before`: the last id of the previous page. `case`: only those of a case's subjects.
    """
    query = (
        select(Alert, WatchSubject)
        .join(WatchSubject, WatchSubject.id == Alert.subject)
        .order_by(Alert.id.desc())
        .limit(limit)
    )
    query = query.where(in_scope(villages))
    if states is not None:
        query = query.where(_in_states(states))
    if before is not None:
        query = query.where(Alert.id < before)
    if case is not None:
        query = query.where(WatchSubject.case == case)
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
    return await session.scalar(query.where(in_scope(villages))) or 0


async def is_quiet(session: AsyncSession, subject: int, camera: str, at_us: int, quiet_us: int) -> bool:
    """Return whether the subject has no alert and no trail on the camera within `quiet_us` of a time."""
    start, end = at_us - quiet_us, at_us + quiet_us
    query = select(Alert.id).where(Alert.subject == subject, Alert.camera == camera, Alert.at_us > start)
    if await session.scalar(query.where(Alert.at_us < end).limit(1)) is not None:
        return False
    joined = select(AlertTrail.id).join(Alert, Alert.id == AlertTrail.alert).where(Alert.subject == subject)
    on_camera = (AlertTrail.camera == camera, AlertTrail.at_us > start, AlertTrail.at_us < end)
    return await session.scalar(joined.where(*on_camera).limit(1)) is None


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


async def dispatch(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, *, reason: str = "", unit: int | None = None
) -> None:
    """Dispatch an alert to the patrol officers, first to `unit` (None: the nearest free one). Raises ConflictError."""
    _check_undecided(alert, AlertStepKind.DISPATCHED)
    if not (await session.get_one(WatchSubject, alert.subject)).is_active(now):
        raise ConflictError(
            "its subject is no longer on the watch list; renew the subject or reject the alert",
            ErrorCode.ALERT_SUBJECT_ENDED,
        )
    alert.state, alert.confirmed_by, alert.confirmed_at = AlertState.DISPATCHED, actor, now
    await steps.record(session, now, actor, alert, AlertStepKind.DISPATCHED, text=reason)
    await notices.dispatched(session, now, alert, unit)


async def confirm(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, *, yes: bool, unit: int | None = None
) -> None:
    """Dispatch an alert, or reject it, after a video officer has viewed it. Raises ConflictError."""
    if yes:
        await dispatch(session, now, actor, alert, unit=unit)
        return
    _check_undecided(alert, AlertStepKind.REJECTED)
    alert.state, alert.confirmed_by, alert.confirmed_at = AlertState.REJECTED, actor, now
    await steps.record(session, now, actor, alert, AlertStepKind.REJECTED)


def _check_undecided(alert: Alert, kind: AlertStepKind) -> None:
    if not steps.is_possible(alert, kind):
        raise ConflictError("this alert was already confirmed or rejected", ErrorCode.ALERT_ALREADY_DECIDED)


async def snooze(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, length: timedelta, reason: str
) -> None:
    """Let a new alert be silent in the console for a time; it then rings again by itself.

    Raises UsageError for more than MAX_SNOOZE, ConflictError once the alert is confirmed or rejected.
    """
    if not timedelta(0) < length <= MAX_SNOOZE:
        raise UsageError("an alert is silent for at most 15 minutes", ErrorCode.ALERT_SNOOZE_REFUSED)
    _check_undecided(alert, AlertStepKind.SNOOZED)
    alert.snoozed_until = now + length
    await steps.record(
        session, now, actor, alert, AlertStepKind.SNOOZED, text=reason, audit={"seconds": int(length.total_seconds())}
    )


def snooze_left(alert: Alert, now: datetime) -> timedelta:
    """Return for how long a new alert is still silent; zero: it rings."""
    if alert.state is not AlertState.NEW or alert.snoozed_until is None:
        return timedelta(0)
    return min(MAX_SNOOZE, max(timedelta(0), alert.snoozed_until - now))  # bounded: the clock may have been set back


def recall_left(alert: Alert, now: datetime) -> timedelta:
    """Return for how long an alert can still be taken back; zero: it cannot."""
    if not steps.is_possible(alert, AlertStepKind.RECALLED) or alert.confirmed_at is None:
        return timedelta(0)
    return max(timedelta(0), alert.confirmed_at + RECALL_WITHIN - now)


async def recall(session: AsyncSession, now: datetime, actor: str, alert: Alert, reason: str) -> None:
    """Take back an alert within RECALL_WITHIN of its dispatch: patrol officers no longer see it.

    For a sighting that turns out to be somebody else. Raises ConflictError.
    """
    if not steps.is_possible(alert, AlertStepKind.RECALLED) or alert.confirmed_at is None:
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
    await steps.record(session, now, actor, alert, AlertStepKind.RECALLED, text=reason)
    await notices.recalled(session, now, alert)


async def close(
    session: AsyncSession,
    now: datetime,
    actor: str,
    alert: Alert,
    outcome: AlertOutcome,
    words: str,
    duplicate_of: Alert | None = None,
) -> None:
    """Close an alert: a video officer says what it was. Raises UsageError, ConflictError.

    `duplicate_of`: the other alert of the same matter. An alert that nobody dispatched can be closed as a duplicate
    only; otherwise it is dispatched or rejected.
    """
    new = alert.state is AlertState.NEW
    if not steps.is_possible(alert, AlertStepKind.CLOSED) or (new and outcome is not AlertOutcome.DUPLICATE):
        raise ConflictError(
            "only an alert that was dispatched can be closed, once; a new one only as a duplicate",
            ErrorCode.ALERT_CLOSE_REFUSED,
        )
    if (duplicate_of is not None) != (outcome is AlertOutcome.DUPLICATE) or duplicate_of is alert:
        raise UsageError("name the other alert of a duplicate, and of nothing else", ErrorCode.ALERT_DUPLICATE_INVALID)
    alert.state, alert.outcome, alert.closed_by, alert.closed_at = AlertState.CLOSED, outcome, actor, now
    other = duplicate_of.id if duplicate_of is not None else None
    alert.duplicate_of = other
    said = {"result": outcome.value, "duplicate_of": other}
    await steps.record(session, now, actor, alert, AlertStepKind.CLOSED, text=words, event=said, audit=said)
    await notices.ended(session, alert)
