"""One reader for all pages: order, replay, and a slow page that delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from core import events
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.errors import TooManyError
from core.events import EventKind
from core.tasks import running
from tests import postgres
from tests.conftest import open_database
from tests.web.conftest import SignIn
from web.http import connection_limits
from web.work import event_feed
from web.work.event_feed import EventFeed


@pytest.fixture
async def database(chosen_address: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without the events of an applied inventory."""
    async with postgres.open_database(chosen_address) if chosen_address else open_database(tmp_path) as made:
        yield made


@pytest.fixture
async def feed(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventFeed]:
    monkeypatch.setattr(event_feed, "RECENT_EVENTS", 10)
    monkeypatch.setattr(event_feed, "MAX_REPLAY", 6)
    monkeypatch.setattr(event_feed, "REPLAY_PAGE_ROWS", 4)
    await announce(database, range(20))
    made = EventFeed(database, SystemClock())
    async with running(made.run()):
        while not made.position:
            await asyncio.sleep(0)
        yield made


async def announce(database: Database, numbers: range) -> None:
    async with database.session() as session:
        for n in numbers:
            events.append(session, SystemClock().now(), EventKind.FAULT_OPENED, n=n)


async def take(feed: EventFeed, after: int | None, count: int) -> list[tuple[int, str]]:
    got = []
    async with asyncio.timeout(5), aclosing(feed.follow(after)) as told:
        async for event in told:
            got.append((event.row.id, event.row.kind))
            if len(got) == count:
                break
    return got


async def test_replay_is_complete_and_bounded(feed: EventFeed, database: Database) -> None:
    assert [i for i, _ in await take(feed, 17, 3)] == [18, 19, 20]
    replayed = await take(feed, 0, 7)
    assert replayed[0] == (14, "events.skipped")
    assert [i for i, _ in replayed[1:]] == [15, 16, 17, 18, 19, 20]


async def test_all_sockets_get_the_same_events_in_order(
    feed: EventFeed, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    original = events.read_after

    async def counted(*arguments: object) -> object:
        nonlocal reads
        reads += 1
        return await original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(events, "read_after", counted)
    listeners = [asyncio.create_task(take(feed, None, 8)) for _ in range(50)]
    await asyncio.sleep(0)
    for first in range(20, 28):
        await announce(database, range(first, first + 1))
    heard = await asyncio.gather(*listeners)
    assert all(h == [(i, EventKind.FAULT_OPENED) for i in range(21, 29)] for h in heard)
    assert reads < 30


async def test_a_slow_socket_is_closed_and_delays_no_other(feed: EventFeed, database: Database) -> None:
    slow = feed.follow(None)
    async with asyncio.timeout(5):
        await announce(database, range(1))
        assert (await anext(slow)).row.id == 21
        for after in (21, 27, 33):
            await announce(database, range(6))
            assert len(await take(feed, after, 6)) == 6
        for _ in range(20):
            try:
                await anext(slow)
            except TooManyError:
                return
    pytest.fail("it should have been sent away")


async def test_event_sockets_of_a_session_are_bounded(sign_in: SignIn, database: Database) -> None:
    greedy, officer = await sign_in(Role.PATROL_OFFICER), await sign_in(Role.VIDEO_OFFICER)
    mine = await officer.ws_connect("/api/events")
    held = [await greedy.ws_connect("/api/events") for _ in range(connection_limits.MAX_EVENT_SOCKETS)]
    refused = await greedy.get("/api/events", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert refused.status == 429
    assert "windows" in (await refused.json())["message"]
    await asyncio.sleep(0.05)
    async with database.session() as session:
        events.append(session, SystemClock().now(), EventKind.ALERT_DISPATCHED, village="wangjia")
    for socket in (mine, *held):
        assert (await socket.receive_json(timeout=5))["kind"] == "alert.dispatched"
    await held[0].close()
    again = await greedy.ws_connect("/api/events")
    for socket in (mine, again, *held[1:]):
        await socket.close()
