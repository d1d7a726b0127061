"""What must hold on PostgreSQL as on SQLite, besides the archive (tests/nvr/archive/recorded)."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import station.schema
from core.database import Database


async def test_migrations_and_models_agree(either_database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), station.schema.METADATA)

    async with either_database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
