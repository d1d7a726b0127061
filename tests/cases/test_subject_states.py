"""No sequence of decisions by any officers brings a subject of the watch list into a forbidden state; a model says what
is allowed: two persons, 30 days, and nothing that comes back once it was refused or ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlalchemy.ext.asyncio import AsyncSession

from cases.register import case_files
from cases.tables import SubjectState, WatchSubject
from cases.watch import proposals, subjects
from cases.watch.subject_words import SubjectWords
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from search.vocabulary import ClassWord, ColourWord
from tests.cases.database_machine import DatabaseMachine

PROPOSER = "zhang"
OFFICERS = st.sampled_from([PROPOSER, "chen", "wu"])
SCOPES = st.sampled_from([None, ["v"], ["w"], ["v", "w"]])
DAYS = st.sampled_from([-1, 1, 7, 30, 31])
WHERE = ["v", "w"]  # the subject's villages
Step = Callable[[AsyncSession, datetime], Awaitable[object]]


class SubjectMachine(DatabaseMachine):
    """One subject; `state` and `until` are the model's, built from the specification and not from the code."""

    refused = (ConflictError, ForbiddenError, NotFoundError, UsageError)

    async def prepare(self) -> None:
        self.state, self.until, self.approver = "proposed", self.clock.now() + timedelta(days=7), ""
        async with self.database.session() as session:
            now = self.clock.now()
            case = await case_files.open_case(session, now, PROPOSER, "2026-1", "电动车被盗")
            await proposals.propose(
                session, now, PROPOSER, case=case.id, title="红衣", reason="监控", villages=WHERE,
                expires_at=self.until, words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
            )  # fmt: skip

    def _try(self, allowed: bool, step: Step) -> bool:
        """Take a step and compare with the model whether it was refused."""
        assert self.is_taken(lambda s: step(s, self.clock.now())) is allowed, (self.state, self.until, self.clock.now())
        return allowed

    def _sees_all(self, scope: list[str] | None) -> bool:
        return scope is None or set(WHERE) <= set(scope)

    @property
    def _over(self) -> bool:
        return self.clock.now() >= self.until

    @rule(who=OFFICERS, yes=st.booleans(), scope=SCOPES)
    def decide(self, who: str, yes: bool, scope: list[str] | None) -> None:
        allowed = self.state == "proposed" and who != PROPOSER and self._sees_all(scope) and not (yes and self._over)
        if self._try(
            allowed, lambda s, at: proposals.approve(s, at, who, 1, yes=yes, auto_dispatch=False, scope=scope)
        ):
            self.state, self.approver = "active" if yes else "refused", who

    @rule(who=OFFICERS, scope=SCOPES)
    def end(self, who: str, scope: list[str] | None) -> None:
        allowed = self.state in ("proposed", "active") and self._sees_all(scope)
        if self._try(allowed, lambda s, at: proposals.end_subject(s, at, who, 1, "抓获", scope)):
            self.state = "ended"

    @rule(who=OFFICERS, days=DAYS, scope=SCOPES)
    def renew(self, who: str, days: int, scope: list[str] | None) -> None:
        until = self.clock.now() + timedelta(days=days)
        allowed = self.state == "active" and who != PROPOSER and self._sees_all(scope) and 0 < days <= 30
        if self._try(allowed, lambda s, at: proposals.renew(s, at, who, 1, until, "尚未抓获", scope)):
            self.until, self.approver = until, who

    @rule(who=OFFICERS, scope=SCOPES)
    def look_back(self, who: str, scope: list[str] | None) -> None:
        allowed = self.state == "active" and not self._over and self._sees_all(scope)
        self._try(allowed, lambda s, at: proposals.look_back(s, at, who, 1, 24, scope))

    @rule(days=st.sampled_from([0.5, 3, 8]))
    def wait(self, days: float) -> None:
        self.clock.advance(days * 86_400)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        async def read() -> tuple[WatchSubject, list[int]]:
            async with self.database.reading() as session:
                row = await session.get_one(WatchSubject, 1)
                return row, [s.id for s in await subjects.active(session, self.clock.now())]

        row, matched = self.runner.run(read())
        active = self.state == "active" and not self._over
        assert (row.state, row.expires_at) == (SubjectState(self.state), self.until)
        assert (matched == [1], row.is_active(self.clock.now())) == (active, active)
        assert (row.approved_by or "") == self.approver != PROPOSER
        assert row.expires_at <= self.clock.now() + timedelta(days=30)


TestSubject = SubjectMachine.TestCase
TestSubject.settings = settings(
    max_examples=12, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
)
