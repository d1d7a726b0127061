"""Checks of the machine: limits, memory, permissions and installed programs."""

from __future__ import annotations

import ctypes.util
import json
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

import core
from cameras.registry import lookup
from core.audit import audit_key, verification
from core.host.child_environment import child_environment
from core.secrets import KEY_FILE
from core.settings import TLS_DIR
from nvr.recorder.heartbeats import recorder_pids
from web.doctor.facts import CheckedStation, CheckResult, failed, locked_out, ok, unknown, warning

FILES_PER_STREAM = 4  # socket, segment file, next segment file, one viewer
FILES_BASE = 500
MEMORY_WARNING, MEMORY_FAILED = 0.10, 0.03
PRINTING_TEXT = "民网巡检登记派出所村案件"


async def files(station: CheckedStation) -> Sequence[CheckResult]:
    """Compare the open files that a recorder process may have with the number that its cameras need."""
    if station.database is None:
        return [unknown("the number of cameras is not known", "see database")]
    async with station.database.reading() as session:
        streams = await lookup.recorded_streams(session)
        pids = await recorder_pids(session)
    needed = FILES_BASE + FILES_PER_STREAM * -(-streams // station.settings.recorder.workers)
    limits = [limit for pid in pids if (limit := _limit(pid)) is not None]
    allowed, whose = (
        (min(limits), "recorder") if limits else (resource.getrlimit(resource.RLIMIT_NOFILE)[0], "this process")
    )
    value = f"{allowed} allowed to {whose}, about {needed} needed for {streams} streams"
    if allowed < needed:
        remedy = (
            f"raise it: LimitNOFILE={max(65_536, needed)} in the systemd unit, or ulimit -n before the start; "
            "or more recorder.workers"
        )
        return [failed(value, remedy)]
    return [ok(value)]


def _limit(pid: int) -> int | None:
    try:
        if "station" not in psutil.Process(pid).cmdline():
            return None  # the process id now belongs to another process
        return psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0]
    except (psutil.Error, OSError):
        return None


def memory(_station: CheckedStation) -> Sequence[CheckResult]:
    found, swap = psutil.virtual_memory(), psutil.swap_memory()
    share = found.available / found.total
    value = f"{found.available / 1e9:.1f} of {found.total / 1e9:.1f} GB available, {swap.used / 1e9:.1f} GB swapped out"
    if share < MEMORY_FAILED:
        return [
            failed(
                value, "the kernel will soon kill processes: reduce search.workers and patrol.workers, or add memory"
            )
        ]
    if share < MEMORY_WARNING:
        return [warning(value, "reduce search.workers and patrol.workers, or add memory")]
    return [ok(value)]


def ffmpeg(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check ffmpeg: it records streams that the native engine cannot, and converts H.265 for browsers."""
    program = shutil.which("ffmpeg")
    if program is None:
        return [failed("not installed", "install it: apt-get install ffmpeg")]
    listed = subprocess.run(
        [program, "-hide_banner", "-decoders"], capture_output=True, text=True, timeout=8, check=False
    ).stdout
    decoders = {line.split()[1] for line in listed.splitlines() if len(line.split()) > 1}
    said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=8, check=False).stdout
    version = said.split()[2] if len(said.split()) > 2 else "?"
    if missing := {"h264", "hevc"} - decoders:
        return [
            failed(
                f"{version}, without {', '.join(sorted(missing))}", "install a complete build: apt-get install ffmpeg"
            )
        ]
    return [ok(f"{version}, decodes h264 and hevc")]


def printing(station: CheckedStation) -> Sequence[CheckResult]:
    """Print a Chinese page with the reports' renderer, in a disposable process (web.doctor.printing)."""
    if not ctypes.util.find_library("pango-1.0"):
        return [
            failed("Pango is missing", "install it: apt-get install libpango-1.0-0 libpangoft2-1.0-0 fonts-noto-cjk")
        ]
    text = PRINTING_TEXT + "".join(c for c in station.settings.station.name if c.isalnum())
    done = subprocess.run(
        [sys.executable, "-m", "web.doctor.printing"],
        input=text,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=child_environment(),
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        return [
            failed(
                f"rendering failed ({last[0][:200]})",
                "install what it needs: apt-get install libpango-1.0-0 libpangoft2-1.0-0",
            )
        ]
    if "error" in found:
        return [failed("nothing can be printed", found["error"])]
    if found["missing"]:
        remedy = "install a font with Chinese characters: apt-get install fonts-noto-cjk"
        return [failed(f"empty boxes instead of {found['missing'][:20]}", remedy)]
    return [ok(f"Chinese is printed ({', '.join(found['families'])})")]


def rights(station: CheckedStation) -> Sequence[CheckResult]:
    """Check who can read the files that only the station may read."""
    data = station.settings.data.dir
    found = [_private(data, 0o007, 0o750, "folder")] if data.is_dir() else []
    if station.locked_out:
        return [*found, locked_out(station)]
    for path in (
        data / KEY_FILE,
        data / audit_key.NAME,
        data / verification.FILE,
        data / TLS_DIR / "ca.key",
        data / TLS_DIR / "server.key",
    ):
        if path.exists():
            found.append(_private(path, 0o077, 0o600, "key"))
    if station.config is not None and station.config.exists():
        found.append(_settings_file(station))
    if os.geteuid() == 0:
        found.append(warning("runs as root", "run the station as a user of its own: minwang install", "user"))
    else:
        found.append(ok(f"runs as uid {os.geteuid()}", "user"))
    return found


def _private(path: Path, forbidden: int, right: int, what: str) -> CheckResult:
    mode = path.stat().st_mode & 0o777
    if mode & forbidden:
        state = failed if what == "key" else warning
        return state(f"mode {mode:o}: others can read it", f"chmod {right:o} {path}", str(path))
    return ok(f"mode {mode:o}", str(path))


def _settings_file(station: CheckedStation) -> CheckResult:
    assert station.config is not None
    mode = station.config.stat().st_mode & 0o777
    secret = (
        "@" in station.settings.data.database
        and ":" in station.settings.data.database.partition("://")[2].partition("@")[0]
    )
    if mode & 0o022:
        return failed(
            f"mode {mode:o}: others can change the settings", f"chmod 640 {station.config}", str(station.config)
        )
    if secret and mode & 0o007:
        return failed(
            f"mode {mode:o}: others can read the database's password",
            f"chmod 640 {station.config}",
            str(station.config),
        )
    return ok(f"mode {mode:o}", str(station.config))


def versions(_station: CheckedStation) -> Sequence[CheckResult]:
    python = platform.python_version()
    return [
        ok(f"minwang {core.__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, Linux {platform.release()}")
    ]
