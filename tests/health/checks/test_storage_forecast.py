"""The storage forecast: how long footage can be kept, reported before footage is deleted early."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from cameras.tables import Camera, Stream, Village
from core.clock import DAY_US, ManualClock, to_microseconds
from core.database import Database
from core.settings import PatrolSettings, RetentionSettings
from health.checks.storage_forecast import VillageForecast, forecast
from health.patrol.counter_watch import FORECAST_SECONDS, CounterWatch
from health.tables import Fault
from nvr.archive import segment_index
from nvr.archive.retention.retention_rules import promised_days
from nvr.archive.segment_index import Segment
from nvr.tables import StreamUsage, Volume

GB = 1_000_000_000
SETTINGS = RetentionSettings(main_days=31, min_free_bytes=0)


async def town(database: Database, clock: ManualClock, *, free: int, quota: int | None = None, days: int = 10) -> None:
    """Create two villages with one camera each, 1 and 3 GB a day, recorded for `days`."""
    now = to_microseconds(clock.now())
    async with database.session() as session:
        session.add(Volume(number=1, identity="x", path="/x", state="ok", total_bytes=10**14, free_bytes=free))
        session.add(Volume(number=2, identity="y", path="/y", state="failed", total_bytes=10**14, free_bytes=10**14))
        for village, quota_bytes in (("a", None), ("b", quota)):
            session.add(
                Village(code=village, name=village, boundary=[], subnets=[], funding=[], quota_bytes=quota_bytes)
            )
        await session.flush()
        for village, rate in (("a", 1), ("b", 3)):
            stream = Stream(id=f"{village}1/main", kind="main", url="rtsp://127.0.0.1/x", record=True)
            session.add(Camera(id=f"{village}1", name="c", village=village, profile={}, streams=[stream]))
            await session.flush()
            start = now - days * DAY_US
            await segment_index.append(session, [Segment(stream.id, 1, start, start + 60_000_000, 1, 1, 1)])
            usage = await session.get_one(StreamUsage, stream.id)
            usage.bytes_held = rate * days * GB


async def forecasts(
    database: Database, clock: ManualClock, settings: RetentionSettings = SETTINGS
) -> dict[str, VillageForecast]:
    """Return the forecast of each village."""
    async with database.reading() as session:
        return {o.village: o for o in await forecast(session, settings, to_microseconds(clock.now()))}


async def test_a_large_disk_has_no_shortage(database: Database, clock: ManualClock) -> None:
    await town(database, clock, free=100 * GB)
    found = await forecasts(database, clock)
    assert {v: (o.possible_days, o.short) for v, o in found.items()} == {"a": (31, False), "b": (31, False)}


async def test_a_small_disk_is_reported_before_footage_is_deleted(database: Database, clock: ManualClock) -> None:
    """40 GB held and 20 GB free at 4 GB a day: 15 days fit, and the first footage is deleted early in five days."""
    await town(database, clock, free=20 * GB)
    found = await forecasts(database, clock)
    for village in ("a", "b"):
        each = found[village]
        assert (each.possible_days, each.days_until_short) == (pytest.approx(15, rel=0.02), pytest.approx(5, rel=0.02))
        assert each.required_days == 31 and not each.by_quota
    # The reserve that must stay free is not available.
    found = await forecasts(database, clock, RetentionSettings(main_days=31, min_free_bytes=20 * GB))
    assert found["a"].days_until_short == 0 and found["a"].possible_days == pytest.approx(10, rel=0.02)


async def test_a_small_quota_is_a_shortage_of_its_village(database: Database, clock: ManualClock) -> None:
    await town(database, clock, free=1000 * GB, quota=60 * GB)
    found = await forecasts(database, clock)
    assert not found["a"].short
    assert (found["b"].possible_days, found["b"].days_until_short) == (
        pytest.approx(20, rel=0.02),
        pytest.approx(10, rel=0.02),
    )
    assert found["b"].by_quota


async def test_without_recording_the_forecast_is_unknown(database: Database, clock: ManualClock) -> None:
    await town(database, clock, free=GB, days=0)
    assert {(o.possible_days, o.short) for o in (await forecasts(database, clock)).values()} == {(None, False)}


async def test_a_shortage_is_a_village_fault_until_it_is_resolved(database: Database, clock: ManualClock) -> None:
    await town(database, clock, free=20 * GB)
    watch = CounterWatch(database, clock, PatrolSettings(), SETTINGS)

    async def after_a_while() -> dict[str | None, str]:
        for _ in range(2):
            clock.advance(FORECAST_SECONDS)
            await watch.run_once()
        async with database.reading() as session:
            return {f.village: f.state for f in await session.scalars(select(Fault).where(Fault.family == "forecast"))}

    await watch.run_once()
    assert await after_a_while() == {"a": "open", "b": "open"}
    async with database.session() as session:
        (await session.get_one(Volume, 1)).free_bytes = 1000 * GB
    assert await after_a_while() == {"a": "closed", "b": "closed"}


@pytest.mark.parametrize(
    ("profile", "station", "days"),
    [
        ({}, 31, 31), ({}, 7, 30), ({"legal_class": "non_public"}, 7, 7), ({"retention_days": 7}, 31, 30),
        ({"retention_days": 7, "legal_class": "9"}, 31, 7), ({"retention_days": 90}, 31, 90),
    ],
)  # fmt: skip
def test_fewer_than_thirty_days_need_a_stated_class(profile: dict[str, Any], station: float, days: float) -> None:
    assert promised_days(profile, RetentionSettings(main_days=station)) == days
