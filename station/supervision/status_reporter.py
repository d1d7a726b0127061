"""Reports the state of a running station: to the service manager by sd_notify, to everybody else by a small file in the
data folder.

`.station-status.json` is written atomically, at every change and every 10 s: the supervisor's process, since when, and
each worker with its restarts and how it last ended. It is valid only while the station's lock is held.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from core import logs
from core.clock import Clock
from core.files import write_atomic
from core.host.service_manager import Notifier
from station.supervision.supervisor import Supervisor

FILE = ".station-status.json"  # the leading dot keeps it out of backups
REFRESH_SECONDS = 10.0
POLL_INTERVAL_S = 2.0


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker; `pid` None: it is waiting to be started again."""

    name: str
    pid: int | None
    ready: bool
    started: str | None  # times are ISO 8601
    restarts: int
    last_end: str  # empty: it has not ended yet


@dataclass(frozen=True, slots=True)
class StationStatus:
    """The supervisor's process, since when it runs and since when it is ready, and its workers."""

    pid: int
    since: str
    ready_since: str | None
    workers: list[WorkerStatus]


_STATUS_FILE = TypeAdapter(StationStatus)


class StatusReporter:
    """Runs beside a supervisor and reports its state."""

    def __init__(
        self, supervisor: Supervisor, notifier: Notifier, data: Path, clock: Clock, on_ready: Callable[[], None]
    ):
        self._supervisor, self._notifier, self._clock = supervisor, notifier, clock
        self._path, self._on_ready = data / FILE, on_ready
        self._since = clock.now()
        self._ready_at: datetime | None = None
        self._written: StationStatus | None = None
        self._written_at = float("-inf")
        self._last_status = ""

    async def run(self) -> None:
        interval = min(POLL_INTERVAL_S, (self._notifier.watchdog_seconds or POLL_INTERVAL_S * 3) / 3)
        while True:
            await self.update()
            await self._clock.sleep(interval)

    async def update(self) -> None:
        if self._supervisor.ready and self._ready_at is None:
            self._ready_at = self._clock.now()
            self._notifier.ready()
            self._on_ready()
        if self._supervisor.in_order:
            self._notifier.alive()
        text = self.sentence()
        if text != self._last_status:
            self._notifier.status(text)
            self._last_status = text
        await self._write()
        logs.flush_repeats()

    def sentence(self) -> str:
        watched = self._supervisor.watched
        waiting = [str(role) for role, w in watched.items() if not w.ready]
        if not waiting:
            restarts = sum(self._supervisor.restarts.values())
            return f"{len(watched)} workers run" + (f", {restarts} restarts so far" if restarts else "")
        return ("starting" if self._ready_at is None else "not working") + ": " + ", ".join(waiting)

    async def _write(self) -> None:
        facts = self.facts()
        now = self._clock.monotonic()
        if facts == self._written and now - self._written_at < REFRESH_SECONDS:
            return
        self._written, self._written_at = facts, now
        with suppress(OSError):  # a full disk is reported by the log and by doctor
            text = json.dumps(
                asdict(facts) | {"written": self._clock.now().isoformat(timespec="seconds")}, ensure_ascii=False
            )
            await asyncio.to_thread(write_atomic, self._path, text.encode(), mode=0o640, sync=False)

    def facts(self) -> StationStatus:
        return StationStatus(
            pid=os.getpid(),
            since=self._since.isoformat(timespec="seconds"),
            ready_since=self._ready_at.isoformat(timespec="seconds") if self._ready_at else None,
            workers=[
                WorkerStatus(
                    name=str(role),
                    pid=worker.pid if worker.running else None,
                    ready=worker.ready,
                    started=worker.started_at.isoformat(timespec="seconds") if worker.started_at else None,
                    restarts=self._supervisor.restarts.get(role, 0),
                    last_end=worker.last_end,
                )
                for role, worker in self._supervisor.watched.items()
            ],
        )

    async def close(self) -> None:
        self._notifier.stopping()
        with suppress(OSError):
            await asyncio.to_thread(self._path.unlink)


def read(data: Path) -> StationStatus | None:
    """Return what the running station wrote last; None if there is no complete file. Blocking."""
    try:
        return _STATUS_FILE.validate_json((data / FILE).read_bytes())
    except (OSError, ValueError):
        return None
