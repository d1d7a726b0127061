"""How much memory this process may use: the machine's memory, or the limit of its control group if that is smaller."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# Memory limit of the control group, version 2 and version 1, as seen from inside it (kernel documentation: cgroup-v2
# and cgroup-v1/memory).
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total_bytes() -> int:
    """Return the usable memory in bytes. Blocks for microseconds: two small files of the kernel."""
    least = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        with suppress(OSError, ValueError):  # this version of control groups is not in use, or the limit is "max"
            least = min(least, int(path.read_text()))
    return least
