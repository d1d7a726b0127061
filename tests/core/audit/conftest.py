"""The trail of these tests: twelve rows, sealed after ten."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import ManualClock
from core.database import Database
from tests.core.audit.trails import Trail


@pytest.fixture
async def trail(either_database: Database, clock: ManualClock, tmp_path: Path) -> Trail:
    return await Trail(either_database, clock, tmp_path).made()
