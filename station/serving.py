"""`minwang serve`: the inventory into the registry, then the supervisor until a signal comes."""

from __future__ import annotations

from pathlib import Path

from cameras import inventory, registry
from core import logs
from core.clock import SystemClock
from core.settings import Settings
from core.station_lock import StationLock
from station import database as station_database
from station.backup import adopting
from station.processes import until_stopped, vault_of
from station.supervisor import Supervisor, roles


async def serve(settings: Settings, config: Path | None, lock: StationLock) -> None:
    logs.configure("supervisor")
    clock = SystemClock()
    database = await station_database.ready(settings)
    vault_of(settings)
    if settings.inventory is not None and settings.inventory.exists():
        wanted = inventory.load(settings.inventory)
        async with database.session() as session:
            await registry.apply(session, wanted, clock.now(), "station start")
    await adopting.finish(settings, database, clock)
    await database.close()
    supervisor = Supervisor(roles(settings), config, clock, lock=lock)
    await supervisor.start()
    await until_stopped()
    await supervisor.stop()
