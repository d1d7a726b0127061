"""Limits on anonymous clients: time, connections, sockets."""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from cameras.registry import findings
from cameras.states import FindingKind
from core.accounts.permissions import Role
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.errors import TooManyError, TooSlowError
from core.host import open_files
from core.settings import WebSettings
from tests.waiting import eventually
from tests.web import certificates
from tests.web.conftest import SignIn
from web.http import connection_limits
from web.http.tls_site import TlsSite
from web.tls.context import TlsContext

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
opened: list[Connection] = []


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="here")


async def sign_in(request: web.Request) -> web.Response:
    connection_limits.assign_to_person(request, 7)
    return web.Response(text="you")


@pytest.fixture(params=["plain", "tls"])
async def served(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[tuple[connection_limits.Runner, int, ssl.SSLContext | None]]:
    """A small server with low limits, with and without TLS."""
    monkeypatch.setattr(connection_limits, "MAX_ANONYMOUS_CONNECTIONS", 5)
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS_PER_PERSON", 3)
    monkeypatch.setattr(connection_limits, "HEADER_TIMEOUT_S", 0.6)
    tls = await asyncio.to_thread(contexts, tmp_path) if request.param == "tls" else None
    app = web.Application()
    app.router.add_get("/", answer)
    app.router.add_get("/me", sign_in)
    runner = connection_limits.Runner(app, WebSettings(), shutdown_timeout=0.1)
    await runner.setup()
    site = TlsSite(runner, "127.0.0.1", 0, tls[0] if tls else None)
    await site.start()
    yield runner, runner.addresses[0][1], tls[1] if tls else None
    for _, writer in opened:
        writer.transport.abort()
    opened.clear()
    await runner.cleanup()


Served = tuple[connection_limits.Runner, int, ssl.SSLContext | None]


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return TLS contexts of a server and of a client."""
    pair = certificates.certificate_pair("station.lan")
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return TlsContext(*certificates.write(folder, [pair], pair[1])).listener, client


async def connect(served: Served, text: bytes) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", served[1], ssl=served[2])
    writer.write(text)
    opened.append((reader, writer))
    return reader, writer


async def connect_silent(served: Served) -> Connection:
    """Open a connection that sends nothing, not even a handshake."""
    return await connect((served[0], served[1], None), b"")


async def is_closed(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(0.02):
            return await connection[0].read(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


async def status_line(connection: Connection) -> bytes:
    async with asyncio.timeout(5):
        return (await connection[0].readuntil(b"\r\n")).strip()


async def test_a_connection_without_a_complete_request_is_closed(served: Served) -> None:
    quiet = [await connect(served, b"GET / HTT"), await connect(served, b""), await connect_silent(served)]
    used = await connect(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await status_line(used) == b"HTTP/1.1 200 OK"

    async def all_closed() -> bool:
        return [await is_closed(c) for c in quiet] == [True, True, True]

    await eventually(all_closed)
    used[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await used[0].readuntil(b"here")
    assert await status_line(used) == b"HTTP/1.1 200 OK"


async def test_an_address_with_too_many_connections_loses_its_oldest(served: Served) -> None:
    person = await connect(served, b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await status_line(person) == b"HTTP/1.1 200 OK"
    held = [await connect(served, b"GET / HTTP/1.1\r\nX: ") for _ in range(7)]
    await asyncio.sleep(0.05)
    assert [await is_closed(c) for c in held] == [True, True, False, False, False, False, False]
    newest = await connect(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await status_line(newest) == b"HTTP/1.1 200 OK"
    person[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await person[0].readuntil(b"you")
    assert await status_line(person) == b"HTTP/1.1 200 OK"


async def test_connections_of_a_person_are_bounded(served: Served) -> None:
    runner = served[0]
    mine = [await connect(served, b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(4)]
    for c in mine[1:]:
        assert await status_line(c) == b"HTTP/1.1 200 OK"
    await asyncio.sleep(0.05)
    stranger = await connect(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await status_line(stranger) == b"HTTP/1.1 200 OK"
    assert isinstance(runner.server, connection_limits.Connections)
    assert {g: len(members) for g, members in runner.server._groups.items()} == {"person 7": 3, "127.0.0.1": 1}


async def test_all_connections_together_are_bounded(served: Served) -> None:
    runner = served[0]
    server = runner.server
    assert isinstance(server, connection_limits.Connections)
    server.max_connections = 3
    held = [await connect(served, b"GET / HTTP/1.1\r\nX: ") for _ in range(5)]
    await asyncio.sleep(0.05)
    assert [await is_closed(c) for c in held] == [True, True, False, False, False]


async def test_silent_connections_are_counted(served: Served) -> None:
    runner = served[0]
    held = [await connect_silent(served) for _ in range(7)]
    await asyncio.sleep(0.05)
    assert [await is_closed(c) for c in held] == [True, True, False, False, False, False, False]
    assert isinstance(runner.server, connection_limits.Connections)
    runner.server.max_connections = 3
    await connect_silent(served)
    await connect_silent(served)
    await asyncio.sleep(0.05)
    assert sum([not await is_closed(c) for c in opened]) <= 5
    newest = await connect(served, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await status_line(newest) == b"HTTP/1.1 200 OK"
    await runner.server.shutdown(0.1)
    await asyncio.sleep(0.05)
    assert not runner.server._accepted and not runner.server._groups


async def test_a_slow_body_is_refused() -> None:
    with pytest.raises(TooSlowError, match="longer than"):
        async with connection_limits.deadline(0.01):
            await asyncio.Event().wait()


def test_sockets_of_a_session_and_a_person_are_bounded() -> None:
    sockets = connection_limits.SocketLimit(2)
    held = [sockets.hold(s, 1) for s in ("a", "a", "b", "b", "c", "c")]
    for one in held:
        one.__enter__()
    for session, user in (("a", 2), ("d", 1)):
        with pytest.raises(TooManyError), sockets.hold(session, user):
            pass
    with sockets.hold("e", 2):
        pass
    held[0].__exit__(None, None, None)
    with sockets.hold("a", 1):
        pass


def test_a_session_opens_sockets_at_a_bounded_rate(clock: ManualClock) -> None:
    rate = connection_limits.OpeningRate(clock)
    for _ in range(connection_limits.MAX_SOCKETS_PER_MINUTE):
        rate.count("a")
    with pytest.raises(TooManyError, match="a minute"):
        rate.count("a")
    rate.count("b")
    clock.advance(61)
    rate.count("a")


def test_an_ipv6_64_network_is_one_client() -> None:
    assert connection_limits.client_key("2001:db8::1") == connection_limits.client_key("2001:db8::ffff")
    assert connection_limits.client_key("10.0.0.1") != connection_limits.client_key("10.0.0.2")


def test_the_limit_of_open_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert open_files.raise_limit() == open_files.limit() > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_findings_are_paged(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for n in range(5):
            await findings.open_or_update(
                session,
                SystemClock().now(),
                FindingKind.UNKNOWN_DEVICE,
                findings.FindingSubject(None, f"10.0.0.{n}:80", None),
            )
    client = await sign_in(Role.ADMINISTRATOR)
    first = await (await client.get("/api/findings?limit=3")).json()
    rest = await (await client.get(f"/api/findings?limit=3&before={first[-1]['id']}")).json()
    assert [f["address"] for f in first + rest] == [f"10.0.0.{n}:80" for n in (4, 3, 2, 1, 0)]


async def test_pages_carry_security_headers(sign_in: SignIn) -> None:
    answer = await (await sign_in(None)).get("/login")
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "microphone=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Server"] == "minwang"
