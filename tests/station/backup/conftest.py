"""A station with data of every kind, for backups."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.database import Database
from core.secrets import KEY_FILE, Vault
from core.settings import DataSettings, Settings
from station.schema import METADATA
from tests.conftest import open_database
from tests.postgres import open_database as open_postgresql
from tests.rows import table_rows

PASSPHRASE = "eine lange Passphrase"


@pytest.fixture(autouse=True)
def _no_blocking_calls() -> None:
    """Allow blocking calls: a backup runs in its own process without an event loop; these tests run it in threads."""


@pytest.fixture
async def database(server_address: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A new database, once on SQLite at the station's place, and once on PostgreSQL."""
    data = tmp_path / "data"
    await asyncio.to_thread(data.mkdir)
    async with open_postgresql(server_address) if server_address else open_database(data, "minwang.db") as db:
        yield db


@pytest.fixture
async def settings(database: Database, tmp_path: Path) -> Settings:
    address = database.url if database.url.startswith("postgresql") else ""
    return Settings(data=DataSettings(dir=tmp_path / "data", database=address), inventory=tmp_path / "none.yaml")


@pytest.fixture
async def station(database: Database, settings: Settings) -> Settings:
    """A station with rows in every table, a key, and small files."""
    data = settings.data.dir
    vault = await asyncio.to_thread(Vault.open_or_create, data / KEY_FILE)
    async with database.session() as session:
        # As a copied database: without a version, triggers that look at new rows let them pass.
        version = await session.scalar(sa.text("DELETE FROM alembic_version RETURNING version_num"))
        for table, rows in table_rows(METADATA):
            if table.name == "credential":
                rows = [{**r, "sealed": vault.seal("geheim-123", f"credential:{r['name']}")} for r in rows]
            await session.execute(sa.insert(table), rows)
        await session.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    await asyncio.to_thread(_small_files, data)
    return settings


def _small_files(data: Path) -> None:
    for name, content in {
        "patrol/cam-1/a.jpg": b"a picture", "tls/server.crt": b"certificate", "tls/server.key": b"private key",
        "node.token": b"a token", "models/yolo@1/pack.json": b"{}", "recorder-0.box": b"passing", "holes.json": b"[]",
        "video/.minwang-volume.json": b'{"identity": "x"}', "video/cam/main/1.mp4": b"footage",
        "sightings/20260301/thumbs.pack": b"thumbnails", "minwang-20260101T000000Z.tar": b"an older backup",
    }.items():  # fmt: skip
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in ("tls/server.key", "node.token"):
        os.chmod(data / name, 0o600)


async def rows_of(database: Database) -> dict[str, list[object]]:
    async with database.reading() as session:
        return {
            t.name: sorted((tuple(r) for r in await session.execute(sa.select(t))), key=repr)
            for t in METADATA.sorted_tables
        }
