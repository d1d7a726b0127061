"""Starting and stopping the station: with systemd if it runs this machine, else as a plain process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from core.errors import StorageError
from station.install import units
from station.install.commands import SystemCommands
from station.install.install import is_booted
from station.install.layout import Layout
from station.install.steps import write_text
from station.install.units import UnitState
from station.install.upgrade.program import Program

STOP_SECONDS = 40.0
START_SECONDS = 1.0


class Manager(Protocol):
    def is_running(self) -> bool: ...

    def start(self) -> None:
        """Start the station; the caller checks whether it comes up. Does nothing if it is running."""

    def stop(self) -> None:
        """Stop the station; returns when none of its processes is left. Raises StorageError otherwise."""


def manager_of(layout: Layout) -> Manager:
    return SystemdManager(SystemCommands(layout.root)) if is_booted(layout) else ProcessManager(layout)


class SystemdManager:
    def __init__(self, commands: SystemCommands, unit: str = units.SERVICE):
        self._commands = commands
        self._unit = unit

    def is_running(self) -> bool:
        state = self._commands.run_or_empty(["systemctl", "show", "-p", "ActiveState", "--value", self._unit])
        return state in (UnitState.ACTIVE, UnitState.ACTIVATING, UnitState.RELOADING)

    def start(self) -> None:
        self._commands.run(["systemctl", "daemon-reload"])
        self._commands.succeeds(["systemctl", "reset-failed", self._unit])
        # Without waiting: a station that never gets ready would block for as long as a migration may take. The caller
        # checks.
        self._commands.run(["systemctl", "start", "--no-block", self._unit])

    def stop(self) -> None:
        self._commands.run(["systemctl", "stop", self._unit])


class ProcessManager:
    """A detached process; a file stores its id and start time, because ids are reused."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._file = layout.at(layout.prefix) / "station.pid"

    def is_running(self) -> bool:
        return self._pid() is not None

    def start(self) -> None:
        if self.is_running():
            return
        release = self._layout.current_release()
        assert release is not None
        program = Program(self._layout, release)
        log = self._layout.at(self._layout.prefix) / "station.log"
        command = program.command("-m", "station", "--config", str(self._layout.at(self._layout.settings)), "serve")
        # Started by a shell that ends at once: the station must not be a child of this upgrade process.
        detached = ["setsid", "sh", "-c", '"$@" </dev/null >>"$0" 2>&1 & echo $!', str(log), *command]
        done = subprocess.run(detached, stdout=subprocess.PIPE, text=True, env=program.environment, cwd="/", check=True)
        pid = int(done.stdout)
        write_text(self._file, json.dumps({"pid": pid, "start": _start_time(pid)}), 0o600)
        time.sleep(START_SECONDS)
        if not self.is_running():
            raise StorageError(f"the station did not start: {_tail(log)}")

    def stop(self) -> None:
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._ended_within(STOP_SECONDS):
                os.killpg(os.getpgid(pid), signal.SIGKILL)
                if not self._ended_within(5.0):
                    raise StorageError(f"the station (process {pid}) does not end; end it, then run this again")
        self._file.unlink(missing_ok=True)

    def _ended_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._pid() is not None:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _pid(self) -> int | None:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            pid = int(known["pid"])
        except (FileNotFoundError, ValueError, KeyError):
            return None
        start = _start_time(pid)
        return pid if start and start == known["start"] else None


def _start_time(pid: int) -> str:
    """Return the start time of a living process, in the kernel's clock ticks; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " ".join(lines[-3:])[-400:] or "no output"
