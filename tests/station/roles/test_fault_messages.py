"""Faults by which evidence is being lost reach other systems, each once; others, old and closed ones do not."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from cameras.tables import Village
from core.clock import ManualClock
from core.database import Database
from core.notify import contacts
from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, MessageKind
from health.tables import Fault
from health.vocabulary import FaultFamily, FaultStatus
from station.roles.fault_messages import TOLD_WITHIN, FaultMessages


async def opened(
    database: Database, clock: ManualClock, severity: int = 1, state: FaultStatus = FaultStatus.OPEN
) -> int:
    async with database.session() as session:
        fault = Fault(
            camera="", village="v", family=FaultFamily.UPLINK, severity=severity, detail="uplink", figures={},
            facts={}, first_seen=clock.now(), opened_at=clock.now(), inspections=1, times=1, state=state,
        )  # fmt: skip
        session.add(fault)
        await session.flush()
        return fault.id


async def told(database: Database) -> list[tuple[str, ChannelKind]]:
    async with database.reading() as session:
        found = await session.scalars(select(Delivery).order_by(Delivery.id))
        return [(d.content["number"], d.channel) for d in found if d.kind is MessageKind.FAULT]


async def test_a_grave_fault_goes_to_every_other_system_once(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        session.add(Village(code="v", name="王家村", boundary=[], subnets=[], funding=[]))
        for kind in (ChannelKind.WEBHOOK, ChannelKind.MQTT):
            await contacts.set_system(session, clock.now(), kind, used=True)
    await opened(database, clock)
    clock.advance(TOLD_WITHIN.total_seconds() + 1)
    await opened(database, clock, severity=2)
    await opened(database, clock, state=FaultStatus.CLOSED)
    grave = str(await opened(database, clock))
    messages = FaultMessages(database, clock)
    assert [await messages.run_once(), await messages.run_once()] == [2, 0]
    assert await FaultMessages(database, clock).run_once() == 0  # after a restart
    assert await told(database) == [(grave, ChannelKind.WEBHOOK), (grave, ChannelKind.MQTT)]


async def test_without_other_systems_nothing_is_written(database: Database, clock: ManualClock) -> None:
    await opened(database, clock)
    assert await FaultMessages(database, clock).run_once() == 0
    clock.advance(timedelta(seconds=10).total_seconds())
    assert await told(database) == []
