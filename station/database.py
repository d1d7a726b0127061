"""The way to a ready database. What its tables are is told by station.schema: a recorder knows only those it uses."""

from __future__ import annotations

import asyncio

from core import migrate
from core.database import Database
from core.errors import StorageError
from core.settings import Settings


async def ready(settings: Settings) -> Database:
    """The database, made and migrated where needed. Raises StorageError where the folder cannot be written."""
    try:
        await asyncio.to_thread(settings.data.dir.mkdir, parents=True, exist_ok=True, mode=0o750)
    except OSError as e:
        raise StorageError(
            f"{settings.data.dir}: cannot be made ({e.strerror}); set data.dir to a folder that can be written"
        ) from e
    database = Database(settings.database_url)
    await migrate.upgrade(database)
    return database
