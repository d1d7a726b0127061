"""What one more live viewer costs: 300 WebSocket viewers of 0.5 Mb/s from one recorder process.

python -m bench.parts.viewers FOLDER CAMERA_PORT HUB_PORT     (the recorder with its hub, until killed)
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.common import ENVIRONMENT, BenchContext, Figure, cpu_seconds, virtual_farm
from bench.parts import in_process
from nvr.engine_choice import EngineKind
from nvr.playback.live import TOKEN_HEADER, LiveHub
from nvr.streams import StreamSpec
from station.runtime import tune_interpreter

STREAMS = 30
RATE = 500_000


async def serve(folder: Path, camera_port: int, hub_port: int) -> None:
    """Run a recorder of STREAMS streams and its hub."""
    tune_interpreter()
    async with in_process.recorder(folder, "viewers") as (recorder, _):
        url = f"rtsp://127.0.0.1:{camera_port}/cam"
        await recorder.want([StreamSpec(f"c{i}/sub", f"{url}{i}", None, EngineKind.NATIVE) for i in range(STREAMS)])
        runner = web.AppRunner(LiveHub(recorder, "t").application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", hub_port).start()
        while not all(s.counters.frames > 50 for s in recorder.streams.values()):
            await asyncio.sleep(0.2)
        print("ready", flush=True)
        await asyncio.Event().wait()


class Watcher:
    """One viewer: measures when its first picture arrived, the age of pictures, and the amount of data."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.ages: list[float] = []
        self.bytes = 0
        self.seconds = 0.0
        self._wall = 0.0

    async def watch(self, http: aiohttp.ClientSession, url: str) -> None:
        started = time.monotonic()
        async with http.ws_connect(url, headers={TOKEN_HEADER: "t"}, compress=0, max_msg_size=0) as socket:
            async for message in socket:
                if isinstance(message.data, str):
                    self._wall = json.loads(message.data)["wall"]
                    continue
                self.bytes += len(message.data)
                self.seconds = time.monotonic() - started
                if message.data[4:8] != b"moof":
                    continue
                if self.first is None:
                    self.first = time.monotonic() - started
                    continue  # the hub starts with the newest GOP, whose age says nothing about the latency
                begin = struct.unpack_from(">Q", message.data, 60)[0] / 90_000
                self.ages.append(time.time() - self._wall - begin)


async def measure(hub: int, pid: int, viewers: int, seconds: float) -> tuple[float, float, list[Watcher]]:
    """Return the CPU of the recorder without and with viewers (share of a core), and the viewers."""
    idle = await _cpu(pid, seconds)
    watchers = [Watcher() for _ in range(viewers)]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        tasks = []
        for i, watcher in enumerate(watchers):
            tasks.append(asyncio.create_task(watcher.watch(http, f"http://127.0.0.1:{hub}/live/c{i % STREAMS}/sub")))
            await asyncio.sleep(0.02)
        await asyncio.sleep(2)
        busy = await _cpu(pid, seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return idle, busy, watchers


async def _cpu(pid: int, seconds: float) -> float:
    before, started = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - started)


def run(c: BenchContext) -> list[Figure]:
    viewers, seconds = (30, 2.0) if c.quick else (c.count or 300, c.seconds or 20.0)
    hub = c.port + 7
    with virtual_farm(STREAMS, c.port, 4.0, bitrate=RATE):
        command = [sys.executable, "-m", "bench.parts.viewers", str(c.folder), str(c.port), str(hub)]
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("ready")
            idle, busy, watchers = asyncio.run(measure(hub, process.pid, viewers, seconds))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    firsts = sorted(w.first for w in watchers if w.first is not None)
    ages = sorted(a for w in watchers for a in w.ages)
    cost = (busy - idle) / viewers
    first, age = firsts[int(len(firsts) * 0.95)], ages[int(len(ages) * 0.95)]
    return [
        Figure(
            "viewers of one process", len(firsts), "", "300", len(firsts) == viewers and (c.quick or viewers >= 300)
        ),
        Figure(
            "rate a viewer",
            round(sum(w.bytes for w in watchers) * 8 / sum(w.seconds for w in watchers) / 1e6, 2),
            "Mb/s",
        ),
        Figure("one more viewer", round(cost * 100, 3), "% of a core", "≤ 0.3", c.quick or cost <= 0.003),
        Figure("first picture, 95th percentile", round(first * 1000), "ms", "< 300", c.quick or first < 0.3),
        Figure(
            "age of a fragment's first picture, 95th percentile",
            round(age * 1000),
            "ms",
            "< 1000",
            c.quick or age < 1.0,
        ),
    ]


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
