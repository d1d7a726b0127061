"""The station is killed between a time-out and its next step: after the start the step follows, each message once."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess

import aiohttp
import pytest
from sqlalchemy import select

from bench.parts import alert_town
from bench.parts.alert_town import Gateway
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.notify import configuration, contacts, texts
from core.notify.dispatcher import Dispatcher
from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState
from tests.cases.test_units import begin_duty, dispatched, town
from tests.waiting import eventually

__all__ = ["town"]
pytestmark = pytest.mark.long  # processes are started and killed
SHIFTS = (timedelta(), timedelta(seconds=61), timedelta(seconds=120))  # of the clock, before each start


def send(address: str, url: str) -> None:
    asyncio.run(_send(address, url))


async def _send(address: str, url: str) -> None:
    clock, database = SystemClock(), Database(address)
    async with aiohttp.ClientSession() as http:
        file = alert_town.channels(url, at_once=2)
        channels = configuration.open_channels(file, {}, http, clock)
        await Dispatcher(database, clock, channels, texts.load(), alert_town.HEAD, file.limits).run()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with alert_town.gateway() as running:
        yield running


async def pass_time(database: Database, time: timedelta) -> None:
    """Set the messages back, which is to them as if the time had passed while nothing ran."""
    async with database.session() as session:
        for row in await session.scalars(select(Delivery)):
            row.due_at, row.created_at = row.due_at - time, row.created_at - time


async def sent(database: Database) -> Counter[tuple[str, ChannelKind]]:
    async with database.reading() as session:
        rows = await session.scalars(select(Delivery).where(Delivery.state == DeliveryState.SENT))
        return Counter((d.account, d.channel) for d in rows)


@pytest.mark.usefixtures("town")
async def test_the_next_channel_and_the_next_unit_follow_once_after_a_kill(
    database: Database, gateway: Gateway
) -> None:
    now = ManualClock(SystemClock().now())
    async with database.session() as session:
        for name in ("a1", "b1"):
            await contacts.change(session, now.now(), name, name, ChannelKind.SMS, "13800001234")
    await begin_duty(database, now, a1=100.0, b1=500.0)
    await dispatched(database, now)
    first = ("a1", ChannelKind.WECOM)
    expected = [{first}, {first, ("a1", ChannelKind.SMS)}]
    context = multiprocessing.get_context("spawn")
    for step, wait in enumerate(SHIFTS):
        await pass_time(database, wait)
        process: BaseProcess = context.Process(target=send, args=(str(database.url), gateway.url), daemon=True)
        await asyncio.to_thread(process.start)
        if step < len(expected):
            await eventually(partial(_is, database, expected[step]), seconds=60)
        else:
            await eventually(partial(_called, database, "b1"), seconds=60)
        process.kill()
        await asyncio.to_thread(process.join)
    reached = await sent(database)
    assert set(reached.values()) == {1} and ("leader", ChannelKind.WECOM) in reached
    assert gateway.repeated == 0 and len(gateway.taken) == len(reached)


async def _is(database: Database, wanted: set[tuple[str, ChannelKind]]) -> bool:
    return set(await sent(database)) == wanted


async def _called(database: Database, officer: str) -> bool:
    async with database.reading() as session:
        due = await session.scalars(select(Delivery.state).where(Delivery.due_at <= SystemClock().now()))
    return set(due) == {DeliveryState.SENT} and (officer, ChannelKind.WECOM) in await sent(database)
