"""Opens the station's database: creates, migrates and seals it where needed.

station.schema imports all tables; a recorder imports only those that it uses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url

from core import migrate
from core.audit import opening
from core.database import Database
from core.database_kind import DatabaseKind
from core.host import station_lock
from core.settings import Settings


async def ready(settings: Settings) -> Database:
    """Return the database, created and migrated where needed. Raises StorageError if the folder is not writable."""
    data_dir = settings.data.dir.absolute()
    await asyncio.to_thread(station_lock.make_folder, data_dir)
    await asyncio.to_thread(_close_to_strangers, settings.database_url)
    bare = Database(settings.database_url)
    try:
        await migrate.upgrade(bare)
    finally:
        await bare.close()
    database = Database(settings.database_url, await opening.load_or_create_key(settings.database_url, data_dir))
    try:
        await opening.write_first_row(database, data_dir)
    except BaseException:
        await database.close()
        raise
    return database


def _close_to_strangers(url: str) -> None:
    """Remove access for other users from a database file of an earlier version; its WAL gets the same mode.

    Blocking.
    """
    if DatabaseKind.of_url(url) is not DatabaseKind.SQLITE:
        return
    file = make_url(url).database or ""
    for path in (Path(file), Path(f"{file}-wal"), Path(f"{file}-shm")):
        with contextlib.suppress(OSError):  # does not exist yet, or belongs to another user, who decides about it
            mode = path.stat().st_mode
            if mode & 0o007:
                path.chmod(mode & 0o770)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Provide the database of `ready`; it is always closed at the end of the block."""
    database = await ready(settings)
    try:
        yield database
    finally:
        await database.close()
