"""What other users notice of a crowd of connections, a flood of sign-in attempts, and thirty printed pages: the latency
of `/api/me`, and whether event feeds still deliver.

The users and attackers of these parts share one address: attackers must not affect others behind the same address.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bench.common import ENVIRONMENT, Figure
from bench.parts import strangers
from bench.parts.strangers import HEADERS, PASSWORD, Console, signed_in, waits
from web.http import anonymous_limit

FEEDS = 6
PAGES = 30
PAGES_SECONDS = 600.0
MOST_MS = 300


def latency_figures(name: str, took: list[float], calm: list[float]) -> list[Figure]:
    """Return the figures of the latencies of `/api/me`, in seconds."""
    before, p95 = _p95(calm), _p95(took)
    return [
        Figure("/api/me of others before, p95", round(before * 1e3), "ms"),
        Figure(f"/api/me of others {name}, p95", round(p95 * 1e3), "ms", f"≤ {MOST_MS}", p95 * 1e3 <= MOST_MS),
        Figure(f"/api/me of others {name}, worst", round(max(took) * 1e3), "ms"),
    ]


def crowd_figure(crowd: dict[str, dict[str, int]]) -> Figure:
    """Return what the crowd holds at the end and the answers it got; without a crowd the result proves nothing."""
    held, told = Counter(crowd["held"]), Counter(crowd["told"])
    came = held["half-open"] + told["half-open closed"] + held["slow bodies"] + told["slow bodies ended"]
    most = strangers.HALF_OPEN + strangers.SLOW_BODIES
    return Figure("connections that the crowd opened", came, json.dumps(crowd), f"≥ {most}", came >= most)


def _p95(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.95)]


async def receives_event(feed: aiohttp.ClientWebSocketResponse, title: str, seconds: float) -> bool:
    """Return whether an event of this kind arrives in time; meanwhile the socket answers pings, as a browser does."""
    with contextlib.suppress(TimeoutError, TypeError, aiohttp.ClientError):
        async with asyncio.timeout(seconds):
            while title not in json.dumps(await feed.receive_json()):
                pass
            return True
    return False


@contextlib.asynccontextmanager
async def persons(console: Console, *names: str) -> Any:
    sessions = [await signed_in(console, n, PASSWORD) for n in names]
    try:
        yield sessions
    finally:
        for session in sessions:
            await session.close()


async def start(console: Console, seconds: float, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.parts.strangers", console.url, str(seconds), *options, env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def crowd(console: Console, seconds: float) -> list[Figure]:
    """Half-open connections, endless bodies, event sockets of one person."""
    async with persons(console, "probe", "listener", "speaker") as (probe, listener, speaker):
        feeds = [await listener.ws_connect("/api/events") for _ in range(FEEDS)]
        listening = [asyncio.ensure_future(receives_event(f, "patrol.", seconds + 30)) for f in feeds]
        calm = await waits(probe, 5)
        attackers = await start(console, seconds + 2)
        took = await waits(probe, seconds)
        async with speaker.post("/api/patrol/rounds", headers=HEADERS) as reply:
            asked = reply.status
        heard = [*(t.result() for t in (await asyncio.wait(listening, timeout=10))[0])]
        for task in listening:
            task.cancel()
        output, _ = await attackers.communicate()
    held = json.loads(output)
    return [
        crowd_figure(held),
        *latency_figures("meanwhile", took, calm),
        Figure(
            "others' feeds that still hear", sum(heard), f"of {FEEDS} (asked: {asked})", f"{FEEDS}", sum(heard) == FEEDS
        ),
    ]


async def flood(console: Console, seconds: float) -> list[Figure]:
    """Sign-in attempts, and a signed-in user at the same address."""
    async with persons(console, "probe") as (probe,):
        calm = await waits(probe, 3)
        attackers = await start(console, seconds, "--flood")
        took = await waits(probe, seconds)
        output, _ = await attackers.communicate()
    told = Counter(json.loads(output)["told"])
    looked_at = told.total() - told["429"]
    most = anonymous_limit.BURST_REQUESTS + anonymous_limit.REQUESTS_PER_SECOND * (seconds + 5)
    return [
        Figure("tries to sign in that were answered", told.total(), "", json.dumps(told)),
        Figure("of them not refused at once", looked_at, "", f"≤ {most:.0f}", 0 < looked_at <= most),
        *latency_figures("during a flood", took, calm),
    ]


async def print_registers(console: Console, seconds: float) -> list[Figure]:
    """One person requests thirty registers as PDF at once and retries as the station says.

    A crowd attacks the station for the first `seconds`.
    """
    async with persons(console, "probe", "printer") as (probe, printer):
        calm = await waits(probe, 3)
        attackers = await start(console, seconds)
        days = [f"{datetime.now() - timedelta(days=n):%Y-%m-%d}" for n in range(PAGES)]
        told: Counter[int] = Counter()
        work = asyncio.gather(*(_page(printer, day, told) for day in days))
        began = time.monotonic()
        took: list[float] = []
        while not work.done() and time.monotonic() - began < PAGES_SECONDS:
            took += await waits(probe, 1)
        work.cancel()
        output, _ = await attackers.communicate()
        good = sum(work.result()) if work.done() and not work.cancelled() else told[200]
    return [
        Figure("pages that were printed as PDF", good, json.dumps(told), f"{PAGES}", good == PAGES),
        Figure("time for all of them", round(time.monotonic() - began, 1), "s"),
        crowd_figure(json.loads(output)),
        *latency_figures("while pages are printed", took, calm),
    ]


async def _page(session: aiohttp.ClientSession, day: str, told: Counter[int]) -> bool:
    """Return whether it arrived as a PDF; refused ones are requested again."""
    while True:
        async with session.get(f"/register/{day}/pdf", timeout=aiohttp.ClientTimeout(PAGES_SECONDS)) as reply:
            content = await reply.read()
            told[reply.status] += 1
            if reply.status != 429:
                return reply.status == 200 and content.startswith(b"%PDF-")
        await asyncio.sleep(1)
