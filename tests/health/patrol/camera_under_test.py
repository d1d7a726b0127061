"""A camera whose inspections the test writes, with given results by picture family, through the patrol's writer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.tables import Camera
from core.clock import ManualClock
from core.database import Database
from core.settings import PatrolSettings
from health.faults import fault_log
from health.faults.findings import CheckFindings
from health.patrol.inspection import VISUAL_FAMILIES, InspectionResult
from health.patrol.results import ResultWriter
from health.picture.inspection import InspectionAnswer
from health.tables import Fault, Inspection, PatrolRound
from health.vocabulary import FaultFamily, Light

ZONE = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)
FOUND, CLEAN, UNTESTABLE = "x", ".", "?"
THUMBNAIL = bytes(160 * 90)
TOWN = """
town: t
villages: [{code: v, name: v}, {code: w, name: w}]
cameras:
  - {id: c, name: C, village: v, streams: {main: {url: "rtsp://127.0.0.1/c"}}}
  - {id: d, name: D, village: w, streams: {main: {url: "rtsp://127.0.0.1/d"}}}
"""


@dataclass
class CameraUnderTest:
    """Writes inspections with given results for two picture families; the others are clean."""

    database: Database
    clock: ManualClock
    writer: ResultWriter

    async def look(self, marks: dict[FaultFamily, str], learned: int | None = None) -> None:
        """Write an inspection; `learned`: it was compared with so few accepted ones that the camera learns."""
        now = self.clock.now()
        found = {f: {"figure": 1.0} for f, mark in marks.items() if mark == FOUND}
        unknown = {f for f, mark in marks.items() if mark == UNTESTABLE}
        verdict: dict[str, bool | None] = {f: None if f in unknown else f in found for f in VISUAL_FAMILIES}
        inspection = Inspection(
            round=1, camera="c", at=now, findings=dict(found), unknown=sorted(unknown), figures={}, light=Light.DAY,
            features=b"features", picture=None, accepted=False,
        )  # fmt: skip
        answer = InspectionAnswer(
            CheckFindings(dict(found), set(unknown)), thumb=THUMBNAIL, light=Light.DAY, learning=learned is not None,
            learned=learned or 0,
        )  # fmt: skip
        async with self.database.session() as session:
            faults = (await fault_log.faults_by_camera(session, ["c"], now))["c"]
            result = InspectionResult(
                Camera(id="c", village="v"), inspection, answer, verdict, in_maintenance=False,
                families=frozenset(VISUAL_FAMILIES), shared_weather=False,
            )  # fmt: skip
            await self.writer.record(session, result, faults)
        self.clock.advance(HOUR.total_seconds())

    async def faults(self) -> list[Fault]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Fault)))

    async def accepted_at(self) -> list[datetime]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Inspection.at).where(Inspection.accepted).order_by(Inspection.at)))


async def camera_on(database: Database) -> CameraUnderTest:
    clock = ManualClock()
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        session.add(PatrolRound(id=1, asked_at=clock.now(), asked_by="test", scope={}))
    return CameraUnderTest(database, clock, ResultWriter(PatrolSettings(), ZONE))
