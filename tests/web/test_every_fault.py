"""Each fault in a running virtual camera: patrol opens it, the pages show it, it gets an order, and it closes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import select, update

from cameras.registry import inventory, registry
from cameras.tables import Camera, Stream
from cameras.virtual.clip import LoopClip, encode
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.accounts.permissions import Role
from core.clock import Clock, ManualClock, SystemClock
from core.database import Database
from core.network.connect_limiter import ConnectLimiter
from core.secrets import Vault
from core.settings import PatrolSettings
from health.faults.families import FAMILIES
from health.patrol.patrol import Patrol
from health.patrol.probes import Probes
from health.patrol.rounds import request
from health.tables import Fault
from nvr.edge.keyframe_probe import KeyframeProbe
from nvr.playback.decode_pool import DecodePool
from tests.health import simulated_views, synthetic_faults
from tests.health.simulated_views import Guests, Place, Weather
from tests.web.conftest import HEADERS, Client, SignIn

# What is put into a camera → the families that may name it. Lost colour is missing: it takes days to be noticed
# (covered by bench and judge).
PICTURES = {
    name: synthetic_faults.EXPECTED_FAMILIES[name]
    for name in (
        "no_signal",
        "black",
        "over",
        "under",
        "veil",
        "defocus",
        "drops",
        "cast",
        "noise",
        "stripes",
        "torn",
        "cloth",
        "turned",
    )
}
LINES = {
    "dead": {"unreachable", "no_stream"},
    "silent": {"unreachable"},
    "wrong_password": {"auth"},
    "other_size": {"parameters"},
    "late": {"clock"},
}
WANTED = PICTURES | LINES
LEARNING_ROUNDS = 8
SETTLING_HOURS = 5  # hours, after which the last of the learning inspections is the reference


def camera_of(name: str) -> str:
    return name.replace("_", "-")


NAMES = {camera_of(n): n for n in WANTED}


class SteppedClock(ManualClock):
    """The test advances the hours; connections use real time."""

    def __init__(self) -> None:
        super().__init__(SystemClock().now() - timedelta(hours=LEARNING_ROUNDS + SETTLING_HOURS + 6))
        self._real: Clock = SystemClock()

    def monotonic(self) -> float:
        return self._real.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)


def _clips(name: str) -> dict[str, LoopClip]:
    """A quiet place in daylight, in several pictures, and the same place with its fault."""
    place, rng = Place(name, simulated_views.drawn(5), np.random.default_rng(11)), np.random.default_rng(3)
    healthy = [
        simulated_views.shoot(place, 12.0 + i / 20, Weather(0.9), Guests(people=1), rng).picture for i in range(10)
    ]
    made = {"healthy": encode(healthy, fps=5, gop=1, crf=24)}
    if name in PICTURES:
        broken = [synthetic_faults.apply_fault(name, 3, p.copy(), np.random.default_rng(7)) for p in healthy]
        made[name] = encode(broken, fps=5, gop=1, crf=24)
    return made


@pytest.fixture
async def mounts() -> AsyncIterator[tuple[int, dict[str, Mount]]]:
    made = {n: Mount(f"/{n}", await asyncio.to_thread(_clips, n), login=("u", "p")) for n in WANTED}
    server = RtspServer(list(made.values()))
    yield await server.start("127.0.0.1", 0), made
    await server.stop()


@pytest.mark.long
async def test_every_fault_family_from_picture_to_register(
    sign_in: SignIn, database: Database, mounts: tuple[int, dict[str, Mount]], tmp_path: Path
) -> None:
    port, virtual = mounts
    clock, zone = SteppedClock(), await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    officer = await sign_in(Role.VIDEO_OFFICER)
    vault = await asyncio.to_thread(Vault.open_or_create, tmp_path / "key")
    await _town(database, vault, clock, port)
    pool = DecodePool(2)
    # One address block per camera, so that none waits for another.
    visitor = KeyframeProbe(clock, ConnectLimiter(clock, 200, 40), answer_timeout_s=2.0, timeout_s=2.0)
    patrol = Patrol(
        database,
        clock,
        PatrolSettings(learning_looks=LEARNING_ROUNDS),
        tmp_path,
        pool,
        zone,
        Probes(database, vault, visitor),
    )

    async def hour() -> None:
        clock.advance(3600)
        async with database.session() as session:
            await request(session, clock.now(), "test")
        assert await patrol.run_next()

    async def opened(state: tuple[str, ...] = ("open",)) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        async with database.reading() as session:
            for fault in await session.scalars(select(Fault).where(Fault.state.in_(state), Fault.camera.in_(NAMES))):
                found.setdefault(NAMES[fault.camera], set()).add(fault.family)
        return found

    try:
        for _ in range(LEARNING_ROUNDS):
            await hour()
        clock.advance(SETTLING_HOURS * 3600)
        assert await opened(("suspect", "open")) == {}
        await _break(database, virtual)
        for _ in range(5):
            await hour()
        found = await opened()
        wrong = {name: found.get(name) for name, right in WANTED.items() if not right & found.get(name, set())}
        assert not wrong, wrong
        await _shown(officer, found)
        await _mend(database, virtual)
        for _ in range(4):
            await hour()
        assert await opened() == {}
    finally:
        await pool.close()


async def _town(database: Database, vault: Vault, clock: Clock, port: int) -> None:
    rows = "\n".join(
        f"- {{id: {camera_of(n)}, name: {n}, village: {camera_of(n)}, credential: all, "
        f"streams: {{main: {{url: 'rtsp://127.0.0.1:{port}/{n}', record: false}}}}}}"
        for n in WANTED
    )
    # One village per camera: what many cameras of one village show at once would count as shared weather.
    villages = "".join(f"- {{code: {camera_of(n)}, name: {n}}}\n" for n in WANTED)
    text = f"town: t\nvillages:\n{villages}credentials: [{{name: all, username: u}}]\ncameras:\n{rows}\n"
    async with database.session() as session:
        await registry.apply(session, inventory.parse(text), clock.now(), "test", confirm_retiring=True)
        await registry.set_password(session, vault, "all", "p", clock.now(), "test")
        await session.execute(update(Stream).values(codec="H264", width=640, height=360))


async def _break(database: Database, virtual: dict[str, Mount]) -> None:
    for name in (*PICTURES, "dead", "silent", "wrong_password"):
        virtual[name].faults.add(name)
    async with database.session() as session:
        await session.execute(
            update(Stream).where(Stream.camera == camera_of("other_size")).values(width=1280, height=720)
        )
        await session.execute(update(Camera).where(Camera.id == "late").values(clock_offset=75.0))


async def _mend(database: Database, virtual: dict[str, Mount]) -> None:
    for mount in virtual.values():
        mount.faults.clear()
    async with database.session() as session:
        await session.execute(
            update(Stream).where(Stream.camera == camera_of("other_size")).values(width=640, height=360)
        )
        await session.execute(update(Camera).values(clock_offset=0.1, refused_at=None))


async def _shown(officer: Client, found: dict[str, set[str]]) -> None:
    await officer.post("/api/session/purpose", json={"purpose": "patrol"}, headers=HEADERS)
    told = await (await officer.get("/api/patrol?limit=500")).json()
    rows = {(NAMES[f["camera"]], f["family"]): f for f in told["faults"] if f["camera"] in NAMES}
    assert set(rows) >= {(c, f) for c, families in found.items() for f in families}
    seen = [f for f in rows.values() if NAMES[f["camera"]] in PICTURES and FAMILIES[f["family"]].kind == "picture"]
    assert (
        all(f["has_picture"] for f in seen)
        and (await officer.get(f"/api/faults/{seen[0]['id']}/picture")).status == 200
    )
    reply = await officer.post("/api/orders", json={"faults": [f["id"] for f in rows.values()]}, headers=HEADERS)
    assert {NAMES[o["camera"]] for o in await reply.json()} >= set(found), await reply.text()
    page = await (
        await officer.get(f"/register/{SystemClock().now().astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}")
    ).text()
    for families in found.values():
        for family in families:
            assert FAMILIES[family].chinese in page, family
