"""The steps of the demo in order: the cameras are found, recorded and patrolled, then three of them fail."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.onvif.client import http_session
from cameras.registry import registry
from cameras.states import MatchKind
from cases.register import case_files
from cases.watch import proposals
from cases.watch.subject_words import SubjectWords
from core import events
from core.clock import SystemClock
from core.database import Database
from core.network.connect_limiter import ConnectLimiter
from core.settings import Settings
from core.tasks import running
from health.faults.descriptions import describe
from nvr.recording_state import RecordingState
from nvr.tables import StreamStatus
from search.vocabulary import ClassWord, ColourWord
from station.demo import town
from station.demo.accounts import ACCOUNTS, PASSWORD, create_accounts
from station.demo.inventory import DemoTown
from station.demo.progress import DemoProgress
from station.demo.yesterday import Yesterday
from station.runtime import open_vault_of_station
from station.supervision.supervisor import Supervisor

INVENTORY_AGE = timedelta(days=8)  # the registry was filled so long before the demo


class DemoStory:
    """The steps of the demo in order, and which of them succeeded."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        town: DemoTown,
        camera_password: str,
        progress: DemoProgress,
    ):
        self._settings = settings
        self._database = database
        self._town = town
        self._password = camera_password
        self._progress = progress
        self._clock = SystemClock()
        self._zone = ZoneInfo(settings.station.timezone)
        self._position = 0  # of the last event before the demo
        self.began = self._clock.now()
        self.discovered = 0  # expected cameras that answered
        self.identified = 0

    async def run(self, supervisor: Supervisor, port: int) -> None:
        await self._prepare()
        async with self._database.reading() as session:
            self._position = await events.last_id(session)
        await self._find_cameras()
        await supervisor.start()
        async with running(self._report_events(), "events") as watching:
            await self._until(self._all_recording, 30)
            self._progress.report(f"all {self.identified} cameras record, main and sub-stream")
            self._progress.report(f"console: http://127.0.0.1:{port}")
            self._progress.report("log-ins: " + ", ".join(a[0] for a in ACCOUNTS) + f"; password of each: {PASSWORD}")
            self._progress.report(f"phone page of the patrol officer: http://127.0.0.1:{port}/m")
            await self._until(self._first_patrol, 40)
            await self._break_cameras()
            await watching

    async def _prepare(self) -> None:
        now = self._clock.now()
        vault = await open_vault_of_station(self._settings, self._database)
        async with self._database.session() as session:
            await registry.apply(session, self._town.inventory, now - INVENTORY_AGE, "demo")
            await registry.set_password(session, vault, "village", self._password, now, "demo")
        await create_accounts(self._database, self._clock)
        await Yesterday(self._settings, self._database, self._town, self._zone, now).write()
        self._progress.report("the day before the demo is written: rounds, orders, a signed register, a closed case")
        await self._open_case(now)
        villages, cameras = len(self._town.inventory.villages), len(self._town.inventory.cameras)
        self._progress.report(
            f"registry filled: {villages} villages, {cameras} cameras; "
            "one watch-list subject approved by a second person"
        )

    async def _open_case(self, now: datetime) -> None:
        """Open today's case, with a subject on the watch list that a second person has approved."""
        async with self._database.session() as session:
            case = await case_files.open_case(session, now, "video", "西店-2026-0087", "电动自行车被盗", "wangjia")
            subject = await proposals.propose(
                session,
                now,
                "video",
                case=case.id,
                title="红上衣男子",
                words=SubjectWords(cls=[ClassWord.PERSON], upper=[ColourWord.RED]),
                villages=None,
                reason="监控显示嫌疑人着红色上衣",
                expires_at=now + timedelta(days=10),
            )
            await proposals.approve(session, now, "leader", subject.id, yes=True, auto_dispatch=True)

    async def _find_cameras(self) -> None:
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
        async with http_session(ConnectLimiter.of_station(self._settings, self._clock)) as http:
            vault = await open_vault_of_station(self._settings, self._database)
            onboarding = Onboarding(self._database, vault, self._clock, http)
            report = await Survey(self._database, self._clock, onboarding).run(["127.0.0.1"], wait=1.0)
            found = {m.verdict.camera for m in report.of(MatchKind.FIRST, MatchKind.KNOWN, MatchKind.MOVED)}
            self.discovered = len(found)
            strangers = len(report.of(MatchKind.NEW, MatchKind.CLONE))
            expected = len(self._town.streaming)
            self._progress.report(
                f"WS-Discovery: {len(found)} of {expected} expected cameras answered, {strangers} strangers"
            )
            outcome = await onboarding.run([c for c in cameras if c.id in found])
        self.identified = len(outcome.identified)
        self._progress.report(f"ONVIF: identity and streams of {self.identified} cameras queried")
        for camera, reason in outcome.failed.items():
            self._progress.report(f"{camera}: {reason}")

    async def _all_recording(self) -> bool:
        async with self._database.reading() as session:
            count = await session.scalar(
                select(func.count(StreamStatus.stream)).where(StreamStatus.state == RecordingState.RECORDING)
            )
        return bool(self.identified) and (count or 0) >= 2 * self.identified

    async def _first_patrol(self) -> bool:
        async with self._database.reading() as session:
            rounds = await session.scalar(
                select(func.count(events.Event.id)).where(
                    events.Event.kind == "patrol.finished", events.Event.id > self._position
                )
            )
        return bool(rounds)

    async def _until(self, is_true: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until a condition holds, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not await is_true():
            await self._clock.sleep(0.5)

    async def _break_cameras(self) -> None:
        await town.break_cameras(self._town.streaming)
        self._progress.report("now three cameras fail: " + ", ".join(f"{c} ({f})" for c, f in town.FAULTS.items()))

    async def _report_events(self) -> None:
        async for row in events.tail(self._database, self._clock, self._position):
            text = _event_text(row)
            if text:
                self._progress.report(text)


def _event_text(row: events.Event) -> str:
    """Return the line for an event; empty for those that the demo does not show."""
    data = row.data
    match row.kind:
        case "patrol.finished":
            return f"patrol round {data['round']}: {data['cameras']} cameras inspected, {data['faulty']} faulty"
        case "fault.opened":
            return (
                f"fault opened: {row.camera or data['name']} {data['family']}: "
                f"{describe(data['family'], data['figures'])}"
            )
        case "fault.closed":
            return f"fault closed: {row.camera} {data['family']}"
        case "alert.raised":
            return f"alert {data['alert']}: watch-list subject seen by {row.camera}"
        case "alert.dispatched":
            return f"alert {data['alert']} is on the patrol officers' phones"
        case "alert.acked" | "alert.answered":
            return f"{row.kind}: alert {data['alert']}"
    return ""
