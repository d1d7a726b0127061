"""Writing files that survive a power cut. Standard library only: the installer runs it on a bare Python."""

from __future__ import annotations

import os
from pathlib import Path


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes: on a nearly full disk, or after a signal, write(2) may write only a part. Blocking.

    Raises OSError.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to the disk: only then does a renamed file keep its name after a power cut. Blocking."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
