"""The one definition of a true alarm, over every state, answer, outcome and way of dispatch."""

from __future__ import annotations

import itertools
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cases.alerts import figures
from cases.alerts.true_alarms import AUTOMATIC, is_true_alarm
from cases.tables import Alert, AlertAnswer, AlertOutcome, AlertState
from cases.watch import false_alarms
from core.clock import ManualClock, to_microseconds
from core.database import Database
from tests.cases.subjects import active_subject

ZONE = ZoneInfo("Asia/Shanghai")
Judgement = tuple[AlertState, AlertAnswer | None, AlertOutcome | None, str | None]
EVERY: list[Judgement] = [
    (state, answer, outcome, sent_by)
    for state, answer, outcome, sent_by in itertools.product(
        AlertState, (None, *AlertAnswer), (None, *AlertOutcome), (None, AUTOMATIC, "zhang")
    )
    if (outcome is not None) == (state is AlertState.CLOSED)
]


def expected(
    state: AlertState, answer: AlertAnswer | None, outcome: AlertOutcome | None, sent_by: str | None
) -> bool | None:
    """Return the verdict as the documents say it: the last word of a person."""
    if outcome is not None:
        return {"true_alarm": True, "false_alarm": False}.get(outcome.value)
    if state in (AlertState.REJECTED, AlertState.RECALLED):
        return False
    if answer in (AlertAnswer.CAUGHT, AlertAnswer.FALSE_ALARM):
        return answer is AlertAnswer.CAUGHT
    return True if sent_by == "zhang" else None


async def write(database: Database, clock: ManualClock, given: list[Judgement]) -> int:
    """Add one alert for each; returns the number of their subject."""
    subject = await active_subject(database, clock)
    async with database.session() as session:
        for n, (state, answer, outcome, sent_by) in enumerate(given):
            session.add(
                Alert(
                    subject=subject, sighting=5, camera=f"c{n}", village="v", at_us=to_microseconds(clock.now()),
                    thumbnail="", note="", raised_at=clock.now(), state=state, answer=answer, outcome=outcome,
                    confirmed_by=sent_by, acked_by="wang", arrived_at=clock.now(), answered_by="wang",
                    recalled_by="zhang", recalled_at=clock.now(), closed_by="zhang" if outcome else None,
                )
            )  # fmt: skip
    return subject


async def test_every_judgement(database: Database, clock: ManualClock) -> None:
    await write(database, clock, EVERY)
    async with database.reading() as session:
        found = {row[0]: row[1] for row in await session.execute(select(Alert.camera, is_true_alarm()))}
    for n, given in enumerate(EVERY):
        assert found[f"c{n}"] is expected(*given), given


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ((AlertState.NEW, None, None, None), None),
        ((AlertState.REJECTED, None, None, "zhang"), False),
        ((AlertState.RECALLED, None, None, "zhang"), False),  # it turned out to be somebody else
        ((AlertState.DISPATCHED, None, None, AUTOMATIC), None),  # nobody has looked
        ((AlertState.DISPATCHED, None, None, "zhang"), True),
        ((AlertState.ANSWERED, AlertAnswer.NOT_SEEN, None, "zhang"), True),  # gone says nothing about the picture
        ((AlertState.ANSWERED, AlertAnswer.NOT_SEEN, None, AUTOMATIC), None),
        ((AlertState.ANSWERED, AlertAnswer.FALSE_ALARM, None, "zhang"), False),
        ((AlertState.CLOSED, AlertAnswer.FALSE_ALARM, AlertOutcome.TRUE_ALARM, "zhang"), True),  # the last word
        ((AlertState.CLOSED, AlertAnswer.CAUGHT, AlertOutcome.FALSE_ALARM, "zhang"), False),
        ((AlertState.CLOSED, AlertAnswer.CAUGHT, AlertOutcome.DUPLICATE, "zhang"), None),
    ],
)
def test_the_rule_in_examples(given: Judgement, verdict: bool | None) -> None:
    assert expected(*given) is verdict


async def test_figures_and_rates_count_alike(database: Database, clock: ManualClock) -> None:
    subject = await write(database, clock, EVERY)
    start = clock.now()
    async with database.reading() as session:
        rates = await false_alarms.rates(session, [subject], None)
        found = await figures.of_period(session, start, start + timedelta(days=1), None, ZONE)
    assert found.alerts == len(EVERY)
    assert {(j.key, j.true, j.false, j.unknown) for j in found.by_camera} == {
        (r.camera, r.right, r.wrong, r.unjudged) for r in rates
    }
