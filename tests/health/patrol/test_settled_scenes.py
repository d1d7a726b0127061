"""Reference pictures younger than the settling time are told apart: what was not found at first is in them."""

from __future__ import annotations

from core.database import Database
from health.picture import baseline
from tests.health.patrol.camera_under_test import ZONE, camera_on


async def test_settled_reference_pictures_come_first_and_are_counted(database: Database) -> None:
    camera = await camera_on(database)
    for _ in range(12):
        await camera.look({})
    async with database.reading() as session:
        known = (await baseline.load(session, ["c"], camera.clock.now(), 5.0, ZONE))["c"]
        hasty = (await baseline.load(session, ["c"], camera.clock.now(), 5.0, ZONE, pace=0.1))["c"]
    # Those of one and two hours ago, and those of 6 and 12 hours ago.
    assert len(known.scenes) == 4 and known.settled_scenes == 2
    assert len(hasty.scenes) == 4 and hasty.settled_scenes == 4
