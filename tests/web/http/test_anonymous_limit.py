"""Anonymous requests are limited per client address; signed-in users behind the same address are not affected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import delete

from core.accounts.accounts import Accounts
from core.accounts.attempts import Attempts
from core.accounts.permissions import Role
from core.accounts.tables import SignIn
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.errors import StorageError, TooManyError
from core.host import metrics_token
from core.settings import DataSettings, Settings, TlsMode, WebSettings
from tests.web.conftest import HEADERS, PASSWORD, Client, LimitedServer
from tests.web.conftest import SignIn as Open
from web import server
from web.http import anonymous_limit
from web.http.anonymous_limit import AnonymousLimit
from web.sessions.known_callers import FRESH_FOR_UNKNOWN_S, KnownCallers

WRONG = {"name": "nobody", "password": "x"}


async def nobody(_names: list[str]) -> str:
    return ""


async def ask(limit: AnonymousLimit, source: str, status: int = 401, shown: list[str] | None = None) -> None:
    limit.settle(await limit.charge(source, shown or []), status)


async def test_an_address_has_a_burst_and_then_a_rate(clock: ManualClock) -> None:
    limit = AnonymousLimit(clock, nobody)
    for _ in range(int(anonymous_limit.BURST_REQUESTS)):
        await ask(limit, "10.0.0.1")
    with pytest.raises(TooManyError) as refused:
        await ask(limit, "10.0.0.1")
    assert refused.value.retry_after_s == 1
    await ask(limit, "10.0.0.2")  # another address
    clock.advance(1)
    for _ in range(int(anonymous_limit.REQUESTS_PER_SECOND)):
        await ask(limit, "10.0.0.1")
    with pytest.raises(TooManyError):
        await ask(limit, "10.0.0.1")
    assert (limit.limited, limit.refused) == (
        2,
        anonymous_limit.BURST_REQUESTS + anonymous_limit.REQUESTS_PER_SECOND + 1,
    )


async def test_served_requests_cost_a_tenth_and_signed_in_ones_nothing(clock: ManualClock) -> None:
    limit = AnonymousLimit(clock, nobody)
    for _ in range(int(anonymous_limit.BURST_REQUESTS / anonymous_limit.SERVED_REQUEST_TOKENS) - 20):
        await ask(limit, "10.0.0.1", 200)
    for _ in range(2000):
        charge = await limit.charge("10.0.0.1", [])
        charge.reduce(0)  # a signed-in user sent it
        limit.settle(charge, 404)
    with pytest.raises(TooManyError):
        for _ in range(12):
            await ask(limit, "10.0.0.1")
    assert limit.refused <= 2


async def test_running_requests_count_before_they_are_answered(clock: ManualClock) -> None:
    limit = AnonymousLimit(clock, nobody)
    charges = await asyncio.gather(*(limit.charge("10.0.0.1", []) for _ in range(1000)), return_exceptions=True)
    assert sum(isinstance(c, TooManyError) for c in charges) == 1000 - anonymous_limit.BURST_REQUESTS


async def test_memory_is_bounded(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous_limit, "MAX_SOURCES", 100)
    limit = AnonymousLimit(clock, nobody)
    for n in range(1000):
        await ask(limit, f"10.0.{n // 256}.{n % 256}")
    assert len(limit._buckets) == 100


async def test_a_limited_request_is_answered_with_a_delay(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous_limit, "MAX_PAUSED", 3)
    limit = AnonymousLimit(clock, nobody)
    waiting = [asyncio.ensure_future(limit.pause()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert [t.done() for t in waiting] == [False, False, False, True, True]
    clock.advance(anonymous_limit.PAUSE_S)
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous_limit, "BURST_REQUESTS", 20.0)
    monkeypatch.setattr(anonymous_limit, "REQUESTS_PER_SECOND", 0.01)
    monkeypatch.setattr(anonymous_limit, "PAUSE_S", 0.0)


async def exhaust_tokens(client: Client, **cookies: str) -> list[int]:
    """Send anonymous requests until the address has no tokens left; return the statuses."""
    found = []
    for _ in range(25):
        async with client.get(
            "/api/me", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}
        ) as reply:
            found.append(reply.status)
            await reply.read()
    return found


async def test_a_flood_gets_429_and_does_not_affect_signed_in_neighbours(low_limits: None, sign_in: Open) -> None:
    officer, stranger = await sign_in(Role.VIDEO_OFFICER), await sign_in(None)
    assert {*(await exhaust_tokens(stranger))} == {401, 429}
    async with stranger.post("/api/session", json=WRONG, headers=HEADERS) as reply:
        assert reply.status == 429 and int(reply.headers["Retry-After"]) >= 1
        assert (
            reply.headers["X-Content-Type-Options"] == "nosniff"
            and "without signing in" in (await reply.json())["message"]
        )
    for path, status in (("/api/me", 200), ("/api/cameras/none", 404), ("/login", 200), ("/api/audit", 403)):
        assert (await officer.get(path)).status in (status, 503), path  # 503: the console is not built
    socket = await officer.ws_connect("/api/events")
    await socket.close()
    for path in ("/login", "/nothing", "/assets/none.js", "/api/none"):
        assert (await stranger.get(path)).status == 429, path


async def test_refused_requests_of_signed_in_users_cost_no_tokens(low_limits: None, sign_in: Open) -> None:
    officer, stranger = await sign_in(Role.VIDEO_OFFICER), await sign_in(None)
    for _ in range(40):
        assert (await officer.get("/api/audit")).status == 403
    assert (await stranger.get("/api/me")).status == 401


async def test_a_known_device_signs_in_while_its_address_is_limited(low_limits: None, sign_in: Open) -> None:
    officer, stranger = await sign_in(Role.VIDEO_OFFICER), await sign_in(None)
    assert (await officer.delete("/api/session", headers=HEADERS)).status == 200
    await exhaust_tokens(stranger)
    name = {"name": "video_officer-all", "password": PASSWORD}
    assert (await stranger.post("/api/session", json=name, headers=HEADERS)).status == 429
    assert (await officer.post("/api/session", json=name, headers=HEADERS)).status == 200
    assert (await officer.get("/api/me")).status == 200


async def test_invented_cookies_and_ended_sessions_stay_limited(
    low_limits: None, sign_in: Open, database: Database
) -> None:
    officer, stranger = await sign_in(Role.VIDEO_OFFICER), await sign_in(None)
    assert 429 in await exhaust_tokens(stranger)
    made_up = {"minwang_session": "a" * 43, "minwang_device": "b" * 43}
    assert {*(await exhaust_tokens(stranger, **made_up))} == {429}
    async with database.session() as session:
        await session.execute(delete(SignIn))
    officer.session.cookie_jar.clear(lambda c: c.key == "minwang_device")
    assert (await officer.get("/api/me")).status in (401, 429)


async def test_a_known_device_has_a_bucket_of_its_own(low_limits: None, sign_in: Open) -> None:
    officer, stranger = await sign_in(Role.VIDEO_OFFICER), await sign_in(None)
    await officer.delete("/api/session", headers=HEADERS)
    await exhaust_tokens(stranger)
    found = [(await officer.get("/api/me")).status for _ in range(25)]
    assert found.count(401) == 20 and found[-1] == 429


async def test_the_monitoring_system_is_not_limited(
    low_limits: None, sign_in: Open, station_settings: Settings
) -> None:
    stranger = await sign_in(None)
    path = await asyncio.to_thread(metrics_token.renew, station_settings.data.dir)
    token = await asyncio.to_thread(path.read_text)
    await exhaust_tokens(stranger)
    assert (await stranger.get("/metrics", headers={"Authorization": "Bearer wrong"})).status == 429
    for _ in range(30):
        assert (await stranger.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status == 200


@pytest.fixture
async def behind_proxy(database: Database, tmp_path: Path) -> AsyncIterator[Callable[[str], Awaitable[Client]]]:
    """`await behind_proxy(address)` returns a client whose requests come through a proxy that reports that address."""
    settings = Settings(data=DataSettings(dir=tmp_path, database=database.url), web=WebSettings(tls=TlsMode.PROXY))
    app = await asyncio.to_thread(server.build, settings, database, Accounts(database, SystemClock()), SystemClock())
    running = LimitedServer(app)
    await running.start_server()
    clients: list[Client] = []

    async def make(address: str) -> Client:
        client = TestClient(running, headers={"X-Forwarded-For": address} if address else {})
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.session.close()
    await running.close()


async def test_behind_a_proxy_each_client_has_its_own_limit(
    low_limits: None, behind_proxy: Callable[[str], Awaitable[Client]], monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy, neighbour, forging = (
        await behind_proxy("203.0.113.5"),
        await behind_proxy("203.0.113.6"),
        await behind_proxy(""),
    )
    assert 429 in await exhaust_tokens(greedy)
    assert (await neighbour.get("/api/me")).status == 401
    monkeypatch.setattr(anonymous_limit, "PAUSE_S", 60.0)
    async with asyncio.timeout(5):  # the proxy's connections are not held
        assert (await greedy.get("/api/me")).status == 429
    told = [
        (await forging.get("/api/me", headers={"X-Forwarded-For": f"10.0.0.{n}, 203.0.113.7"})).status
        for n in range(25)
    ]
    assert told.count(401) == 20  # an address that the client itself wrote does not count as a new client


async def test_invented_cookies_cause_few_database_queries(
    clock: ManualClock, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(database, clock)
    asked = 0
    real = accounts.sessions.open_session_fingerprints

    async def counted() -> set[str]:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise StorageError("away")
        return await real()

    monkeypatch.setattr(accounts.sessions, "open_session_fingerprints", counted)
    known = KnownCallers(clock, accounts, Attempts(database, clock), tmp_path)
    known._names = frozenset({"session old"})
    for n in range(100):
        assert await known.first_known([f"session {n}"]) == ""
    assert asked == 1 and not known._names
    known._names = frozenset({"session old"})
    clock.advance(FRESH_FOR_UNKNOWN_S + 1)
    assert await known.first_known(["session new"]) == "" and asked == 2
    # The database is unreachable: the names that were read before still count.
    assert await known.first_known(["session none", "session old"]) == "session old"


async def test_counts_are_in_the_metrics(low_limits: None, sign_in: Open) -> None:
    administrator, stranger = await sign_in(Role.ADMINISTRATOR), await sign_in(None)
    await exhaust_tokens(stranger)
    text = await (await administrator.get("/metrics")).text()
    counted = [re.search(rf"minwang_web_requests_{what}_total ([0-9.]+)", text) for what in ("limited", "refused")]
    limited, refused = (float(found[1]) for found in counted if found)
    assert (limited, refused) == (6, 19)  # the administrator's sign-in page cost a little
    assert 'minwang_web_work_refused_total{work="search"} 0.0' in text
