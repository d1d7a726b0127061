"""The supervisor: starts the worker processes, restarts the ones that die or hang, ends all of them.

Each child is a process group of its own with a pipe to nobody; it learns from the kernel when the
supervisor is gone. One child's crash touches no other.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from core import station_lock
from core.clock import Clock
from core.settings import Settings
from core.station_lock import StationLock
from nvr import black_box
from station.processes import SUPERVISOR

log = logging.getLogger(__name__)

PAUSES = (1, 2, 5, 10, 30, 60)
STEADY_SECONDS = 120
STOP_SECONDS = 12.0
LOOK_SECONDS = 5.0
HANG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    index: int = 0
    box: Path | None = None  # where it says that it lives (nvr.black_box)

    @property
    def arguments(self) -> list[str]:
        return ["worker", self.name, "--index", str(self.index)]


def roles(settings: Settings) -> list[Role]:
    recorders = [Role("recorder", i, black_box.path_of(settings.data.dir, i)) for i in range(settings.recorder.workers)]
    return [Role("controller"), *recorders, Role("analyst")]


class Supervisor:
    def __init__(
        self,
        wanted: list[Role],
        config: Path | None,
        clock: Clock,
        log_file: Path | None = None,
        lock: StationLock | None = None,
    ):
        """`lock` is passed on to the workers: the data folder is in use until the last of them has ended."""
        self._roles = wanted
        self._config = config
        self._clock = clock
        self._log_file = log_file
        self._lock = lock
        self.children: dict[Role, asyncio.subprocess.Process] = {}
        self.restarts: dict[Role, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(role)) for role in self._roles]

    async def stop(self) -> None:
        """SIGTERM to all, then SIGKILL to whoever is still there after 12 s."""
        self._stopping = True
        for process in self.children.values():
            if process.returncode is None:
                process.terminate()
        done, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS) if self._tasks else (set(), set())
        for process in self.children.values():
            if process.returncode is None:
                _kill_group(process)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        del done

    async def _keep(self, role: Role) -> None:
        failures = 0
        while not self._ending():
            started = self._clock.monotonic()
            process = self.children[role] = await self._spawn(role)
            code = await self._until_it_ends(role, process)
            _kill_group(process)  # its own disposable workers, where it died without ending them
            if self._ending():
                return
            failures = 0 if self._clock.monotonic() - started > STEADY_SECONDS else failures + 1
            self.restarts[role] = self.restarts.get(role, 0) + 1
            pause = PAUSES[min(max(failures - 1, 0), len(PAUSES) - 1)]
            log.error("%s-%d ended with status %d; it is started again in %d s", role.name, role.index, code, pause)
            await self._clock.sleep(pause)

    async def _until_it_ends(self, role: Role, process: asyncio.subprocess.Process) -> int:
        """Its exit status. A process that lives and does nothing any more is ended."""
        ended = asyncio.ensure_future(process.wait())
        started = self._clock.monotonic()
        while role.box is not None and not ended.done():
            await asyncio.wait((ended,), timeout=LOOK_SECONDS)
            silent = await asyncio.to_thread(black_box.silent_seconds, role.box)
            if silent is not None and min(silent, self._clock.monotonic() - started) > HANG_SECONDS and not ended.done():
                log.error("%s-%d has done nothing for %.0f s; it is ended", role.name, role.index, silent)
                process.kill()
                break
        return await ended

    def _ending(self) -> bool:
        return self._stopping

    async def _spawn(self, role: Role) -> asyncio.subprocess.Process:
        config = ["--config", str(self._config)] if self._config else []
        arguments = [sys.executable, "-m", "station", *config, *role.arguments]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), SUPERVISOR: str(os.getpid())}
        inherited = [self._lock.descriptor] if self._lock else []
        if self._lock:
            environment[station_lock.INHERITED] = str(self._lock.descriptor)
        errors = None
        if self._log_file is not None:
            errors = await asyncio.to_thread(self._log_file.open, "ab")
        try:
            return await asyncio.create_subprocess_exec(
                *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
                env=environment, pass_fds=inherited,
            )  # fmt: skip
        finally:
            if errors is not None:
                errors.close()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
