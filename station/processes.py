"""The three kinds of processes: controller, recorder, analyst. Each runs until SIGTERM.

They share nothing but the database, the data folder and the volumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cameras.vault import open_vault
from core import logs
from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import DatabaseUnreachable, MinwangError, TaskFailed
from core.host import open_files, station_lock
from core.secrets import KEY_FILE, Vault
from core.settings import Settings
from core.tasks import BackgroundTasks, run_all, running
from nvr.storage import volumes
from nvr.storage.volumes import VolumeSet
from station import database as station_database
from station.supervision.worker_report import EX_CONFIG, Reporter

if TYPE_CHECKING:
    from health.patrol.probes import Visits

log = logging.getLogger(__name__)

SUPERVISOR = "MINWANG_SUPERVISOR"  # environment of a worker: the process that it belongs to


async def vault_of(settings: Settings, database: Database) -> Vault:
    return await open_vault(database, settings.data.dir / KEY_FILE)


async def volume_set(settings: Settings, database: Database, clock: Clock) -> VolumeSet:
    """The configured volumes as this process sees them."""
    rows = await volumes.prepare(database, settings.volumes)
    recorder = settings.recorder
    return VolumeSet.of(
        rows,
        clock,
        sync_interval=recorder.sync_interval,
        min_free=settings.retention.min_free_bytes,
        hashing=recorder.hashing,
        data=settings.data.dir.absolute(),
    )


def spare_memory() -> None:
    """One arena for all threads (the writer thread frees what the loop allocated), which keeps the memory of
    the last fragments for the next ones: fresh pages from the kernel cost as much as all parsing. And a tick
    makes ten thousand slices, none of them in a cycle: the collector need not look at them a dozen times a tick."""
    gc.set_threshold(200_000, 10, 10)
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in ((-8, 1), (-1, 64 << 20), (-3, 16 << 20)):  # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, value)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone, however it went (prctl PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is not None and os.getppid() != int(supervisor):
        sys.exit("the supervisor has ended while its worker was starting")  # no signal comes for what was before the call


async def until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def visits_of(settings: Settings, database: Database, clock: Clock) -> Visits:
    """How patrol reaches cameras that nobody records: at the recorder's pace, and no faster."""
    from core.network.connect_limiter import ConnectionBudget
    from health.patrol.probes import Visits
    from nvr.edge.keyframe_probe import Visitor

    budget = ConnectionBudget.of_station(settings, clock)
    return Visits(database, await vault_of(settings, database), Visitor(clock, budget, at_once=settings.patrol.visits_at_once))


async def _analyst(settings: Settings, ready: Callable[[], None]) -> None:
    from search.analysis.detectors.load import load
    from search.models import Shelf
    from search.store import upkeep

    # A missing or wrong pack is said at once, by this process, not by its worker.
    packs = upkeep.shelf_of(settings)
    detector = await asyncio.to_thread(load, settings.search, Shelf(packs))
    log.info("search looks with %s", detector.name)
    async with station_database.opened(settings) as database:
        await _look(settings, database, packs, ready)


async def _look(settings: Settings, database: Database, packs: Path, ready: Callable[[], None]) -> None:
    """Patrol, indexing and matching, until SIGTERM."""
    from cases.watch.proposals import Matcher
    from health.patrol.counter_watch import Watch
    from health.patrol.patrol import Patrol
    from nvr.playback.decode_pool import DecodePool
    from search.analysis import pipeline
    from search.indexing.indexer import Indexer
    from search.indexing.reembed import Reembedder
    from search.models import Shelf
    from search.store import upkeep

    clock = SystemClock()
    data_dir = settings.data.dir.absolute()
    pictures = DecodePool(settings.patrol.workers)
    objects = DecodePool(settings.search.processes, 30.0, pipeline.prepare, (settings.search, packs))
    days = await asyncio.to_thread(upkeep.days_of, settings)
    zone, visiting = ZoneInfo(settings.station.timezone), await visits_of(settings, database, clock)
    patrol = Patrol(database, clock, settings.patrol, data_dir, pictures, zone, visiting)
    watch = Watch(database, clock, settings.patrol, settings.retention)
    indexer = Indexer(database, clock, days, objects, settings.search)
    matcher = Matcher(database, clock, days, data_dir)

    reembedder = Reembedder(database, days, objects, Shelf(packs), settings.search.embedder)

    async def index_and_match() -> None:
        if not await indexer.run_once(urgent=await matcher.villages()):
            await reembedder.run_once()  # only while nothing new waits
        await matcher.run_once()

    duties = BackgroundTasks(clock)
    duties.repeat("patrol", 1.0, patrol.run_waiting)
    duties.repeat("watch", settings.patrol.light_seconds, watch.run_once)
    duties.repeat("indexing", 1.0, index_and_match)
    ready()
    await until_stopped()
    await duties.close()
    await run_all(pictures.close(), objects.close())


async def _recorder(settings: Settings, index: int, ready: Callable[[], None]) -> None:
    from station.roles import recorder

    await recorder.run(settings, index, ready)


async def _controller(settings: Settings, ready: Callable[[], None]) -> None:
    from station.roles import controller

    await controller.run(settings, ready)


def run(role: str, settings: Settings, index: int = 0) -> None:
    """Body of a worker process."""
    reporter = Reporter()
    logs.configure(f"{role}-{index}" if role == "recorder" else role)
    open_files.raise_limit()
    os.umask(0o027)
    die_with_parent()
    station_lock.keep_inherited()
    # Each kind imports its own rooms only: a recorder carries no web server and no picture libraries.
    bodies: dict[str, Callable[[], Awaitable[None]]] = {
        "controller": lambda: _controller(settings, reporter.ready),
        "recorder": lambda: _recorder(settings, index, reporter.ready),
        "analyst": lambda: _analyst(settings, reporter.ready),
    }
    try:
        asyncio.run(_beating(reporter, bodies[role]))
    except (DatabaseUnreachable, TaskFailed) as e:
        log.error("%s", e)  # another process may do better: the supervisor starts it
        sys.exit(1)
    except MinwangError as e:
        log.error("%s cannot start: %s", role, e)
        reporter.failed(e)
        sys.exit(EX_CONFIG)


async def _beating(reporter: Reporter, body: Callable[[], Awaitable[None]]) -> None:
    async with running(reporter.beat(), "heartbeat"):
        await body()
