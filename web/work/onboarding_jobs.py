"""Runs long onboarding work for the console, one job at a time, with progress events; stopping it loses nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from cameras.discovery import ws_discovery
from cameras.onboarding.onboarding import Onboarding
from cameras.onboarding.survey import Survey
from cameras.registry.firmware import KnownVulnerability
from cameras.tables import Camera
from core import events
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError
from core.secrets import Vault
from core.tasks import BackgroundTasks, running

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 2.0  # between two progress events
Work = Coroutine[object, None, None]


class JobKind(StrEnum):
    NONE = ""  # nothing has run yet
    SURVEY = "survey"
    IDENTIFY = "identify"


@dataclass(slots=True)
class JobState:
    """State of the present or last job."""

    kind: JobKind = JobKind.NONE
    done: int = 0
    total: int = 0
    failed: int = 0
    running: bool = False
    villages: tuple[str, ...] | None = None  # villages of its cameras; None: the whole town


class OnboardingWork:
    """Runs surveys and identification of cameras in the background."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        http: aiohttp.ClientSession,
        holes: Sequence[KnownVulnerability] = (),
    ):
        self._database = database
        self._clock = clock
        self.http, self.vault = http, vault
        self.onboarding = Onboarding(database, vault, clock, http, vulnerabilities=holes)
        self.state = JobState()
        self._tasks = BackgroundTasks(clock)

    def survey(self) -> JobState:
        """Start a survey of the network for devices. Raises ConflictError while a job runs."""
        return self._start(JobKind.SURVEY, self._survey())

    def identify(self, cameras: Sequence[Camera]) -> JobState:
        """Start identifying the given cameras. Raises ConflictError while a job runs."""
        return self._start(JobKind.IDENTIFY, self._identify(cameras), cameras)

    async def close(self) -> None:
        await self._tasks.close()

    def _start(self, kind: JobKind, work: Work, cameras: Sequence[Camera] | None = None) -> JobState:
        if self.state.running:
            work.close()
            raise ConflictError(
                f"{self.state.kind} is still running; wait for it", ErrorCode.WORK_RUNNING, kind=self.state.kind
            )
        villages = None if cameras is None else tuple(sorted({c.village for c in cameras}))
        self.state = JobState(kind, total=len(cameras or ()), running=True, villages=villages)
        self._tasks.start(kind, self._run(work))
        return self.state

    async def _run(self, work: Work) -> None:
        try:
            async with running(self._report_progress(), "progress"):
                await work
        finally:
            self.state.running = False
            await self._append_event()

    async def _survey(self) -> None:
        survey = Survey(self._database, self._clock, self.onboarding)
        report = await survey.run(await asyncio.to_thread(ws_discovery.interfaces))
        self.state.done = self.state.total = len(report.devices)

    async def _identify(self, cameras: Sequence[Camera]) -> None:
        def advance(done: int, total: int) -> None:
            self.state.done, self.state.total = done, total

        outcome = await self.onboarding.run(cameras, advance)
        self.state.failed = len(outcome.failed)

    async def _report_progress(self) -> None:
        while True:
            before = self.state.done
            await asyncio.sleep(PROGRESS_INTERVAL_S)
            if self.state.done != before:
                await self._append_event()

    async def _append_event(self) -> None:
        async with self._database.session() as session:
            s = self.state
            village = s.villages[0] if s.villages is not None and len(s.villages) == 1 else None
            events.append(
                session, self._clock.now(), events.EventKind.ONBOARDING_PROGRESS, village=village,
                work=s.kind, done=s.done, total=s.total, failed=s.failed, running=s.running,
            )  # fmt: skip
