"""Schema migrations with Alembic: `upgrade` brings a database to the newest version.

The scripts lie in core/migrations/versions. Rooms above core own their tables; whoever calls
`upgrade` has imported them (station.database), so that a test can compare schema and models.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event

from core.database import Database, sqlite_pragmas

SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(database: Database) -> None:
    """Bring the schema to the newest version, in a thread; does nothing where it is there."""
    await asyncio.to_thread(upgrade_blocking, database.url)


def upgrade_blocking(url: str) -> None:
    """`upgrade` for callers without an event loop."""
    engine = create_engine(url.replace("+aiosqlite", ""))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", sqlite_pragmas)
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _upgrade(connection)
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
