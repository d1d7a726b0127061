"""A crowd that wants to shut everybody out of the console: connections that say nothing, bodies that never end, event sockets.

python -m bench.parts.strangers PORT SECONDS    # what is held at the end, and what was answered, as one line of JSON
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter

import aiohttp

HALF_OPEN, SLOW_BODIES, EVENT_SOCKETS = 1000, 200, 700
AGAIN_SECONDS = 5.0  # then one that was closed is opened again
GREEDY, PASSWORD = "greedy", "a long password"
HEADERS = {"X-Minwang": "1"}


class Crowd:
    """`held` counts what is open now, `told` what was answered."""

    def __init__(self, port: int):
        self._port = port
        self.held: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    async def half_open(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.held["half-open"] += 1
                writer.write(b"GET /login HTTP/1.1\r\nX-Slow: ")
                await reader.read(1)
                self.held["half-open"] -= 1
                self.told["half-open closed"] += 1
                writer.close()
            await asyncio.sleep(AGAIN_SECONDS)

    async def slow_body(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.held["slow bodies"] += 1
                writer.write(b"POST /api/session HTTP/1.1\r\nHost: a\r\nX-Minwang: 1\r\nContent-Length: 10000\r\n\r\n")
                ended = asyncio.ensure_future(reader.read(1))
                while not ended.done():
                    writer.write(b"a")
                    await asyncio.wait((ended,), timeout=0.3)
                self.held["slow bodies"] -= 1
                self.told["slow bodies ended"] += 1
                ended.exception()
                writer.close()
            await asyncio.sleep(AGAIN_SECONDS)

    async def event_socket(self, session: aiohttp.ClientSession) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.ws_connect(f"http://127.0.0.1:{self._port}/api/events?after=0") as socket:
                    self.held["event sockets"] += 1
                    try:
                        async for _ in socket:
                            self.told["events"] += 1
                    finally:
                        self.held["event sockets"] -= 1
            self.told["event sockets refused or ended"] += 1
            await asyncio.sleep(AGAIN_SECONDS)


async def signed_in(port: int, name: str, password: str) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0)
    )
    async with session.post("/api/session", json={"name": name, "password": password}, headers=HEADERS) as reply:
        if reply.status != 200:
            await session.close()
            raise RuntimeError(f"{name} cannot sign in: {await reply.text()}")
    return session


async def waits(session: aiohttp.ClientSession, seconds: float) -> list[float]:
    """Seconds that `/api/me` took, asked ten times a second; an error counts as ten."""
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


async def besiege(port: int, seconds: float) -> None:
    crowd, session = Crowd(port), await signed_in(port, GREEDY, PASSWORD)
    work = [crowd.half_open() for _ in range(HALF_OPEN)] + [crowd.slow_body() for _ in range(SLOW_BODIES)]
    tasks = [asyncio.ensure_future(w) for w in (*work, *(crowd.event_socket(session) for _ in range(EVENT_SOCKETS)))]
    await asyncio.sleep(seconds)
    print(json.dumps({"held": crowd.held, "told": crowd.told}), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await session.close()


if __name__ == "__main__":
    asyncio.run(besiege(int(sys.argv[1]), float(sys.argv[2])))
