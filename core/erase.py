"""Erases byte ranges of a file: they read as zeros, and their blocks are freed if the file system supports it."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from core.intervals import merge

_PUNCH_HOLE, _KEEP_SIZE = 2, 1  # linux/falloc.h
_UNABLE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_ZEROS = bytes(1 << 16)
_libc = ctypes.CDLL(None, use_errno=True)


def erase_ranges(path: Path, spans: Iterable[tuple[int, int]]) -> None:
    """Overwrite [start, end) of each span, in bytes; ignores what lies beyond the end of the file.

    Blocking. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        for start, end in merge(spans):
            if start < min(end, size):
                _erase(descriptor, start, min(end, size))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _erase(descriptor: int, start: int, end: int) -> None:
    length = ctypes.c_longlong(end - start)
    if _libc.fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_longlong(start), length) == 0:
        return
    if (number := ctypes.get_errno()) not in _UNABLE:
        raise OSError(number, os.strerror(number))
    for at in range(start, end, len(_ZEROS)):
        os.pwrite(descriptor, _ZEROS[: end - at], at)
