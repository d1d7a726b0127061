"""Fixtures for the tests of the scope."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cases.tables import Case
from core.database import Database
from core.settings import Settings
from search.store import SightingStore
from tests.web.conftest import SignIn
from tests.web.scope.village_objects import MINE, OTHERS, Ids, fill


@pytest.fixture
async def filled(
    sign_in: SignIn, database: Database, station_settings: Settings, sightings: SightingStore
) -> tuple[Ids, Ids]:
    mine = await fill(database, station_settings, sightings, MINE)
    others = await fill(database, station_settings, sightings, OTHERS)
    async with database.reading() as session:
        cases = {c.village: c.id for c in await session.scalars(sa.select(Case))}
    own = {"own_case": cases[MINE], "own_order": mine["order"]}
    return mine | own | {"case": cases[MINE]}, others | own | {"case": cases[OTHERS]}
