"""The villages and segments of these tests."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from cameras.records import CameraProfile
from cameras.registry import inventory, registry
from cameras.tables import Camera
from core.clock import HOUR_US, ManualClock
from core.database import Database
from nvr.archive.segment_index import Segment

TOWN = """
town: t
villages: [{code: v, name: v}, {code: w, name: w}]
cameras:
  - {id: c-1, name: a, village: v, switch: s, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
  - {id: c-2, name: b, village: v, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
"""


def hourly(begin: int, over: int) -> list[Segment]:
    """Return segments of c-1's main stream of one hour each; a segment holds at most 71 minutes."""
    return [Segment("c-1/main", 1, at, min(at + HOUR_US, over), 1, 1, 1) for at in range(begin, over, HOUR_US)]


async def village_of_two(
    database: Database, clock: ManualClock, since: datetime, **profile: Unpack[CameraProfile]
) -> None:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), since, "test")
        camera = await session.get_one(Camera, "c-1")
        camera.profile = camera.profile | profile
