"""How much memory this process may use: the machine's, or what its control group allows where that is less."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# Limits of the control group as its members see them: version 2 and version 1 (kernel documentation, cgroup-v2 and cgroup-v1/memory).
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total_bytes() -> int:
    """Blocking for microseconds: two small files of the kernel."""
    least = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        with suppress(OSError, ValueError):  # no such version; "max"
            least = min(least, int(path.read_text()))
    return least
