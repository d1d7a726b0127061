"""The result of the demo: what was found, recorded, patrolled and searched, and whether all that was promised came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from cameras.registry import registry
from cameras.states import StreamKind
from cameras.tables import Camera
from cases.tables import Alert
from core.clock import Clock, to_microseconds
from core.database import Database
from core.settings import Settings
from health.faults.descriptions import describe
from health.tables import Fault
from health.vocabulary import FaultFamily, FaultStatus
from nvr.archive import segment_index
from nvr.archive.reader import ArchiveReader
from nvr.tables import GapCause
from search.query.find import Query, find_ids
from search.store.upkeep import sighting_store_of
from search.vocabulary import classes
from station.demo.inventory import DemoTown
from station.demo.story import DemoStory

EXPECTED_FAULTS = {"wj-02": FaultFamily.BLACK, "yj-02": FaultFamily.FROZEN, "xd-03": FaultFamily.UNREACHABLE}
MIN_RECORDED_S = 5  # of each camera, on average


@dataclass(frozen=True, slots=True)
class GapFacts:
    camera: str
    seconds: float
    cause: GapCause


@dataclass(frozen=True, slots=True)
class DemoFault:
    camera: str
    family: FaultFamily
    detail: str


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """`happened`: promised step → whether it succeeded; `complete`: whether all did."""

    complete: bool
    happened: dict[str, bool]
    cameras_found: int
    villages: int
    recorded_seconds: float
    gaps: list[GapFacts]
    faults: list[DemoFault]
    sightings: int
    people: int
    alerts: int


async def summarise(
    settings: Settings, database: Database, clock: Clock, story: DemoStory, town: DemoTown, *, is_story: bool
) -> DemoSummary:
    now_us = to_microseconds(clock.now())
    async with database.reading() as session:
        faults = [
            DemoFault(f.camera, f.family, describe(f.family, f.figures))
            for f in await session.scalars(
                select(Fault)
                .where(Fault.state == FaultStatus.OPEN, Fault.camera.in_([c.id for c in town.streaming]))
                .order_by(Fault.camera)
            )
        ]
        alerts = await session.scalar(select(func.count(Alert.id)).where(Alert.raised_at >= story.began)) or 0
        first_us = await segment_index.first_start(session) or now_us
        ours = {c.id for c in town.streaming}
        cameras = [c for c in await registry.cameras(session) if c.id in ours]
    people, sightings = await asyncio.to_thread(_count_sightings, settings, story.began)
    recorded_s, gaps = await _coverage(ArchiveReader(database, clock), cameras, first_us, now_us)
    happened = {
        "discovered": story.discovered == len(cameras) and story.identified == len(cameras),
        "recorded": recorded_s > MIN_RECORDED_S * len(cameras),
        "patrolled": {f.camera: f.family for f in faults} == EXPECTED_FAULTS,
        "searched": people > 0,
        "alerted": alerts > 0,
    }
    if not is_story:  # nobody promises what happens in other people's films
        happened = {step: came for step, came in happened.items() if step not in ("searched", "alerted")}
    return DemoSummary(
        complete=all(happened.values()),
        happened=happened,
        cameras_found=story.discovered,
        villages=len(town.inventory.villages),
        recorded_seconds=round(recorded_s, 1),
        gaps=gaps,
        faults=faults,
        sightings=sightings,
        people=people,
        alerts=alerts,
    )


async def _coverage(
    reader: ArchiveReader, cameras: list[Camera], start_us: int, end_us: int
) -> tuple[float, list[GapFacts]]:
    """Return the recorded seconds of all main streams together, and their gaps."""
    recorded_s, gaps = 0.0, list[GapFacts]()
    for camera in cameras:
        for span in await reader.coverage(f"{camera.id}/{StreamKind.MAIN}", start_us, end_us):
            seconds = (span.end_us - span.start_us) / 1e6
            if span.cause:
                gaps.append(GapFacts(camera.id, round(seconds, 1), span.cause))
            else:
                recorded_s += seconds
    return recorded_s, gaps


def _count_sightings(settings: Settings, since: datetime) -> tuple[int, int]:
    """Return the number of people, and of sightings of all classes, seen since a time."""
    days, start_us = sighting_store_of(settings), to_microseconds(since)
    try:
        people = len(find_ids(days, Query(start_us=start_us, classes=classes(["person"]))))
        return people, len(find_ids(days, Query(start_us=start_us)))
    finally:
        days.close()
