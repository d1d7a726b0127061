"""What patrol officers do with a dispatched alert: take it, decline it, arrive, answer.

Each function takes what the phone reports (`PhoneReport`) and returns whether it applied; a request that the phone
repeats, because it did not get the answer, changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices, steps
from cases.alerts.phone_time import PhoneReport
from cases.tables import Alert, AlertAnswer, AlertState, AlertStepKind
from core.error_codes import ErrorCode
from core.errors import ConflictError, UsageError


async def acknowledge(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, report: PhoneReport | None = None
) -> bool:
    """Let an officer take a dispatched alert. Raises ConflictError."""
    if await steps.repeated(session, actor, alert.id, AlertStepKind.ACKED, report):
        return False
    if alert.acked_by:
        sentence = f"this alert was taken by {alert.acked_by}"
        raise ConflictError(sentence, ErrorCode.ALERT_TAKEN, account=alert.acked_by)
    if not steps.is_possible(alert, AlertStepKind.ACKED):
        raise ConflictError("this alert was not dispatched", ErrorCode.ALERT_NOT_DISPATCHED)
    at = await steps.done_at(session, now, alert, report)
    alert.state, alert.acked_by, alert.acked_at = AlertState.ACKED, actor, at
    await steps.record(session, now, actor, alert, AlertStepKind.ACKED, at=at, report=report)
    await notices.ended(session, alert)
    return True


async def decline(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, reason: str, report: PhoneReport | None = None
) -> bool:
    """Record that an officer cannot come. If he had taken the alert, it is free again. Raises ConflictError."""
    if await steps.repeated(session, actor, alert.id, AlertStepKind.DECLINED, report):
        return False
    if not steps.is_possible(alert, AlertStepKind.DECLINED) or alert.acked_by not in (None, actor):
        raise ConflictError(
            "only an alert that nobody has taken, or one's own before arriving, can be declined",
            ErrorCode.ALERT_DECLINE_REFUSED,
        )
    at = await steps.done_at(session, now, alert, report)
    alert.state, alert.acked_by, alert.acked_at = AlertState.DISPATCHED, None, None
    await steps.record(session, now, actor, alert, AlertStepKind.DECLINED, at=at, text=reason, report=report)
    await session.flush()
    await notices.declined(session, now, alert)
    return True


async def arrive(
    session: AsyncSession, now: datetime, actor: str, alert: Alert, report: PhoneReport | None = None
) -> bool:
    """Record that the officer who took the alert is there. Raises ConflictError."""
    if await steps.repeated(session, actor, alert.id, AlertStepKind.ARRIVED, report):
        return False
    if not steps.is_possible(alert, AlertStepKind.ARRIVED) or alert.acked_by != actor:
        raise ConflictError("only the officer who took the alert can arrive, once", ErrorCode.ALERT_ARRIVE_REFUSED)
    at = await steps.done_at(session, now, alert, report)
    alert.state, alert.arrived_at = AlertState.UNDER_WAY, at
    await steps.record(session, now, actor, alert, AlertStepKind.ARRIVED, at=at, report=report)
    return True


async def answer(
    session: AsyncSession,
    now: datetime,
    actor: str,
    alert: Alert,
    result: str,
    note: str = "",
    report: PhoneReport | None = None,
) -> bool:
    """Record the result of an alert, given by the officer who took it. Raises UsageError, ConflictError."""
    if result not in list(AlertAnswer):
        raise UsageError(
            f"an answer is one of: {', '.join(AlertAnswer)}", ErrorCode.ALERT_ANSWER_UNKNOWN, allowed=list(AlertAnswer)
        )
    if await steps.repeated(session, actor, alert.id, AlertStepKind.ANSWERED, report):
        return False
    if not steps.is_possible(alert, AlertStepKind.ANSWERED) or alert.acked_by != actor:
        raise ConflictError("only the officer who took the alert may answer it, once", ErrorCode.ALERT_ANSWER_REFUSED)
    at = await steps.done_at(session, now, alert, report)
    alert.state, alert.answer, alert.note = AlertState.ANSWERED, AlertAnswer(result), note[:400]
    alert.answered_by, alert.answered_at = actor, at
    said = {"result": str(result)}
    await steps.record(
        session, now, actor, alert, AlertStepKind.ANSWERED, at=at, text=note, report=report, event=said, audit=said
    )
    await notices.ended(session, alert)
    return True
