"""What the web server gives strangers: time, connections, sockets."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cameras import findings
from core import open_files
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.errors import TooManyError, TooSlowError
from core.permissions import Role
from core.settings import WebSettings
from tests.web.conftest import SignIn
from web import limits

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
opened: list[Connection] = []


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="here")


async def sign_in(request: web.Request) -> web.Response:
    limits.proved(request, 7)
    return web.Response(text="you")


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[limits.Runner, int]]:
    """A small server whose limits are reached soon."""
    monkeypatch.setattr(limits, "MAX_STRANGERS", 5)
    monkeypatch.setattr(limits, "MAX_PERSON", 3)
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.6)
    app = web.Application()
    app.router.add_get("/", answer)
    app.router.add_get("/me", sign_in)
    runner = limits.Runner(app, WebSettings(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner, runner.addresses[0][1]
    for _, writer in opened:
        writer.close()
    opened.clear()
    await runner.cleanup()


async def connect(port: int, text: bytes) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    opened.append((reader, writer))
    return reader, writer


async def ended(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(0.02):
            return await connection[0].read(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


async def told(connection: Connection) -> bytes:
    async with asyncio.timeout(5):
        return (await connection[0].readuntil(b"\r\n")).strip()


async def test_a_connection_without_a_whole_request_is_closed(served: tuple[limits.Runner, int]) -> None:
    _, port = served
    silent = [await connect(port, b"GET / HTT"), await connect(port, b"")]
    used = await connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await told(used) == b"HTTP/1.1 200 OK"
    await asyncio.sleep(0.7)
    assert [await ended(c) for c in silent] == [True, True]
    used[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await used[0].readuntil(b"here")
    assert await told(used) == b"HTTP/1.1 200 OK"


async def test_who_holds_many_connections_loses_the_oldest_and_shuts_out_nobody(served: tuple[limits.Runner, int]) -> None:
    _, port = served
    person = await connect(port, b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await told(person) == b"HTTP/1.1 200 OK"
    held = [await connect(port, b"GET / HTTP/1.1\r\nX: ") for _ in range(7)]
    await asyncio.sleep(0.05)
    assert [await ended(c) for c in held] == [True, True, False, False, False, False, False]
    newest = await connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await told(newest) == b"HTTP/1.1 200 OK"
    person[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await person[0].readuntil(b"you")
    assert await told(person) == b"HTTP/1.1 200 OK"


async def test_a_person_has_a_share_of_the_connections(served: tuple[limits.Runner, int]) -> None:
    runner, port = served
    mine = [await connect(port, b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(4)]
    for c in mine[1:]:
        assert await told(c) == b"HTTP/1.1 200 OK"
    await asyncio.sleep(0.05)
    stranger = await connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await told(stranger) == b"HTTP/1.1 200 OK"
    assert isinstance(runner.server, limits.Connections)
    assert {g: len(members) for g, members in runner.server._groups.items()} == {"person 7": 3, "127.0.0.1": 1}


async def test_all_connections_together_are_bounded(served: tuple[limits.Runner, int]) -> None:
    runner, port = served
    server = runner.server
    assert isinstance(server, limits.Connections)
    server.most = 3
    held = [await connect(port, b"GET / HTTP/1.1\r\nX: ") for _ in range(5)]
    await asyncio.sleep(0.05)
    assert [await ended(c) for c in held] == [True, True, False, False, False]


async def test_a_body_has_its_time() -> None:
    with pytest.raises(TooSlowError, match="more than"):
        async with limits.deadline(0.01):
            await asyncio.sleep(1)


def test_a_session_has_a_share_of_the_sockets() -> None:
    sockets = limits.SocketLimit(2)
    held = [sockets.one(s, 1) for s in ("a", "a", "b", "b", "c", "c")]
    for one in held:
        one.__enter__()
    for session, user in (("a", 2), ("d", 1)):
        with pytest.raises(TooManyError), sockets.one(session, user):
            pass
    with sockets.one("e", 2):
        pass
    held[0].__exit__(None, None, None)
    with sockets.one("a", 1):
        pass


def test_a_session_opens_sockets_at_a_bounded_rate(clock: ManualClock) -> None:
    rate = limits.OpeningRate(clock)
    for _ in range(limits.OPENED_PER_MINUTE):
        rate.note("a")
    with pytest.raises(TooManyError, match="a minute"):
        rate.note("a")
    rate.note("b")
    clock.advance(61)
    rate.note("a")


def test_subscribers_of_ipv6_are_one_source() -> None:
    assert limits.source_of("2001:db8::1") == limits.source_of("2001:db8::ffff")
    assert limits.source_of("10.0.0.1") != limits.source_of("10.0.0.2")


def test_the_limit_of_open_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert open_files.raise_limit() == open_files.limit() > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_findings_come_page_by_page(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for n in range(5):
            await findings.tell(session, SystemClock().now(), "unknown_device", findings.Subject(None, f"10.0.0.{n}:80", None))
    client = await sign_in(Role.ADMINISTRATOR)
    first = await (await client.get("/api/findings?limit=3")).json()
    rest = await (await client.get(f"/api/findings?limit=3&before={first[-1]['id']}")).json()
    assert [f["address"] for f in first + rest] == [f"10.0.0.{n}:80" for n in (4, 3, 2, 1, 0)]


async def test_pages_say_what_they_may_load_and_use(sign_in: SignIn) -> None:
    answer = await (await sign_in(None)).get("/login")
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "microphone=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Server"] == "minwang"
