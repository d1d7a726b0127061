"""Which system user runs this process, from the kernel: the environment ($USER, $LOGNAME) can be set to anything."""

from __future__ import annotations

import functools
import os
import pwd
import re
from pathlib import Path

# Set once at log-in by pam_loginuid and inherited; not even sudo changes it.
LOGIN_ID = Path("/proc/self/loginuid")
NO_LOGIN = 2**32 - 1


def name() -> str:
    """Return the name of the effective user; its number if the system has no name for it, as in a container."""
    return _name_of(os.geteuid())


@functools.cache
def actor() -> str:
    """Return the actor that the audit trail records for the command line. No account of the console can have such a
    name.

    The first call in a process blocks.
    """
    behind = log_in()
    return f"command line: {name()}" + (f" (sudo: {behind})" if behind else "")


def log_in() -> str:
    """Return who logged in and then became the effective user, as with sudo; empty if it is the same user or unknown.

    Uses the kernel's log-in id; without one, the variable that sudo sets, which is trusted only if this process is
    root's. Blocking.
    """
    number = _log_in_id()
    given = os.environ.get("SUDO_UID", "")
    if number is None and os.geteuid() == 0 and re.fullmatch(r"[0-9]{1,10}", given):
        number = int(given)
    return "" if number is None or number == os.geteuid() else _name_of(number)


def _log_in_id() -> int | None:
    try:
        number = int(LOGIN_ID.read_text())
    except (OSError, ValueError):
        return None
    return None if number == NO_LOGIN else number


def _name_of(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return str(number)
