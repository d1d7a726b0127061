"""The states of an alert: new → dispatched → acked → answered, or new → rejected. Each step writes an audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import Alert, Case, WatchSubject
from cases.watch.proposals import dispatch
from core import events
from core.accounts.scope import village_in_scope
from core.audit import audit_trail
from core.errors import ConflictError, NotFoundError, UsageError

ANSWERS = ("caught", "not_seen", "false_alarm")


RUNNING = ("new", "dispatched", "acked")  # somebody still has to act on it
SENT = ("dispatched", "acked", "answered")  # the states in which patrol officers see an alert


async def get(
    session: AsyncSession, number: int, villages: Sequence[str] | None, states: Sequence[str] | None = None
) -> Alert:
    """Return an alert within a scope, in one of `states` (None: any). Raises NotFoundError, also outside the scope."""
    query = select(Alert).where(Alert.id == number, village_in_scope(Alert.village, villages))
    if states is not None:
        query = query.where(Alert.state.in_(states))
    alert: Alert | None = await session.scalar(query)
    if alert is None:
        raise NotFoundError("there is no such alert")
    return alert


async def case_of(session: AsyncSession, alert: Alert) -> str:
    """Return the number of the case that the alert's subject belongs to."""
    query = select(Case.number).join(WatchSubject, WatchSubject.case == Case.id).where(WatchSubject.id == alert.subject)
    return (await session.scalars(query)).one()


async def recent(
    session: AsyncSession,
    villages: Sequence[str] | None,
    states: Sequence[str] | None = None,
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


async def confirm(session: AsyncSession, now: datetime, actor: str, alert: Alert, *, yes: bool) -> None:
    """Dispatch an alert, or reject it, after a video officer has viewed it. Raises ConflictError."""
    if yes:
        await dispatch(session, now, actor, alert)
        return
    if alert.state != "new":
        raise ConflictError("this alert was already confirmed or rejected")
    alert.state, alert.confirmed_by, alert.confirmed_at = "rejected", actor, now
    events.append(session, now, "alert.rejected", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit_trail.record(session, now, actor, "alert.reject", str(alert.id))


async def acknowledge(session: AsyncSession, now: datetime, actor: str, alert: Alert) -> None:
    """Let an officer take a dispatched alert. Raises ConflictError."""
    if alert.state != "dispatched":
        raise ConflictError(
            f"this alert was taken by {alert.acked_by}" if alert.acked_by else "this alert was not dispatched"
        )
    alert.state, alert.acked_by, alert.acked_at = "acked", actor, now
    events.append(session, now, "alert.acked", village=alert.village, camera=alert.camera, alert=alert.id, by=actor)
    await audit_trail.record(session, now, actor, "alert.ack", str(alert.id))


async def answer(session: AsyncSession, now: datetime, actor: str, alert: Alert, result: str, note: str = "") -> None:
    """Record the result of an alert, given by the officer who took it. Raises UsageError, ConflictError."""
    if result not in ANSWERS:
        raise UsageError(f"an answer is one of: {', '.join(ANSWERS)}")
    if alert.state != "acked" or alert.acked_by != actor:
        raise ConflictError("only the officer who took the alert may answer it, once")
    alert.state, alert.answer, alert.note, alert.answered_by, alert.answered_at = (
        "answered",
        result,
        note[:400],
        actor,
        now,
    )
    events.append(
        session, now, "alert.answered", village=alert.village, camera=alert.camera, alert=alert.id, result=result
    )
    await audit_trail.record(session, now, actor, "alert.answer", str(alert.id), result=result)
