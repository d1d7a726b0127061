"""Free space of a volume. Blocking; raises OSError."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def free_bytes(volume: Path) -> int:
    """Return the free bytes; more than any disk has if the folder does not exist."""
    try:
        return shutil.disk_usage(volume).free
    except FileNotFoundError:
        return 2**63


def inodes(volume: Path) -> tuple[int, int] | None:
    """Return (free, all) inodes; None if the file system has no fixed number of them."""
    found = os.statvfs(volume)
    return (found.f_favail, found.f_files) if found.f_files else None
