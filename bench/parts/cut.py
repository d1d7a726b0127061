"""Cameras that disconnect and return: every received picture is in a file, every missing second in a gap."""

from __future__ import annotations

import asyncio
import random

from bench.common import BenchContext, Figure
from bench.parts import in_process
from bench.parts.accounting import Injected, account
from cameras.virtual.__main__ import load_clip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SystemClock, to_microseconds
from core.settings import RecorderSettings
from nvr.engine_choice import EngineKind
from nvr.media.mp4 import fmp4
from nvr.streams import StreamSpec
from station.runtime import tune_interpreter

SHARE = 0.05  # share of the cameras that is away at any time


async def measure(c: BenchContext, streams: int, seconds: float) -> list[Figure]:
    rng = random.Random(5)
    clip = load_clip("h264", 1_000_000, (640, 360), 25.0, 4.0)
    hosts = [f"127.0.{i // 200 + 1}.{i % 200 + 1}" for i in range(streams)]
    mounts = {f"c{i}/main": Mount(f"/cam{i}", {"healthy": clip}, phase=i % 4, host=h) for i, h in enumerate(hosts)}
    server = RtspServer(list(mounts.values()))
    port = await server.start(hosts, c.port + 6)
    async with in_process.recorder(c.folder, "cut", RecorderSettings(connect_rate=50.0, backfill=False)) as (
        recorder,
        database,
    ):
        await recorder.want(
            [StreamSpec(s, f"rtsp://{m.host}:{port}{m.path}", None, EngineKind.NATIVE) for s, m in mounts.items()]
        )
        async with asyncio.timeout(60):
            while not all(s.state == "recording" and s.counters.frames for s in recorder.streams.values()):
                await asyncio.sleep(0.1)
        clock = SystemClock()
        begin = to_microseconds(clock.now())
        faults, cuts = await _cut_and_restore(server, mounts, seconds, rng)
        for mount in mounts.values():
            server.take_down(mount)
        ended = to_microseconds(clock.now())
        await asyncio.sleep(2.0)
        await recorder.stop()
        await server.stop()
        result = await account(database, dict.fromkeys(mounts, (begin, ended - 500000)), faults)
    sent = {s: m.sent_pictures for s, m in mounts.items()}
    total, kept = sum(sent.values()), sum(await _frames(c, mounts))
    return [
        Figure("cameras", streams, f"for {seconds:g} s, {SHARE:.0%} of them away", "600 s", c.quick or seconds >= 600),
        Figure("cuts", cuts, ""),
        Figure("pictures that arrived and are in no file", total - kept, f"of {total}", "0", total == kept),
        Figure(
            "seconds neither recorded nor in a gap", round(result.unaccounted_s, 1), "s", "0", result.unaccounted_s == 0
        ),
        Figure("seconds in gaps", round(sum(result.gaps.values()), 1), "s"),
        Figure("of these with a wrong cause", round(result.unexplained_s, 1), "s", "0", result.unexplained_s == 0),
    ]


async def _frames(c: BenchContext, streams: dict[str, Mount]) -> list[int]:
    """Return the number of pictures in the files of each stream."""

    def count(stream: str) -> int:
        files = (c.folder / "cut" / stream).rglob("*.mp4")
        return sum(f.samples for path in files for f in fmp4.scan(path))

    return [await asyncio.to_thread(count, s) for s in streams]


async def _cut_and_restore(
    server: RtspServer, mounts: dict[str, Mount], seconds: float, rng: random.Random
) -> tuple[list[Injected], int]:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    until = loop.time() + seconds
    away: dict[str, tuple[float, int]] = {}
    faults: list[Injected] = []
    cuts = 0
    while loop.time() < until:
        now = loop.time()
        for stream, (back, start) in list(away.items()):
            if now >= back:
                mounts[stream].faults.discard("dead")
                faults.append(Injected(stream, ("unreachable",), start, to_microseconds(clock.now())))
                del away[stream]
        while len(away) < max(1, round(SHARE * len(mounts))) and now < until - 15:
            stream = rng.choice([s for s in mounts if s not in away])
            server.take_down(mounts[stream])
            away[stream] = (now + rng.uniform(2, 20), to_microseconds(clock.now()))
            cuts += 1
        await asyncio.sleep(0.1)
    faults += [Injected(s, ("unreachable",), start, to_microseconds(clock.now())) for s, (_, start) in away.items()]
    return faults, cuts


def run(c: BenchContext) -> list[Figure]:
    tune_interpreter()
    streams, seconds = (20, 25.0) if c.quick else (c.streams or 100, c.seconds or 600.0)
    return asyncio.run(measure(c, streams, seconds))
