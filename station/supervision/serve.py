"""`minwang serve`: first checks everything that could keep the station from working and reports it as one sentence;
then applies the inventory to the registry and runs the supervisor until a signal arrives or a worker cannot be
started.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path

from cameras.vault import check_vault
from core import logs
from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import DatabaseUnreachable
from core.host import open_files
from core.host.service_manager import Notifier
from core.host.station_lock import StationLock
from core.network import ports
from core.secrets import KEY_FILE
from core.settings import Settings, TlsMode
from core.tasks import end, spawn
from nvr.storage import volumes
from station import database as station_database
from station import inventory_start
from station.backup import index_newer_footage
from station.runtime import open_vault_of_station, until_stopped
from station.supervision.status_reporter import StatusReporter
from station.supervision.supervisor import Supervisor, roles

log = logging.getLogger(__name__)
ASK_SECONDS = 2.0  # between two attempts to reach a database that is starting


async def serve(settings: Settings, config: Path | None, lock: StationLock, wait_for_database: float) -> None:
    """Run the station. Raises a MinwangError if it cannot work.

    `wait_for_database`: seconds that the database server may take to start.
    """
    logs.configure("supervisor")
    open_files.raise_limit()
    os.umask(0o027)  # files of a station are not readable for other users of its machine; its processes inherit this
    clock, notifier = SystemClock(), Notifier()
    stopping = spawn(until_stopped(), "signals")
    starting = spawn(_prepare(settings, clock, notifier, wait_for_database), "start")
    await asyncio.wait((stopping, starting), return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        try:
            starting.result()
            await _run(settings, config, lock, notifier, stopping)
        finally:
            stopping.cancel()
            notifier.stopping()
    else:
        await end(starting)


async def _prepare(settings: Settings, clock: Clock, notifier: Notifier, wait_for_database: float) -> None:
    await asyncio.to_thread(_check_ports, settings)
    database = await _reach(settings, clock, notifier, wait_for_database)
    try:
        await check_vault(database, await open_vault_of_station(settings, database), settings.data.dir / KEY_FILE)
        await inventory_start.apply_or_compare(settings, database, clock)
        rows = await volumes.prepare(database, settings.volumes, settings.data.dir)
        await asyncio.to_thread(volumes.check_not_foreign, rows, settings.data.dir)
        await index_newer_footage.adopt_newer_footage(settings, database, clock)
    finally:
        await database.close()
    if shutil.which("ffmpeg") is None:
        log.error(
            "ffmpeg is not installed: streams that the native engine cannot record are not recorded, and H.265 is not "
            "converted for browsers; install it: apt-get install ffmpeg"
        )


def _check_ports(settings: Settings) -> None:
    web = settings.web
    ports.check(web.host, web.port, "web.port")
    if web.tls is TlsMode.OWN and web.redirect_port:
        ports.check(web.host, web.redirect_port, "web.redirect_port")


async def _reach(settings: Settings, clock: Clock, notifier: Notifier, patience: float) -> Database:
    """Return the database; waits for a server that is still starting. Raises StorageError."""
    until = clock.monotonic() + patience
    while True:
        try:
            return await station_database.ready(settings)
        except DatabaseUnreachable as e:
            left = until - clock.monotonic()
            if left <= 0:
                raise
            log.warning("%s; retrying for another %.0f s", e, left)
            notifier.status(f"waiting for the database: {e}")
        await clock.sleep(min(max(ASK_SECONDS, patience / 10), left))


async def _run(
    settings: Settings, config: Path | None, lock: StationLock, notifier: Notifier, stopping: asyncio.Task[None]
) -> None:
    clock = SystemClock()
    supervisor = Supervisor(roles(settings), config or settings.source.path, clock, lock=lock, analyst_waits=True)
    reporter = StatusReporter(supervisor, notifier, lock.folder, clock, lambda: log.info("the station is ready"))
    await supervisor.start()
    watching = spawn(reporter.run(), "reporter")
    failing = spawn(supervisor.until_failed())
    try:
        await asyncio.wait((stopping, failing, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(failing, *(() if watching.done() else (watching,)))
        await reporter.close()
        await supervisor.stop()
    if supervisor.failed is not None:
        raise supervisor.failed
    if not stopping.done():
        watching.result()
