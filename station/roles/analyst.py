"""The analyst process: patrol, indexing and matching."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from core.clock import SystemClock
from core.database import Database
from core.host.process_role import ProcessRole
from core.settings import Settings
from core.tasks import BackgroundTasks, run_all
from nvr.recorder.heartbeats import HEARTBEAT_SECONDS, Heartbeat
from station import database as station_database
from station.runtime import probes_of, until_stopped

log = logging.getLogger(__name__)


async def run(settings: Settings, ready: Callable[[], None]) -> None:
    from search.analysis.detectors.load import load
    from search.models import ModelRegistry
    from search.store import upkeep

    # Load the detector here: this process, not its worker, should report a missing or wrong pack, at once.
    packs = upkeep.model_dir_of(settings)
    detector = await asyncio.to_thread(load, settings.search, ModelRegistry(packs))
    log.info("search looks with %s", detector.name)
    async with station_database.opened(settings) as database:
        await _look(settings, database, packs, ready)


async def _look(settings: Settings, database: Database, packs: Path, ready: Callable[[], None]) -> None:
    """Run patrol, indexing and matching until SIGTERM."""
    from cases.watch.matcher import Matcher
    from health.patrol.counter_watch import CounterWatch
    from health.patrol.patrol import Patrol
    from nvr.playback.decode_pool import DecodePool
    from search.analysis import pipeline
    from search.indexing.indexer import Indexer
    from search.indexing.reembed import Reembedder
    from search.models import ModelRegistry
    from search.store import upkeep

    clock = SystemClock()
    data_dir = settings.data.dir.absolute()
    pictures = DecodePool(settings.patrol.workers)
    objects = DecodePool(settings.search.processes, 30.0, pipeline.prepare, (settings.search, packs))
    days = await asyncio.to_thread(upkeep.sighting_store_of, settings)
    zone, visiting = ZoneInfo(settings.station.timezone), await probes_of(settings, database, clock)
    patrol = Patrol(database, clock, settings.patrol, data_dir, pictures, zone, visiting)
    watch = CounterWatch(database, clock, settings.patrol, settings.retention)
    indexer = Indexer(database, clock, days, objects, settings.search)
    matcher = Matcher(database, clock, days, data_dir, zone)

    reembedder = Reembedder(database, days, objects, ModelRegistry(packs), settings.search.embedder)

    async def index_and_match() -> None:
        if not await indexer.run_once(urgent=await matcher.villages()):
            await reembedder.run_once()  # only while no new footage waits
        await matcher.run_once()

    duties = BackgroundTasks(clock)
    heartbeat = Heartbeat(ProcessRole.ANALYST, "analyst", clock)
    duties.repeat("heartbeat", HEARTBEAT_SECONDS, partial(heartbeat.store, database))
    duties.repeat("patrol", 1.0, patrol.run_next)
    duties.repeat("watch", settings.patrol.light_seconds, watch.run_once)
    duties.repeat("indexing", 1.0, index_and_match)
    ready()
    await until_stopped()
    await duties.close()
    await run_all(pictures.close(), objects.close())
