"""The signed registers are compared with the audit trail every day, a part of them at a time; what does not fit is a fault.

Each run looks at the newest days and at one slice of the older ones, so that its work does not grow with the years and every day
comes up again within some weeks. Which slice follows from the date alone: a restart begins nothing anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from core.clock import Clock
from core.database import Database
from health.faults import fault_log
from health.faults.state_machine import LIVE_STATES
from health.register import signatures
from health.register.signatures import SignatureMismatch
from health.tables import Fault

log = logging.getLogger(__name__)

NEWEST_DAYS = 62  # looked at in every run
SLICE_DAYS = 100  # of the older ones, in turn
MAX_DAYS = 366  # that do not fit, which a fault keeps by name
MAX_LOGGED = 20  # a run
FAMILY = "register"
STATION = fault_log.FaultSubject("", None, "register")


class RegisterCheck:
    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock

    async def run_once(self) -> SignatureMismatch | None:
        """Once a day: the first day that does not fit. It is a fault of the station until that day and all others fit again
        that were found since."""
        now = self._clock.now()
        async with self._database.reading() as session:
            signed = await signatures.signed_days(session)
            known = await session.scalars(
                select(Fault.figures).where(Fault.family == FAMILY, Fault.state.in_(LIVE_STATES))
            )
            due = due_days(signed, now)
            for figures in known:
                due |= (
                    signed
                    if figures.get("more")
                    else {str(day) for day in figures.get("days") or [figures.get("day")] if day}
                )
            found = await signatures.problems(session, due, self._database.audit_key, most=MAX_DAYS + 1)
        for misfit in found[:MAX_LOGGED]:
            log.error(
                "a signed register does not hold: %s; tell the auditor, and compare with the paper", misfit.problem
            )
        await self._note(found, now)
        return found[0] if found else None

    async def _note(self, found: Sequence[SignatureMismatch], now: datetime) -> None:
        figures: dict[str, object] | None = None
        if found:
            figures = {"day": found[0].day, "said": found[0].problem, "days": [m.day for m in found[:MAX_DAYS]]}
            figures |= {"more": True} if len(found) > MAX_DAYS else {}  # then all signed days are looked at
        async with self._database.session() as session:
            query = (
                select(Fault).where(Fault.family == FAMILY, fault_log.not_over(now)).order_by(Fault.id.desc()).limit(1)
            )
            fault = await session.scalar(query)
            for _ in range(2):  # it is proved, not seen: the state machine takes no single look's word
                fault, _step = fault_log.record_inspection(
                    session, STATION, now, FAMILY, fault, figures, fault_log.FaultEvidence(), 1.0
                )


def due_days(signed: set[str], now: datetime) -> set[str]:
    """Those of the signed days (YYYY-MM-DD) that this day's run looks at."""
    days = sorted(signed, reverse=True)
    older = days[NEWEST_DAYS:]
    slices = -(-len(older) // SLICE_DAYS)
    begin = SLICE_DAYS * (now.toordinal() % slices) if slices else 0
    return {*days[:NEWEST_DAYS], *older[begin : begin + SLICE_DAYS]}
