"""What must hold on PostgreSQL as on SQLite, beside the archive (tests/nvr/test_archive.py runs on both)."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError

import station.schema
from core import audit
from core.audit import AuditRow
from core.clock import SystemClock
from core.database import Database


async def test_migrations_and_models_agree(either_database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), station.schema.METADATA)

    async with either_database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_audit_trail_is_append_only_and_chained(either_database: Database) -> None:
    now = SystemClock().now()

    async def write(number: int) -> None:
        async with either_database.session() as session:
            await audit.record(session, now, f"actor {number}", "a.b", "x")

    await asyncio.gather(*(write(i) for i in range(8)))
    async with either_database.reading() as session:
        assert await audit.verify(session) is None
        assert len((await session.scalars(select(AuditRow))).all()) == 8
    for statement in ("UPDATE audit SET actor = 'me'", "DELETE FROM audit"):
        with pytest.raises(SQLAlchemyError, match="append-only"):
            async with either_database.session() as session:
                await session.execute(text(statement))
