"""What retention does to files: by age, on a full disk, by quota, behind holds; and the forecast."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from cameras.tables import Camera as CameraRow
from cameras.tables import Village
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, from_microseconds
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from core.events import Event
from core.settings import RetentionSettings
from nvr.archive.retention import holds
from nvr.archive.retention.forecast import forecast
from nvr.archive.retention.holds import active_holds
from nvr.archive.retention.retention import Retention
from nvr.archive.segment_index import Segment
from nvr.tables import Gap, Hold, Shortfall, StreamUsage, Volume
from tests.nvr.conftest import segments_of


async def usage(database: Database) -> tuple[int, int]:
    async with database.reading() as session:
        row = await session.get_one(StreamUsage, "cam/main")
        return row.files, row.bytes_held


async def test_retention_by_age_leaves_a_gap_that_says_so(recorded: list[Segment], database: Database) -> None:
    later = ManualClock(from_microseconds(recorded[1].end_us))
    later.advance(31 * 86_400 + 3600)
    rest = recorded[2:]
    assert await Retention(database, later, RetentionSettings(min_free_bytes=0)).run_once() == len(recorded)
    assert await segments_of(database) == [] and rest
    async with database.reading() as session:
        (gap,) = (await session.scalars(select(Gap))).all()
    assert (gap.cause, gap.start_us, gap.end_us) == ("retention", recorded[0].start_us, recorded[-1].end_us)
    assert await usage(database) == (0, 0)


async def test_a_full_disk_loses_the_oldest_first_and_says_who_holds_too_little(
    recorded: list[Segment], database: Database
) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    later.advance(22 * 86_400)
    retention = Retention(database, later, RetentionSettings(min_free_bytes=recorded[0].size))
    retention.measure_free = lambda _: 0
    assert await retention.run_once() == 1
    assert await segments_of(database) == recorded[1:]
    assert await usage(database) == (len(recorded) - 1, sum(s.size for s in recorded[1:]))
    async with database.reading() as session:
        (fact,) = (await session.scalars(select(Shortfall))).all()
        said = (await session.scalars(select(Event.kind).where(Event.kind == "retention.short"))).all()
    assert (fact.stream, round(fact.held_days), fact.required_days, fact.reason) == ("cam/main", 22, 31, "disk_full")
    assert said == ["retention.short"]


async def test_a_hold_outlives_age_and_a_full_disk_until_it_expires(
    recorded: list[Segment], database: Database
) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    async with database.session() as session:
        hold = Hold(
            camera="cam", start_us=recorded[1].start_us + 1, end_us=recorded[1].end_us - 1, owner="case", reason="A123",
            created_at=later.now(), expires_at=later.now() + timedelta(days=60),
        )  # fmt: skip
        session.add(hold)
    later.advance(40 * 86_400)
    retention = Retention(database, later, RetentionSettings(min_free_bytes=10**9))
    retention.measure_free = lambda _: 0
    await retention.run_once()
    assert await segments_of(database) == [recorded[1]]
    later.advance(30 * 86_400)
    await retention.run_once()
    assert await segments_of(database) == []


async def test_a_village_s_quota_is_kept(recorded: list[Segment], database: Database) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    later.advance(3600)
    async with database.session() as session:
        quota = sum(s.size for s in recorded[1:])
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[], quota_bytes=quota))
        await session.flush()
        session.add(CameraRow(id="cam", name="c", village="v", profile={}))
    assert await Retention(database, later, RetentionSettings(min_free_bytes=0)).run_once() == 1
    assert await segments_of(database) == recorded[1:]


async def test_a_hold_is_made_and_ended_with_a_trail(database: Database) -> None:
    clock = ManualClock()
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(CameraRow(id="cam", name="c", village="v", profile={}))
    make = {"camera": "cam", "start_us": 10, "end_us": 20, "owner": "li", "reason": "A123", "lasts": timedelta(days=30)}
    for wrong in ({"camera": "none"}, {"end_us": 10}, {"reason": " "}):
        with pytest.raises((NotFoundError, UsageError)):
            async with database.session() as session:
                await holds.add(session, clock.now(), **{**make, **wrong})  # type: ignore[arg-type]
    async with database.session() as session:
        number = await holds.add(session, clock.now(), **make)  # type: ignore[arg-type]
    async with database.session() as session:
        assert [h.id for h in await active_holds(session, clock.now())] == [number]
        await holds.release(session, clock.now(), number, "wang", "closed")
        assert not await active_holds(session, clock.now())
        with pytest.raises(ConflictError):
            await holds.release(session, clock.now(), number, "wang", "closed")
    async with database.reading() as session:
        trail = [(a.actor, a.action, a.reason) for a in await session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert trail == [("li", "hold.add", "A123"), ("wang", "hold.release", "closed")]


async def test_forecast_shares_the_disks_by_rate(database: Database) -> None:
    async with database.session() as session:
        session.add_all(Village(code=v, name=v, boundary=[], subnets=[], funding=[]) for v in ("a", "b"))
        session.add(Volume(number=1, identity="x", path="/x", total_bytes=10**12, free_bytes=10**11))
        await session.flush()
        session.add_all(CameraRow(id=f"{v}1", name="c", village=v, profile={}) for v in ("a", "b"))
        session.add(StreamUsage(stream="a1/main", bytes_held=5, files=1))
        found = {f.village: f for f in await forecast(session, {"a1/main": 2e6, "b1/main": 6e6})}
    assert found["a"].bytes_held == 5 and found["a"].bytes_per_day == pytest.approx(2e6 / 8 * 86_400)
    assert found["b"].days_possible == pytest.approx(1e12 / (8e6 / 8 * 86_400))
    assert found["a"].days_until_full == pytest.approx(1e11 / (8e6 / 8 * 86_400))
