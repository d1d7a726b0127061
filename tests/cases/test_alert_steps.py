"""The steps of an alert: who may take which, their rows, repeated requests, and phones with a wrong clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from cameras.tables import Camera
from cases.alerts import alerts, patrol, phone_time, steps
from cases.alerts.phone_time import PhoneReport, Place
from cases.tables import Alert, AlertOutcome, AlertState, AlertStep, AlertStepKind
from cases.watch.manual_alerts import raise_manual_alert
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, UsageError
from core.events import Event
from search.store import SightingStore
from tests.cases.subjects import active_subject, matcher_of, write_sighting

Kind = AlertStepKind


async def new_alert(database: Database, clock: ManualClock, days: SightingStore) -> int:
    await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    return 1


async def sent_alert(database: Database, clock: ManualClock) -> int:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        camera = Camera(id="c1", name="c", village="v")
        return (await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "")).id


async def rows(database: Database) -> list[AlertStep]:
    async with database.reading() as session:
        return await steps.of_alert(session, 1)


async def test_each_step_is_a_row_an_event_and_an_audit_row(database: Database, clock: ManualClock) -> None:
    await sent_alert(database, clock)
    there = Place(29.48, 121.42, 12.0)
    for seconds, apply in enumerate((patrol.acknowledge, patrol.arrive), 1):
        clock.advance(seconds)
        async with database.session() as session:
            alert = await alerts.locked(session, 1, None)
            assert await apply(session, clock.now(), "wang", alert, PhoneReport(str(uuid4()), place=there))
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        assert alert.state is AlertState.UNDER_WAY and alert.arrived_at == clock.now()
        assert await patrol.answer(session, clock.now(), "wang", alert, "caught", "带回")
        await alerts.close(session, clock.now(), "zhang", alert, AlertOutcome.TRUE_ALARM, "已移交")
        assert (alert.state, alert.outcome, alert.closed_by) == ("closed", "true_alarm", "zhang")
    found = await rows(database)
    assert [(s.kind, s.by, s.text) for s in found] == [
        (Kind.DISPATCHED, "zhang", "seen by an officer"), (Kind.ACKED, "wang", ""), (Kind.ARRIVED, "wang", ""),
        (Kind.ANSWERED, "wang", "带回"), (Kind.CLOSED, "zhang", "已移交"),
    ]  # fmt: skip
    assert (found[2].latitude, found[2].longitude, found[2].accuracy_m) == (29.48, 121.42, 12.0)
    async with database.reading() as session:
        kinds = list(
            await session.scalars(select(Event.kind).where(Event.kind.startswith("alert.")).order_by(Event.id))
        )
        audited = list(
            await session.scalars(
                select(AuditRow.action).where(AuditRow.action.startswith("alert.")).order_by(AuditRow.id)
            )
        )
    assert kinds == [f"alert.{k}" for k in ("raised", "dispatched", "acked", "arrived", "answered", "closed")]
    assert audited == [f"alert.{k}" for k in ("raise", "dispatch", "ack", "arrive", "answer", "close")]


async def test_a_repeated_step_applies_once(database: Database, clock: ManualClock) -> None:
    await sent_alert(database, clock)
    report = PhoneReport(str(uuid4()))
    for expected in (True, False, False):
        async with database.session() as session:
            alert = await alerts.locked(session, 1, None)
            assert await patrol.acknowledge(session, clock.now(), "wang", alert, report) is expected
        clock.advance(30)
    assert [s.kind for s in await rows(database)] == [Kind.DISPATCHED, Kind.ACKED]
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        with pytest.raises(ConflictError, match="client_id"):
            await patrol.arrive(session, clock.now(), "wang", alert, report)
        with pytest.raises(ConflictError, match="taken by wang"):  # another's id says nothing about his own
            await patrol.acknowledge(session, clock.now(), "li", alert, report)


async def test_the_database_refuses_a_second_row_with_the_id(database: Database, clock: ManualClock) -> None:
    await sent_alert(database, clock)
    with pytest.raises(IntegrityError):
        async with database.session() as session:
            alert = await alerts.locked(session, 1, None)
            for _ in range(2):
                await steps.record(session, clock.now(), "wang", alert, Kind.ACKED, report=PhoneReport("x"))


@pytest.mark.parametrize("values", [{"state": "under_way"}, {"state": "closed"}])
async def test_the_database_refuses_states_without_their_facts(
    database: Database, clock: ManualClock, values: dict[str, str]
) -> None:
    await sent_alert(database, clock)
    with pytest.raises(IntegrityError):
        async with database.session() as session:
            await session.execute(update(Alert).values(values))


async def test_who_cannot_come_frees_the_alert(database: Database, clock: ManualClock) -> None:
    await sent_alert(database, clock)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        await patrol.acknowledge(session, clock.now(), "wang", alert)
        with pytest.raises(ConflictError):
            await patrol.decline(session, clock.now(), "li", alert, "太远")
        assert await patrol.decline(session, clock.now(), "wang", alert, "车坏了")
        assert (alert.state, alert.acked_by, alert.acked_at) == ("dispatched", None, None)
        await patrol.acknowledge(session, clock.now(), "li", alert)
        await patrol.arrive(session, clock.now(), "li", alert)
        with pytest.raises(ConflictError):
            await patrol.decline(session, clock.now(), "li", alert, "有事")
    assert [(s.kind, s.by) for s in await rows(database)][-2:] == [(Kind.ACKED, "li"), (Kind.ARRIVED, "li")]


async def test_a_snoozed_alert_rings_again_by_itself(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await new_alert(database, clock, days)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        for length in (timedelta(0), timedelta(minutes=15, seconds=1)):
            with pytest.raises(UsageError):
                await alerts.snooze(session, clock.now(), "zhang", alert, length, "在处理另一起")
        await alerts.snooze(session, clock.now(), "zhang", alert, timedelta(minutes=15), "在处理另一起")
    for advanced, left in ((0, 900), (899, 1), (1, 0)):
        clock.advance(advanced)
        async with database.reading() as session:
            alert = await alerts.get(session, 1, None)
            assert alerts.snooze_left(alert, clock.now()) == timedelta(seconds=left)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        await alerts.confirm(session, clock.now(), "zhang", alert, yes=True)
        with pytest.raises(ConflictError):
            await alerts.snooze(session, clock.now(), "zhang", alert, timedelta(minutes=1), "等等")


async def test_a_new_alert_is_closed_as_a_duplicate_only(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    subject = await active_subject(database, clock)
    await write_sighting(database, clock, days)
    await matcher_of(database, clock, days).run_once()
    async with database.session() as session:
        camera = Camera(id="c2", name="c", village="v")
        other = await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "")
        alert = await alerts.locked(session, 1, None)
        with pytest.raises(ConflictError):
            await alerts.close(session, clock.now(), "zhang", alert, AlertOutcome.TRUE_ALARM, "是他")
        for wrong in (None, alert):
            with pytest.raises(UsageError):
                await alerts.close(session, clock.now(), "zhang", alert, AlertOutcome.DUPLICATE, "同一人", wrong)
        await alerts.close(session, clock.now(), "zhang", alert, AlertOutcome.DUPLICATE, "同一人", other)
        assert alert.duplicate_of == other.id
    async with database.reading() as session:  # patrol officers never learn of it
        assert [a.id for a, _ in await alerts.recent(session, None, alerts.SENT)] == [other.id]


HOUR = 3600


@pytest.mark.parametrize(
    ("phone_ahead", "done_before", "expected"),
    [
        (0, 0, 0),
        (0, 20, -20),  # done 20 s ago without network
        (HOUR, 20, -20),  # a clock an hour fast
        (-HOUR, 20, -20),  # an hour slow
        (0, 500, -60),  # never before the step before it
        (0, -500, 0),  # never after now
    ],
)
async def test_a_phone_with_a_wrong_clock_gives_the_right_time(
    database: Database, clock: ManualClock, phone_ahead: int, done_before: int, expected: int
) -> None:
    await sent_alert(database, clock)
    clock.advance(60)
    phone_now = clock.now() + timedelta(seconds=phone_ahead)
    report = PhoneReport(str(uuid4()), phone_now - timedelta(seconds=done_before), phone_now)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        await patrol.acknowledge(session, clock.now(), "wang", alert, report)
        assert alert.acked_at == clock.now() + timedelta(seconds=expected)
    row = (await rows(database))[-1]
    assert (row.at, row.recorded_at, row.phone_at) == (alert.acked_at, clock.now(), report.at)
    assert row.clock_offset_s == -phone_ahead and phone_time.is_wrong(row.clock_offset_s) is (phone_ahead != 0)


async def test_of_two_officers_who_take_it_at_once_one_does(database: Database, clock: ManualClock) -> None:
    await sent_alert(database, clock)

    async def take(who: str) -> bool:
        async with database.session() as session:
            alert = await alerts.locked(session, 1, None)
            return await patrol.acknowledge(session, clock.now(), who, alert)

    found = await asyncio.gather(take("wang"), take("li"), return_exceptions=True)
    assert sorted(type(f).__name__ for f in found) == ["ConflictError", "bool"]
