"""Checks of the machine's clock: recorded times are evidence only if the clock is right."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from core.host.ntp import MAX_ERROR_S, STA_UNSYNC, TIME_ERROR, kernel_clock, timedated_answer
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

MAX_OFFSET_S = 0.5  # the station promises recorded times within 1 s
# The kernel cuts a process name (comm) at 15 characters.
DAEMONS = ("chronyd", "systemd-timesyncd", "systemd-timesyn", "ntpd", "openntpd")
REMEDY = (
    "install a time service: apt-get install chrony; "
    "without internet access, add your own server in /etc/chrony/sources.d"
)
EARLIEST_YEAR = 2025


def synchronised(station: CheckedStation) -> Sequence[CheckResult]:
    """Report whether the kernel's clock is synchronised, by how much it is off, and which service sets it."""
    if station.clock.now().year < EARLIEST_YEAR:
        return [failed(f"the clock says {station.clock.now():%Y-%m-%d}", f"set the clock (date -s), then {REMEDY}")]
    kernel = kernel_clock()
    if kernel is None:
        return [_timedated_result()]
    return [judge(kernel.state, kernel.status, kernel.offset_s, kernel.max_error_s, _daemon())]


def _timedated_result() -> CheckResult:
    """Report what systemd's timedated says; it may query the kernel clock where this process may not."""
    said = timedated_answer()
    if said == "yes":
        return ok("synchronised (timedatectl)")
    if said == "no":
        return warning("not synchronised (timedatectl)", REMEDY)
    return unknown("this process may not query the kernel clock", "run minwang doctor on the command line")


def judge(state: int, status: int, offset: float, max_error: float, daemon: str | None) -> CheckResult:
    """Return the result for the kernel's clock state.

    `offset` and `max_error` are the kernel's estimates in seconds. `daemon` names the time service; empty: none runs;
    None: unknown.
    """
    if state == TIME_ERROR or status & STA_UNSYNC:
        if daemon:
            return warning(
                f"not synchronised, although {daemon} runs",
                f"check that {daemon} reaches its time server (chronyc sources, timedatectl)",
            )
        return warning("not synchronised" if daemon is None else "not synchronised, no time service runs", REMEDY)
    value = f"synchronised, off by {1000 * offset:.1f} ms, at most {1000 * max_error:.0f} ms" + (
        f" ({daemon})" if daemon else ""
    )
    if abs(offset) > MAX_OFFSET_S or max_error > MAX_ERROR_S:
        return warning(value, "check that the time service reaches its server (chronyc sources, timedatectl)")
    return ok(value)


def _daemon() -> str | None:
    if not Path("/proc/1").exists():
        return None  # ProtectProc= hides the processes of other users from this one
    running = {p.info["name"] for p in psutil.process_iter(["name"])}
    return next((d for d in DAEMONS if d in running), "")


def zone(station: CheckedStation) -> Sequence[CheckResult]:
    """Report the station's time zone and the machine's. The station uses its own; a server in UTC is fine."""
    name = station.settings.station.timezone
    offset = datetime.now(ZoneInfo(name)).utcoffset()
    machine = datetime.now().astimezone().utcoffset()
    logs = "" if offset == machine else ", in which its own logs are written"
    return [ok(f"{name}; the machine is set to {_machine_zone()}{logs}")]


def _machine_zone() -> str:
    link = Path("/etc/localtime")
    if link.is_symlink() and "zoneinfo/" in (target := str(link.resolve())):
        return target.partition("zoneinfo/")[2]
    return time.tzname[0]
