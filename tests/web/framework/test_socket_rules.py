"""The rules of open sockets one by one, without a server: tests/web/framework/test_socket_revalidation.py has one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType
from aiohttp.test_utils import make_mocked_request

from core.accounts.permissions import Role
from core.accounts.sessions import Identity
from core.settings import Settings
from web.framework import socket_revalidation
from web.framework.socket_revalidation import SessionLost, SocketSession

OFFICER = Identity(1, "li", "李", Role.VIDEO_OFFICER, ("wang",), purpose="duty", has_second_factor=True)


class Sessions:
    """Answers with what a test says is the session's present identity."""

    def __init__(self) -> None:
        self.now: Identity | None = OFFICER
        self.asked = 0

    async def resolve(self, token: str, *, device: str = "") -> Identity | None:
        self.asked += 1
        return self.now


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def socket_session(sessions: Sessions) -> SocketSession:
    services = SimpleNamespace(settings=Settings(), accounts=SimpleNamespace(sessions=sessions))
    context: Any = SimpleNamespace(identity=OFFICER, services=services, request=make_mocked_request("GET", "/"))
    return SocketSession(context)


async def test_an_unchanged_account_goes_on(socket_session: SocketSession) -> None:
    assert await socket_session.revalidate() is OFFICER


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (None, 4401),
        (replace(OFFICER, user_id=2), 4401),
        (replace(OFFICER, user_id=0), 4401),
        (replace(OFFICER, role=Role.CONTRACTOR), 4403),
        (replace(OFFICER, role=Role.ADMINISTRATOR), 4403),
        (replace(OFFICER, villages=("wang", "you")), 4403),
        (replace(OFFICER, villages=("a",)), 4403),
        (replace(OFFICER, vendor="Ning Hai"), 4403),
    ],
)
async def test_a_changed_account_is_refused(
    socket_session: SocketSession, sessions: Sessions, now: Identity | None, code: int
) -> None:
    sessions.now = now
    with pytest.raises(SessionLost) as lost:
        await socket_session.revalidate()
    assert lost.value.code == code


async def test_a_batch_is_checked_once(
    socket_session: SocketSession, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, now = asyncio.get_running_loop(), 100.0
    monkeypatch.setattr(loop, "time", lambda: now)
    for now, asked in ((100.0, 1), (100.25, 1), (100.5, 1), (100.75, 2), (101.0, 2), (200.0, 3)):
        assert await socket_session.revalidate_for_batch() is OFFICER
        assert sessions.asked == asked, now


class Page:
    """A socket on which a page has sent these messages."""

    def __init__(self, *messages: tuple[WSMsgType, Any]):
        self.messages = [WSMessage(kind, data, None) for kind, data in messages]
        self.pongs: list[bytes] = []

    async def pong(self, data: bytes) -> None:
        self.pongs.append(data)

    async def __aiter__(self) -> AsyncIterator[WSMessage]:
        while self.messages:
            yield self.messages.pop(0)


@pytest.mark.parametrize(
    ("last", "taken"),
    [
        ((WSMsgType.TEXT, "good"), True),
        ((WSMsgType.TEXT, "bad"), False),
        ((WSMsgType.BINARY, b"good"), False),
        ((WSMsgType.CONTINUATION, "good"), False),
        ((WSMsgType.PONG, b""), True),
    ],
)
async def test_only_pings_pongs_and_what_is_taken_may_come(last: tuple[WSMsgType, Any], taken: bool) -> None:
    page: Any = Page((WSMsgType.PING, b"1"), last, (WSMsgType.PING, b"2"))
    await socket_revalidation.until_left(page, lambda text: text == "good")
    assert page.pongs == ([b"1", b"2"] if taken else [b"1"])


async def test_the_thousand_and_first_ping_ends_the_socket() -> None:
    page: Any = Page(*[(WSMsgType.PING, b"")] * 1003)
    await socket_revalidation.until_left(page)
    assert (len(page.pongs), len(page.messages)) == (1000, 2)
