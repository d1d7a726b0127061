"""Files that must still be there after a power cut. Standard library only: the installer uses it on bare Python."""

from __future__ import annotations

import os
from pathlib import Path


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes: a disk that is nearly full, or a signal, may take a part (write(2)). Blocking; raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk: a renamed file has its name after a power cut only then. Blocking."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
