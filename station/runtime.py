"""What every process of the station needs: the vault, the volumes, signals, memory settings."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from cameras.vault import open_vault
from core.clock import Clock
from core.database import Database
from core.host import memory
from core.secrets import KEY_FILE, Vault
from core.settings import Settings
from nvr.storage import volumes
from nvr.storage.disk_writer import backlog_limit
from nvr.storage.volumes import VolumeSet

if TYPE_CHECKING:
    from health.patrol.probes import Probes

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
        max_backlog=backlog_limit(await asyncio.to_thread(memory.total_bytes), recorder.workers * len(rows)),
    )


def tune_allocator() -> None:
    """One arena for all threads (the writer thread frees what the loop allocated), which keeps the memory of
    the last fragments for the next ones: fresh pages from the kernel cost as much as all parsing. And a tick
    makes ten thousand slices, none of them in a cycle: the collector need not look at them a dozen times a tick."""
    gc.set_threshold(200_000, 10, 10)
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in (
            (-8, 1),
            (-1, 64 << 20),
            (-3, 16 << 20),
        ):  # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, value)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor is gone, however it went (prctl PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is not None and os.getppid() != int(supervisor):
        sys.exit(
            "the supervisor has ended while its worker was starting"
        )  # no signal comes for what was before the call


async def until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def visits_of(settings: Settings, database: Database, clock: Clock) -> Probes:
    """How patrol reaches cameras that nobody records: at the recorder's pace, and no faster."""
    from core.network.connect_limiter import ConnectLimiter
    from health.patrol.probes import Probes
    from nvr.edge.keyframe_probe import KeyframeProbe

    budget = ConnectLimiter.of_station(settings, clock)
    return Probes(
        database,
        await vault_of(settings, database),
        KeyframeProbe(clock, budget, at_once=settings.patrol.visits_at_once),
    )
