"""The client's address behind proxies: headers from an untrusted peer are ignored."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.errors import ForbiddenError, StorageError, TooManyError
from core.settings import DataSettings, Settings, TlsMode, WebSettings
from tests.web.conftest import HEADERS, PASSWORD, Client, SignIn
from web.http.proxies import Hop, parse, resolve, same_origin
from web.sessions import sign_in_limit
from web.sessions.sign_in_limit import SignInLimit

TRUSTED = [ip_network("10.9.0.0/16"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")]


def client(peer: str, *forwarded: str) -> str:
    return resolve(peer, [Hop(f) for f in forwarded], TRUSTED)[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", (), "203.0.113.5"),
        ("203.0.113.5", ("1.2.3.4",), "203.0.113.5"),  # an untrusted peer's claim
        ("127.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("127.0.0.1", ("1.2.3.4", "203.0.113.5"), "203.0.113.5"),  # the client itself sent the left one
        ("127.0.0.1", ("203.0.113.5", "10.9.1.1"), "203.0.113.5"),  # two trusted proxies
        ("127.0.0.1", ("1.2.3.4", "203.0.113.5", "10.9.1.1"), "203.0.113.5"),
        ("127.0.0.1", ("unknown",), "127.0.0.1"),
        # The client may have invented anything left of an unknown address.
        ("127.0.0.1", ("203.0.113.5", "unknown", "10.9.1.1"), "10.9.1.1"),
        ("127.0.0.1", ("10.9.1.1",), "10.9.1.1"),
        ("::ffff:127.0.0.1", ("::ffff:203.0.113.5",), "203.0.113.5"),
        ("fd00::1", ("[2001:db8::7]:4711",), "2001:db8::7"),
        ("127.0.0.1", ("203.0.113.5:4711",), "203.0.113.5"),
        ("127.0.0.1", ("fe80::1%eth0",), "fe80::1"),
        ("", ("203.0.113.5",), ""),  # a socket without addresses
    ],
)
def test_the_client_is_the_rightmost_untrusted_address(peer: str, forwarded: tuple[str, ...], expected: str) -> None:
    assert client(peer, *forwarded) == expected


@given(st.lists(st.text(max_size=30), max_size=30), st.text(max_size=50))
def test_hostile_forwarded_headers_are_handled(forwarded: list[str], peer: str) -> None:
    assert isinstance(client("127.0.0.1", *forwarded), str)
    assert client(peer, *forwarded) == peer or parse(peer) is not None
    assert client("203.0.113.5", *forwarded) == "203.0.113.5"


def test_an_origin_is_scheme_host_and_port() -> None:
    assert same_origin("https://a.lan", "https", "a.lan:443") and same_origin("https://A.lan:443", "https", "a.lan")
    assert same_origin("http://[::1]:8080", "http", "[::1]:8080") and same_origin("http://[::1]", "http", "[::1]")
    for origin in (
        "null",
        "",
        "http://a.lan",
        "https://a.lan:8443",
        "https://a.lan.evil",
        "https://evil/a.lan",
        "https://a.lan@evil",
    ):
        assert not same_origin(origin, "https", "a.lan"), origin


def test_old_and_invalid_settings() -> None:
    assert WebSettings(tls=True).tls is TlsMode.PROXY and WebSettings(tls=False).tls is TlsMode.OFF  # type: ignore[arg-type]
    assert WebSettings(tls="true").tls is TlsMode.PROXY  # type: ignore[arg-type]
    assert WebSettings().proxies == [] and WebSettings(tls=TlsMode.OWN).proxies == []
    assert [str(n) for n in WebSettings(tls=TlsMode.PROXY).proxies] == ["127.0.0.0/8", "::1/128"]
    both = WebSettings(tls=TlsMode.PROXY, trusted_proxies=["10.1.1.1", "10.2.0.0/16"])
    assert [str(n) for n in both.proxies] == ["10.1.1.1/32", "10.2.0.0/16"]
    for wrong in ({"trusted_proxies": ["proxy.lan"]}, {"certificate": "a.crt"}, {"tls": "maybe"}):
        with pytest.raises(ValidationError):
            WebSettings(**wrong)  # type: ignore[arg-type]
    paths = Settings(data=DataSettings(dir="/d"), web=WebSettings(certificate="")).certificate_files  # type: ignore[arg-type]
    assert [str(p) for p in paths] == ["/d/tls/server.crt", "/d/tls/server.key"]


@pytest.fixture
def proxied(station_settings: Settings) -> Settings:
    """Settings of a console behind a proxy on this machine."""
    station_settings.web = WebSettings(tls=TlsMode.PROXY)
    return station_settings


async def _sign_in(make: SignIn, **headers: str) -> tuple[int, str, str]:
    await (await make(Role.AUDITOR)).get("/api/me")
    stranger = await make(None)
    body = {"name": "auditor-all", "password": PASSWORD}
    reply = await stranger.post("/api/session", json=body, headers={**HEADERS, **headers})
    return reply.status, await reply.text(), reply.headers.get("Set-Cookie", "")


async def _clients(make: SignIn) -> list[str]:
    page = await (await make(Role.AUDITOR)).get("/api/audit")
    assert page.status == 200
    return [r["client"] for r in (await page.json())["rows"] if r["action"] == "session.open"]


async def test_forwarded_headers_are_ignored_without_a_proxy(sign_in: SignIn, database: Database) -> None:
    status, _, cookie = await _sign_in(
        sign_in, **{"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=https"}
    )
    assert status == 200 and "Secure" not in cookie and "__Host-" not in cookie
    assert set(await _clients(sign_in)) == {"127.0.0.1"}
    status, sentence, _ = await _sign_in(sign_in, Origin="https://station.lan", **{"X-Forwarded-Host": "station.lan"})
    assert (
        status == 403 and "(https://station.lan, this is http://127.0.0.1:" in sentence and "docs/https.md" in sentence
    )


async def _wrong(client: Client, times: int, name: str = "nobody", **headers: str) -> list[int]:
    body = {"name": name, "password": "a wrong password"}
    return [(await client.post("/api/session", json=body, headers={**HEADERS, **headers})).status for _ in range(times)]


async def test_guessing_passwords_limits_only_the_guessing_address(
    proxied: Settings, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("web.sessions.sign_in_limit.MAX_ATTEMPTS", 4)
    await sign_in(Role.AUDITOR)
    guesser = await sign_in(None)
    bad, good = {"X-Forwarded-For": "6.6.6.6, 203.0.113.5"}, {"X-Forwarded-For": "203.0.113.6"}
    assert await _wrong(guesser, 6, **bad) == [403, 403, 403, 403, 429, 429]
    made_up = {"X-Forwarded-For": "7.7.7.7, 203.0.113.5"}  # another first address does not help
    reply = await guesser.post(
        "/api/session", json={"name": "auditor-all", "password": PASSWORD}, headers={**HEADERS, **made_up}
    )
    assert reply.status == 429
    told = await reply.json()
    assert (told["code"], told["params"]["minutes"]) == ("sign_in_address_blocked", 15)
    for _ in range(6):  # right passwords are not counted
        reply = await guesser.post(
            "/api/session", json={"name": "auditor-all", "password": PASSWORD}, headers={**HEADERS, **good}
        )
        assert reply.status == 200
    assert caplog.text.count("wrong passwords from 203.0.113.5 within") == 1


def test_attempts_are_counted_by_address_and_time(clock: ManualClock) -> None:
    limit = SignInLimit(clock)

    def wrong(address: str) -> None:
        with pytest.raises(ForbiddenError), limit.attempt(address):
            raise ForbiddenError("name or password is wrong")

    for i in range(sign_in_limit.MAX_ATTEMPTS):
        wrong(f"2001:db8::{i:x}")  # addresses of one subscriber
    with pytest.raises(TooManyError, match="in 15 minutes"), limit.attempt("2001:db8::ffff"):
        pass
    wrong("2001:db8:0:1::1")
    for _ in range(sign_in_limit.MAX_ATTEMPTS):
        with pytest.raises(TooManyError, match="this name"), limit.attempt("10.2.2.2"):
            raise TooManyError("too many tries for this name from here")
    with pytest.raises(TooManyError, match="this address"), limit.attempt("10.2.2.2"):
        pass
    with pytest.raises(StorageError), limit.attempt("10.1.1.1"):
        raise StorageError("the database is locked")
    assert "10.1.1.1" not in limit._attempts
    clock.advance(sign_in_limit.SPAN_S + 1)
    with limit.attempt("2001:db8::ffff"):
        pass
    for i in range(sign_in_limit.MAX_ADDRESSES + 10):
        wrong(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(limit._attempts) == sign_in_limit.MAX_ADDRESSES


PROXY_HEADERS = {
    "nginx": {"X-Forwarded-For": "6.6.6.6, 203.0.113.5", "X-Forwarded-Proto": "https", "Host": "station.lan"},
    "another host": {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "station.lan"},
    "silent about the scheme": {"X-Forwarded-For": "203.0.113.5", "Host": "station.lan"},
    "rfc 7239": {"Forwarded": 'for=6.6.6.6, for="203.0.113.5:99";proto=https;host=station.lan'},
}


OTHER = {
    "x-forwarded-for": {"Forwarded": "for=7.7.7.7;host=evil.lan"},
    "forwarded": {"X-Forwarded-For": "7.7.7.7", "X-Forwarded-Host": "evil.lan"},
}


@pytest.mark.parametrize("kind", PROXY_HEADERS)
async def test_client_and_origin_behind_a_proxy(
    kind: str, proxied: Settings, sign_in: SignIn, database: Database
) -> None:
    written = proxied.web.forwarded_header = "forwarded" if kind == "rfc 7239" else "x-forwarded-for"
    headers = PROXY_HEADERS[kind] | OTHER[written]  # the client sent the other header
    await sign_in(Role.AUDITOR)  # creates the account
    stranger = await sign_in(None)
    body = {"name": "auditor-all", "password": PASSWORD}
    reply = await stranger.post(
        "/api/session", json=body, headers={**HEADERS, "Origin": "https://station.lan", **headers}
    )
    assert reply.status == 200, await reply.text()
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("__Host-minwang_session=")
    assert (
        all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/")) and "Domain" not in cookie
    )
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    token = cookie.partition(";")[0]
    page = await stranger.get("/api/audit", headers={"Cookie": token})
    rows = [r for r in (await page.json())["rows"] if r["action"] == "session.open"]
    assert rows[0]["client"] == "203.0.113.5" and (await page.json())["broken_at"] is None
    for origin in ("http://station.lan", "https://evil.lan", "https://station.lan:8443"):
        refused = await stranger.post("/api/session", json=body, headers={**HEADERS, "Origin": origin, **headers})
        assert refused.status == 403, origin
    # The cookie without the prefix is not accepted: a page over plain HTTP could have set it.
    plain = token.removeprefix("__Host-")
    assert (await stranger.get("/api/me", headers={"Cookie": plain})).status == 401
