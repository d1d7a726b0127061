"""Cameras that are not recorded: faults found by a round of probes, and cameras that are not probed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from cameras.registry import inventory, registry
from cameras.tables import Camera
from core.clock import ManualClock
from core.database import Database
from core.errors import CameraError, CameraRefused, CameraUnreachable, StreamStalled
from core.secrets import Vault
from core.settings import PatrolSettings
from health.patrol.patrol import Patrol
from health.patrol.probes import Probes
from health.patrol.rounds import request
from health.tables import Fault, Inspection
from nvr.archive.reader import Keyframe
from tests.health.frames import coded, street
from tests.health.patrol.test_patrol import InlinePool

ZONE = ZoneInfo("Asia/Shanghai")
TOWN = """
town: t
villages: [{code: v, name: v}, {code: w, name: w}]
cameras:
""" + "\n".join(
    f'  - {{id: {v}-{i}, name: c, village: {v}, streams: {{main: {{url: "rtsp://127.0.0.1/{v}-{i}", record: false}}}}}}'
    for v in "vw"
    for i in range(6)
)


@dataclass
class FakeProbe:
    """Replaces the network: the answer of each camera."""

    frame: Keyframe
    answers: dict[str, CameraError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def keyframe(self, stream: str, url: str, login: Any) -> Keyframe:
        self.asked.append(stream.partition("/")[0])
        if error := self.answers.get(self.asked[-1]):
            raise error
        return self.frame


@dataclass
class Town:
    database: Database
    clock: ManualClock
    probe: FakeProbe
    patrol: Patrol

    async def round(self) -> None:
        self.clock.advance(3600)
        async with self.database.session() as session:
            await request(session, self.clock.now(), "test")
        self.probe.asked.clear()
        assert await self.patrol.run_next()

    async def faults(self) -> dict[tuple[str, str], str]:
        async with self.database.reading() as session:
            return {(f.camera or f.detail, f.family): f.state for f in await session.scalars(select(Fault))}


@pytest.fixture
async def town(database: Database, clock: ManualClock, tmp_path: Path) -> Town:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
    probe = FakeProbe(coded(street(1))[0])
    visits = Probes(database, Vault(b"k" * 32), probe)  # type: ignore[arg-type]
    return Town(database, clock, probe, Patrol(database, clock, PatrolSettings(), tmp_path, InlinePool(), ZONE, visits))


async def test_every_camera_has_its_row_and_a_picture(town: Town) -> None:
    await town.round()
    async with town.database.reading() as session:
        inspections = (await session.scalars(select(Inspection))).all()
    assert (
        len(inspections) == 12
        and all(x.features and x.findings == {} for x in inspections)
        and await town.faults() == {}
    )


async def test_each_refusal_has_its_family_and_a_credential_is_tried_once(town: Town) -> None:
    town.probe.answers = {"v-0": CameraUnreachable("no"), "v-1": CameraRefused("no"), "v-2": StreamStalled("nothing")}
    await town.round()
    await town.round()
    assert await town.faults() == {
        ("v-0", "unreachable"): "open",
        ("v-1", "auth"): "open",
        ("v-2", "no_stream"): "open",
    }
    assert "v-1" not in town.probe.asked, "a refused credential rests until a person acts"
    town.probe.answers = {}
    async with town.database.session() as session:
        await session.execute(update(Camera).values(refused_at=None))
    for _ in range(3):
        await town.round()
    assert set((await town.faults()).values()) == {"closed"}


async def test_a_village_that_does_not_answer_is_one_fault(town: Town) -> None:
    town.probe.answers = {f"w-{i}": CameraUnreachable("no") for i in range(6)}
    for _ in range(3):
        await town.round()
    states = await town.faults()
    assert states[("w", "uplink")] == "open" and "open" not in {s for (name, _), s in states.items() if name != "w"}
    town.probe.answers = {}
    for _ in range(3):
        await town.round()
    assert "open" not in (await town.faults()).values()
