"""The counter watch: one cause, one fault, from the recorders' counters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from cameras.registry import inventory, registry
from cameras.tables import Camera, Stream
from core.clock import ManualClock
from core.database import Database
from core.settings import PatrolSettings
from health.patrol.counter_watch import CounterWatch
from health.tables import CameraBaseline, Fault, Maintenance, PatrolRound
from nvr.tables import StreamStatus

VILLAGES = ("a", "b", "c", "d", "e")
OF_A = 93


def _town() -> str:
    lines = ["town: t", "villages:", *(f"  - {{code: {v}, name: {v}}}" for v in VILLAGES), "cameras:"]
    for v in VILLAGES:
        for i in range(OF_A if v == "a" else 12):
            switch = f"s{i % 3}" if v == "b" else ""
            lines.append(
                f'  - {{id: {v}-{i}, name: {v}{i}, village: {v}, switch: "{switch}", streams: {{main: {{url: "rtsp://127.0.0.1/{v}{i}"}}}}}}'
            )
    return "\n".join(lines)


@dataclass
class Town:
    database: Database
    clock: ManualClock
    watch: CounterWatch

    async def tick(self, gone: set[str] = frozenset(), seconds: float = 10.0, **others: dict[str, Any]) -> None:  # type: ignore[assignment]
        """Report a status for each stream and run the watch.

        `gone` cameras have been silent since the last tick; `others` override values of single cameras.
        """
        self.clock.advance(seconds)
        now = self.clock.now()
        async with self.database.session() as session:
            for status in await session.scalars(select(StreamStatus)):
                camera = status.stream.partition("/")[0]
                wanted: dict[str, Any] = {
                    "state": "recording",
                    "cause": "",
                    "last_picture": now,
                    "fps": 25.0,
                    "bitrate": 2e6,
                    "loss": 0.0,
                }
                if camera in gone:
                    wanted = {"state": "waiting", "cause": "unreachable", "last_picture": status.last_picture}
                wanted |= others.get(camera.replace("-", "_"), {})
                for key, value in wanted.items():
                    setattr(status, key, value)
                status.at = now
        await self.watch.run_once()

    async def faults(self, *states: str) -> set[tuple[str, str, str]]:
        async with self.database.reading() as session:
            rows = await session.scalars(select(Fault).where(Fault.state.in_(states or ("open", "recovering"))))
            return {(f.family, f.camera, f.detail) for f in rows}


@pytest.fixture
async def town(database: Database, clock: ManualClock) -> Town:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(_town()), clock.now(), "test")
        await session.execute(update(Stream).values(fps=25.0))
        now = clock.now()
        for camera in await session.scalars(select(Camera)):
            session.add(
                StreamStatus(
                    stream=f"{camera.id}/main",
                    worker="r",
                    engine="native",
                    state="recording",
                    cause="",
                    detail="",
                    at=now,
                    since=now - timedelta(hours=1),
                    last_picture=now,
                    fps=25.0,
                    bitrate=2e6,
                    loss=0.0,
                )
            )
            session.add(CameraBaseline(camera=camera.id, since=now, view=1, fps=25.0, bitrate=2e6))
    return Town(database, clock, CounterWatch(database, clock, PatrolSettings()))


async def test_an_uplink_cut_under_93_cameras_is_one_fault_within_a_minute(town: Town) -> None:
    await town.tick()
    gone = {f"a-{i}" for i in range(OF_A)}
    for _ in range(6):  # a minute
        await town.tick(gone)
        if await town.faults():
            break
    assert await town.faults() == {("uplink", "", "a")}
    assert await town.faults("suspect", "open", "recovering") == {("uplink", "", "a")}, "none of its cameras is blamed"
    async with town.database.reading() as session:
        fault = (await session.scalars(select(Fault))).one()
    assert fault.figures == {"kind": "village", "failing": OF_A, "cameras": OF_A} and fault.village == "a"
    for _ in range(6):
        await town.tick()
        if not await town.faults():
            break
    assert not await town.faults()


async def test_one_camera_that_stays_away_is_its_own_fault(town: Town) -> None:
    gone = {f"a-{i}" for i in range(OF_A)}
    for _ in range(5):
        await town.tick(gone)
    for _ in range(6):
        await town.tick({"a-7"})
    assert await town.faults() == {("unreachable", "a-7", "")}


async def test_a_switch(town: Town) -> None:
    gone = {f"b-{i}" for i in range(0, 12, 3)}
    for _ in range(5):
        await town.tick(gone)
    assert await town.faults() == {("uplink", "", "b/s0")}


async def test_a_station_fault_blames_no_camera(town: Town) -> None:
    await town.tick()
    for _ in range(5):
        town.clock.advance(60)
        await town.watch.run_once()  # no recorder reports
    assert await town.faults("suspect", "open") == {("patrol", "", "station")}
    for _ in range(5):
        await town.tick()
    assert await town.faults() == set()
    everything = {f"{v}-{i}" for v in VILLAGES for i in range(OF_A if v == "a" else 12)}
    for _ in range(5):
        await town.tick(everything)
    assert await town.faults("suspect", "open") == {("patrol", "", "station")}


async def test_a_patrol_that_does_not_run_is_a_fault(town: Town) -> None:
    async with town.database.session() as session:
        now = town.clock.now()
        session.add(
            PatrolRound(
                asked_at=now, asked_by="x", started_at=now, finished_at=now, scope={}, cameras=1, inspected=1, faulty=0
            )
        )
    await town.tick(seconds=3600)
    assert await town.faults("suspect", "open") == set()
    for _ in range(4):
        await town.tick(seconds=1800)
    assert await town.faults() == {("patrol", "", "station")}


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ({"state": "refused"}, "auth"),
        ({"state": "waiting", "cause": "no_packets", "last_picture": None}, "no_stream"),
        ({"fps": 9.0}, "low_fps"),
        ({"bitrate": 1e5}, "low_bitrate"),
        ({"loss": 0.02}, "loss"),
    ],
)
async def test_counter_families(town: Town, said: dict[str, Any], family: str) -> None:
    for _ in range(8):
        await town.tick(seconds=60, c_3=said)
    assert await town.faults() == {(family, "c-3", "")}
    for _ in range(15):
        await town.tick(seconds=60)
    assert await town.faults() == set()


async def test_cameras_in_maintenance_get_no_fault(town: Town) -> None:
    now = town.clock.now()
    async with town.database.session() as session:
        session.add(
            Maintenance(camera="c-3", village=None, start=now, until=now + timedelta(hours=1), reason="pole", by="x")
        )
    for _ in range(6):
        await town.tick({"c-3"})
    assert await town.faults("suspect", "open") == set()


async def test_a_camera_that_moves_to_another_village_in_the_middle(town: Town) -> None:
    for _ in range(5):
        await town.tick({"c-3"})
    async with town.database.session() as session:
        (await session.get_one(Camera, "c-3")).village = "d"
    for _ in range(8):
        await town.tick()
    assert await town.faults() == set()
    async with town.database.reading() as session:
        assert (await session.scalars(select(Fault.village))).all() == ["c"]


async def test_a_clock_that_jumps_back_opens_nothing(town: Town) -> None:
    await town.tick()
    await town.tick({"c-3"})
    town.clock.advance(-7200)
    await town.tick()
    assert await town.faults() == set()
