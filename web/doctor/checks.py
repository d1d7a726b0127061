"""The list of all checks, in the order in which they are printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.clock import Clock
from core.database import Database
from core.settings import Settings
from web.doctor import archive, clock, data, disks, machine, network
from web.doctor.facts import Check, CheckedStation, CheckState

HOUR = 3600.0
CHECKS = (
    Check("station", data.running),
    Check("versions", machine.versions, keep_s=HOUR),
    Check("database", data.database),
    Check("backlog", data.backlog, keep_s=60),
    Check("registry", data.registry_difference, keep_s=300, limit_s=20),
    Check("disk.space", disks.space, hung=CheckState.FAILED),
    Check("disk.speed", disks.speed, keep_s=HOUR, limit_s=60, heavy=True, hung=CheckState.FAILED),
    Check("disk.volumes", archive.volumes, keep_s=10),
    Check("disk.quarantine", archive.quarantine, keep_s=300, limit_s=20),
    Check("disk.smart", disks.smart, keep_s=HOUR, limit_s=30),
    Check("clock", clock.synchronised),
    Check("clock.retention", archive.deletion_clock, keep_s=10),
    Check("time zone", clock.zone, keep_s=HOUR),
    Check("port.console", network.console),
    Check("port.discovery", network.discovery_port),
    Check("receive buffers", network.receive_buffers),
    Check("multicast", network.multicast, keep_s=60, limit_s=20),
    Check("certificate", data.certificate),
    Check("permissions", machine.rights),
    Check("files", machine.files),
    Check("memory", machine.memory),
    Check("ffmpeg", machine.ffmpeg, keep_s=HOUR, limit_s=20),
    Check("printing", machine.printing, keep_s=HOUR, limit_s=60, heavy=True),
    Check("models", data.models, keep_s=HOUR, limit_s=60, heavy=True),
    Check("backup", data.backup),
)


@asynccontextmanager
async def checked_station(settings: Settings, clock: Clock) -> AsyncIterator[CheckedStation]:
    """Yield the station as a command-line tool sees it. Creates nothing.

    If the SQLite file does not exist, the facts carry no database, and `trouble` says why.
    """
    file = data.database_file(settings)
    if file is not None:
        try:
            await asyncio.to_thread(file.stat)
        except OSError as e:
            yield CheckedStation(settings, clock, trouble=f"{file}: {e.strerror}")
            return
    database = Database(settings.database_url)
    try:
        yield CheckedStation(settings, clock, database)
    finally:
        await database.close()
