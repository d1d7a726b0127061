"""How many files and sockets this process may have open (RLIMIT_NOFILE)."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

WANTED = 65_536
LEAST = 4096  # a thousand cameras, their files, and as many connections from unknown clients


def raise_limit() -> int:
    """Raise the soft limit as far as the hard limit allows and return it; logs a warning if it is below LEAST.

    Child processes inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    now = limit()
    if now < LEAST:
        log.warning(
            "this process may open %d files, %d are needed; set LimitNOFILE=%d in the service's unit",
            now,
            LEAST,
            WANTED,
        )
    return now


def limit() -> int:
    """Return the soft limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft
