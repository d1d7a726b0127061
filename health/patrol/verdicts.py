"""A person's verdicts on faults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_trail
from core.audit.actions import AuditAction
from health.picture import baseline
from health.tables import Fault
from health.vocabulary import FaultOutcome


class FaultVerdict(StrEnum):
    """A person's verdict, as it is given."""

    REAL = "real"
    FALSE = "false"  # the inspections were normal: the baseline learns them
    WATCH = "watch"
    ACKNOWLEDGE = "acknowledge"  # only seen; no verdict
    NEW_VIEW = "new_view"  # the camera shows another view: its baseline begins anew


async def record(
    session: AsyncSession, now: datetime, actor: str, faults: Sequence[Fault], verdict: FaultVerdict
) -> None:
    """Record a verdict on faults.

    NEW_VIEW closes the camera's faults that were found against the old view. The other verdicts close nothing.
    """
    for fault in faults:
        fault.acknowledged_by = actor
        if verdict is FaultVerdict.ACKNOWLEDGE:
            continue
        fault.verdict = FaultOutcome(verdict.value)
        if verdict is FaultVerdict.NEW_VIEW and fault.camera:
            await baseline.new_view(session, fault.camera, now)
        if verdict is FaultVerdict.FALSE:
            await baseline.learn(session, fault, fault.first_seen)
    await audit_trail.record(
        session, now, actor, AuditAction.FAULT_VERDICT, verdict.value, faults=[f.id for f in faults]
    )
