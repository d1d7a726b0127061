"""Whether a time service synchronises the kernel's clock (adjtimex(2), read only)."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from dataclasses import dataclass

STA_UNSYNC, STA_NANO, TIME_ERROR = 0x0040, 0x2000, 5
MAX_ERROR_S = 16.0  # the kernel's limit (NTP_PHASE_LIMIT); reached nine hours after the last correction (500 ppm)
SAME_CLOCK_S = 2.0


class _Timex(ctypes.Structure):
    """struct timex of Linux, 64-bit (bits/timex.h)."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 20),
    ]


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The state of the kernel's clock, as adjtimex(2) returns it."""

    state: int
    status: int
    offset_s: float
    max_error_s: float
    seconds: int  # seconds since 1970, as the kernel counts them

    @property
    def synchronised(self) -> bool:
        return self.state != TIME_ERROR and not self.status & STA_UNSYNC and self.max_error_s <= MAX_ERROR_S


def kernel_clock() -> KernelClock | None:
    """Return the kernel's clock state; None if adjtimex is forbidden, even for reading (systemd's ProtectClock=)."""
    found = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    if state < 0:
        return None
    unit = 1e9 if found.status & STA_NANO else 1e6
    return KernelClock(state, found.status, found.offset / unit, found.maxerror / 1e6, found.time[0])


def synchronised() -> bool | None:
    """Return whether a time service synchronises the clock that this process sees; None: unknown. Blocking."""
    kernel = kernel_clock()
    if kernel is not None:
        # libfaketime can show this process another time than the kernel's; the kernel's state says nothing about that.
        return kernel.synchronised and abs(kernel.seconds - time.time()) < SAME_CLOCK_S
    return {"yes": True, "no": False}.get(timedated_answer())


def timedated_answer() -> str:
    """Return 'yes', 'no' or empty, as systemd's timedated reports it, which may query the kernel. Blocking."""
    program = shutil.which("timedatectl")
    if program is None:
        return ""
    command = [program, "show", "-p", "NTPSynchronized", "--value"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
