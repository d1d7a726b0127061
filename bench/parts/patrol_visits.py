"""A full round of unrecorded cameras: each is probed, and some of them hang."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bench.common import BenchContext, Figure, virtual_farm
from bench.parts.patrol_round import VILLAGES, remember
from cameras.registry import inventory, registry
from core.clock import SystemClock
from core.database import Database
from core.migrate import upgrade
from core.network.connect_limiter import ConnectLimiter
from core.secrets import Vault
from core.settings import PatrolSettings
from health.patrol.patrol import Patrol
from health.patrol.probes import Probes
from health.patrol.rounds import request
from health.tables import Inspection
from nvr.edge.keyframe_probe import KeyframeProbe
from nvr.playback.decode_pool import DecodePool

CAMERAS, HANGING = 2252, 42
RATE, PER_SUBNET, AT_ONCE = 20.0, 4, 128
SUBNETS = 2  # per village


class Hanging:
    """A server that accepts connections and never sends anything."""

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._hold, "0.0.0.0", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


async def _town(database: Database, cameras: int, hanging: int, port: int, silent: int) -> None:
    """Create cameras in the subnets of their villages, all on this machine; those that hang are spread evenly."""
    step, rows = cameras // hanging, []
    for i in range(cameras):
        village, number = i % VILLAGES, i // VILLAGES
        host = f"127.{1 + village}.{number % SUBNETS}.{1 + number // SUBNETS}"
        url = f"rtsp://{host}:{silent if i % step == 7 and i // step < hanging else port}/cam{i}"
        rows.append(
            f"- {{id: c{i}, name: c, village: v{village}, streams: {{main: {{url: '{url}', record: false}}}}}}\n"
        )
    villages = "".join(f"- {{code: v{i}, name: v{i}}}\n" for i in range(VILLAGES))
    text = f"town: bench\nvillages:\n{villages}cameras:\n{''.join(rows)}"
    async with database.session() as session:
        await registry.apply(session, inventory.parse(text), SystemClock().now(), "bench")


async def _round(c: BenchContext, cameras: int, hanging: int) -> dict[str, Any]:
    folder, clock = c.folder / "visits", SystemClock()
    folder.mkdir()
    database = Database(f"sqlite+aiosqlite:///{folder / 'station.db'}", bytes(32))
    await upgrade(database)
    async with Hanging() as silent:
        await _town(database, cameras, hanging, c.port, silent)
        visitor = KeyframeProbe(clock, ConnectLimiter(clock, RATE, PER_SUBNET), max_concurrent=AT_ONCE)
        frame = await visitor.keyframe("c0/main", f"rtsp://127.0.0.1:{c.port}/cam0", None)
        await remember(database, cameras, [frame], clock.now() - timedelta(hours=1))
        pool = DecodePool(2)
        visits = Probes(database, await asyncio.to_thread(Vault.open_or_create, folder / "key"), visitor)
        patrol = Patrol(database, clock, PatrolSettings(at_once=8), folder, pool, ZoneInfo("Asia/Shanghai"), visits)
        async with database.session() as session:
            number = (await request(session, clock.now(), "schedule")).id
        cpu, began = os.times(), time.monotonic()
        await patrol.run_round(number)
        wall, ended = time.monotonic() - began, os.times()
        await pool.close()
    async with database.reading() as session:
        rows = list(await session.scalars(select(Inspection).where(Inspection.round == number)))
        total = await session.scalar(select(func.count()).select_from(Inspection).where(Inspection.round == number))
    await database.close()
    return {
        "wall": wall, "cpu": sum(ended[:4]) - sum(cpu[:4]), "rows": total or 0,
        "seen": sum(bool(x.features) for x in rows), "gone": sum("unreachable" in x.findings for x in rows),
    }  # fmt: skip


def run(c: BenchContext) -> list[Figure]:
    cameras, hanging = (40, 1) if c.quick else (CAMERAS, HANGING)
    with virtual_farm(cameras, c.port, loop=2.0 if c.quick else 10.0, host="0.0.0.0"):  # all of 127.0.0.0/8
        told = asyncio.run(_round(c, cameras, hanging))
    return [
        Figure("cameras that must be connected to", cameras, ""),
        Figure("round, wall", round(told["wall"], 1), "s", "≤ 120", c.quick or told["wall"] <= 120),
        Figure("round, CPU without the cameras", round(told["cpu"], 1), "CPU-s"),
        Figure("result rows", told["rows"], "", f"{cameras}", told["rows"] == cameras),
        Figure(
            "with a picture that was judged",
            told["seen"],
            "",
            f"{cameras - hanging}",
            told["seen"] == cameras - hanging,
        ),
        Figure("told as unreachable", told["gone"], "", f"{hanging}", told["gone"] == hanging),
    ]
