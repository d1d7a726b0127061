"""The week of a camera: what nobody inspected, or nothing could judge, is never shown as good."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import Database
from core.errors import NotFoundError
from health.patrol import camera_week
from health.patrol.camera_week import DayResult
from health.patrol.inspection import VISUAL_FAMILIES
from health.tables import CameraBaseline, Fault, Inspection, PatrolRound
from health.vocabulary import FaultFamily, FaultStatus, Light

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 8, 15, tzinfo=ZONE)


def fault(family: str, first_seen: datetime = NOW, closed_at: datetime | None = None) -> Fault:
    return Fault(
        camera="wj-01", village="wangjia", family=FaultFamily(family), severity=1, first_seen=first_seen,
        state=FaultStatus.OPEN if closed_at is None else FaultStatus.CLOSED, closed_at=closed_at,
    )  # fmt: skip


async def inspect(
    session: AsyncSession, days_ago: int, *found: str, unknown: frozenset[FaultFamily] | None = None,
    picture: str | None = None, light: Light = Light.DAY, accepted: bool = False, camera: str = "wj-01", hour: int = 9,
) -> int:  # fmt: skip
    if await session.get(PatrolRound, 1) is None:
        session.add(PatrolRound(id=1, asked_at=NOW, asked_by="schedule"))
        await session.flush()
    row = Inspection(
        round=1, camera=camera, at=(NOW - timedelta(days=days_ago)).replace(hour=hour), findings={f: {} for f in found},
        unknown=sorted(unknown or ()), figures={}, picture=picture, light=light, accepted=accepted,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row.id


async def test_a_day_is_good_only_where_the_fault_was_judged(database: Database) -> None:
    async with database.session() as session:
        session.add(row := fault("covered"))
        await inspect(session, 5, unknown=VISUAL_FAMILIES, light=Light.NONE)
        await inspect(session, 4, unknown=frozenset({FaultFamily.COVERED}))
        await inspect(session, 3)
        await inspect(session, 2, "blurred", "blurred_part")
        await inspect(session, 2, "blurred")
        await inspect(session, 1, unknown=frozenset({FaultFamily.COVERED}))
        kept = await inspect(session, 1, "covered", picture="b.jpg")
        await inspect(session, 1, picture="a.jpg", hour=11)
        await inspect(session, 3, "covered", camera="wj-02")
        week = await camera_week.of_fault(session, row, NOW, ZONE)
    found, other, clean, unknown = DayResult.FOUND, DayResult.OTHER, DayResult.CLEAN, DayResult.UNKNOWN
    assert [d.result for d in week] == [unknown, unknown, unknown, clean, other, found, unknown]
    assert [str(d.day) for d in week][::6] == ["2026-07-02", "2026-07-08"]
    assert [f for f, _ in week[4].families.most_common()] == ["blurred", "blurred_part"]
    day = week[5]
    assert (day.inspections, day.found, day.judged, day.picture) == (3, 1, 2, kept), "the picture that shows the fault"


async def test_a_fault_of_the_counters_was_there_while_it_lasted(database: Database) -> None:
    """The inspections do not judge it: without it, a day is clean where a picture was judged."""
    async with database.session() as session:
        row = fault("unreachable", NOW - timedelta(days=1))
        before = fault("unreachable", NOW - timedelta(days=5, hours=3), NOW - timedelta(days=5, hours=1))
        session.add_all([row, before, fault("loss", NOW - timedelta(days=6))])
        for day in (4, 3):
            await inspect(session, day)
        await inspect(session, 2, unknown=VISUAL_FAMILIES, light=Light.NONE)
        week = await camera_week.of_fault(session, row, NOW, ZONE)
    found, clean, unknown = DayResult.FOUND, DayResult.CLEAN, DayResult.UNKNOWN
    assert [d.result for d in week] == [unknown, found, clean, clean, unknown, found, found]


async def test_references_by_day_and_night_are_of_the_present_view(database: Database) -> None:
    async with database.session() as session:
        session.add(CameraBaseline(camera="wj-01", since=NOW - timedelta(days=10)))
        await inspect(session, 20, picture="old.jpg", accepted=True, light=Light.NIGHT)
        day = await inspect(session, 2, picture="day.jpg", accepted=True)
        await inspect(session, 1, picture="faulty.jpg")
        await inspect(session, 1, accepted=True)
        assert [(r.light, r.inspection) for r in await camera_week.references(session, "wj-01", NOW)] == [("day", day)]
        night = await inspect(session, 9, picture="night.jpg", accepted=True, light=Light.NIGHT)
        found = await camera_week.references(session, "wj-01", NOW)
        assert [(r.light, r.inspection) for r in found] == [("day", day), ("night", night)]
        other = await inspect(session, 1, picture="x.jpg", camera="wj-02")
        with pytest.raises(NotFoundError):
            await camera_week.picture_of(session, fault("black"), other)


async def test_the_queries_do_not_grow_with_the_archive(database: Database) -> None:
    """They read a stretch of the index over camera and time, however many inspections there are."""
    said: list[str] = []
    async with database.session() as session:
        session.add(row := fault("covered"))
        await inspect(session, 1)
        listener = lambda conn, cursor, text, *rest: said.append(text)  # noqa: E731
        event.listen(database.engine.sync_engine, "before_cursor_execute", listener)
        await camera_week.of_fault(session, row, NOW, ZONE)
        await camera_week.references(session, "wj-01", NOW)
        event.remove(database.engine.sync_engine, "before_cursor_execute", listener)
        asked = [text for text in said if "FROM inspection" in text]
        assert len(asked) == 3 and all("inspection.at >=" in text and "LIMIT" in text for text in asked)
        plan = str((await (await session.connection()).exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM inspection WHERE camera = 'a' AND at >= '2026' ORDER BY at DESC LIMIT 9"
        )).all()) if database.engine.dialect.name == "sqlite" else "ix_inspection_camera_at"  # fmt: skip
        assert "ix_inspection_camera" in plan
