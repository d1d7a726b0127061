"""What the tests of the doctor's checks share: a station to check, and a database with the town in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from cameras.registry import inventory, registry
from core.clock import SystemClock
from core.database import Database
from core.settings import DataSettings, Settings
from tests.conftest import ROOT
from web.doctor.facts import CheckedStation, CheckResult


def checked_station(folder: Path, database: Database | None = None, **settings: object) -> CheckedStation:
    made_of = Settings(data=DataSettings(dir=folder), **settings)  # type: ignore[arg-type]
    return CheckedStation(made_of, SystemClock(), database)


def states(findings: Sequence[CheckResult]) -> list[str]:
    return [f.state.value for f in findings]


async def apply_inventory(database: Database) -> None:
    town = await asyncio.to_thread(inventory.load, ROOT / "inventory.yaml")
    async with database.session() as session:
        await registry.apply(session, town, SystemClock().now(), "test")
        await session.execute(text("UPDATE stream SET url = 'rtsp://127.0.0.1/x'"))
