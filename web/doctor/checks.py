"""The list of all checks, in the order in which they are printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.clock import Clock
from core.database import Database
from core.settings import Settings
from web.doctor import accounts, archive, clock, data, disks, machine, messages, network
from web.doctor.facts import Check, CheckedStation, CheckName, CheckState

HOUR = 3600.0
CHECKS = (
    Check(CheckName.STATION, data.running),
    Check(CheckName.VERSIONS, machine.versions, keep_s=HOUR),
    Check(CheckName.PROCESSES, data.processes),
    Check(CheckName.DATABASE, data.database),
    Check(CheckName.BACKLOG, data.backlog, keep_s=60),
    Check(CheckName.REGISTRY, data.registry_difference, keep_s=300, limit_s=20),
    Check(CheckName.DISK_SPACE, disks.space, hung=CheckState.FAILED),
    Check(CheckName.DISK_SPEED, disks.speed, keep_s=HOUR, limit_s=60, heavy=True, hung=CheckState.FAILED),
    Check(CheckName.DISK_VOLUMES, archive.volumes, keep_s=10),
    Check(CheckName.DISK_QUARANTINE, archive.quarantine, keep_s=300, limit_s=20),
    Check(CheckName.DISK_SMART, disks.smart, keep_s=HOUR, limit_s=30),
    Check(CheckName.CLOCK, clock.synchronised),
    Check(CheckName.CLOCK_RETENTION, archive.deletion_clock, keep_s=10),
    Check(CheckName.TIME_ZONE, clock.zone, keep_s=HOUR),
    Check(CheckName.PORT_CONSOLE, network.console),
    Check(CheckName.PORT_DISCOVERY, network.discovery_port),
    Check(CheckName.RECEIVE_BUFFERS, network.receive_buffers),
    Check(CheckName.MULTICAST, network.multicast, keep_s=60, limit_s=20),
    Check(CheckName.CERTIFICATE, data.certificate),
    Check(CheckName.PERMISSIONS, machine.rights),
    Check(CheckName.FILES, machine.files),
    Check(CheckName.MEMORY, machine.memory),
    Check(CheckName.FFMPEG, machine.ffmpeg, keep_s=HOUR, limit_s=20),
    Check(CheckName.PRINTING, machine.printing, keep_s=HOUR, limit_s=60, heavy=True),
    Check(CheckName.MODELS, data.models, keep_s=HOUR, limit_s=60, heavy=True),
    Check(CheckName.BACKUP, data.backup),
    Check(CheckName.MESSAGES, messages.messages, keep_s=60),
    Check(CheckName.SECOND_FACTOR, accounts.second_factor, keep_s=60),
    Check(CheckName.SEPARATION, accounts.separate_duties, keep_s=60),
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
