"""A whole network fails and returns: how soon everything records again, and how many connections hit the cameras."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from bench.common import BenchContext, Figure
from bench.parts import in_process
from cameras.virtual.__main__ import load_clip
from cameras.virtual.rtsp_server import Mount, Player, RtspServer
from nvr.engine_choice import EngineKind
from nvr.recorder.recorder import Recorder
from nvr.streams import StreamSpec
from station.runtime import tune_interpreter

OUTAGE_SECONDS = 40.0


async def measure(c: BenchContext, streams: int, outage: float) -> tuple[float, int, int]:
    """Return (seconds until all record again, most connections in one second, systemic-stall events)."""
    clip = load_clip("h264", 300_000, (640, 360), 12.5, 4.0)
    server = RtspServer([Mount(f"/cam{i}", {"healthy": clip}, phase=i % 4) for i in range(streams)])
    arrivals = Counter[int]()
    made = Player.connection_made

    def counted(self: Player, transport: asyncio.BaseTransport) -> None:
        arrivals[int(time.monotonic())] += 1
        made(self, transport)

    Player.connection_made = counted  # type: ignore[method-assign]
    port = await server.start([f"127.0.{i}.1" for i in range(20)], c.port + 5)
    async with in_process.recorder(c.folder, "outage") as (recorder, _):
        # Twenty subnets, one village each, for the connection limiter.
        await recorder.want(
            [
                StreamSpec(f"c{i}/main", f"rtsp://127.0.{i % 20}.1:{port}/cam{i}", None, EngineKind.NATIVE)
                for i in range(streams)
            ]
        )
        await _all_recording(recorder, 120)
        for mount in server.mounts:
            mount.faults.add("dead")
        await asyncio.sleep(outage)
        for mount in server.mounts:
            mount.faults.clear()
        arrivals.clear()
        back = time.monotonic()
        await _all_recording(recorder, 120)
        took = time.monotonic() - back
        stalls = recorder.storm_guard.size
        await recorder.stop()
        await server.stop()
    return took, max(arrivals.values()), stalls


async def _all_recording(recorder: Recorder, limit: float) -> None:
    before = {k: s.counters.frames for k, s in recorder.streams.items()}
    async with asyncio.timeout(limit):
        while not all(s.state == "recording" and s.counters.frames > before[k] for k, s in recorder.streams.items()):
            await asyncio.sleep(0.1)


def run(c: BenchContext) -> list[Figure]:
    tune_interpreter()
    streams, outage = (30, 6.0) if c.quick else (c.streams or 500, OUTAGE_SECONDS)
    took, most, together = asyncio.run(measure(c, streams, outage))
    return [
        Figure("cameras gone and back", streams, "", "500", c.quick or streams >= 500),
        Figure("outage", outage, "s"),
        Figure("all recording again after", round(took, 1), "s", "≤ 60", took <= 60),
        Figure("most connections in one second", most, "", "≤ 21 (20 and a second's edge)", most <= 21),
        Figure("failures seen as one systemic stall", together, "cameras"),
    ]
