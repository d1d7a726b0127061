"""Outages of up-links and switches: are they distinguished from single cameras that fail by chance, and how soon?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
from sqlalchemy import select, update

from bench.common import BenchContext, Figure
from cameras.registry import inventory, registry
from cameras.tables import Camera, Stream
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.migrate import upgrade
from core.settings import PatrolSettings
from health.faults import topology
from health.patrol.counter_watch import CounterWatch
from health.tables import Fault
from nvr.recording_state import RecordingState
from nvr.tables import GapCause, StreamStatus

VILLAGES, SWITCHES, CAMERAS = 34, 4, 15
# share of cameras that are off anyway; share of cameras beneath a failed parent that seem to answer
OFFLINE_SHARE, ANSWERING_SHARE = 0.04, 0.03
DAYS = 3000  # village-days
CAMERAS_BENEATH = 93
TICK_S = 10.0


def _village(number: int) -> list[topology.TopologyChild]:
    return [
        topology.TopologyChild(f"{number}-{s}-{i}", f"v{number}", f"s{s}")
        for s in range(SWITCHES)
        for i in range(CAMERAS)
    ]


def by_chance(days: int, seed: int = 5) -> tuple[int, int, int]:
    """Simulate `days` village-days; returns (outages, outages detected correctly, false outages)."""
    rng, outages, told, made_up = np.random.default_rng(seed), 0, 0, 0
    for _ in range(0, days, VILLAGES):
        children = [child for v in range(VILLAGES) for child in _village(v)]
        failing = {c.camera for c in children if rng.random() < OFFLINE_SHARE}
        truth: set[tuple[str, str]] = set()
        for v in range(VILLAGES):
            dice = rng.random()
            if dice < 0.1:
                truth.add(("village", f"v{v}"))
            elif dice < 0.25:
                truth.add(("switch", f"v{v}/s{int(rng.integers(SWITCHES))}"))
        for child in children:
            beneath = ("village", child.village) in truth or ("switch", f"{child.village}/{child.switch}") in truth
            if beneath and rng.random() >= ANSWERING_SHARE:
                failing.add(child.camera)
        found = {(p.kind, p.name) for p in topology.parents_down(topology.parents(children), failing)}
        outages, told, made_up = outages + len(truth), told + len(truth & found), made_up + len(found - truth)
    return outages, told, made_up


async def cut(c: BenchContext) -> tuple[float, float, int]:
    """Cut an up-link; returns (seconds until its fault opens, seconds from return until it closes, faults opened)."""
    database = Database(f"sqlite+aiosqlite:///{c.folder / 'parents.db'}", bytes(32))
    await upgrade(database)
    clock = ManualClock(SystemClock().now())
    rows = "".join(
        f"- {{id: {v}-{i}, name: c, village: {v}, streams: {{main: {{url: 'rtsp://127.0.0.1/{v}{i}'}}}}}}\n"
        for v in ("a", "b", "d", "e")
        for i in range(CAMERAS_BENEATH if v == "a" else 30)
    )
    villages = "".join(f"- {{code: {v}, name: {v}}}\n" for v in ("a", "b", "d", "e"))
    async with database.session() as session:
        await registry.apply(
            session, inventory.parse(f"town: t\nvillages:\n{villages}cameras:\n{rows}"), clock.now(), "bench"
        )
        await session.execute(update(Stream).values(fps=25.0))
        for camera in await session.scalars(select(Camera)):
            session.add(
                StreamStatus(
                    stream=f"{camera.id}/main",
                    worker="r",
                    engine="native",
                    state="recording",
                    cause="",
                    detail="",
                    at=clock.now(),
                    since=clock.now() - timedelta(hours=1),
                    last_picture=clock.now(),
                    fps=25.0,
                    bitrate=2e6,
                    loss=0.0,
                )
            )
    watch = CounterWatch(database, clock, PatrolSettings())

    async def until(gone: bool, wanted: str) -> float:
        began = clock.now()
        while (clock.now() - began).total_seconds() < 600:
            clock.advance(TICK_S)
            async with database.session() as session:
                for status in await session.scalars(select(StreamStatus)):
                    status.at = clock.now()
                    silent = gone and status.stream.startswith("a-")
                    status.state = RecordingState.WAITING if silent else RecordingState.RECORDING
                    status.cause = GapCause.UNREACHABLE if silent else None
                    status.last_picture = status.last_picture if silent else clock.now()
            await watch.run_once()
            async with database.reading() as session:
                state = await session.scalar(select(Fault.state).where(Fault.family == "uplink"))
            if state == wanted:
                return (clock.now() - began).total_seconds()
        return 600.0

    opened, closed = await until(True, "open"), await until(False, "closed")
    async with database.reading() as session:
        faults = len((await session.scalars(select(Fault.id).where(Fault.opened_at.is_not(None)))).all())
    await database.close()
    return opened, closed, faults


def run(c: BenchContext) -> list[Figure]:
    outages, told, made_up = by_chance(DAYS // 10 if c.quick else DAYS)
    opened, closed, faults = asyncio.run(cut(c))
    return [
        Figure("outages of up-links and switches", outages, ""),
        Figure("grouped under their one parent", round(told / outages, 4), "", "≥ 0.99", told >= 0.99 * outages),
        Figure("parents made up", made_up, "", "0", made_up == 0),
        Figure("an up-link cut under 93 cameras: faults", faults, "", "1", faults == 1),
        Figure("opened after", opened, "s", "≤ 60", opened <= 60),
        Figure("closed after its return", closed, "s", "≤ 60", closed <= 60),
    ]
