"""How many files and sockets this process may have open (RLIMIT_NOFILE)."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

TARGET_FILES = 65_536
MIN_FILES = 4096  # a thousand cameras, their files, and as many connections from unknown clients


def raise_limit() -> int:
    """Raise the soft limit as far as the hard limit allows and return it; logs a warning if it is below LEAST.

    Child processes inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = TARGET_FILES if hard == resource.RLIM_INFINITY else min(hard, TARGET_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    now = limit()
    if now < MIN_FILES:
        log.warning(
            "this process may open %d files, %d are needed; set LimitNOFILE=%d in the service's unit",
            now,
            MIN_FILES,
            TARGET_FILES,
        )
    return now


def limit() -> int:
    """Return the soft limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return TARGET_FILES if soft == resource.RLIM_INFINITY else soft
