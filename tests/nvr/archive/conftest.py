from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.database import Database
from nvr.archive import segment_index
from nvr.storage.volumes import prepare
from tests.nvr.damaged_files import START


@pytest.fixture
async def folder(database: Database, tmp_path: Path) -> Path:
    """Return the folder of a stream's day on a volume."""
    await prepare(database, [tmp_path / "disk"], tmp_path)
    found = tmp_path / "disk" / "cam" / "main" / segment_index.name_of(START).partition("/")[0]
    await asyncio.to_thread(found.mkdir, parents=True)
    return found


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return the folder of a volume without an identity file."""
    (tmp_path / "v").mkdir()
    return tmp_path / "v"
