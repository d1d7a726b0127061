"""The signed registers are compared with the audit trail every day, a part of them at a time; what does not fit is a fault.

Each run looks at the newest days and at one slice of the older ones, so that its work does not grow with the years and every day
comes up again within some weeks. Which slice follows from the date alone: a restart begins nothing anew.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select

from core.clock import Clock
from core.database import Database
from health import book, signatures
from health.faults import LIVE_STATES
from health.signatures import Misfit
from health.tables import Fault

log = logging.getLogger(__name__)

NEWEST_DAYS = 62  # looked at in every run
SLICE_DAYS = 100  # of the older ones, in turn
FAMILY = "register"
STATION = book.Subject("", None, "register")


class RegisterCheck:
    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock

    async def run_once(self) -> Misfit | None:
        """Once a day: the first day that does not fit, which is then a fault of the station until it fits again."""
        now = self._clock.now()
        async with self._database.reading() as session:
            known = await session.scalars(select(Fault.figures).where(Fault.family == FAMILY, Fault.state.in_(LIVE_STATES)))
            told = {str(figures["day"]) for figures in known if "day" in figures}
            due = told | due_days(await signatures.signed_days(session), now)
            found = await signatures.problem(session, due, self._database.audit_key)
        if found is not None:
            log.error("a signed register does not hold: %s; tell the auditor, and compare with the paper", found.problem)
        await self._note(found, now)
        return found

    async def _note(self, found: Misfit | None, now: datetime) -> None:
        figures = {"day": found.day, "said": found.problem} if found is not None else None
        async with self._database.session() as session:
            query = select(Fault).where(Fault.family == FAMILY, book.not_over(now)).order_by(Fault.id.desc()).limit(1)
            fault = await session.scalar(query)
            for _ in range(2):  # it is proved, not seen: the state machine takes no single look's word
                fault, _step = book.note(session, STATION, now, FAMILY, fault, figures, book.Evidence(), 1.0)


def due_days(signed: set[str], now: datetime) -> set[str]:
    """Those of the signed days (YYYY-MM-DD) that this day's run looks at."""
    days = sorted(signed, reverse=True)
    older = days[NEWEST_DAYS:]
    slices = -(-len(older) // SLICE_DAYS)
    begin = SLICE_DAYS * (now.toordinal() % slices) if slices else 0
    return {*days[:NEWEST_DAYS], *older[begin : begin + SLICE_DAYS]}
