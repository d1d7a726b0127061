"""Who runs this process, as the system knows it: the environment ($USER, $LOGNAME) says what somebody typed."""

from __future__ import annotations

import functools
import os
import pwd
import re
from pathlib import Path

LOGIN_ID = Path(
    "/proc/self/loginuid"
)  # set once at the log-in by pam_loginuid and inherited; even sudo does not change it
NO_LOGIN = 2**32 - 1


def name() -> str:
    """Name of the effective user; its number where the system has no name for it, as in a container."""
    return _name_of(os.geteuid())


@functools.cache
def actor() -> str:
    """Who the audit trail says does something on the command line. No account of the console can have such a name.

    Blocking at the first call of a process.
    """
    behind = log_in()
    return f"command line: {name()}" + (f" (sudo: {behind})" if behind else "")


def log_in() -> str:
    """Who has logged in and then became the effective user, as with sudo; empty: nobody else, or the system does not know.

    The kernel's log-in id first; else what sudo has put into the environment, which only root is believed. Blocking.
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
