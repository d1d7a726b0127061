"""Fixtures for the tests of the correction."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.database import Database
from tests.nvr.clock_correction.recorded_files import RecordedFiles


@pytest.fixture
async def filed(database: Database, tmp_path: Path) -> RecordedFiles:
    return RecordedFiles(database, tmp_path / "video")
