"""Who runs this process, as the system knows it: the environment ($USER, $LOGNAME) says what somebody typed."""

from __future__ import annotations

import os
import pwd


def name() -> str:
    """Name of the effective user; its number where the system has no name for it, as in a container."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
