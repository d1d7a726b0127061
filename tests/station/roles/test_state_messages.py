"""Messages about late orders, disks, and the weekly test: each once, at the right time, to the right persons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from cameras.tables import Village
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.notify.tables import Contact, Delivery
from core.notify.vocabulary import ChannelKind, MessageKind
from core.settings import Settings, StationSettings
from core.settings_notify import NotifySettings
from health.tables import WorkOrder
from health.vocabulary import OrderState
from nvr.tables import Volume, VolumeState
from station.roles.state_messages import StateMessages

NIGHT = datetime(2026, 11, 29, 15, 0, tzinfo=timezone.utc)  # Sunday, 23:00 in Shanghai
PASSWORD = "a long password"
SETTINGS = Settings(station=StationSettings(timezone="Asia/Shanghai"))
WITHOUT_TEST = Settings(notify=NotifySettings(weekly_test=""))


async def person(database: Database, clock: ManualClock, name: str, role: Role, vendor: str = "") -> None:
    villages = ["v"] if role in (Role.CONTRACTOR, Role.PATROL_OFFICER) else None
    await Accounts(database, clock).create(name, PASSWORD, role, villages=villages, vendor=vendor, actor="test")
    async with database.session() as session:
        for channel, address in ((ChannelKind.SMS, "13800001234"), (ChannelKind.EMAIL, f"{name}@example.org")):
            session.add(
                Contact(
                    account=name, channel=channel, address=address, since=clock.now(), until=None, changed_by=name,
                    second_person=None, replaces=None,
                )
            )  # fmt: skip


async def sent(database: Database) -> Sequence[Delivery]:
    async with database.reading() as session:
        return (await session.scalars(select(Delivery).order_by(Delivery.id))).all()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NIGHT)


async def test_a_late_order_is_told_once_after_the_quiet_hours(database: Database, clock: ManualClock) -> None:
    await person(database, clock, "tianmu", Role.CONTRACTOR, "天目维护")
    await person(database, clock, "other", Role.CONTRACTOR, "别家")
    await person(database, clock, "admin", Role.ADMINISTRATOR)
    async with database.session() as session:
        session.add(Village(code="v", name="王家村", boundary=[], subnets=[], funding=[]))
        for state in (OrderState.WORKING, OrderState.CLOSED):
            session.add(
                WorkOrder(
                    village="v", camera=None, title="t", state=state, severity=2, vendor="天目维护", created_at=NIGHT,
                    created_by="x", respond_by=NIGHT, repair_by=NIGHT - timedelta(hours=1),
                )
            )  # fmt: skip
    messages = StateMessages(database, clock, SETTINGS)
    assert await messages.run_once() == 2 and await messages.run_once() == 0
    rows = await sent(database)
    assert [(r.account, r.channel, r.kind) for r in rows] == [
        ("admin", ChannelKind.EMAIL, MessageKind.ORDER_LATE),
        ("tianmu", ChannelKind.EMAIL, MessageKind.ORDER_LATE),
    ]
    assert rows[0].content["village"] == "王家村"
    assert {r.due_at - NIGHT for r in rows} == {timedelta(hours=8)}, "severity 3 waits until 07:00"


async def test_a_failed_disk_is_told_at_once_and_daily(database: Database, clock: ManualClock) -> None:
    await person(database, clock, "admin", Role.ADMINISTRATOR)
    async with database.session() as session:
        for n, state in enumerate((VolumeState.OK, VolumeState.FAILED), 1):
            session.add(
                Volume(
                    number=n, identity=str(n), path=f"/secret/{n}", state=state, total_bytes=10**12, free_bytes=10**11
                )
            )  # fmt: skip
    messages = StateMessages(database, clock, SETTINGS)
    assert await messages.run_once() == 1
    clock.advance(600)
    assert await messages.run_once() == 0
    clock.advance(24 * 3600)
    assert await messages.run_once() == 1
    first, _ = await sent(database)
    assert (first.kind, first.severity, first.due_at) == (MessageKind.DISK, 1, NIGHT)
    assert first.content["number"] == "D2" and "secret" not in str(first.content)


@pytest.mark.parametrize(("settings", "tests"), [(SETTINGS, 2), (WITHOUT_TEST, 0)])
async def test_patrol_officers_are_tested_weekly(
    database: Database, clock: ManualClock, settings: Settings, tests: int
) -> None:
    await person(database, clock, "wang", Role.PATROL_OFFICER)
    await person(database, clock, "admin", Role.ADMINISTRATOR)
    messages = StateMessages(database, clock, settings)
    counts = []
    for _ in range(14 * 24):  # hours from Sunday 23:00
        counts.append(await messages.run_once())
        clock.advance(3600)
    assert [n for n, count in enumerate(counts) if count] == ([11, 11 + 7 * 24] if tests else [])
    assert {r.account for r in await sent(database)} == ({"wang"} if tests else set())
    assert sum(counts) == 2 * tests
