"""Raw bytes that any client may send: ambiguous framing, odd targets, hosts, conditions and ranges.

None of them gets a 5xx answer, breaks a handler, or turns one request into two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from core.accounts.permissions import Role
from core.logs import _BadRequests
from tests.web.conftest import SignIn
from web.http import anonymous_limit
from web.http.file_response import _CheckedRequest

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    return line + b" HTTP/1.1\r\n" + b"".join(f + b"\r\n" for f in (b"Host: 127.0.0.1", *fields)) + b"\r\n" + body


RAW = {
    "no host": b"GET /api/me HTTP/1.1\r\n\r\n",
    "http10": b"GET /api/me HTTP/1.0\r\n\r\n",
    "two hosts": request(b"GET /api/me", b"Host: evil"),
    "host rubbish": b'GET /api/me HTTP/1.1\r\nHost: a b\x01<>"\r\n\r\n',
    "host userinfo": b"GET /login HTTP/1.1\r\nHost: u:p@a:99999999\r\n\r\n",
    "host brackets": b"GET /login HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "cl+te": request(
        b"POST /api/session",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "te+cl": request(b"POST /api/session", b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "te obfuscated": request(b"POST /api/session", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "te tab": request(b"POST /api/session", b"Transfer-Encoding:\tchunked", body=b"0\r\n\r\n"),
    "te space": request(b"POST /api/session", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "te identity": request(b"POST /api/session", b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "te twice": request(
        b"POST /api/session", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "te 1.0": b"POST /api/session HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "cl twice": request(b"POST /api/session", b"Content-Length: 5", b"Content-Length: 6", body=b"12345"),
    "cl list": request(b"POST /api/session", b"Content-Length: 5, 5", body=b"12345"),
    "cl plus": request(b"POST /api/session", b"Content-Length: +5", body=b"12345"),
    "cl neg": request(b"POST /api/session", b"Content-Length: -1", body=b"12345"),
    "cl huge": request(b"POST /api/session", b"Content-Length: 99999999999999999999999", body=b"12345"),
    "cl underscore": request(b"POST /api/session", b"Content-Length: 1_0", body=b"1234567890"),
    "get body": request(b"GET /api/me", b"Content-Length: 5", body=b"12345"),
    "chunk neg": request(b"POST /api/session", b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n"),
    "chunk big": request(b"POST /api/session", b"Transfer-Encoding: chunked", body=b"ffffffffffffffffffff\r\n\r\n"),
    "chunk ext": request(
        b"POST /api/session", b"Transfer-Encoding: chunked", body=b"0;" + b"a" * 100_000 + b"\r\n\r\n"
    ),
    "chunk lf": request(b"POST /api/session", b"Transfer-Encoding: chunked", body=b"0\n\n"),
    "trailers": request(
        b"POST /api/session", b"Transfer-Encoding: chunked", body=b"0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"
    ),
    "obs fold": request(b"GET /api/me", b"X: a\r\n b"),
    "bare lf": b"GET /api/me HTTP/1.1\nHost: a\n\n",
    "bare cr": b"GET /api/me HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n",
    "nul": request(b"GET /api/me", b"X: \0"),
    "absolute": request(b"GET http://evil/api/me"),
    "absolute bad": request(b"GET http://[evil/api/me"),
    "absolute port": request(b"GET http://evil:99999999/api/me"),
    "connect": request(b"CONNECT evil:22"),
    "star": request(b"OPTIONS *"),
    "trace": request(b"TRACE /api/me"),
    "method": request(b"FOO /api/me"),
    "expect": request(b"POST /api/session", b"Expect: 100-continue", b"Content-Length: 2", body=b"{}"),
    "expect odd": request(b"POST /api/session", b"Expect: 200-ok", b"Content-Length: 2", body=b"{}"),
    "upgrade h2c": request(
        b"GET /api/me",
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ),
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "ws no key": request(
        b"GET /api/events", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"
    ),
    "override": request(b"GET /api/session", b"X-HTTP-Method-Override: DELETE"),
    "enc": request(b"POST /api/session", b"X-Minwang: 1", b"Content-Encoding: br", b"Content-Length: 2", body=b"{}"),
    "charset": request(
        b"POST /api/session",
        b"X-Minwang: 1",
        b"Content-Type: application/json; charset=utf-7",
        b"Content-Length: 2",
        body=b"{}",
    ),
    "many headers": request(b"GET /api/me", *[b"A%d: b" % i for i in range(5000)]),
    "cookies": request(b"GET /api/me", *[b"Cookie: " + b"a=b; " * 1500 for i in range(60)]),
    "cookie one": request(b"GET /api/me", b"Cookie: minwang_session=" + b"\\" * 8000),
    "cookie quotes": request(b"GET /api/me", b'Cookie: minwang_session="' + b'\\"' * 4000),
    "cookie bytes": request(b"GET /api/me", b"Cookie: minwang_session=\xff\xfe; minwang_device=\xe4"),
    "auth": request(b"GET /metrics", b"Authorization: Bearer \xff\xfe"),
    "auth2": request(b"GET /metrics", b"Authorization: Bearer"),
    "origin": request(
        b"POST /api/session",
        b"X-Minwang: 1",
        b"Origin: http://127.0.0.1:" + b"9" * 3000,
        b"Content-Length: 2",
        body=b"{}",
    ),
    "origin bytes": request(b"POST /api/session", b"X-Minwang: 1", b"Origin: \xff", b"Content-Length: 2", body=b"{}"),
    "range": request(b"GET /static/x", b"Range: bytes=" + b"0-1," * 1500),
    "ims": request(b"GET /login", b"If-Modified-Since: Fri, 99 Foo 99999 99:99:99 GMT"),
    "ims2": request(b"GET /login", b"If-Modified-Since: Fri, 31 Dec 99999999999999 23:59:59 +9999"),
    "inm": request(b"GET /login", b"If-None-Match: " + b'"a",' * 1900),
    "im": request(b"GET /login", b"If-Match: " + b'W/"' * 2700),
    "ifrange": request(b"GET /login", b"Range: bytes=0-1", b"If-Range: Fri, 31 Dec 99999999 23:59:59 +9999"),
    "range static": request(b"GET /static/register.css", b"Range: bytes=5-2"),
    "accept": request(b"GET /login", b"Accept-Encoding: " + b"gzip;q=0.0001," * 580),
    "dotdot": request(b"GET /static/../../etc/passwd"),
    "dotdot enc": request(b"GET /static/%2e%2e/%2e%2e/server.py"),
    "dotdot enc2": request(b"GET /static/..%2f..%2fserver.py"),
    "dotdot enc3": request(b"GET /static/%252e%252e/server.py"),
    "backslash": request(b"GET /static/..\\..\\server.py"),
    "overlong": request(b"GET /static/%c0%ae%c0%ae/server.py"),
    "nul path": request(b"GET /static/a%00b"),
    "long path": request(b"GET /static/" + b"a" * 8000),
    "long name": request(b"GET /static/" + b"a" * 300),
    "static dir": request(b"GET /static/"),
    "surrogate": request(b"GET /api/cameras/%ed%a0%80"),
    "raw utf8": request(b"GET /api/cameras/\xe6\x9d\x91"),
    "raw latin": request(b"GET /api/cameras/\xff"),
    "double slash": request(b"GET //api//me"),
    "semicolon": request(b"GET /api/me;a=b"),
    "query bytes": request(b"GET /login?next=%ff%fe"),
    "query many": request(b"GET /api/me?" + b"a&" * 4000),
    "query eq": request(b"GET /report/wangjia?month=" + b"%" * 7000),
    "empty target": request(b"GET "),
    "fragment": request(b"GET /login#a"),
    "question": request(b"GET ?a"),
    "report": request(b"GET /report/a%0d%0aSet-Cookie:%20a=b?month=1"),
    "xff": request(b"GET /api/me", b"X-Forwarded-For: " + b"1," * 4000),
    "http/9": b"GET / HTTP/9.9\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
    "pipelined": request(b"GET /api/me") * 500,
}


REFUSED = (  # framing that two parsers could split into different requests (RFC 9112 6.3, 11.2)
    "cl+te",
    "te+cl",
    "te obfuscated",
    "te space",
    "te identity",
    "te twice",
    "cl twice",
    "cl list",
    "cl plus",
    "cl neg",
    "cl huge",
    "cl underscore",
    "chunk neg",
    "chunk big",
    "chunk lf",
    "bare lf",
    "bare cr",
    "nul",
    "obs fold",
    "two hosts",
)


@pytest.fixture(autouse=True)
def _as_the_station_logs() -> Iterator[None]:
    """Do not log requests that are not HTTP; any other exception in a handler fails the test (conftest)."""
    quiet = _BadRequests()
    logging.getLogger("aiohttp.server").addFilter(quiet)
    yield
    logging.getLogger("aiohttp.server").removeFilter(quiet)


async def send(port: int, raw: bytes) -> bytes:
    """Return what is answered within 0.4 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(raw)
        async with asyncio.timeout(0.4):
            while chunk := await reader.read(65_536):
                got += chunk
    except (TimeoutError, OSError):
        pass
    writer.transport.abort()
    return got


