"""Fixtures of the tests of the patrol."""

from __future__ import annotations

import pytest

from core.database import Database
from tests.health.patrol.camera_under_test import CameraUnderTest, camera_on


@pytest.fixture
async def camera(database: Database) -> CameraUnderTest:
    return await camera_on(database)
