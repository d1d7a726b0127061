"""False alarms of a subject: its rate from officers' answers, and the proposal to mute a camera for the day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cases.alerts import alerts
from cases.tables import Alert, AlertAnswer, AlertOutcome, AlertState, SubjectState, WatchMuting, WatchSubject
from cases.watch import false_alarms, proposals
from cases.watch.false_alarms import CameraRate
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, NotFoundError
from search.store import SightingStore
from tests.cases.subjects import active_subject, all_alerts, matcher_of, write_sighting

ZONE = ZoneInfo("Asia/Shanghai")


async def add(database: Database, clock: ManualClock, subject: int, camera: str = "c1", **fields: object) -> int:
    """Add an alert as an officer left it."""
    known = {
        "sighting": 5, "village": "v", "at_us": to_microseconds(clock.now()), "thumbnail": "", "note": "",
        "raised_at": clock.now(), "state": AlertState.NEW,
    }  # fmt: skip
    async with database.session() as session:
        row = Alert(subject=subject, camera=camera, **(known | fields))
        session.add(row)
        await session.flush()
        return row.id


async def rates(database: Database, subject: int, scope: list[str] | None = None) -> list[CameraRate]:
    async with database.reading() as session:
        return await false_alarms.rates(session, [subject], scope)


async def propose(database: Database, clock: ManualClock) -> int:
    async with database.session() as session:
        return await false_alarms.propose_mutings(session, clock.now(), ZONE)


async def test_the_rate_is_what_officers_said(database: Database, clock: ManualClock) -> None:
    subject = await active_subject(database, clock)
    closed = {"state": AlertState.CLOSED, "closed_by": "o"}
    wrong = (
        {"state": AlertState.REJECTED},
        {"state": AlertState.RECALLED, "confirmed_by": "o"},
        {"state": AlertState.ANSWERED, "confirmed_by": "o", "answer": AlertAnswer.FALSE_ALARM},
        closed | {"outcome": AlertOutcome.FALSE_ALARM, "confirmed_by": "o", "answer": AlertAnswer.NOT_SEEN},
    )
    right = (
        {"state": AlertState.DISPATCHED, "confirmed_by": "o"},
        {"state": AlertState.ANSWERED, "confirmed_by": "auto", "answer": AlertAnswer.CAUGHT},
        closed | {"outcome": AlertOutcome.TRUE_ALARM, "confirmed_by": "o", "answer": AlertAnswer.FALSE_ALARM},
    )
    unjudged: tuple[dict[str, Any], ...] = (
        {},
        {"state": AlertState.DISPATCHED, "confirmed_by": "auto"},
        closed | {"outcome": AlertOutcome.DUPLICATE},
    )
    judged: list[dict[str, Any]] = [*wrong, *right, *unjudged]
    for fields in judged:
        await add(database, clock, subject, **fields)
    await add(database, clock, subject, state=AlertState.REJECTED, sighting=0)  # a person raised it
    await add(database, clock, subject, "c2", village="w")
    assert await rates(database, subject) == [CameraRate(subject, "c1", 3, 4, 3), CameraRate(subject, "c2", 0, 0, 1)]
    assert [r.camera for r in await rates(database, subject, ["w"])] == ["c2"]


def test_without_an_answer_the_rate_is_unknown() -> None:
    assert false_alarms.rate(0, 0) is None
    assert (false_alarms.rate(3, 1), false_alarms.rate(2, 0)) == (0.25, 0.0)


async def test_three_false_alarms_in_a_local_day_propose_to_mute(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    clock.advance(15.5 * 3600)  # 23:30 in Shanghai
    subject = await active_subject(database, clock)
    for camera, count in (("c1", 2), ("c2", 2)):
        for _ in range(count):
            await add(database, clock, subject, camera, state=AlertState.REJECTED)
    assert await propose(database, clock) == 0
    await add(database, clock, subject, state=AlertState.REJECTED)
    assert await propose(database, clock) == 1
    assert await propose(database, clock) == 0  # once
    await write_sighting(database, clock, days)
    clock.advance(700)
    matcher = matcher_of(database, clock, days)
    async with database.session() as session:
        ((row, title),) = await false_alarms.current_mutings(session, clock.now(), None)
        assert (row.camera, row.false_alarms, title) == ("c1", 3, "红衣")
        assert row.ends_at.astimezone(ZONE).strftime("%d %H:%M") == "22 00:00"
        with pytest.raises(NotFoundError):
            await false_alarms.decide_muting(session, clock.now(), "o", row.id, accept=True, scope=["other"])
        await false_alarms.decide_muting(session, clock.now(), "o", row.id, accept=True)
        with pytest.raises(ConflictError):
            await false_alarms.decide_muting(session, clock.now(), "o", row.id, accept=False)
    before = len(await all_alerts(database))
    await matcher.run_once()
    assert len(await all_alerts(database)) == before  # muted, also for what was seen before
    clock.advance(20 * 60)  # past midnight in Shanghai
    await write_sighting(database, clock, days)
    await matcher.run_once()
    assert len(await all_alerts(database)) == before + 1
    async with database.reading() as session:
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert [a for a in actions if a.startswith("watch.mute")] == ["watch.mute_propose", "watch.mute"]


async def test_false_alarms_of_two_days_do_not_add_up(database: Database, clock: ManualClock) -> None:
    clock.advance(15.9 * 3600)
    subject = await active_subject(database, clock)
    for pause in (0, 60, 600):
        clock.advance(pause)
        await add(database, clock, subject, state=AlertState.REJECTED)
    assert await propose(database, clock) == 0


async def test_a_dismissed_proposal_mutes_nothing_and_an_ended_subject_proposes_nothing(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    subject = await active_subject(database, clock)
    for _ in range(3):
        await add(database, clock, subject, state=AlertState.REJECTED, at_us=to_microseconds(clock.now()) - 7_000_000)
    await propose(database, clock)
    async with database.session() as session:
        ((row, _),) = await false_alarms.current_mutings(session, clock.now(), None)
        await false_alarms.decide_muting(session, clock.now(), "o", row.id, accept=False)
        assert await false_alarms.current_mutings(session, clock.now(), None) == []
    clock.advance(700)
    await write_sighting(database, clock, days)
    before = len(await all_alerts(database))
    assert await matcher_of(database, clock, days).run_once() == 1
    assert len(await all_alerts(database)) == before + 1
    async with database.session() as session:
        await proposals.end_subject(session, clock.now(), "zhang", subject, "抓获")
        for muting in await session.scalars(select(WatchMuting)):
            await session.delete(muting)
    assert await propose(database, clock) == 0


@pytest.mark.parametrize("how", ["expired", "withdrawn", "refused", "proposed"])
async def test_it_matches_nothing_from_that_instant(
    how: str, database: Database, clock: ManualClock, days: SightingStore
) -> None:
    """The matcher's copy of the list ends with the subject, at the very microsecond."""
    subject = await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1
    clock.advance(7 * 86_400 - 1)
    await write_sighting(database, clock, days, camera="c2")
    assert await matcher.run_once() == 1  # the last second of its stay
    async with database.session() as session:
        row = await session.get_one(WatchSubject, subject)
        assert row.expires_at == clock.now() + timedelta(seconds=1)
        if how == "withdrawn":
            await proposals.end_subject(session, clock.now(), "zhang", subject, "抓获")
        elif how != "expired":
            row.state = SubjectState(how)
    if how == "expired":
        clock.advance(1)
    await write_sighting(database, clock, days, camera="c3")
    assert await matcher.run_once() == 0


async def test_it_matches_nothing_if_it_ends_while_a_batch_is_compared(
    database: Database, clock: ManualClock, days: SightingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It expires after the list was read and before the alert is written."""
    await active_subject(database, clock)
    clock.advance(7 * 86_400 - 1)
    await write_sighting(database, clock, days)
    quiet = alerts.is_quiet

    async def slow(*arguments: object) -> bool:
        clock.advance(1)
        return await quiet(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts, "is_quiet", slow)
    assert await matcher_of(database, clock, days).run_once() == 0
    assert await all_alerts(database) == []
