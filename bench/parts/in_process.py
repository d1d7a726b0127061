"""A recorder in the benchmark's own process: opens its database, its disk and the recorder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.clock import SystemClock
from core.database import Database
from core.migrate import upgrade
from core.settings import RecorderSettings
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.recorder.recorder import Recorder
from nvr.storage.volume_set import VolumeSet
from nvr.storage.volumes import prepare


@asynccontextmanager
async def recorder(
    folder: Path, name: str, settings: RecorderSettings | None = None
) -> AsyncIterator[tuple[Recorder, Database]]:
    """Use `name`.db and the volume `name` in the folder.

    The caller stops the recorder; the database is closed at the end.
    """
    database = Database(f"sqlite+aiosqlite:///{folder / name}.db", bytes(32))
    await upgrade(database)
    clock = SystemClock()
    disks = VolumeSet.of(await prepare(database, [folder / name], folder), clock, sync_interval=10, min_free=0)
    running = Recorder(settings or RecorderSettings(), disks, ArchiveLogWriter(database, clock), clock)
    await running.start()
    try:
        yield running, database
    finally:
        await database.close()
