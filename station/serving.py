"""`minwang serve`: an empty registry takes the inventory over, then the supervisor runs until a signal comes."""

from __future__ import annotations

from pathlib import Path

from core import logs
from core.clock import SystemClock
from core.settings import Settings
from core.station_lock import StationLock
from station import database as station_database
from station import town
from station.backup import adopting
from station.processes import until_stopped, vault_of
from station.supervisor import Supervisor, roles


async def serve(settings: Settings, config: Path | None, lock: StationLock) -> None:
    logs.configure("supervisor")
    clock = SystemClock()
    database = await station_database.ready(settings)
    vault_of(settings)
    await town.take_over(settings, database, clock)
    await adopting.finish(settings, database, clock)
    await database.close()
    supervisor = Supervisor(roles(settings), config or settings.source.path, clock, lock=lock)
    await supervisor.start()
    await until_stopped()
    await supervisor.stop()
