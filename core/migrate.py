"""Schema migrations with Alembic: `upgrade` brings a database to the newest version.

The scripts lie in core/migrations/versions. Rooms above core own their tables; whoever calls
`upgrade` has imported them (station.database), so that a test can compare schema and models.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from core.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(database: Database) -> None:
    """Bring the schema to the newest version; does nothing where it is there."""
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_blocking(url: str) -> None:
    """`upgrade` for commands that have no event loop yet."""

    async def run() -> None:
        database = Database(url)
        try:
            await upgrade(database)
        finally:
            await database.close()

    asyncio.run(run())
