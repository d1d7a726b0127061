"""Fixtures for the tests of faults and figures."""

from __future__ import annotations

import pytest

from core.database import Database
from health.tables import Fault
from tests.web.conftest import SignIn
from tests.web.patrol.records import NOW


@pytest.fixture
async def faults(sign_in: SignIn, database: Database) -> dict[str, int]:
    """Two faults of one camera, one of another village, and an up-link fault."""
    made = {}
    async with database.session() as session:
        for name, camera, village, family, detail in (
            ("black", "wj-01", "wangjia", "black", ""), ("moved", "wj-01", "wangjia", "moved", ""),
            ("other", "xd-01", "xidian", "covered", ""), ("uplink", "", "wangjia", "uplink", "wangjia"),
        ):  # fmt: skip
            row = Fault(
                camera=camera,
                village=village,
                family=family,
                state="open",
                severity=1,
                detail=detail,
                figures={"kind": "village"},
                facts={"votes": []},
                first_seen=NOW,
                opened_at=NOW,
                inspections=3,
                times=1,
            )
            session.add(row)
            await session.flush()
            made[name] = row.id
    return made
