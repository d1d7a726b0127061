"""The supervisor: starts the worker processes, restarts those that die or hang, stops all of them.

Each child is its own process group with a pipe to the supervisor (station.supervision.worker_report); the kernel tells
it when the supervisor is gone. A crash of one child does not affect the others. A worker that cannot start for a
permanent reason ends the station: `failed` then holds the error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.clock import Clock
from core.errors import MinwangError
from core.host import service_manager, station_lock
from core.host.child_environment import child_environment
from core.host.process_role import ProcessRole
from core.host.station_lock import StationLock
from core.settings import Settings
from core.tasks import RESTART_DELAYS_S, end, spawn
from nvr.recorder import crash_marker
from station.runtime import SUPERVISOR_PID_VARIABLE
from station.supervision.worker_report import EX_CONFIG, REPORT_DESCRIPTOR_VARIABLE, WorkerReport, listen

log = logging.getLogger(__name__)

FAILURE_RESET_S = 120
STOP_SECONDS = 12.0
POLL_INTERVAL_S = 5.0
ANALYST_WAITS_SECONDS = 20.0
HANG_SECONDS = 60.0
START_SECONDS = 300.0  # a worker that has not reported by then counts as hung


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """A kind of process, and which one of several recorders."""

    name: ProcessRole
    index: int = 0
    crash_marker_path: Path | None = None  # the recorder's keep-alive file (nvr.recorder.crash_marker)

    @property
    def arguments(self) -> list[str]:
        return ["worker", self.name, "--index", str(self.index)]

    def __str__(self) -> str:
        return f"{self.name}-{self.index}" if self.name is ProcessRole.RECORDER else self.name


@dataclass(slots=True)
class SupervisedWorker:
    """The worker of one role across all its restarts."""

    pid: int = 0
    report: WorkerReport | None = None
    was_ready: bool = False  # in any of its processes
    started_at: datetime | None = None
    started: float = 0.0  # monotonic, seconds
    running: bool = False
    last_end: str = ""

    @property
    def ready(self) -> bool:
        return self.running and self.report is not None and self.report.ready

    def overdue_s(self, now: float) -> float:
        """Return the seconds since its report was due; negative while it has time left."""
        if not self.running or self.report is None:
            return -HANG_SECONDS
        if self.report.beat is None:
            return now - self.started - START_SECONDS
        return now - self.report.beat - HANG_SECONDS


def roles(settings: Settings) -> list[WorkerRole]:
    recorders = [
        WorkerRole(ProcessRole.RECORDER, i, crash_marker.path_of(settings.data.dir, i))
        for i in range(settings.recorder.workers)
    ]
    return [WorkerRole(ProcessRole.CONTROLLER), *recorders, WorkerRole(ProcessRole.ANALYST)]


class Supervisor:
    """Keeps one worker of each role running; `watched` says how each does."""

    def __init__(
        self,
        wanted: list[WorkerRole],
        config: Path | None,
        clock: Clock,
        log_file: Path | None = None,
        lock: StationLock | None = None,
        *,
        analyst_waits: bool = False,
    ):
        """`lock` is passed on to the workers: the data folder stays locked until the last of them has ended.

        `analyst_waits`: start the analyst after the recorders and the console.
        """
        self._waits = analyst_waits
        self._roles = wanted
        self._config = config
        self._clock = clock
        self._log_file = log_file
        self._lock = lock
        self.children: dict[WorkerRole, asyncio.subprocess.Process] = {}
        self.restarts: dict[WorkerRole, int] = {}
        self.watched: dict[WorkerRole, SupervisedWorker] = {role: SupervisedWorker() for role in wanted}
        self.changed = asyncio.Event()  # a worker reported, started or ended
        self.failed: MinwangError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        self._tasks = [spawn(self._keep(role), f"keep {role}") for role in self._roles]

    @property
    def ready(self) -> bool:
        """Whether the console answers and every recorder works."""
        return all(w.ready for role, w in self.watched.items() if role.name is not ProcessRole.ANALYST)

    @property
    def in_order(self) -> bool:
        """Whether every worker lives or is being restarted, and none hangs for longer than it takes to kill it."""
        now = self._clock.monotonic()
        late = HANG_SECONDS / 2  # SIGKILL did not help
        return all(not t.done() for t in self._tasks) and all(w.overdue_s(now) < late for w in self.watched.values())

    async def until_failed(self) -> MinwangError:
        """Wait until a worker cannot be started at all; returns its error."""
        while self.failed is None:
            await self.changed.wait()
            self.changed.clear()
        return self.failed

    async def stop(self) -> None:
        """Send SIGTERM to all, then SIGKILL to those still running after 12 s."""
        self._stopping = True
        for process in self.children.values():
            if process.returncode is None:
                process.terminate()
        done, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS) if self._tasks else (set(), set())
        for process in self.children.values():
            if process.returncode is None:
                _kill_group(process)
        await end(*late, *done)

    async def _first(self) -> None:
        """Wait until recorders and console work, at most 20 s: the analyst's start uses the CPU for seconds."""
        async with asyncio.timeout(ANALYST_WAITS_SECONDS):
            while not self.ready and self.failed is None and not self._stopping:
                await self._clock.sleep(0.1)

    async def _keep(self, role: WorkerRole) -> None:
        failures = 0
        if role.name is ProcessRole.ANALYST and len(self._roles) > 1 and self._waits:
            with suppress(TimeoutError):
                await self._first()
        while not self._ending():
            started = self._clock.monotonic()
            process = self.children[role] = await self._spawn(role)
            self._note_start(role, process)
            code = await self._until_it_ends(role, process)
            _kill_group(process)  # its own child processes, if it died without ending them
            if self._ending() or await self._note_end(role, code):
                return
            failures = 0 if self._clock.monotonic() - started > FAILURE_RESET_S else failures + 1
            self.restarts[role] = self.restarts.get(role, 0) + 1
            pause = RESTART_DELAYS_S[min(max(failures - 1, 0), len(RESTART_DELAYS_S) - 1)]
            log.error("%s ended with status %d; restarting in %d s", role, code, pause)
            await self._clock.sleep(pause)

    def _note_start(self, role: WorkerRole, process: asyncio.subprocess.Process) -> None:
        watched = self.watched[role]
        watched.pid, watched.running = process.pid, True
        watched.started_at, watched.started = self._clock.now(), self._clock.monotonic()
        self.changed.set()

    async def _note_end(self, role: WorkerRole, code: int) -> bool:
        """Record the end of a worker; returns whether a restart is useless."""
        watched, report = self.watched[role], self.watched[role].report
        watched.running = False
        failure = None
        if report is not None:
            try:
                await asyncio.wait_for(report.ended.wait(), 1.0)  # wait for its last report
            except TimeoutError:
                log.debug("%s ended, and something below it keeps its pipe", role)
            watched.was_ready = watched.was_ready or report.ready
            failure = report.failure
        watched.last_end = f"status {code} at {self._clock.now().isoformat(timespec='seconds')}"
        if failure is not None:
            watched.last_end += f": {failure}"
        if code == EX_CONFIG and failure is not None and not watched.was_ready:
            self.failed = failure
        self.changed.set()
        return self.failed is not None

    async def _until_it_ends(self, role: WorkerRole, process: asyncio.subprocess.Process) -> int:
        """Return the exit status; kills a process that lives but no longer does anything."""
        ended = spawn(process.wait())
        while not ended.done():
            await asyncio.wait((ended,), timeout=POLL_INTERVAL_S)
            silent = await self._silent_seconds(role)
            if silent > HANG_SECONDS and not ended.done():
                log.error("%s has not reported for %.0f s; killing it", role, silent)
                process.kill()
                break
        return await ended

    async def _silent_seconds(self, role: WorkerRole) -> float:
        """Return how long the worker has done nothing, by its pipe and, for a recorder, by its crash marker."""
        now, watched = self._clock.monotonic(), self.watched[role]
        silent = watched.overdue_s(now) + HANG_SECONDS
        if (
            role.crash_marker_path is not None
            and (marker_silence := await asyncio.to_thread(crash_marker.silent_seconds, role.crash_marker_path))
            is not None
        ):
            silent = max(silent, min(marker_silence, now - watched.started))
        return silent

    def _ending(self) -> bool:
        return self._stopping

    async def _spawn(self, role: WorkerRole) -> asyncio.subprocess.Process:
        self.watched[role].report, descriptor = await listen(self._clock, self.changed.set)
        inherited = [descriptor, *([self._lock.descriptor] if self._lock else [])]
        errors = None
        try:
            if self._log_file is not None:
                errors = await asyncio.to_thread(self._log_file.open, "ab")
            return await asyncio.create_subprocess_exec(
                *self._arguments(role),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                env=self._environment(descriptor),
                pass_fds=inherited,
            )
        finally:
            os.close(descriptor)
            if errors is not None:
                errors.close()

    def _arguments(self, role: WorkerRole) -> list[str]:
        config = ["--config", str(self._config)] if self._config else []
        return [sys.executable, "-m", "station", *config, *role.arguments]

    def _environment(self, report_descriptor: int) -> dict[str, str]:
        found = child_environment(
            **{SUPERVISOR_PID_VARIABLE: str(os.getpid()), REPORT_DESCRIPTOR_VARIABLE: str(report_descriptor)}
        )
        if self._lock:
            found[station_lock.LOCK_DESCRIPTOR_VARIABLE] = str(self._lock.descriptor)
        return {name: value for name, value in found.items() if name not in service_manager.NOTIFY_VARIABLES}


def _kill_group(process: asyncio.subprocess.Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
