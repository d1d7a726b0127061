"""Checks of the machine's clock: recorded times are evidence only if the clock is right."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from core.host.ntp import MAX_ERROR_S, STA_UNSYNC, TIME_ERROR, kernel_clock, timedated_answer
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning

MAX_OFFSET_S = 0.5  # the station promises recorded times within 1 s
# The kernel cuts a process name (comm) at 15 characters.
DAEMONS = ("chronyd", "systemd-timesyncd", "systemd-timesyn", "ntpd", "openntpd")
EARLIEST_YEAR = 2025


def synchronised(station: CheckedStation) -> Sequence[CheckResult]:
    """Report whether the kernel's clock is synchronised, by how much it is off, and which service sets it."""
    if station.clock.now().year < EARLIEST_YEAR:
        return [failed(V.CLOCK_IN_THE_PAST(day=f"{station.clock.now():%Y-%m-%d}"), R.SET_CLOCK())]
    kernel = kernel_clock()
    if kernel is None:
        return [_timedated_result()]
    return [judge(kernel.state, kernel.status, kernel.offset_s, kernel.max_error_s, _daemon())]


def _timedated_result() -> CheckResult:
    """Report what systemd's timedated says; it may query the kernel clock where this process may not."""
    said = timedated_answer()
    if said == "yes":
        return ok(V.CLOCK_SET_BY_SYSTEM())
    if said == "no":
        return warning(V.CLOCK_NOT_SET_BY_SYSTEM(), R.INSTALL_TIME_SERVICE())
    return unknown(V.CLOCK_NOT_READABLE(), R.RUN_DOCTOR())


def judge(state: int, status: int, offset: float, max_error: float, daemon: str | None) -> CheckResult:
    """Return the result for the kernel's clock state.

    `offset` and `max_error` are the kernel's estimates in seconds. `daemon` names the time service; empty: none runs;
    None: unknown.
    """
    if state == TIME_ERROR or status & STA_UNSYNC:
        if daemon:
            return warning(V.CLOCK_SERVICE_FAILS(service=daemon), R.CHECK_TIME_SERVICE(service=daemon))
        found = V.CLOCK_NOT_SYNCHRONISED() if daemon is None else V.CLOCK_NO_SERVICE()
        return warning(found, R.INSTALL_TIME_SERVICE())
    off, limit = round(1000 * offset, 1), round(1000 * max_error)
    found = (
        V.CLOCK_SYNCHRONISED_BY(offset=off, limit=limit, service=daemon)
        if daemon
        else V.CLOCK_SYNCHRONISED(offset=off, limit=limit)
    )
    if abs(offset) > MAX_OFFSET_S or max_error > MAX_ERROR_S:
        return warning(found, R.CHECK_TIME_SERVER())
    return ok(found)


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
    found = V.ZONE if offset == machine else V.ZONE_OF_LOGS
    return [ok(found(zone=name, machine=_machine_zone()))]


def _machine_zone() -> str:
    link = Path("/etc/localtime")
    if link.is_symlink() and "zoneinfo/" in (target := str(link.resolve())):
        return target.partition("zoneinfo/")[2]
    return time.tzname[0]
