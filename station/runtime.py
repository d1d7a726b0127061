"""Shared by all processes of the station: the vault, the volumes, signals, memory settings."""

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
from nvr.storage.volume_set import VolumeSet

if TYPE_CHECKING:
    from health.patrol.probes import Probes

SUPERVISOR_PID_VARIABLE = "MINWANG_SUPERVISOR"  # environment variable of a worker: the process id of its supervisor
SWITCH_INTERVAL_S = 0.0005


async def open_vault_of_station(settings: Settings, database: Database) -> Vault:
    return await open_vault(database, settings.data.dir / KEY_FILE)


async def volume_set(settings: Settings, database: Database, clock: Clock) -> VolumeSet:
    """Return the configured volumes as this process sees them."""
    rows = await volumes.prepare(database, settings.volumes, settings.data.dir)
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


def tune_interpreter() -> None:
    """Set malloc, garbage-collector and thread parameters for recording.

    One arena for all threads (the writer thread frees what the event loop allocated), which keeps the memory of the
    last fragments for the next ones: fresh pages from the kernel cost as much CPU as all parsing. And one poll creates
    ten thousand slices, none in a reference cycle: the collector need not run a dozen times per poll.
    """
    gc.set_threshold(200_000, 10, 10)
    # The writer thread makes some thousand system calls a second and needs the interpreter after each of them; the
    # default lets it wait 5 ms for a busy event loop.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD (mallopt(3))
        for option, value in ((-8, 1), (-1, 64 << 20), (-3, 16 << 20)):
            libc.mallopt(option, value)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor ends for whatever reason (prctl PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    supervisor = os.environ.get(SUPERVISOR_PID_VARIABLE)
    if supervisor is not None and os.getppid() != int(supervisor):
        # The kernel sends no signal if the supervisor ended before the call.
        sys.exit("the supervisor has ended while its worker was starting")


async def until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def probes_of(settings: Settings, database: Database, clock: Clock) -> Probes:
    """Return the probes with which patrol reaches unrecorded cameras, within the station's connection limit."""
    from core.network.connect_limiter import ConnectLimiter
    from health.patrol.probes import Probes
    from nvr.edge.keyframe_probe import KeyframeProbe

    budget = ConnectLimiter.of_station(settings, clock)
    return Probes(
        database,
        await open_vault_of_station(settings, database),
        KeyframeProbe(clock, budget, max_concurrent=settings.patrol.visits_at_once),
    )
