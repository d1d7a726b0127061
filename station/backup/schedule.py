"""The nightly backup: the controller checks every minute whether one is due and runs it in a separate process.

A backup is due if `backups.json` does not list it as done: a station that was off at the set time makes it when it is
back, and a failed one is retried every hour. A failure becomes an event, a log line, a fact of `doctor` and a metric.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from core import events
from core.clock import Clock
from core.database import Database
from core.host import backup_log
from core.host.backup_log import BackupRun
from core.json_types import JsonInput
from core.settings import BackupSettings, Settings
from station.backup import contents

log = logging.getLogger(__name__)

RETRY_AFTER = timedelta(hours=1)
REMIND_AFTER = timedelta(hours=24)
STOP_SECONDS = 10


def due(runs: Sequence[BackupRun], now: datetime, at: str, zone: ZoneInfo) -> bool:
    """Return whether a backup is due: no good run since the last scheduled time, and no attempt within RETRY_AFTER."""
    since = _last_hour(now, at, zone)
    if any(r.good and r.at >= since for r in runs):
        return False
    return not runs or runs[-1].good or now - runs[-1].at >= RETRY_AFTER


def _last_hour(now: datetime, at: str, zone: ZoneInfo) -> datetime:
    """Return the newest time at or before `now` at which the wall clock showed `at`."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), time.fromisoformat(at), zone)
    return today if today <= local else datetime.combine(local.date() - timedelta(days=1), time.fromisoformat(at), zone)


def excess_archives(folder: Path, keep: int) -> list[Path]:
    """Return the archives beyond the newest `keep` (at least one): the last good one is never removed. Blocking."""
    found = sorted(
        p
        for p in folder.glob(f"{contents.ARCHIVE_PREFIX}*{contents.ARCHIVE_SUFFIX}")
        if p.is_file() and not p.is_symlink()
    )
    return found[: -max(1, keep)]


class NightlyBackup:
    """Call `run_once` every minute; it does nothing while a backup is being made."""

    def __init__(self, settings: Settings, database: Database, clock: Clock):
        self._settings, self._database, self._clock = settings, database, clock
        self._zone = ZoneInfo(settings.station.timezone)
        self._since = clock.now()
        self._reminded: datetime | None = None
        self._busy = False

    async def run_once(self) -> None:
        wanted = self._settings.backup
        if wanted.target is None or self._busy:
            return
        self._busy = True
        try:
            await self._run_if_due(wanted, wanted.target)
        finally:
            self._busy = False

    async def _run_if_due(self, wanted: BackupSettings, target: Path) -> None:
        runs = await asyncio.to_thread(backup_log.read, self._settings.data.dir)
        if due(runs, self._clock.now(), wanted.at, self._zone):
            await self._make(wanted, target)
        await self._warn_if_overdue(wanted)

    async def _make(self, wanted: BackupSettings, target: Path) -> None:
        error = await self._run(self._command(wanted, target))
        if error:
            log.error("the backup into %s failed: %s", target, error)
            await self._announce(events.EventKind.BACKUP_FAILED, target=str(target), error=error)
            return
        gone = await asyncio.to_thread(_rotate, target, wanted.keep)
        made = await asyncio.to_thread(backup_log.last_good, self._settings.data.dir)
        if made is not None:
            log.info("backup %s: %d bytes in %.0f s, %d older ones removed", made.target, made.size, made.seconds, gone)
            await self._announce(
                events.EventKind.BACKUP_MADE, target=made.target, bytes=made.size, seconds=made.seconds
            )

    def _command(self, wanted: BackupSettings, target: Path) -> list[str]:
        config = ["--config", str(path)] if (path := self._settings.source.path) else []
        # A target that is not a folder (its disk is not mounted) must not become a file.
        command = [sys.executable, "-m", "station", *config, "backup", str(target), "--into-folder"]
        if wanted.passphrase_file is not None:
            command += ["--passphrase-file", str(wanted.passphrase_file)]
        command += ["--without-key"] if wanted.without_key and wanted.passphrase_file is None else []
        return command + (["--with-sightings"] if wanted.with_sightings else [])

    async def _run(self, command: list[str]) -> str:
        """Run the command to its end; returns what went wrong, else empty. Records a run that could not even start."""
        started = self._clock.now()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, errors = await process.communicate()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        if process.returncode == 0:
            return ""
        lines = errors.decode("utf-8", "replace").strip().splitlines() or [f"it ended with status {process.returncode}"]
        error = lines[-1].removeprefix("minwang: ")[:400]
        await asyncio.to_thread(self._record_failure, started, error)
        return error

    def _record_failure(self, started: datetime, error: str) -> None:
        runs = backup_log.read(self._settings.data.dir)
        if not runs or runs[-1].at < started:
            took = (self._clock.now() - started).total_seconds()
            backup_log.add(
                self._settings.data.dir,
                BackupRun(self._clock.now(), str(self._settings.backup.target), took, error=error),
            )

    async def _warn_if_overdue(self, wanted: BackupSettings) -> None:
        """Log and announce once a day while the last good backup is too old."""
        now = self._clock.now()
        last = await asyncio.to_thread(backup_log.last_good, self._settings.data.dir)
        age = now - (last.at if last is not None else self._since)
        if age <= timedelta(hours=wanted.max_age_hours):
            self._reminded = None
        elif self._reminded is None or now - self._reminded >= REMIND_AFTER:
            self._reminded = now
            when = last.at.astimezone(timezone.utc).isoformat(timespec="seconds") if last is not None else "never"
            log.error(
                "the last good backup is %.0f h old (%s); see backup.target and docs/backup.md",
                age.total_seconds() / 3600,
                when,
            )
            await self._announce(events.EventKind.BACKUP_OVERDUE, last=when, hours=round(age.total_seconds() / 3600))

    async def _announce(self, kind: events.EventKind, **data: JsonInput) -> None:
        async with self._database.session() as session:
            events.append(session, self._clock.now(), kind, village=None, camera=None, **data)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end, and kill it if it does not within STOP_SECONDS."""
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _rotate(folder: Path, keep: int) -> int:
    going = excess_archives(folder, keep)
    for path in going:
        path.unlink()
    return len(going)