def statuses(answer: bytes) -> list[int]:
    found = [int(line[9:12]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    return [status for status in found if status != 100]  # 100 Continue is not a final answer


@pytest.mark.long
@pytest.mark.parametrize("signed_in", [False, True])
async def test_malformed_http_neither_breaks_a_handler_nor_splits_requests(
    signed_in: bool, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anonymous_limit, "BURST_REQUESTS", 1e9)
    client = await sign_in(Role.VIDEO_OFFICER)
    cookie = (
        b"Cookie: " + "; ".join(f"{c.key}={c.value}" for c in client.session.cookie_jar).encode() + b"\r\n"
        if signed_in
        else b""
    )
    assert client.port is not None
    told = {}
    for name, raw in RAW.items():
        told[name] = statuses(await send(client.port, raw.replace(b"\r\n\r\n", b"\r\n" + cookie + b"\r\n", 1)))
    allowed = {503} if 503 in told["ims"] else set()  # 503: the console is not built
    assert {n: s for n, s in told.items() if any(x >= 500 and x not in allowed for x in s)} == {}
    assert {n: s for n, s in told.items() if len(s) > 1 and n != "pipelined"} == {}
    assert {n: s for n, s in told.items() if n in REFUSED and s != [400]} == {}


def test_an_impossible_date_is_ignored() -> None:
    for text in (
        "Fri, 31 Dec 99999999999999 23:59:59 GMT",
        "Fri, 31 Dec 1968 23:59:59 +9999",
        "a",
        "Thu, 01 Jan 1969 00:00:00 GMT",
    ):
        asked = make_mocked_request(
            "GET", "/", headers=CIMultiDict({"If-Modified-Since": text, "If-Unmodified-Since": text})
        )
        found = _CheckedRequest(asked, ranged=False)
        assert found.if_modified_since is None and found.if_unmodified_since is None, text
    good = make_mocked_request("GET", "/", headers=CIMultiDict({"If-Modified-Since": "Fri, 27 Nov 2026 08:00:00 GMT"}))
    assert _CheckedRequest(good, ranged=False).if_modified_since == datetime(2026, 11, 27, 8, tzinfo=timezone.utc)
