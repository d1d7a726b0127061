from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from cameras.registry import history, inventory, registry
from cameras.tables import Camera, Village
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from health.kpi import figures
from health.tables import Fault, WorkOrder, WorkOrderNote
from nvr.archive.segment_index import Segment, append
from nvr.tables import Footage, Gap
from reports.coverage import Reports, digest_of, render
from reports.periods import month_bounds
from reports.tables import StoredReport

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
        # One camera: eight hours recorded, one missing because of the camera, one because of the station.
        for hour in range(8):
            for quarter in range(4):
                at = start + hour * HOUR + quarter * HOUR // 4
                await append(session, [segment("wj-01/main", at, at + HOUR // 4)])
        for hour, cause in ((8, "unreachable"), (9, "recorder_down")):
            session.add(
                Gap(stream="wj-01/main", start_us=start + hour * HOUR, end_us=start + (hour + 1) * HOUR, cause=cause)
            )
        for camera, family, detail in (("wj-02", "black", "x"), ("", "uplink", "wangjia")):
            session.add(
                Fault(
                    camera=camera, village="wangjia", family=family, state="open", severity=1, detail=detail,
                    first_seen=clock.now() + timedelta(hours=10), opened_at=clock.now() + timedelta(hours=10),
                )
            )  # fmt: skip
        session.add(
            Fault(
                camera="",
                village="xidian",
                family="uplink",
                state="open",
                severity=1,
                detail="xidian",
                first_seen=clock.now(),
                opened_at=clock.now(),
            )
        )
    clock.advance(10 * 3600 + 1)
    report = await reports.village("wangjia", "2026-11")
    assert (report.cameras, report.cameras_government) == (3, 0)
    assert report.density_per_km2 == pytest.approx(3 / report.area_km2, abs=0.01)  # type: ignore[operator]
    assert report.required_hours == 10
    assert report.completeness == 0.7999
    assert report.online_rate == 0.8888  # of the nine hours that are known
    assert report.unknown_share == pytest.approx(0.1, abs=0.001)
    assert report.missing_hours == {"recorder_down": 1, "unreachable": 1, "unaccounted": 0.0}
    assert [(f["camera"], f["family"]) for f in report.open_faults] == [("wj-02", "black"), ("wangjia", "uplink")]
    assert [o["of"] for o in report.outages] == ["wangjia"]
    assert report.raised == 460_000
    assert report.spent == 9_700
    assert report.cost_per_channel == pytest.approx(3233.33)
    assert report.digest is None and not report.final


async def _october(database: Database) -> tuple[Reports, ZoneInfo, ManualClock]:
    """A month in which wj-01 was fully recorded, with its daily figures written; the clock stands at 1 November."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = month_bounds("2026-10", zone)
    clock = ManualClock(start)
    reports = await town(database, clock)
    at = to_microseconds(start)
    async with database.session() as session:
        await append(session, [segment("wj-01/main", at + h * HOUR, at + (h + 1) * HOUR) for h in range(31 * 24)])
    clock.advance((end - start).total_seconds() + 3600)
    assert await figures.write_past_days(database, clock.now(), zone) > 31
    return reports, zone, clock


async def test_a_stored_report_keeps_its_figures(database: Database) -> None:
    """Digest and figures of a final report stay the same after retention has deleted the footage.

    Without stored reports the completeness read 96.8, 51.6 and 3.2 %, because its basis was being deleted.
    """
    reports, zone, clock = await _october(database)
    first = await reports.village("wangjia", "2026-10")
    assert (first.completeness, first.online_rate, first.required_hours, first.final) == (1.0, 1.0, 744.0, True)
    assert first.digest == digest_of(first) and first.digest in render(first, "x") and first.online_now is None
    async with database.session() as session:
        await session.execute(delete(Footage))
        at = to_microseconds(month_bounds("2026-10", zone)[0])
        session.add(Gap(stream="wj-01/main", start_us=at, end_us=at + 31 * 24 * HOUR, cause="retention"))
        (await session.get_one(Village, "wangjia")).funding = []
        (await session.get_one(Camera, "wj-01")).retired = True
    clock.advance(29 * 86400)
    assert await reports.village("wangjia", "2026-10") == first
    # Also if the report of that month is made only now, from the stored daily figures.
    late = await reports.village("xidian", "2026-10")
    assert late.final and late.digest


async def test_a_moved_camera_counts_for_its_former_village(database: Database) -> None:
    """In all figures of the month, whenever the report is made."""
    reports, _, clock = await _october(database)
    async with database.session() as session:
        outage: dict[str, Any] = {
            "severity": 1,
            "first_seen": clock.now() - timedelta(days=5),
            "closed_at": clock.now() - timedelta(days=4),
        }
        for village in ("wangjia", "xidian"):
            fault = Fault(camera="", village=village, family="uplink", state="closed", detail=village, **outage)
            fault.opened_at, fault.figures, fault.facts = outage["first_seen"], {}, {}
            session.add(fault)
    before = [await reports.village(code, "2026-10") for code in ("wangjia", "xidian")]
    async with database.session() as session:
        await session.execute(delete(StoredReport))
        history.record_change(session, "wj-01", clock.now(), "test", "village", "wangjia", "xidian")
        (await session.get_one(Camera, "wj-01")).village = "xidian"
    after = [await reports.village(code, "2026-10") for code in ("wangjia", "xidian")]
    assert [r.required_hours for r in after] == [r.required_hours for r in before] and before[0].required_hours == 744.0
    assert [r.digest for r in after] == [r.digest for r in before] and all(r.final for r in after)


async def test_reports_of_complete_months_are_made_automatically(database: Database) -> None:
    reports, _, _ = await _october(database)
    assert await reports.keep_months() == 3 and await reports.keep_months() == 0
    async with database.reading() as session:
        stored = await session.get_one(StoredReport, ("wangjia", "2026-10"))
    assert stored.digest == digest_of(await reports.village("wangjia", "2026-10"))
    assert not (await reports.village("wangjia", "2026-09")).final  # nothing was known yet, so the report is not final


async def test_the_month_follows_the_station_clock(database: Database) -> None:
    """At two in the morning of the first of a month it is still the previous month in UTC."""
    reports, _, _ = await _october(database)
    assert (await reports.village("wangjia")).month == "2026-11"


async def test_repairs_are_listed_in_the_village_report(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    now = clock.now()
    async with database.session() as session:
        for n, (state, village, cost, warranty) in enumerate(
            [
                ("closed", "wangjia", 120.0, False),
                ("closed", "wangjia", 900.0, True),
                ("closed", "wangjia", None, False),
                ("working", "wangjia", 50.0, False),
                ("closed", "xidian", 7.0, False),
                ("merged", "wangjia", 30.0, False),
            ],
            1,
        ):
            session.add(
                WorkOrder(
                    id=n,
                    village=village,
                    camera="wj-01",
                    title=f"order {n}",
                    state=state,
                    severity=1,
                    created_at=now,
                    created_by="x",
                    respond_by=now,
                    repair_by=now,
                    closed_at=now if state == "closed" else None,
                    cost=cost,
                    warranty=warranty,
                )
            )
        await session.flush()
        session.add(WorkOrderNote(order=6, at=now, by="x", step="merged", text=""))
    clock.advance(60)
    report = await reports.village("wangjia")
    assert [r.order for r in report.repairs] == [1, 2, 3, 6]
    assert (report.repair_cost, report.repair_cost_warranty) == (150.0, 900.0)
    assert "order 1" in render(report, "x")


async def test_government_cameras_do_not_count_as_village_cost(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    report = await reports.village("xidian", "2026-11")
    assert (report.cameras, report.cameras_village, report.cameras_government) == (3, 2, 1)
    assert report.cost_per_channel == 3100
    assert report.completeness is None  # nothing was required yet, so there is no rate


async def test_the_printed_page_has_no_pictures_and_no_persons(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    report = await reports.village("wangjia", "2026-11")
    for language in ("zh", "en"):
        page = render(report, "西店派出所", language)
        assert "<img" not in page
        assert "王家村" in page
        assert ("未定稿" if language == "zh" else "Not final") in page
    assert not re.search(
        r"rtsp|snapshot|thumb|plate|face|person|lng|lat\b", json.dumps(asdict(report), ensure_ascii=False)
    )


async def test_unknown_village_and_month(database: Database, clock: ManualClock) -> None:
    reports = await town(database, clock)
    with pytest.raises(NotFoundError):
        await reports.village("nowhere", "2026-11")
    for month in ("November", "0001-01", "9999-12", "2026-13"):
        with pytest.raises(UsageError, match="2026-11"):
            await reports.village("wangjia", month)


def test_months_follow_the_station_zone() -> None:
    start, end = month_bounds("2026-12", ZoneInfo("Asia/Shanghai"))
    assert start.isoformat() == "2026-12-01T00:00:00+08:00"
    assert end.isoformat() == "2027-01-01T00:00:00+08:00"
