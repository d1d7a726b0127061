"""Sockets close when the session, role, scope or village that opened them ends or changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType
from sqlalchemy import delete, select

from cameras.tables import Camera
from core import events
from core.accounts.permissions import Role
from core.accounts.tables import SignIn as Session
from core.accounts.tables import User
from core.clock import SystemClock
from core.database import Database
from core.events import EventKind
from tests.web.conftest import HEADERS, SignIn, state_purpose
from tests.web.live_stub import live_recorder
from web.framework import socket_revalidation

Change = Callable[[Any], Awaitable[None]]
SCOPE = ["wangjia"]


async def sign_out(session: Any) -> None:
    await session.execute(delete(Session))


async def user(session: Any) -> User:
    found: User = await session.scalar(select(User))
    return found


async def disable(session: Any) -> None:
    (await user(session)).disabled = True


async def other_role(session: Any) -> None:
    (await user(session)).role = Role.CONTRACTOR


async def other_scope(session: Any) -> None:
    (await user(session)).villages = ["xidian"]


async def other_purpose(session: Any) -> None:
    (await session.scalar(select(Session))).purpose = "案件 2026-9"


async def camera_moves(session: Any) -> None:
    (await session.get_one(Camera, "wj-01")).village = "xidian"


async def camera_retires(session: Any) -> None:
    (await session.get_one(Camera, "wj-01")).retired = True


ENDS: list[tuple[Change, int]] = [(sign_out, 4401), (disable, 4401), (other_role, 4403), (other_scope, 4403)]


async def code(socket: Any) -> int:
    """Read a socket until it closes; return the close code."""
    async with asyncio.timeout(3):
        async for _ in socket:
            pass
    return int(socket.close_code)


@pytest.mark.parametrize(("change", "expected"), ENDS)
async def test_an_event_socket_ends(
    change: Change, expected: int, sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_revalidation, "REVALIDATE_INTERVAL_S", 0.05)
    socket = await (await sign_in(Role.VIDEO_OFFICER, SCOPE)).ws_connect("/api/events")
    async with database.session() as session:
        await change(session)
    assert await code(socket) == expected


async def test_no_event_is_sent_after_the_session_ends(
    sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is also checked for each batch: an event right after a sign-out is not sent."""
    monkeypatch.setattr(socket_revalidation, "BATCH_S", 0.0)
    client = await sign_in(Role.VIDEO_OFFICER, SCOPE)
    socket = await client.ws_connect("/api/events?after=0")
    async with database.session() as session:
        await sign_out(session)
        events.append(session, SystemClock().now(), EventKind.FAULT_OPENED, village="wangjia", camera="wj-01")
    async with asyncio.timeout(10):
        sent = [message.data async for message in socket]
    assert (socket.close_code, sent) == (4401, [])


@pytest.mark.parametrize(
    ("change", "expected"), [*ENDS, (camera_moves, 4403), (camera_retires, 4403), (other_purpose, 4409)]
)
async def test_a_live_socket_ends(
    change: Change, expected: int, sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_revalidation, "REVALIDATE_INTERVAL_S", 0.05)
    client = await sign_in(Role.VIDEO_OFFICER, SCOPE)
    async with live_recorder(database):
        await state_purpose(client)
        ticket = (await (await client.post("/api/live/ticket", json={"camera": "wj-01"}, headers=HEADERS)).json())[
            "ticket"
        ]
        socket = await client.ws_connect(f"/api/live/{ticket}")
        assert (await socket.receive(timeout=2)).data == b"fragment"
        async with database.session() as session:
            await change(session)
        assert await code(socket) == expected


async def test_a_village_account_gets_town_events_without_content(sign_in: SignIn, database: Database) -> None:
    officer = await (await sign_in(Role.VIDEO_OFFICER, SCOPE)).ws_connect("/api/events?after=0")
    patrol = await (await sign_in(Role.PATROL_OFFICER, SCOPE)).ws_connect("/api/events?after=0")
    async with database.session() as session:
        now = SystemClock().now()
        events.append(session, now, EventKind.PATROL_FINISHED, cameras=2000, faulty=3)
        events.append(session, now, EventKind.FINDING_OPENED, address="10.0.0.1")  # a device outside all villages
        events.append(session, now, EventKind.ALERT_RAISED, village="wangjia", alert=1)
        events.append(session, now, EventKind.ALERT_REJECTED, village="wangjia", alert=1)
        events.append(session, now, EventKind.ALERT_DISPATCHED, village="wangjia", alert=2)
    told = [json.loads((await officer.receive(timeout=2)).data) for _ in range(4)]
    assert [(e["kind"], e["data"]) for e in told] == [
        ("patrol.finished", {}),
        ("alert.raised", {"alert": 1}),
        ("alert.rejected", {"alert": 1}),
        ("alert.dispatched", {"alert": 2}),
    ]
    # An alert that was not dispatched is not sent to the patrol officer.
    assert json.loads((await patrol.receive(timeout=2)).data)["data"] == {"alert": 2}
    await officer.close()
    await patrol.close()


async def test_a_socket_that_sends_messages_or_floods_pings_is_closed(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_revalidation, "MAX_PINGS", 3)
    client = await sign_in(Role.VIDEO_OFFICER, SCOPE)
    floods: list[Callable[[Any], Awaitable[None]]] = [
        lambda s: s.send_str("a"),
        lambda s: s.send_bytes(b"a" * 4000),
        lambda s: s.send_str("a" * 100_000),
    ]
    for say in floods:
        socket = await client.ws_connect("/api/events")
        await say(socket)
        assert await code(socket) in (1013, 1009)
    socket = await client.ws_connect("/api/events", autoping=False)
    for _ in range(3):
        await socket.ping(b"x")
        assert (await socket.receive(timeout=2)).data == b"x"
    await socket.ping(b"x")
    assert await code(socket) == 1013


async def test_the_heartbeat_needs_no_message_from_the_page(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that answers the station's pings stays connected; one that does not is disconnected."""
    monkeypatch.setattr(socket_revalidation, "HEARTBEAT_S", 0.1)
    client = await sign_in(Role.VIDEO_OFFICER, SCOPE)
    answering, silent = await client.ws_connect("/api/events"), await client.ws_connect("/api/events", autoping=False)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(answering.receive(), 1)
    assert not answering.closed
    seen = [(await silent.receive(timeout=2)).type for _ in range(2)]
    assert seen[0] is WSMsgType.PING and seen[1] in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
