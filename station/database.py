"""The way to a ready database. What its tables are is told by station.schema: a recorder knows only those it uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core import migrate, station_lock
from core.database import Database
from core.settings import Settings


async def ready(settings: Settings) -> Database:
    """The database, made and migrated where needed. Raises StorageError where the folder cannot be written."""
    await asyncio.to_thread(station_lock.make_folder, settings.data.dir)
    database = Database(settings.database_url)
    try:
        await migrate.upgrade(database)
    except BaseException:
        await database.close()
        raise
    return database


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """As `ready`, closed at the end of the block however that comes."""
    database = await ready(settings)
    try:
        yield database
    finally:
        await database.close()
