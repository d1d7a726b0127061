"""The figures of past days, which are stored once, and the walk over acceptances."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.tables import Camera
from core.clock import HOUR_US, ManualClock, to_microseconds
from core.database import Database
from health.checks import checklist
from health.faults.families import PICTURE_FAMILIES
from health.kpi import figures
from health.kpi.camera_days import bounds
from health.tables import CameraDay, DailyFigures, Inspection, PatrolRound, WrittenDay
from nvr.tables import Gap
from tests.health.kpi.town_rows import TOWN, village_of_two


async def test_days_that_are_over_are_kept_once_by_whom_they_concern(database: Database, clock: ManualClock) -> None:
    """Three days of inspections: each written once, by the local day; a controller that was off catches up."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        for name, vendor in (("c-1", "Ning Hai"), ("c-2", "Tianmu")):
            camera = await session.get_one(Camera, name)
            camera.profile = {**camera.profile, "maintainer": vendor, "sponsor": "Mill"}
        session.add(PatrolRound(id=1, asked_at=clock.now(), asked_by="x", scope={}, cameras=1, inspected=1, faulty=0))
        await session.flush()
        for name in ("c-1", "c-2"):
            session.add(
                Inspection(round=1, camera=name, at=clock.now(), findings={}, unknown=[], figures={}, accepted=False)
            )
    for days, rows in ((0.3, 0), (1, 5), (0, 0), (2, 10)):
        clock.advance(days * 86400)
        assert await figures.write_past_days(database, clock.now(), zone) == rows
    async with database.reading() as session:
        kept = (await session.scalars(select(DailyFigures).order_by(DailyFigures.day))).all()
    assert {(k.kind, k.name) for k in kept} == {
        ("town", ""),
        ("village", "v"),
        ("vendor", "Ning Hai"),
        ("vendor", "Tianmu"),
        ("sponsor", "Mill"),
    }
    assert len({k.day for k in kept}) == 3 and kept[0].figures["cameras"] in (1, 2)


async def test_days_without_a_camera_in_use_are_written_once_and_hold_nothing_up(
    either_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial long ago, then more days without any camera in use than one call writes."""
    monkeypatch.setattr(figures, "MAX_DAYS_PER_RUN", 4)
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, _ = bounds(date(2026, 10, 1), zone)
    await village_of_two(either_database, clock, start, in_use_since="2026-10-10")
    begin = to_microseconds(start)
    async with either_database.session() as session:
        for day in (0, 10):
            at = begin + day * 24 * HOUR_US
            session.add(Gap(stream="c-1/main", start_us=at, end_us=at + HOUR_US, cause="unreachable"))
    now = start + timedelta(days=11, hours=1)  # the 12th
    written = [await figures.write_past_days(either_database, now, zone) for _ in range(4)]
    assert written[:2] == [4, 4] and written[2] > 3 and written[3] == 0  # an empty day has only the town's figures
    async with either_database.reading() as session:
        assert set(await session.scalars(select(CameraDay.day))) == {"2026-10-10", "2026-10-11"}
        kept = (await session.execute(select(WrittenDay.day, WrittenDay.cameras).order_by(WrittenDay.day))).all()
    assert [tuple(k) for k in kept] == [(f"2026-10-{n:02}", int(n >= 10)) for n in range(1, 12)]


async def test_a_round_of_another_village_changes_no_acceptance(either_database: Database, clock: ManualClock) -> None:
    """The camera's own last inspection judges its picture, unless a newer round of the whole town left it out."""

    async def walked(villages: list[str], *cameras: str, unknown: Sequence[str] = ()) -> dict[str, str]:
        clock.advance(60)
        now = clock.now()
        async with either_database.session() as session:
            scope = {"villages": villages} if villages else {}
            patrol = PatrolRound(asked_at=now, asked_by="x", started_at=now, finished_at=now, scope=scope)
            session.add(patrol)
            await session.flush()
            for name in cameras:
                session.add(
                    Inspection(
                        round=patrol.id,
                        camera=name,
                        at=now,
                        findings={},
                        unknown=[*unknown],
                        figures={},
                        accepted=False,
                    )
                )
        async with either_database.reading() as session:
            lists = await checklist.checklists(
                session, (await session.scalars(select(Camera).order_by(Camera.id))).all(), now
            )
        return {name: next(i.state for i in items if i.name == "picture") for name, items in lists.items()}

    await village_of_two(either_database, clock, clock.now())
    assert await walked([], "c-1") == {"c-1": "ok", "c-2": "todo"}
    assert await walked(["w"]) == {"c-1": "ok", "c-2": "todo"}
    assert await walked(["v"], "c-2") == {"c-1": "ok", "c-2": "ok"}
    assert await walked([], "c-2") == {"c-1": "todo", "c-2": "ok"}
    assert await walked(["v"], "c-1", unknown=sorted(PICTURE_FAMILIES)) == {"c-1": "todo", "c-2": "ok"}
