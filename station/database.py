"""The whole schema in one place, and the way to a ready database."""

from __future__ import annotations

import asyncio

import cameras.tables
import cases.tables
import core.accounts
import core.audit
import core.events
import health.tables
import nvr.tables
import search.tables
from core import migrate
from core.database import Base, Database
from core.errors import StorageError
from core.settings import Settings

ROOMS = (core.accounts, core.audit, core.events, cameras.tables, nvr.tables, health.tables, search.tables, cases.tables)
METADATA = Base.metadata


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
