"""Units: members, duty, positions, their order for an alert, and whom a dispatch calls when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from cameras.tables import Camera, Village
from cases.alerts import alerts, calls, patrol
from cases.tables import AlertCall
from cases.units import duty, units
from cases.units.tables import OfficerPosition
from cases.units.units import UnitFacts
from cases.watch.manual_alerts import raise_manual_alert
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError, TooManyError, UsageError
from core.notify import contacts
from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState
from tests.cases.subjects import active_subject

DEGREE_M = 111_195.0  # of latitude, on a sphere of 6,371 km
HERE = (121.4335, 29.4722)
Order = list[tuple[str, list[str], int]]


@pytest.fixture
async def town(database: Database, clock: ManualClock) -> None:
    """Two villages, five patrol officers of whom two pairs are units A and B, a leader, and a camera."""
    async with database.session() as session:
        for code in ("v", "w"):
            session.add(Village(code=code, name=code, boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(Camera(id="c1", name="c", village="v", profile={"position": list(HERE)}))
    accounts = Accounts(database, clock)
    for name in ("a1", "a2", "b1", "b2", "solo"):
        await accounts.create(name, "a long password", Role.PATROL_OFFICER, actor="t")
    await accounts.create("leader", "a long password", Role.APPROVER, actor="t")
    async with database.session() as session:
        for name in ("A", "B"):
            members = [f"{name.lower()}1", f"{name.lower()}2"]
            await units.create(session, clock.now(), "t", UnitFacts(name, "", ["v"], members), None)
        for name in ("a1", "a2", "b1", "b2", "solo", "leader"):
            await contacts.change(session, clock.now(), name, name, ChannelKind.WECOM, name)


async def begin_duty(database: Database, clock: ManualClock, **metres: float | None) -> None:
    """Put officers on duty, at a distance from the camera; None: their position is unknown."""
    async with database.session() as session:
        for name, far in metres.items():
            await duty.change(session, clock.now(), name, on=True)
            if far is not None:
                await duty.report_position(session, clock.now(), name, HERE[1] + far / DEGREE_M, HERE[0], 10.0)


async def dispatched(database: Database, clock: ManualClock) -> int:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        camera = await session.get_one(Camera, "c1")
        return (await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "")).id


async def order(database: Database, clock: ManualClock) -> Order:
    async with database.reading() as session:
        rows = (await calls.of_alerts(session, [1])).get(1, [])
    return [(c.kind.value, c.accounts, round((c.due_at - clock.now()).total_seconds())) for c in rows]


@pytest.mark.usefixtures("town")
async def test_the_nearest_free_unit_is_called_first(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=900.0, b1=400.0, b2=800.0, solo=None)
    await dispatched(database, clock)
    assert await order(database, clock) == [
        ("unit", ["b1", "b2"], 0), ("unit", ["a1"], 180), ("leaders", ["leader"], 180),
        ("on_duty", ["solo"], 360), ("everybody", ["a2"], 540),
    ]  # fmt: skip
    async with database.reading() as session:
        query = select(Delivery.account, Delivery.due_at).order_by(Delivery.due_at, Delivery.account)
        sent = {a: round((d - clock.now()).total_seconds()) for a, d in await session.execute(query)}
    assert sent == {"b1": 0, "b2": 0, "a1": 180, "leader": 180, "solo": 360, "a2": 540}


@pytest.mark.usefixtures("town")
async def test_a_unit_without_position_comes_last_but_is_called(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=None, b1=5000.0)
    await dispatched(database, clock)
    assert [(k, a) for k, a, _ in await order(database, clock)][:2] == [("unit", ["b1"]), ("unit", ["a1"])]


@pytest.mark.usefixtures("town")
async def test_a_busy_unit_is_passed_over(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=900.0, b1=400.0)
    await dispatched(database, clock)
    async with database.session() as session:
        first = await alerts.locked(session, 1, None)
        await patrol.acknowledge(session, clock.now(), "b1", first)
        found = await calls.offers(session, clock.now(), first, None)
        assert [(u.unit.name, u.is_free, u.alerts) for u in found] == [("A", True, ()), ("B", False, (1,))]
        plan = await calls.plan(session, clock.now(), first)
        assert [c.accounts for c in plan if c.unit is not None] == [("a1",)]


@pytest.mark.usefixtures("town")
async def test_without_units_all_on_duty_and_without_them_everybody(database: Database, clock: ManualClock) -> None:
    everybody = ["a1", "a2", "b1", "b2", "solo"]
    await dispatched(database, clock)
    assert await order(database, clock) == [("everybody", everybody, 0), ("leaders", ["leader"], 180)]
    await begin_duty(database, clock, solo=None)
    async with database.reading() as session:
        plan = await calls.plan(session, clock.now(), await alerts.get(session, 1, None))
    assert [(c.kind, list(c.accounts)) for c in plan][:2] == [("on_duty", ["solo"]), ("everybody", everybody[:4])]


@pytest.mark.usefixtures("town")
async def test_a_named_unit_is_called_first_if_somebody_of_it_is_on_duty(
    database: Database, clock: ManualClock
) -> None:
    await begin_duty(database, clock, a1=9000.0, b1=400.0)
    await dispatched(database, clock)
    async with database.reading() as session:
        alert = await alerts.get(session, 1, None)
        assert [c.accounts for c in await calls.plan(session, clock.now(), alert, 1)][:2] == [("a1",), ("b1",)]
    async with database.session() as session:
        await duty.change(session, clock.now(), "a1", on=False)
        with pytest.raises(ConflictError, match="on duty"):
            await calls.plan(session, clock.now(), alert, 1)


@pytest.mark.usefixtures("town")
async def test_who_cannot_come_sends_the_alert_to_the_next_unit_at_once(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=900.0, b1=400.0)
    await dispatched(database, clock)
    clock.advance(20)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        await patrol.decline(session, clock.now(), "b1", alert, "车坏了")
    assert await order(database, clock) == [
        ("unit", ["a1"], 0), ("everybody", ["a2", "b2", "solo"], 180), ("leaders", ["leader"], 180),
    ]  # fmt: skip
    async with database.reading() as session:
        query = select(Delivery.account, func.count()).where(Delivery.state == DeliveryState.QUEUED)
        queued = {a for a, _ in await session.execute(query.group_by(Delivery.account))}
        rounds = set(await session.scalars(select(AlertCall.round)))
    assert "b1" not in queued and "a1" in queued and rounds == {1, 2}


@pytest.mark.usefixtures("town")
async def test_an_officer_learns_when_he_is_called(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=900.0, b1=400.0)
    await dispatched(database, clock)
    clock.advance(60)
    async with database.session() as session:
        alert = await alerts.locked(session, 1, None)
        own = (await calls.of_alerts(session, [1]))[1]
        told = {n: calls.seconds_until_called(alert, own, n, clock.now()) for n in ("b1", "a1", "nobody")}
        assert told == {"b1": 0.0, "a1": 120.0, "nobody": None}
        await patrol.acknowledge(session, clock.now(), "a1", alert)  # nobody is forbidden to take it
        assert calls.seconds_until_called(alert, own, "b1", clock.now()) is None


@pytest.mark.usefixtures("town")
async def test_a_position_is_told_on_duty_only_and_not_too_often(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        with pytest.raises(ConflictError):
            await duty.report_position(session, clock.now(), "a1", 29.0, 121.0, None)
        await duty.change(session, clock.now(), "a1", on=True)
        for latitude, longitude in ((91.0, 0.0), (0.0, -180.1), (float("nan"), 0.0)):
            with pytest.raises(UsageError):
                await duty.report_position(session, clock.now(), "a1", latitude, longitude, None)
        await duty.report_position(session, clock.now(), "a1", 29.0, 121.0, None)
        clock.advance(4)
        with pytest.raises(TooManyError):
            await duty.report_position(session, clock.now(), "a1", 29.0, 121.0, None)
        clock.advance(1)
        await duty.report_position(session, clock.now(), "a1", 29.1, 121.0, None)
        assert (await duty.positions(session, ["a1"], clock.now()))["a1"].latitude == 29.1
        clock.advance(15 * 60)
        assert await duty.positions(session, ["a1"], clock.now()) == {}


@pytest.mark.usefixtures("town")
async def test_off_duty_and_after_a_day_positions_say_nothing(database: Database, clock: ManualClock) -> None:
    await begin_duty(database, clock, a1=0.0)
    clock.advance(60)
    async with database.session() as session:
        await duty.change(session, clock.now(), "a1", on=False)
        assert await duty.positions(session, ["a1"], clock.now()) == {}
        clock.advance(1)
        began = (await duty.change(session, clock.now(), "a1", on=True)).since
        clock.advance(5)
        assert (await duty.change(session, clock.now(), "a1", on=True)).since == began  # repeated: nothing changes
        assert await duty.positions(session, ["a1"], clock.now()) == {}  # told before this duty began
    clock.advance(24 * 3600)
    assert await duty.purge(database, clock) == 1
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(OfficerPosition)) == 0


async def test_the_database_refuses_a_place_outside_the_earth(database: Database, clock: ManualClock) -> None:
    with pytest.raises(IntegrityError):
        async with database.session() as session:
            session.add(OfficerPosition(account="a", at=clock.now(), latitude=91.0, longitude=0.0))


@pytest.mark.usefixtures("town")
async def test_an_officer_belongs_to_one_unit_and_a_scope_is_kept(database: Database, clock: ManualClock) -> None:
    now = clock.now() + timedelta(seconds=1)
    for facts in (UnitFacts("C", "", ["v"], ["a1"]), UnitFacts("A", "", ["v"], [])):
        with pytest.raises(ConflictError):
            async with database.session() as session:
                await units.create(session, now, "t", facts, None)
    for facts in (
        UnitFacts("C", "", ["w"], []), UnitFacts("C", "", None, []), UnitFacts("C", "", ["v"], ["solo"]),
        UnitFacts("C", "", ["nowhere"], []),
    ):  # fmt: skip
        with pytest.raises(NotFoundError):
            async with database.session() as session:
                await units.create(session, now, "t", facts, ["v"])
    async with database.session() as session:
        assert [u.name for u in await units.managed(session, ["w"])] == []
        with pytest.raises(NotFoundError):
            await units.change(session, now, "t", 1, UnitFacts("A", "", ["w"], []), "x", ["w"])
        changed = await units.change(session, now, "t", 1, UnitFacts("A", "101", ["v"], ["solo"]), "轮换", None)
        assert (await units.members(session, [1]))[1] == ["solo"] and changed.call_sign == "101"
