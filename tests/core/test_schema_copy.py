"""The copy of the schema with which tests begin is what the program itself makes of an empty folder."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core import migrate
from core.database import Database
from tests import schema_copy
from tests.core.test_migrations import Station


def facts(file: Path) -> list[object]:
    station = Station(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as db:
        found = [
            station.schema(),
            db.execute("PRAGMA journal_mode").fetchone(),
            db.execute("SELECT version_num FROM alembic_version").fetchone(),
        ]
    station.engine.dispose()
    return found


async def facts_of_new(file: Path) -> list[object]:
    database = Database(f"sqlite+aiosqlite:///{file}")
    await migrate.upgrade(database)
    await database.close()
    return await asyncio.to_thread(facts, file)


async def test_a_copied_schema_is_the_migrated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = await facts_of_new(tmp_path / "copied.db")
    monkeypatch.setattr(migrate, "_in_a_process", schema_copy._run)
    assert copied == await facts_of_new(tmp_path / "migrated.db")
    assert copied[2] == (migrate.newest(),)


def old_with_a_village(file: Path) -> None:
    migrate.run(f"sqlite:///{file}", "upgrade", migrate.revisions()[-2])
    with closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO village (code, name, boundary, subnets, funding) VALUES ('wang', '', '[]', '[]', '[]')")
        db.commit()


def villages(file: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT code FROM village").fetchall()


async def test_a_database_with_rows_is_not_copied_over(tmp_path: Path) -> None:
    """It is taken to the newest version by the migrations themselves."""
    file = tmp_path / "old.db"
    await asyncio.to_thread(old_with_a_village, file)
    assert (await facts_of_new(file))[2] == (migrate.newest(),)
    assert await asyncio.to_thread(villages, file) == [("wang",)]
