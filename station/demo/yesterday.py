"""The day before the demo: rounds, faults, orders, a signed register, a case with alerts, and sightings.

The demo's station is new, but its pages should show what they show in a station that works. Every fact is made by the
function that makes it in the product, at a time of yesterday. Nothing was recorded then: no page claims that it was.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import registry
from cameras.tables import Camera
from cameras.virtual.rendering.daylight import sun
from cameras.virtual.rendering.view import Look, MoverKind
from cases.alerts import patrol
from cases.register import case_files
from cases.shifts import shift_log
from cases.shifts.shift_log import Officer
from cases.tables import AlertAnswer, Case, WatchSubject
from cases.watch import manual_alerts, proposals
from cases.watch.subject_words import SubjectWords
from core.clock import to_microseconds
from core.database import Database
from core.errors import ConflictError
from core.settings import Settings
from health import order_queries, orders
from health.faults import fault_log
from health.faults.families import PICTURE_FAMILIES
from health.faults.fault_log import FaultEvidence, FaultSubject
from health.faults.state_machine import Step
from health.kpi import figures
from health.orders import OrderRequest
from health.patrol import rounds
from health.register import register
from health.tables import Fault, Inspection, WorkOrder
from health.vocabulary import EvidenceFigures, FaultFamily, Light, OrderState
from search.vocabulary import ClassWord, ColourWord
from station.demo.accounts import CONTRACTOR
from station.demo.geography.terrain import ORIGIN
from station.demo.inventory import DemoTown
from station.demo.past_sightings import write_sightings
from station.demo.people import RED
from station.demo.portraits import portrait, repair_photo

ROUND_HOURS = range(0, 24, 2)
ROUND_LASTS = timedelta(seconds=40)
VOTE_EVERY, MAX_VOTES = timedelta(minutes=10), 24
NORMAL_PACE = 1.0  # yesterday's faults took the time that a station needs to confirm them
THIEF = Look(upper=RED, lower=(45, 42, 40), body=(60, 60, 62), stature=1.76)


class Yesterday:
    """Writes the facts of the local day before `now`."""

    def __init__(self, settings: Settings, database: Database, town: DemoTown, zone: tzinfo, now: datetime):
        self._settings, self._database, self._town, self._zone, self._now = settings, database, town, zone, now
        self._start = datetime.combine(now.astimezone(zone).date() - timedelta(days=1), time(), zone)
        self._data_dir = settings.data.dir.absolute()
        self._streaming = [c.id for c in town.streaming]

    async def write(self) -> None:
        async with self._database.session() as session:
            await self._write_shifts(session)
            await self._write_rounds(session)
            await self._write_orders(session)
        async with self._database.session() as session:
            await self._sign_register(session)
            await self._write_case(session)
        await write_sightings(self._settings, self._database, self._streaming, self._start)

    def _at(self, hour: int, minute: int = 0, days: int = 0) -> datetime:
        """Return a time of yesterday, or of `days` later."""
        return self._start + timedelta(days=days, hours=hour, minutes=minute)

    # Patrol

    async def _write_shifts(self, session: AsyncSession) -> None:
        officer = Officer("video", "张视频", None)
        await shift_log.take_over(session, self._at(8), officer, None, "")
        await shift_log.add_note(session, self._at(9, 15), officer, "尤家桥头无信号, 已通知天目维护")
        await shift_log.add_note(session, self._at(21, 50), officer, "红上衣男子在尤家桥头被巡逻组控制")

    async def _write_rounds(self, session: AsyncSession) -> None:
        cameras = await registry.cameras(session)
        for hour in ROUND_HOURS:
            at = self._at(hour, 5)
            row = await rounds.request(session, at, rounds.SCHEDULE)
            row.started_at, row.finished_at = at, at + ROUND_LASTS
            row.cameras = row.inspected = len(cameras)
            row.faulty = int(hour in (10, 12))
            light = self._light(at)
            for camera in cameras:
                seen = camera.id in self._streaming and not (camera.id == "yj-01" and hour in (10, 12))
                session.add(
                    Inspection(
                        round=row.id, camera=camera.id, at=at, findings={}, figures={},
                        light=light if seen else Light.NONE, unknown=[] if seen else sorted(PICTURE_FAMILIES),
                    )
                )  # fmt: skip

    def _light(self, at: datetime) -> Light:
        return Light.DAY if sun(at, ORIGIN[1], ORIGIN[0])[0] > 0 else Light.NIGHT

    async def _vote(
        self, session: AsyncSession, fault: Fault | None, subject: FaultSubject, family: FaultFamily,
        found: EvidenceFigures | None, first: datetime,
    ) -> Fault:  # fmt: skip
        """Let inspections from `first` on find a fault until it opens, or find nothing (None) until it closes."""
        wanted, at = (Step.OPENED if found is not None else Step.CLOSED), first
        for _ in range(MAX_VOTES):
            light = Light.NONE if family is FaultFamily.UNREACHABLE else self._light(at)
            fault, step = fault_log.record_inspection(
                session, subject, at, family, fault, found, FaultEvidence(light=light), NORMAL_PACE
            )
            await session.flush()
            if step is wanted:
                assert fault is not None
                return fault
            at += VOTE_EVERY
        raise ConflictError(f"{subject.camera} {family}: {MAX_VOTES} inspections did not make it {wanted}")

    async def _fault(
        self, session: AsyncSession, camera: str, family: FaultFamily, found: EvidenceFigures, first: datetime
    ) -> Fault:
        """Open a fault of a camera."""
        row = await session.get_one(Camera, camera)
        return await self._vote(session, None, FaultSubject(camera, row.village), family, found, first)

    async def _close(self, session: AsyncSession, fault: Fault, at: datetime) -> None:
        await self._vote(session, fault, FaultSubject(fault.camera, fault.village), fault.family, None, at)

    # Orders

    async def _write_orders(self, session: AsyncSession) -> None:
        await self._late_order(session)
        await self._repaired_order(session)
        await self._order_in_verification(session)

    async def _order(self, session: AsyncSession, fault: Fault, at: datetime, text: str) -> WorkOrder:
        request = OrderRequest(vendor=CONTRACTOR, text=text)
        return (await orders.create(session, [fault], at, "video", self._zone, request))[0]

    async def _repaired_order(self, session: AsyncSession) -> None:
        """Write an order that is closed, with a photo and its cost."""
        found: EvidenceFigures = {"seconds": 900.0}
        fault = await self._fault(session, "yj-01", FaultFamily.UNREACHABLE, found, self._at(9, 12))
        order = await self._order(session, fault, _opened(fault) + timedelta(minutes=8), "桥头监控断线, 请今天处理")
        text = "已到现场, 接线盒进水"
        await orders.move(session, order.id, OrderState.WORKING, self._at(10, 40), "tianmu", text=text)
        await self._photo(session, order.id, self._at(13, 5))
        text = "更换网线和接线盒"
        await orders.move(session, order.id, OrderState.VERIFYING, self._at(13, 6), "tianmu", text=text, cost=180.0)
        await self._close(session, fault, self._at(13, 10))
        await orders.verify_and_remind(session, self._at(15, 30))

    async def _photo(self, session: AsyncSession, order: int, at: datetime) -> None:
        path = f"orders/{order}/{at:%Y%m%dT%H%M%S%f}.jpg"
        content = await asyncio.to_thread(repair_photo, f"YJ-01 {at:%Y-%m-%d %H:%M}")
        await asyncio.to_thread(self._write_file, path, content)
        await order_queries.add_photo(session, at, "tianmu", order, path)

    async def _late_order(self, session: AsyncSession) -> None:
        """Write an order for a camera that was never reached; its time is over."""
        camera = next((c.id for c in self._town.inventory.cameras[len(self._streaming) :] if c.address), None)
        if camera is None:
            return
        found: EvidenceFigures = {"seconds": 500_000.0}
        since = self._at(8, 10, days=-5)
        fault = await self._fault(session, camera, FaultFamily.UNREACHABLE, found, since)
        order = await self._order(session, fault, since + timedelta(hours=4), "新装点位一直不通")
        await orders.move(session, order.id, OrderState.PARTS, self._at(9), "tianmu", text="等电力公司通电")

    async def _order_in_verification(self, session: AsyncSession) -> None:
        """Write an order whose repair is reported now: it closes while one watches."""
        fault = await self._fault(session, "xd-02", FaultFamily.OVEREXPOSED, {}, self._at(10, 10))
        at = _opened(fault)
        order = await self._order(session, fault, at + timedelta(minutes=9), "车站画面发白")
        on_the_spot = at + timedelta(minutes=50)
        await orders.move(session, order.id, OrderState.WORKING, on_the_spot, "tianmu", text="到场调整曝光")
        await self._close(session, fault, at + timedelta(hours=1))
        text = "已调整曝光并清洁镜头"
        await orders.move(session, order.id, OrderState.VERIFYING, self._now, "tianmu", text=text, cost=60.0)

    def _write_file(self, relative: str, content: bytes) -> None:
        path = self._data_dir / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    async def _sign_register(self, session: AsyncSession) -> None:
        at = min(self._now, self._at(8, 10, days=1))
        if at < self._at(0, days=1):
            return
        content = await figures.day(session, None, self._start, at)
        await register.sign(session, self._start, content, at, "video", remark="演示数据", reason="")

    # The case of yesterday

    async def _write_case(self, session: AsyncSession) -> None:
        opened = self._at(20, 40)
        case = await case_files.open_case(
            session, opened, "video", "西店-2026-0086", "电动自行车被盗 (已追回)", "wangjia"
        )
        await case_files.hold(
            session, opened, "video", camera="wj-03", start_us=to_microseconds(self._at(20, 5)),
            end_us=to_microseconds(self._at(20, 35)), reason="电动自行车被盗", lasts=timedelta(days=90), case=case.id,
        )  # fmt: skip
        subject = await self._subject(session, case)
        await self._alert(session, subject, "wj-01", self._at(20, 58), AlertAnswer.NOT_SEEN, "到达时已离开")
        await self._alert(session, subject, "xd-01", self._at(21, 14), AlertAnswer.FALSE_ALARM, "菜场摊主, 穿红围裙")
        await self._alert(session, subject, "yj-01", self._at(21, 31), AlertAnswer.CAUGHT, "人车一并带回")
        await proposals.end_subject(session, self._at(22), "leader", subject.id, "已抓获")

    async def _subject(self, session: AsyncSession, case: Case) -> WatchSubject:
        at = self._at(20, 46)
        subject = await proposals.propose(
            session, at, "video", case=case.id, title="红上衣男子, 骑黑色电动车",
            words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]), villages=None,
            reason="停车场监控显示", expires_at=at + timedelta(days=3),
        )  # fmt: skip
        return await proposals.approve(session, at + timedelta(minutes=4), "leader", subject.id, yes=True)

    async def _alert(
        self, session: AsyncSession, subject: WatchSubject, camera: str, at: datetime, answer: AlertAnswer, note: str
    ) -> None:
        path = f"alerts/demo-{camera}-{at:%Y%m%dT%H%M%S}.jpg"
        content = await asyncio.to_thread(portrait, THIEF, MoverKind.RIDER, at.minute)
        await asyncio.to_thread(self._write_file, path, content)
        row = await session.get_one(Camera, camera)
        alert = await manual_alerts.raise_manual_alert(
            session, at + timedelta(seconds=20), "video", subject.id, row, to_microseconds(at), path
        )
        await patrol.acknowledge(session, at + timedelta(seconds=55), "patrol", alert)
        await patrol.answer(session, at + timedelta(minutes=17), "patrol", alert, answer, note)


def _opened(fault: Fault) -> datetime:
    """Return when an open fault was confirmed, in UTC."""
    assert fault.opened_at is not None
    return fault.opened_at
