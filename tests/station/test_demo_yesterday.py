"""The day before the demo: what its pages find when it starts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from cameras.registry import registry
from cases.tables import Alert, AlertAnswer, Case, SubjectState, WatchSubject
from core.audit.verification import Verifier
from core.clock import ManualClock
from core.database import Database
from core.settings import Settings
from health import orders
from health.faults.state_machine import OPEN_STATES
from health.register import signatures
from health.tables import DailyRegister, Fault, PatrolRound, WorkOrder, WorkOrderPhoto
from health.vocabulary import OrderState
from nvr.tables import Hold
from search.query.find import Query, find_ids
from search.store.upkeep import sighting_store_of
from search.vocabulary import Colour
from station.demo.accounts import create_accounts
from station.demo.inventory import DemoTown, plan_town
from station.demo.yesterday import Yesterday

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data": {"dir": str(tmp_path)}, "patrol": {"pace": 0.004}})


@pytest.fixture(scope="module")
def town() -> DemoTown:
    return plan_town(8)


async def written(database: Database, settings: Settings, town: DemoTown, now: datetime) -> None:
    async with database.session() as session:
        await registry.apply(session, town.inventory, now - timedelta(days=8), "demo")
    await create_accounts(database, ManualClock(now))
    await Yesterday(settings, database, town, ZONE, now).write()


async def test_yesterday_has_rounds_orders_a_register_and_a_case(
    database: Database, settings: Settings, town: DemoTown, tmp_path: Path
) -> None:
    await written(database, settings, town, NOW)
    async with database.reading() as session:
        assert await session.scalar(select(func.count(PatrolRound.id))) == 12
        found = {o.state: o for o in await session.scalars(select(WorkOrder))}
        assert set(found) == {OrderState.CLOSED, OrderState.PARTS, OrderState.VERIFYING}
        assert found[OrderState.CLOSED].cost == 180 and found[OrderState.CLOSED].vendor == "天目维护"
        assert found[OrderState.PARTS].repair_by < NOW, "it is late"
        photo = await session.scalar(select(WorkOrderPhoto))
        assert photo is not None
        assert (await asyncio.to_thread((tmp_path / photo.path).read_bytes)).startswith(b"\xff\xd8")
        open_now = list(await session.scalars(select(Fault.camera).where(Fault.state.in_(OPEN_STATES))))
        assert open_now == [found[OrderState.PARTS].camera]
        register = await session.get(DailyRegister, "2026-11-29")
        assert register is not None and register.figures["patrol"]["rounds"] == 12
        assert await signatures.first_mismatch(session, key=database.audit_key) is None
        answers = [a.answer for a in await session.scalars(select(Alert).order_by(Alert.id))]
        assert answers == [AlertAnswer.NOT_SEEN, AlertAnswer.FALSE_ALARM, AlertAnswer.CAUGHT]
        assert [s.state for s in await session.scalars(select(WatchSubject))] == [SubjectState.ENDED]
        case, hold = await session.scalar(select(Case)), await session.scalar(select(Hold))
        assert case is not None and hold is not None and hold.case == case.id and hold.camera == "wj-03"
    trail = await Verifier(database, tmp_path).verify_all_rows()
    assert trail.broken_at is None and trail.rows > 20
    await sightings_are_found(settings)
    async with database.session() as session:  # an order closes while one watches
        changed = await orders.verify_and_remind(session, NOW + timedelta(hours=2, minutes=1))
        assert OrderState.CLOSED in {o.state for o in changed}


async def sightings_are_found(settings: Settings) -> None:
    days = sighting_store_of(settings)
    try:
        found = await asyncio.to_thread(find_ids, days, Query())
        red = await asyncio.to_thread(find_ids, days, Query(upper=(Colour.red,)))
        pending = await asyncio.to_thread(days.pending, 10)
    finally:
        days.close()
    assert len(found) == 72 and 0 < len(red) < 30
    assert pending == [], "the watch list does not check them"


async def test_a_start_just_after_midnight_writes_nothing_of_the_future(
    database: Database, settings: Settings, town: DemoTown
) -> None:
    midnight = datetime(2026, 11, 30, 0, 2, tzinfo=ZONE).astimezone(UTC)
    await written(database, settings, town, midnight)
    async with database.reading() as session:
        register = await session.get(DailyRegister, "2026-11-29")
        assert register is not None and register.signed_at <= midnight
        assert await session.scalar(select(func.count(Fault.id)).where(Fault.opened_at > midnight)) == 0
