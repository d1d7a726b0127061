"""A reader of the event table sees each event once and skips none, in whatever order transactions are committed."""

from __future__ import annotations

import asyncio
import random
import time

from sqlalchemy import insert, select

from cameras.onvif.pull_point import TOPICS
from core import events
from core.audit.actions import AuditAction
from core.clock import SystemClock
from core.database import Database
from core.events import Event, EventKind
from health.faults.state_machine import Step
from nvr.clock.plausibility import ClockChange
from nvr.tables import VolumeState
from web.api.patrol import FaultPicture

WRITERS, TRANSACTIONS = 20, 25
END = EventKind.PATROL_FINISHED


async def _write(database: Database, number: int, rng: random.Random) -> None:
    """Run transactions of different lengths that write one or many events in every way; some are rolled back."""
    now = SystemClock().now()
    for turn in range(TRANSACTIONS):
        try:
            async with database.session() as session:
                events.append(session, now, EventKind.FAULT_OPENED, writer=number, turn=turn)
                if rng.random() < 0.8:
                    await session.flush()
                    await asyncio.sleep(rng.random() * 0.02)
                if rng.random() < 0.3:
                    rows = [
                        {"at": now, "kind": "test.many", "data": {"writer": number, "turn": turn}} for _ in range(7)
                    ]
                    await session.execute(insert(Event), rows)
                if rng.random() < 0.2:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue


async def _follow(database: Database, position: int = 0) -> list[int]:
    """Return ids in the order in which a reader sees them, up to the last event."""
    seen = []
    async for event in events.tail(database, SystemClock(), position, 0.002):
        seen.append(event.id)
        if event.kind == END:
            return seen
    raise AssertionError("a tail never ends")


async def _in_batches(database: Database) -> list[int]:
    """Read a few events at a time, as a browser that resumes by the last id."""
    seen = [0]
    while True:
        async with database.reading() as session:
            rows = await events.read_after(session, seen[-1], limit=3)
        seen += [r.id for r in rows]
        if rows and rows[-1].kind == END:
            return seen[1:]
        await asyncio.sleep(0)


async def test_whoever_follows_events_misses_none(either_database: Database) -> None:
    followers = [asyncio.create_task(_follow(either_database)) for _ in range(2)]
    followers.append(asyncio.create_task(_in_batches(either_database)))
    await asyncio.gather(*(_write(either_database, n, random.Random(n)) for n in range(WRITERS)))
    async with either_database.session() as session:
        events.append(session, SystemClock().now(), END)
    async with asyncio.timeout(30):
        seen = await asyncio.gather(*followers)
    async with either_database.reading() as session:
        committed = list(await session.scalars(select(Event.id).order_by(Event.id)))
    assert len(committed) > WRITERS * TRANSACTIONS / 2
    assert seen == [committed] * 3


async def test_a_long_transaction_holds_up_readers_and_no_writer(postgresql_database: Database) -> None:
    """Events committed behind it arrive later, but do arrive."""
    began, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with postgresql_database.session() as session:
            events.append(session, SystemClock().now(), EventKind.FAULT_OPENED)
            await session.flush()
            began.set()
            await go.wait()

    writing = asyncio.create_task(slow())
    await began.wait()
    start = time.monotonic()
    for number in range(20):
        async with postgresql_database.session() as session:
            events.append(session, SystemClock().now(), EventKind.FAULT_CLOSED, number=number)
    assert time.monotonic() - start < 2
    async with postgresql_database.reading() as session:
        assert await events.read_after(session, 0) == []
    starting = asyncio.create_task(_started(postgresql_database))
    await asyncio.sleep(0.05)
    assert not starting.done(), "who starts after event 21 would never see event 1"
    go.set()
    await writing
    assert await starting == 21
    async with postgresql_database.reading() as session:
        kinds = [e.kind for e in await events.read_after(session, 0)]
    assert kinds == [EventKind.FAULT_OPENED] + [EventKind.FAULT_CLOSED] * 20


async def _started(database: Database) -> int:
    async with database.reading() as session:
        return await events.last_id(session)


async def test_ids_that_were_taken_back_hold_up_nobody(postgresql_database: Database) -> None:
    for failing in (True, True, False):
        try:
            async with postgresql_database.session() as session:
                events.append(session, SystemClock().now(), EventKind.FAULT_OPENED)
                await session.flush()
                if failing:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
    async with postgresql_database.reading() as session:
        assert [e.id for e in await events.read_after(session, 0)] == [3]


def test_every_state_and_step_that_is_announced_has_a_kind() -> None:
    volumes = {f"volume.{state}" for state in VolumeState}
    faults = {f"fault.{step}" for step in (Step.OPENED, Step.CLOSED, Step.RELAPSED)}
    reported = {f"camera.{kind}" for _, kind in TOPICS}
    assert volumes | faults | reported <= set(EventKind)


def test_every_change_and_picture_that_is_audited_has_an_action() -> None:
    changes = {f"retention.{change}" for change in ClockChange if change}
    pictures = {f"fault.{picture}" for picture in FaultPicture}
    assert changes | pictures <= set(AuditAction)
