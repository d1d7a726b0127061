"""Recorded footage for the tests of the archive: made once, copied for each test."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from cameras.virtual.rtsp_server import Mount, RtspServer
from core.database import Base, Database
from nvr.archive.segment_index import Segment
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from nvr.tables import Volume
from tests.conftest import open_database, street_clip
from tests.nvr.conftest import eventually, record, segments_of


@pytest.fixture
def database(either_database: Database) -> Database:
    """The archive runs on SQLite and on PostgreSQL."""
    return either_database


@pytest.fixture(scope="package")
def footage_made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """Return three short segments of cam/main: (folder of the volume, rows of the archive)."""
    folder = tmp_path_factory.mktemp("made")
    clip = street_clip()

    async def make() -> dict[str, list[dict[str, Any]]]:
        server = RtspServer([Mount("/cam", {"healthy": clip})])
        port = await server.start("127.0.0.1", 0)
        async with open_database(folder) as database:
            stream = StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/cam", None, EngineKind.NATIVE)
            async with record(database, folder / "video", stream) as machine:
                await eventually(lambda: machine.streams["cam/main"].counters.frames >= 45, 20)
            await server.stop()
            async with database.reading() as session:
                tables = [
                    t for t in Base.metadata.sorted_tables if t.name in ("volume", "footage", "stream_usage", "gap")
                ]
                return {t.name: [dict(r._mapping) for r in await session.execute(select(t))] for t in tables}

    return folder / "video", asyncio.run(make())


@pytest.fixture
async def recorded(
    footage_made_once: tuple[Path, dict[str, list[dict[str, Any]]]], database: Database, tmp_path: Path
) -> list[Segment]:
    """Copy the same recordings to a database and a folder of the test's own."""
    folder, tables = footage_made_once
    await asyncio.to_thread(shutil.copytree, folder, tmp_path / "video")
    async with database.session() as session:
        for name, rows in tables.items():
            if rows:
                await session.execute(insert(Base.metadata.tables[name]), rows)
        await session.execute(update(Volume).values(path=str(tmp_path / "video")))
    return await segments_of(database)
