"""Compare signed registers with the audit trail once a day; a mismatch is a fault.

Each run checks the newest days and one slice of the older ones, so its work does not grow over the years and every day
is checked again within some weeks. The slice depends on the date only, so a restart does not begin again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select

from core.clock import Clock
from core.database import Database
from health.faults import fault_log
from health.faults.state_machine import LIVE_STATES
from health.register import signatures
from health.register.signatures import SignatureMismatch
from health.tables import Fault
from health.vocabulary import FaultFamily

log = logging.getLogger(__name__)

NEWEST_DAYS = 62  # checked in every run
SLICE_DAYS = 100  # older days per run
MAX_DAYS = 366  # mismatched days listed in a fault
MAX_LOGGED = 20  # log lines per run
FAMILY = FaultFamily.REGISTER
STATION = fault_log.FaultSubject("", None, "register")


class RegisterCheck:
    """Checks signed registers and records the fault 'register' of the station."""

    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock

    async def run_once(self) -> SignatureMismatch | None:
        """Check the days that are due, once a day; return the first mismatch.

        The fault stays open until all days listed in it match again.
        """
        now = self._clock.now()
        async with self._database.reading() as session:
            signed = await signatures.signed_days(session)
            known = await session.scalars(
                select(Fault.figures).where(Fault.family == FAMILY, Fault.state.in_(LIVE_STATES))
            )
            due = due_days(signed, now)
            for figures in known:
                days = figures.get("days")
                listed = days if isinstance(days, list) and days else [figures.get("day")]
                due |= signed if figures.get("more") else {str(day) for day in listed if day}
            found = await signatures.mismatches(session, due, self._database.audit_key, limit=MAX_DAYS + 1)
        for mismatch in found[:MAX_LOGGED]:
            log.error(
                "a signed register does not match: %s; inform the auditor and compare it with the printed copy",
                mismatch.problem,
            )
        await self._record(found, now)
        return found[0] if found else None

    async def _record(self, found: Sequence[SignatureMismatch], now: datetime) -> None:
        figures: dict[str, JsonValue] | None = None
        if found:
            figures = {"day": found[0].day, "said": found[0].problem, "days": [*(m.day for m in found[:MAX_DAYS])]}
            figures |= {"more": True} if len(found) > MAX_DAYS else {}  # then every run checks all signed days
        async with self._database.session() as session:
            query = (
                select(Fault)
                .where(Fault.family == FAMILY, fault_log.live_or_reopenable(now))
                .order_by(Fault.id.desc())
                .limit(1)
            )
            fault = await session.scalar(query)
            for _ in range(2):  # the mismatch is proved, but the state machine opens a fault only on a second vote
                fault, _step = fault_log.record_inspection(
                    session, STATION, now, FAMILY, fault, figures, fault_log.FaultEvidence(), 1.0
                )


def due_days(signed: set[str], now: datetime) -> set[str]:
    """Return those of the signed days (YYYY-MM-DD) that the run of this date checks."""
    days = sorted(signed, reverse=True)
    older = days[NEWEST_DAYS:]
    slices = -(-len(older) // SLICE_DAYS)
    begin = SLICE_DAYS * (now.toordinal() % slices) if slices else 0
    return {*days[:NEWEST_DAYS], *older[begin : begin + SLICE_DAYS]}
