from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cameras import inventory, registry
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from health.tables import Fault
from nvr.footage import Segment, append
from nvr.tables import Gap
from reports.coverage import Reports, month_bounds, render

ROOT = Path(__file__).parents[2]
HOUR = 3_600_000_000


async def town(database: Database, clock: ManualClock) -> Reports:
    wanted = await asyncio.to_thread(inventory.load, ROOT / "inventory.yaml")
    async with database.session() as session:
        await registry.apply(session, wanted, clock.now(), "test")
    return Reports(database, clock, "Asia/Shanghai")


def segment(stream: str, start: int, end: int) -> Segment:
    return Segment(stream, 1, start, end, end - start, 1, 1)


async def test_figures_of_a_village(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    start = to_microseconds(clock.now())
    async with database.session() as session:
        # Eight hours recorded, one missing through the camera, one through us; of one camera.
        for hour in range(8):
            for quarter in range(4):
                at = start + hour * HOUR + quarter * HOUR // 4
                await append(session, [segment("wj-01/main", at, at + HOUR // 4)])
        session.add(
            Gap(stream="wj-01/main", start_us=start + 8 * HOUR, end_us=start + 9 * HOUR, cause="unreachable", detail="")
        )
        session.add(
            Gap(stream="wj-01/main", start_us=start + 9 * HOUR, end_us=start + 10 * HOUR, cause="recorder_down", detail="")
        )
        session.add(
            Fault(
                camera="wj-02",
                family="black",
                state="open",
                severity=1,
                detail="x",
                first_seen=clock.now(),
                opened_at=clock.now(),
            )
        )
    clock.advance(10 * 3600)
    report = await reports.village("wangjia", "2026-11")
    assert (report.cameras, report.cameras_government) == (3, 0)
    assert report.density_per_km2 == pytest.approx(3 / report.area_km2, abs=0.01)  # type: ignore[operator]
    assert report.required_hours == 10
    assert report.completeness == 0.8
    assert report.online_rate == 0.9
    assert [f["family"] for f in report.open_faults] == ["black"]
    assert report.raised == 460_000
    assert report.spent == 9_700
    assert report.cost_per_channel == pytest.approx(3233.33)


async def test_government_cameras_do_not_count_as_the_village_s_cost(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    report = await reports.village("xidian", "2026-11")
    assert (report.cameras, report.cameras_village, report.cameras_government) == (3, 2, 1)
    assert report.cost_per_channel == 3100
    assert report.completeness is None  # nothing was required yet, so no rate is claimed


async def test_the_printed_page_holds_no_picture_and_no_person(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    report = await reports.village("wangjia", "2026-11")
    for language in ("zh", "en"):
        page = render(report, "西店派出所", language)
        assert "<img" not in page
        assert "王家村" in page
        assert report.fingerprint[:16] in page
    assert not re.search(r"rtsp|snapshot|thumb|plate|face|person|lng|lat\b", json.dumps(asdict(report), ensure_ascii=False))


async def test_unknown_village_and_month(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    with pytest.raises(NotFoundError):
        await reports.village("nowhere", "2026-11")
    with pytest.raises(UsageError, match="2026-11"):
        await reports.village("wangjia", "November")


def test_months_follow_the_station_s_zone() -> None:
    start, end = month_bounds("2026-12", ZoneInfo("Asia/Shanghai"))
    assert start.isoformat() == "2026-12-01T00:00:00+08:00"
    assert end.isoformat() == "2027-01-01T00:00:00+08:00"
