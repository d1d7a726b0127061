"""Days of sightings are deleted as a whole when they expire, and only if the clock is trusted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from core.clock import SECOND, ManualClock, to_microseconds
from core.database import Database
from nvr.archive.retention.retention_clock import RetentionClock
from nvr.clock.plausibility import ClockSnapshot
from search.store import SightingStore, ids
from search.store.sighting_store import Batch
from search.store.upkeep import Upkeep
from tests.search.sightings import sighting


async def test_clock_step_drops_no_day(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    store = SightingStore(tmp_path / "sightings")
    at_ms = to_microseconds(clock.now()) // 1000
    made = sighting(at_ms, 1, 1)
    await asyncio.to_thread(store.write, ids.day_of(at_ms), [Batch("c/main", at_ms * 1000, new=[made], pending=[])])

    def read(_: object) -> ClockSnapshot:
        return ClockSnapshot(to_microseconds(clock.now()), int(uptime * SECOND), "boot")

    retention_clock, uptime = RetentionClock(database, clock, 31, read), 0.0
    assert await Upkeep(database, clock, store, 31, retention_clock).run_once() == 0
    later = ManualClock(clock.now() + timedelta(days=40))
    clock, uptime = later, 60.0
    assert await Upkeep(database, later, store, 31, retention_clock).run_once() == 0
    assert await asyncio.to_thread(store.days)
    uptime = 40 * 86_400.0  # the time has passed by the uptime, too
    assert await Upkeep(database, later, store, 31, retention_clock).run_once() == 1
    await asyncio.to_thread(store.close)
