"""One station per volume: all processes of a station share its lock, another station's are refused.

`.minwang-volume.lock` on the volume is locked by byte ranges (core.host.file_locks). A station's number, made of its machine and its data
folder, is the byte that each of its processes holds shared; a lock on any other byte is another station's. Byte 0 is held for the
moment of looking and taking, so that of two that start at once one sees the other. The file's text only names the holder.
Blocking.
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
GATE_SECONDS = 2.0
_FIRST, _LAST = 2, 1 << 61


class ForeignVolumeError(OSError):
    """Another station records on this volume."""


def station_number(data: Path) -> int:
    """The same for every path to the data folder, another for every other folder and machine."""
    found = data.stat()
    text = f"{socket.gethostname()}:{found.st_dev}:{found.st_ino}"
    return _FIRST + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % (_LAST - _FIRST)


def take(volume: Path, data: Path) -> int:
    """Hold the volume for the station of this data folder until the returned descriptor is closed.

    Raises ForeignVolumeError where another station holds it, OSError where it cannot be written.
    """
    number = station_number(data)
    descriptor = os.open(volume / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        _enter(descriptor, volume)
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


def foreign(volume: Path, data: Path) -> str:
    """Why the volume is another station's; empty where it is not."""
    try:
        descriptor = os.open(volume / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _refusal(volume, _text(descriptor)) if _is_foreign(descriptor, station_number(data)) else ""
    finally:
        os.close(descriptor)


def _enter(descriptor: int, volume: Path) -> None:
    until = time.monotonic() + GATE_SECONDS
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
    return f"{volume} is in use by {holder}; end that, or give each station volumes of its own"
