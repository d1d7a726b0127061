"""What nobody observed is good nowhere: patrol page, register, village report, checklist, tree, metrics, search."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.tables import Camera
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from health import camera_states
from health.checks import checklist
from health.checks.checklist import Item
from health.faults.families import PICTURE_FAMILIES
from health.tables import Fault, Inspection, PatrolRound
from nvr.tables import StreamStatus
from reports.coverage import Reports, render
from search.indexing.lag import lag
from tests.web.calls import get
from tests.web.conftest import SignIn

ZONE = ZoneInfo("Asia/Shanghai")


def _day(back: int) -> str:
    return f"{SystemClock().now().astimezone(ZONE) - timedelta(days=back):%Y-%m-%d}"


async def _inspect(database: Database, *cameras: str, unknown: tuple[str, ...] = ()) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        session.add(PatrolRound(id=1, asked_at=now, asked_by="x", scope={}, started_at=now, cameras=8, inspected=1))
        await session.flush()
        for camera in cameras:
            session.add(
                Inspection(
                    round=1, camera=camera, at=now, findings={}, unknown=[*unknown], figures={}, accepted=False
                )
            )  # fmt: skip


async def _report(database: Database, village: str) -> dict[str, Any]:
    made = await Reports(database, SystemClock(), "Asia/Shanghai").village(village)
    return {"report": made, "page": render(made, "x")}


async def test_a_patrol_that_never_ran_says_so(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    told = (await get(officer, "/api/patrol"))["inspections"]
    assert told == {"cameras": 8, "not_inspected": 8, "never": 8, "since": None, "last": None}
    await _inspect(database, "wj-01")
    told = (await get(officer, "/api/patrol"))["inspections"]
    assert (told["not_inspected"], told["never"]) == (7, 7) and told["last"] is not None


async def test_the_register_of_an_unpatrolled_day_has_no_good_news(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    for day in ("2001-01-01", _day(1), _day(0)):
        figures = (await get(officer, f"/api/patrol/day?day={day}"))["figures"]
        assert [figures[name] for name in ("online", "intact", "recorded", "clock_right")] == [None] * 4, day
        assert all(r["value"] is None and r["reason"] for r in figures["rates"].values())
        page = await (await officer.get(f"/register/{day}")).text()
        assert "100" not in page.split("<body>")[1] and "当日无故障" not in page and "未巡检, 故障情况不明" in page, day
        assert page.count("—") >= 6  # three rates, clock, faults, open faults
    await _inspect(database, "wj-01")
    page = await (await officer.get(f"/register/{_day(0)}")).text()
    assert "已巡点位未发现故障, 7 个点位未巡检, 情况不明" in page
    async with database.reading() as session:
        every = list(await session.scalars(select(Camera.id).where(Camera.retired.is_(False))))
    async with database.session() as session:
        for inspection in await session.scalars(select(Inspection)):
            await session.delete(inspection)
        await session.delete(await session.get_one(PatrolRound, 1))
    await _inspect(database, *every)
    assert "当日无故障" in await (await officer.get(f"/register/{_day(0)}")).text()


async def test_an_inspection_without_a_picture_proves_nothing(sign_in: SignIn, database: Database) -> None:
    """A camera that the patrol could not look at is neither fit nor online."""
    officer = await sign_in(Role.VIDEO_OFFICER)
    await _inspect(database, "wj-01", unknown=tuple(PICTURE_FAMILIES))
    figures = (await get(officer, f"/api/patrol/day?day={_day(0)}"))["figures"]
    assert (figures["looked"], figures["intact"], figures["online"]) == (1, None, None)


async def test_a_village_with_a_black_camera_is_not_fit(database: Database) -> None:
    now = SystemClock().now()
    await _inspect(database, "wj-01")
    async with database.session() as session:
        session.add(
            Fault(
                camera="wj-01", village="wangjia", family="black", state="open", severity=1, figures={}, facts={},
                first_seen=now, opened_at=now, inspections=2, times=1,
            )
        )  # fmt: skip
    told = await _report(database, "wangjia")
    report = told["report"]
    assert report.intact_rate == 0.0 and report.completeness is None and report.online_now is None
    assert report.rates["intact"].cameras_not_observed == report.cameras - 1
    assert report.not_inspected == report.cameras - 1
    other = await _report(database, "xidian")  # nobody patrolled it
    assert other["report"].intact_rate is None and not other["report"].open_faults
    assert other["report"].not_inspected == other["report"].cameras
    assert "<b>0</b><span>未修复故障" not in other["page"] and "<b>—</b><span>未修复故障" in other["page"]


async def test_a_camera_that_nobody_reached_is_ticked_nowhere(sign_in: SignIn, database: Database) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        by_hand = await session.get_one(Camera, "wj-01")
        by_hand.address, by_hand.device = None, None
        for stream in by_hand.streams:
            stream.url = "rtsp://127.0.0.1/1"
        cameras = [by_hand, await session.get_one(Camera, "wj-02")]
        cameras[1].device = {"manufacturer": "x", "model": "y"}
        cameras[1].seen_at, cameras[1].clock_offset = now - timedelta(days=9), 0.0
        lists = await checklist.checklists(session, cameras, now)
        assert not [i for i in lists["wj-01"] if i.state is checklist.ItemState.OK]
        stale = {i.name: i.state for i in lists["wj-02"]}
        assert stale[Item.REACHABLE] is checklist.ItemState.FAILED
        assert stale[Item.CLOCK] is stale[Item.PICTURE] is checklist.ItemState.TODO
    for state, cause, expected in (
        ("waiting", "unreachable", checklist.ItemState.FAILED), ("recording", None, checklist.ItemState.OK),
    ):  # fmt: skip
        async with database.session() as session:
            for camera in ("wj-01", "wj-02"):
                await session.merge(
                    StreamStatus(stream=f"{camera}/main", worker="r", state=state, cause=cause, at=now, since=now)
                )
            cameras[1].seen_at = now  # it answered this hour, and died since
            lists = await checklist.checklists(session, cameras, now)
        for camera in ("wj-01", "wj-02"):
            assert {i.name: i.state for i in lists[camera]}[Item.REACHABLE] is expected, camera


async def test_an_old_inspection_does_not_tick_the_picture(database: Database) -> None:
    now = SystemClock().now()
    await _inspect(database, "wj-01")
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        for later, expected in ((timedelta(), "ok"), (timedelta(days=2), "todo")):
            lists = await checklist.checklists(session, [camera], now + later)
            assert {i.name: i.state for i in lists["wj-01"]}[Item.PICTURE] == expected


async def test_a_camera_without_a_report_is_unknown_in_the_tree(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    now = SystemClock().now()
    async with database.session() as session:
        for camera, state, cause in (("wj-01", "recording", None), ("wj-02", "waiting", "unreachable")):
            session.add(
                StreamStatus(stream=f"{camera}/main", worker="r", state=state, cause=cause, at=now, since=now)
            )  # fmt: skip
        await session.flush()
        await camera_states.update(session, now)
    village = next(v for v in (await get(officer, "/api/tree"))["villages"] if v["code"] == "wangjia")
    states = {c["id"]: c["state"] for c in village["cameras"]}
    assert states["wj-02"] == "offline" and states["wj-03"] == "unknown" and village["state"] == "offline"
    assert (village["online"], village["counts"]["unknown"]) == (1, len(states) - 2)
    metrics = await (await officer.get("/metrics")).text()
    assert 'minwang_cameras_offline{village="wangjia"} 1.0' in metrics
    assert f'minwang_cameras_unknown{{village="wangjia"}} {len(states) - 2:.1f}' in metrics


async def test_a_camera_with_two_faults_is_offline_once(sign_in: SignIn, database: Database) -> None:
    officer, now = await sign_in(Role.VIDEO_OFFICER), SystemClock().now()
    async with database.session() as session:
        for family in ("unreachable", "no_stream"):
            session.add(
                Fault(
                    camera="wj-01", village="wangjia", family=family, state="open", severity=1, figures={}, facts={},
                    first_seen=now, opened_at=now, inspections=2, times=1,
                )
            )  # fmt: skip
    assert 'minwang_cameras_offline{village="wangjia"} 1.0' in await (await officer.get("/metrics")).text()


async def test_search_that_never_indexed_is_not_up_to_date(sign_in: SignIn, database: Database) -> None:
    async with database.reading() as session:
        assert (await lag(session)).behind_seconds is None
    officer = await sign_in(Role.VIDEO_OFFICER)
    assert "minwang_search_behind_seconds" not in await (await officer.get("/metrics")).text()
    assert (await get(officer, "/api/shift"))["station"]["search"]["behind_seconds"] is None
