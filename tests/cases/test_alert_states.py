"""No sequence of steps by any officer brings an alert into a forbidden state; a model says what is allowed."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import alerts, patrol, steps
from cases.tables import Alert, AlertOutcome, AlertState, WatchSubject
from core.errors import ConflictError
from tests.cases.database_machine import DatabaseMachine
from tests.cases.subjects import active_subject

OFFICERS = st.sampled_from(["wang", "li", "zhao"])
TERMINAL = {"rejected", "recalled", "closed"}
Step = Callable[[AsyncSession, Alert], Awaitable[object]]
_sightings = itertools.count(1)


class AlertMachine(DatabaseMachine):
    """One alert; `state` and `taken_by` are the model's, built from the specification and not from the code."""

    refused = (ConflictError,)

    async def prepare(self) -> None:
        self.state, self.taken_by, self.out_for, self.done = "new", "", 0, 0
        subject = await active_subject(self.database, self.clock)
        async with self.database.session() as session:
            row = await session.get_one(WatchSubject, subject)
            await alerts.add(
                session, self.clock.now(), row, sighting=next(_sightings), camera="c1", village="v", at_us=1,
                thumbnail="",
            )  # fmt: skip

    def _try(self, allowed: bool, step: Step) -> bool:
        """Take a step and compare with the model whether it was refused."""

        async def take(session: AsyncSession) -> None:
            await step(session, await alerts.locked(session, 1, None))

        assert self.is_taken(take) is allowed, (self.state, self.taken_by)
        self.done += allowed
        return allowed

    @rule(yes=st.booleans())
    def confirm(self, yes: bool) -> None:
        now = self.clock.now()
        if self._try(self.state == "new", lambda s, a: alerts.confirm(s, now, "video", a, yes=yes)):
            self.state, self.out_for = ("dispatched", 0) if yes else ("rejected", 0)

    @rule()
    def snooze(self) -> None:
        now = self.clock.now()
        self._try(self.state == "new", lambda s, a: alerts.snooze(s, now, "video", a, timedelta(minutes=5), "later"))

    @rule()
    def recall(self) -> None:
        allowed = self.state in ("dispatched", "acked") and self.out_for <= 60
        now = self.clock.now()
        if self._try(allowed, lambda s, a: alerts.recall(s, now, "video", a, "other")):
            self.state = "recalled"

    @rule(who=OFFICERS)
    def acknowledge(self, who: str) -> None:
        now = self.clock.now()
        if self._try(self.state == "dispatched", lambda s, a: patrol.acknowledge(s, now, who, a)):
            self.state, self.taken_by = "acked", who

    @rule(who=OFFICERS)
    def decline(self, who: str) -> None:
        allowed = self.state == "dispatched" or (self.state == "acked" and self.taken_by == who)
        now = self.clock.now()
        if self._try(allowed, lambda s, a: patrol.decline(s, now, who, a, "far away")):
            self.state, self.taken_by = "dispatched", ""

    @rule(who=OFFICERS)
    def arrive(self, who: str) -> None:
        now = self.clock.now()
        if self._try(self.state == "acked" and self.taken_by == who, lambda s, a: patrol.arrive(s, now, who, a)):
            self.state = "under_way"

    @rule(who=OFFICERS, result=st.sampled_from(["caught", "not_seen", "false_alarm"]))
    def answer(self, who: str, result: str) -> None:
        allowed = self.state in ("acked", "under_way") and self.taken_by == who
        now = self.clock.now()
        if self._try(allowed, lambda s, a: patrol.answer(s, now, who, a, result)):
            self.state = "answered"

    @rule(outcome=st.sampled_from([AlertOutcome.TRUE_ALARM, AlertOutcome.FALSE_ALARM]))
    def close(self, outcome: AlertOutcome) -> None:
        allowed, now = self.state not in TERMINAL | {"new"}, self.clock.now()
        if self._try(allowed, lambda s, a: alerts.close(s, now, "video", a, outcome, "done")):
            self.state = "closed"

    @rule(seconds=st.integers(1, 61))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.out_for += seconds

    @invariant()
    def the_row_is_as_the_model(self) -> None:
        async def read() -> tuple[Alert, int]:
            async with self.database.reading() as session:
                return await alerts.get(session, 1, None), len(await steps.of_alert(session, 1))

        row, count = self.runner.run(read())
        assert (row.state, row.acked_by or "", count) == (AlertState(self.state), self.taken_by, self.done)
        assert (row.closed_at is not None) is (self.state == "closed")


TestAlertStates = AlertMachine.TestCase
TestAlertStates.settings = settings(
    max_examples=12, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
)
