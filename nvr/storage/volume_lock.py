"""One station per volume: all processes of a station share the volume's lock; processes of another station are refused.

`.minwang-volume.lock` on the volume is locked by byte ranges (core.host.file_locks). A station has a number, derived
from its machine and its data folder; each of its processes holds a shared lock on the byte at that offset. A lock on
any other byte belongs to another station. A process holds byte 0 briefly while it checks for such locks and takes its
own, so that of two stations that start at the same time, one sees the other. The text in the file only names the
holder. All functions block.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from pathlib import Path

from core.host import file_locks

LOCK_FILE = ".minwang-volume.lock"
GATE_TIMEOUT_S = 2.0
_FIRST, _LAST = 2, 1 << 61


class ForeignVolumeError(OSError):
    """Another station records on this volume."""


def station_number(data: Path) -> int:
    """Return the station's number: one for all paths to its data folder, different for other folders and machines."""
    found = data.stat()
    text = f"{socket.gethostname()}:{found.st_dev}:{found.st_ino}"
    return _FIRST + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % (_LAST - _FIRST)


def take(volume: Path, data: Path) -> int:
    """Lock the volume for the station of this data folder until the returned descriptor is closed.

    Raises ForeignVolumeError if another station holds it, OSError if it cannot be written.
    """
    number = station_number(data)
    descriptor = os.open(volume / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        _lock_gate(descriptor, volume)
        if _is_foreign(descriptor, number):
            raise ForeignVolumeError(_refusal(volume, _text(descriptor)))
        file_locks.try_lock(descriptor, number, 1, shared=True)
        text = json.dumps({"data": str(data.absolute()), "host": socket.gethostname()}).encode()
        os.pwrite(descriptor, text.ljust(512) + b"\n", 0)
        file_locks.unlock(descriptor, 0, 1)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def foreign_holder(volume: Path, data: Path) -> str:
    """Return why the volume belongs to another station; empty if it does not."""
    try:
        descriptor = os.open(volume / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _refusal(volume, _text(descriptor)) if _is_foreign(descriptor, station_number(data)) else ""
    finally:
        os.close(descriptor)


def _lock_gate(descriptor: int, volume: Path) -> None:
    until = time.monotonic() + GATE_TIMEOUT_S
    while not file_locks.try_lock(descriptor, 0, 1):
        if time.monotonic() > until:
            raise ForeignVolumeError(_refusal(volume, _text(descriptor)))
        time.sleep(0.01)


def _is_foreign(descriptor: int, number: int) -> bool:
    return file_locks.is_locked(descriptor, 1, number - 1) or file_locks.is_locked(descriptor, number + 1)


def _text(descriptor: int) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(os.pread(descriptor, 4096, 0))
        return f"the station of {found['data']} on {found['host']}"
    return "another station"


def _refusal(volume: Path, holder: str) -> str:
    return f"{volume} is in use by {holder}; stop it, or configure different volumes for each station"
