"""A crowd that tries to block the console for everybody: idle connections, endless bodies, event sockets, sign-in
attempts.

    python -m bench.parts.strangers URL SECONDS [--flood]    # prints held connections and answers as one line of JSON
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import ssl
import time
from collections import Counter
from dataclasses import dataclass

import aiohttp
from yarl import URL

HALF_OPEN, SLOW_BODIES, EVENT_SOCKETS = 1000, 200, 700
FLOODING = 50  # connections that try to sign in as fast as they are answered
AGAIN_SECONDS = 5.0  # a closed connection is reopened after this time
GREEDY, PASSWORD = "greedy", "a long password"
HEADERS = {"X-Minwang": "1"}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Console:
    """The console's address. Its certificate is not verified: it is this machine's."""

    url: str

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            self.url, cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0, ssl=False)
        )

    async def open(self, *, handshake: bool = True) -> Streams:
        """Open a connection without sending any HTTP. Raises OSError (ssl.SSLError is one)."""
        url = URL(self.url)
        context = _context() if url.scheme == "https" and handshake else None
        return await asyncio.open_connection(url.host, url.port, ssl=context)


@functools.cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Crowd:
    """`held` counts what is open now, `told` the answers."""

    def __init__(self, console: Console):
        self._console = console
        self.held: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    async def half_open(self, number: int) -> None:
        """Hold a half-open connection; with TLS, every second one never begins its handshake."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self._console.open(handshake=number % 2 == 0)
                self.held["half-open"] += 1
                if number % 2 == 0 or self._console.url.startswith("http:"):
                    writer.write(b"GET /login HTTP/1.1\r\nX-Slow: ")
                await _ended(reader)
                self.held["half-open"] -= 1
                self.told["half-open closed"] += 1
                writer.transport.abort()
            await asyncio.sleep(AGAIN_SECONDS)

    async def slow_body(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self._console.open()
                self.held["slow bodies"] += 1
                writer.write(b"POST /api/session HTTP/1.1\r\nHost: a\r\nX-Minwang: 1\r\nContent-Length: 10000\r\n\r\n")
                ended = asyncio.ensure_future(_ended(reader))
                while not ended.done():
                    writer.write(b"a")
                    await asyncio.wait((ended,), timeout=0.3)
                self.held["slow bodies"] -= 1
                self.told["slow bodies ended"] += 1
                writer.transport.abort()
            await asyncio.sleep(AGAIN_SECONDS)

    async def event_socket(self, session: aiohttp.ClientSession) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.ws_connect("/api/events?after=0") as socket:
                    self.held["event sockets"] += 1
                    self.told["event sockets opened"] += 1
                    try:
                        async for _ in socket:
                            self.told["events"] += 1
                    finally:
                        self.held["event sockets"] -= 1
            self.told["event sockets refused or ended"] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def sign_in_tries(self, session: aiohttp.ClientSession, number: int) -> None:
        """Try to sign in as fast as answers arrive, with a made-up cookie."""
        body, headers = (
            {"name": f"guess{number}", "password": "x" * 12},
            HEADERS | {"Cookie": f"minwang_session=made-up-{number}"},
        )
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.post("/api/session", json=body, headers=headers) as reply:
                    await reply.read()
                    self.told[str(reply.status)] += 1


async def _ended(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1)


async def signed_in(console: Console, name: str, password: str) -> aiohttp.ClientSession:
    session = console.session()
    async with session.post("/api/session", json={"name": name, "password": password}, headers=HEADERS) as reply:
        if reply.status != 200:
            await session.close()
            raise RuntimeError(f"{name} cannot sign in: {await reply.text()}")
    return session


async def waits(session: aiohttp.ClientSession, seconds: float) -> list[float]:
    """Return the latencies of `/api/me` in seconds, ten requests per second; an error counts as ten seconds."""
    took: list[float] = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        try:
            async with session.get("/api/me", timeout=aiohttp.ClientTimeout(10)) as reply:
                await reply.read()
                took.append(time.monotonic() - began if reply.status == 200 else 10.0)
        except (aiohttp.ClientError, TimeoutError, OSError):
            took.append(10.0)
        await asyncio.sleep(0.1)
    return took


async def besiege(console: Console, seconds: float, *, flood: bool) -> None:
    crowd = Crowd(console)
    if flood:
        session = console.session()
        work = [crowd.sign_in_tries(session, n) for n in range(FLOODING)]
    else:
        session = await signed_in(console, GREEDY, PASSWORD)
        work = [crowd.half_open(n) for n in range(HALF_OPEN)] + [crowd.slow_body() for _ in range(SLOW_BODIES)]
        work += [crowd.event_socket(session) for _ in range(EVENT_SOCKETS)]
    tasks = [asyncio.ensure_future(w) for w in work]
    await asyncio.sleep(seconds)
    print(json.dumps({"held": crowd.held, "told": crowd.told}), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await session.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--flood", action="store_true", help="tries to sign in alone")
    args = parser.parse_args()
    asyncio.run(besiege(Console(args.url), args.seconds, flood=args.flood))
