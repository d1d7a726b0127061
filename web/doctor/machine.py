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
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, locked_out, ok, unknown, warning

FILES_PER_STREAM = 4  # socket, segment file, next segment file, one viewer
FILES_BASE = 500
MEMORY_WARNING, MEMORY_FAILED = 0.10, 0.03
PRINTING_TEXT = "民网巡检登记派出所村案件"


async def files(station: CheckedStation) -> Sequence[CheckResult]:
    """Compare the open files that a recorder process may have with the number that its cameras need."""
    if station.database is None:
        return [unknown(V.CAMERAS_NOT_KNOWN(), R.SEE_DATABASE())]
    async with station.database.reading() as session:
        streams = await lookup.recorded_streams(session)
        pids = await recorder_pids(session)
    needed = FILES_BASE + FILES_PER_STREAM * -(-streams // station.settings.recorder.workers)
    limits = [limit for pid in pids if (limit := _limit(pid)) is not None]
    allowed = min(limits) if limits else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    code = V.FILES_OF_RECORDER if limits else V.FILES_OF_PROCESS
    found = code(allowed=allowed, needed=needed, streams=streams)
    if allowed < needed:
        return [failed(found, R.RAISE_FILES(limit=max(65_536, needed)))]
    return [ok(found)]


def _limit(pid: int) -> int | None:
    try:
        if "station" not in psutil.Process(pid).cmdline():
            return None  # the process id now belongs to another process
        return psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0]
    except (psutil.Error, OSError):
        return None


def memory(_station: CheckedStation) -> Sequence[CheckResult]:
    memory_, swap = psutil.virtual_memory(), psutil.swap_memory()
    share = memory_.available / memory_.total
    available, total, swapped = (round(n / 1e9, 1) for n in (memory_.available, memory_.total, swap.used))
    found = V.MEMORY(available=available, total=total, swapped=swapped)
    if share < MEMORY_FAILED:
        return [failed(found, R.MEMORY_NEARLY_GONE())]
    if share < MEMORY_WARNING:
        return [warning(found, R.MEMORY_SHORT())]
    return [ok(found)]


def ffmpeg(_station: CheckedStation) -> Sequence[CheckResult]:
    """Check ffmpeg: it records streams that the native engine cannot, and converts H.265 for browsers."""
    program = shutil.which("ffmpeg")
    if program is None:
        return [failed(V.NOT_INSTALLED(), R.INSTALL_FFMPEG())]
    listed = subprocess.run(
        [program, "-hide_banner", "-decoders"], capture_output=True, text=True, timeout=8, check=False
    ).stdout
    decoders = {line.split()[1] for line in listed.splitlines() if len(line.split()) > 1}
    said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=8, check=False).stdout
    version = said.split()[2] if len(said.split()) > 2 else "?"
    if missing := {"h264", "hevc"} - decoders:
        found = V.FFMPEG_LACKS(version=version, missing=", ".join(sorted(missing)))
        return [failed(found, R.INSTALL_COMPLETE_FFMPEG())]
    return [ok(V.FFMPEG_COMPLETE(version=version))]


def printing(station: CheckedStation) -> Sequence[CheckResult]:
    """Print a Chinese page with the reports' renderer, in a disposable process (web.doctor.printing)."""
    if not ctypes.util.find_library("pango-1.0"):
        return [failed(V.PANGO_MISSING(), R.INSTALL_PANGO())]
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
        return [failed(V.PRINTING_FAILED(reason=last[0][:200]), R.INSTALL_RENDERER())]
    if "error" in found:
        return [failed(V.PRINTING_IMPOSSIBLE(), R.MEND_PRINTING(advice=found["error"]))]
    if found["missing"]:
        return [failed(V.CHARACTERS_MISSING(characters=found["missing"][:20]), R.INSTALL_FONT())]
    return [ok(V.CHINESE_PRINTED(fonts=", ".join(found["families"])))]


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
        found.append(warning(V.RUNS_AS_ROOT(), R.USE_OWN_USER(), "user"))
    else:
        found.append(ok(V.RUNS_AS_USER(uid=os.geteuid()), "user"))
    return found


def _private(path: Path, forbidden: int, right: int, what: str) -> CheckResult:
    mode = path.stat().st_mode & 0o777
    if mode & forbidden:
        state = failed if what == "key" else warning
        return state(V.MODE_READABLE(mode=f"{mode:o}"), R.CHANGE_MODE(mode=f"{right:o}", path=str(path)), str(path))
    return ok(V.MODE(mode=f"{mode:o}"), str(path))


def _settings_file(station: CheckedStation) -> CheckResult:
    assert station.config is not None
    mode = station.config.stat().st_mode & 0o777
    secret = (
        "@" in station.settings.data.database
        and ":" in station.settings.data.database.partition("://")[2].partition("@")[0]
    )
    path, shown = str(station.config), f"{mode:o}"
    if mode & 0o022:
        return failed(V.MODE_CHANGEABLE(mode=shown), R.CHANGE_MODE(mode="640", path=path), path)
    if secret and mode & 0o007:
        return failed(V.MODE_PASSWORD_READABLE(mode=shown), R.CHANGE_MODE(mode="640", path=path), path)
    return ok(V.MODE(mode=shown), path)


def versions(_station: CheckedStation) -> Sequence[CheckResult]:
    python, linux = platform.python_version(), platform.release()
    return [ok(V.PROGRAM_VERSIONS(release=core.__version__, python=python, sqlite=sqlite3.sqlite_version, linux=linux))]
