"""Which hours and gaps count for a day: commissioning, retirement, retention and short holes."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, delete, event, select

from cameras.records import AcceptanceFacts, CameraProfile
from cameras.registry import acceptance, registry
from cameras.tables import Camera
from core.clock import HOUR_US, ManualClock, to_microseconds
from core.database import Database
from health.kpi import camera_days, figures
from health.kpi.camera_days import bounds
from health.tables import CameraDay, DailyFigures
from nvr.archive.segment_index import append
from nvr.tables import Footage, Gap, ShortHole
from tests.health.kpi.town_rows import hourly, village_of_two


async def test_a_perfect_month_stays_perfect_while_retention_deletes_it(database: Database, clock: ManualClock) -> None:
    """A written day is not computed again.

    Footage deleted by retention counts as recorded, also if a day is written late.
    """
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, _ = bounds(date(2026, 10, 1), zone)
    await village_of_two(database, clock, start)

    async def recorded(day: date) -> list[CameraDay]:
        async with database.reading() as session:
            camera = await session.get_one(Camera, "c-1")
            return await figures.period(session, [camera], day, day, zone, start + timedelta(days=60))

    first, second = date(2026, 10, 1), date(2026, 10, 2)
    begin = to_microseconds(start)
    async with database.session() as session:
        await append(session, hourly(begin, begin + 48 * HOUR_US))
    assert await figures.write_day(database, first, zone, start + timedelta(days=1, hours=1)) > 0
    async with database.session() as session:  # as nvr.archive.retention.retention does
        await session.execute(delete(Footage))
        session.add(Gap(stream="c-1/main", start_us=begin, end_us=begin + 48 * HOUR_US, cause="retention"))
    assert await figures.write_day(database, first, zone, start + timedelta(days=40)) == 0  # not again
    assert await figures.write_day(database, second, zone, start + timedelta(days=40)) > 0
    async with database.session() as session:
        await session.execute(delete(Gap))  # retention deletes gap rows after 400 days
    for day, reconstructed in ((first, False), (second, True)):
        (row,) = await recorded(day)
        assert (row.required, row.recorded, row.unknown, row.missing) == (86400, 86400, 0, {})
        assert row.reconstructed is reconstructed


@pytest.mark.parametrize("first", ["noted", "typed", "withdrawn"])
async def test_a_later_acceptance_takes_no_hours_from_the_day(
    first: str, database: Database, clock: ManualClock
) -> None:
    """Down from 8 to 14 h, accepted again at 15 h: the six hours count.

    Changes of the camera's file in between do not matter.
    """
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 5), zone)
    long_ago, down, up, anew = (start + timedelta(hours=n) for n in (-240, 8, 14, 15))
    await village_of_two(database, clock, long_ago, legal_class="9", responsible="x")
    facts: AcceptanceFacts = {
        "places": list(acceptance.PROHIBITED_PLACES),
        "masks": "none_needed",
        "picture": "p",
        "sign_photo": "s",
    }
    async with database.session() as session:
        camera = await session.get_one(Camera, "c-1")
        camera.acceptance = facts
        if first == "typed":  # from before acceptances had a history
            camera.accepted_at = long_ago
        else:
            await acceptance.propose(session, camera, long_ago, "a")
            await acceptance.confirm(session, camera, long_ago, "b")
        await append(session, hourly(to_microseconds(long_ago), to_microseconds(down)))
        await append(session, hourly(to_microseconds(up), to_microseconds(end)))
        session.add(
            Gap(stream="c-1/main", start_us=to_microseconds(down), end_us=to_microseconds(up), cause="unreachable")
        )
        await session.flush()
        acceptance.store_facts(session, camera, {"masks": "in_camera"}, anew, "a")
        assert camera.accepted_at is None
        if first != "withdrawn":
            await acceptance.propose(session, camera, anew, "a")
            await acceptance.confirm(session, camera, anew, "b")
        await session.flush()
        (row,) = await camera_days.of_interval(session, [camera], start, end)
    assert (row.service, row.offline, row.missing) == (86400, 6 * 3600, {"unreachable": 6 * 3600})


@pytest.mark.parametrize(
    ("profile", "accepted", "required"),
    [
        ({}, None, 18),  # since its first recording, exactly
        ({"in_use_since": "2026-09-01"}, None, 18),  # stated earlier, but there are no facts from then
        ({"in_use_since": "2026-10-02"}, None, 0),
        ({}, 12, 12),  # accepted at noon
        ({"in_use_since": "2026-10-01"}, 12, 18),
    ],
)
async def test_hours_before_commissioning_are_not_required(
    database: Database, clock: ManualClock, profile: CameraProfile, accepted: int | None, required: float
) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await village_of_two(database, clock, start, **profile)
    async with database.session() as session:
        camera = await session.get_one(Camera, "c-1")
        camera.accepted_at = start + timedelta(hours=accepted) if accepted else None
        begin = to_microseconds(start) + 6 * HOUR_US
        await append(session, hourly(begin, begin + 18 * HOUR_US))
    async with database.reading() as session:
        camera = await session.get_one(Camera, "c-1")
        rows = await camera_days.of_interval(session, [camera], start, end)
    assert sum(r.required for r in rows) == required * 3600
    assert all(r.recorded == r.required and not r.unknown for r in rows)


async def test_hours_after_retirement_are_not_required(database: Database, clock: ManualClock) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await village_of_two(database, clock, start)
    async with database.session() as session:
        begin = to_microseconds(start)
        await append(session, hourly(begin, begin + 8 * HOUR_US))
        await registry.retire(session, ["c-1"], start + timedelta(hours=8), "x", retired=True)
        await registry.retire(session, ["c-1"], start + timedelta(hours=20), "x", retired=False)
        await registry.retire(session, ["c-1"], start + timedelta(hours=22), "x", retired=True)
    async with database.reading() as session:
        camera = await session.get_one(Camera, "c-1")
        (row,) = await camera_days.of_interval(session, [camera], start, end)
        assert await camera_days.of_interval(session, [camera], end, end + timedelta(days=1)) == []
    assert (row.service, row.required, row.recorded) == (10 * 3600, 10 * 3600, 8 * 3600)
    assert row.missing == {"unaccounted": 2 * 3600} and row.unknown == 2 * 3600


async def test_holes_below_a_second_are_told_by_day_and_change_no_rate(database: Database, clock: ManualClock) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await village_of_two(database, clock, start)
    begin = to_microseconds(start)
    async with database.session() as session:
        await append(session, hourly(begin, begin + 24 * HOUR_US))
        hours = ((begin - 1, 50), (begin, 3), (begin + 23 * HOUR_US, 4), (begin + 24 * HOUR_US, 50))
        session.add_all(ShortHole(stream="c-1/main", hour=at // HOUR_US, holes=n, us=n * 100_000) for at, n in hours)
        session.add(ShortHole(stream="c-1/sub", hour=begin // HOUR_US, holes=99, us=99))
    assert await figures.write_day(database, start.date(), zone, end + timedelta(hours=1)) > 0
    async with database.reading() as session:
        (row,) = (await session.scalars(select(CameraDay))).all()
        day = await figures.day(session, None, start, end + timedelta(days=1))
        kept = await session.get_one(DailyFigures, ("2026-10-01", "town", ""))
    assert (row.short_holes, row.short_hole_seconds, row.recorded) == (7, 0.7, row.required)
    assert (day["short_holes"], day["short_hole_seconds"], day["recorded"]) == (7, 0.7, 1.0)
    assert kept.figures["short_holes"] == 7
    assert await figures.write_day(database, date(2026, 10, 2), zone, end + timedelta(days=30)) >= 0
    async with database.reading() as session:  # written a month later: whether holes were counted is unknown
        late = await session.get(CameraDay, ("2026-10-02", "c-1"))
    assert late is None or late.short_holes == 50


async def test_a_day_reads_its_own_gaps_and_not_all_that_are_kept(database: Database, clock: ManualClock) -> None:
    """Of 400 days of gaps, a day reads only those that touch it, and finds the first with an index seek."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await village_of_two(database, clock, start)
    first = to_microseconds(start - timedelta(days=390))
    starts = [first + day * 24 * HOUR_US for day in range(391)]
    async with database.session() as session:
        session.add_all(
            Gap(stream=f"c-{n}/main", start_us=at, end_us=at + HOUR_US, cause="no_packets")
            for at in starts
            for n in (1, 2)
        )
        session.add(Gap(stream="c-1/main", start_us=to_microseconds(end) - HOUR_US, end_us=None, cause="unreachable"))
    read: list[int] = []
    plans: list[str] = []
    sqlite = database.engine.dialect.name == "sqlite"

    def count(gap: Gap, _: object) -> None:
        read.append(gap.id)

    def explain(connection: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        # PostgreSQL chooses plans by its statistics
        if sqlite and "gap" in statement and statement.startswith("SELECT"):
            with contextlib.closing(connection.connection.cursor()) as other:
                other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in other.fetchall() if " gap " in row[3])

    event.listen(database.engine.sync_engine, "before_cursor_execute", explain)
    event.listen(Gap, "load", count)
    async with database.reading() as session:
        cameras = (await session.scalars(select(Camera).order_by(Camera.id))).all()
        one, two = await camera_days.of_interval(session, cameras, start, end)
        assert await camera_days.first_fact(session) == start - timedelta(days=390)
    event.remove(database.engine.sync_engine, "before_cursor_execute", explain)
    event.remove(Gap, "load", count)
    assert (
        one.missing == {"no_packets": 3600, "unreachable": 3600, "unaccounted": 22 * 3600} and two.required == 24 * 3600
    )
    assert len(read) == 3
    if sqlite:
        assert plans and all("stream=? AND end_us" in plan for plan in plans), plans
