"""Scatter/gather output: write bytes from many memory locations with one system call.

One poll of a few hundred cameras yields ten thousand packets. One Python object per packet, and another one for the
kernel, would cost more than the write itself. Slices of an arena are therefore described by a table of addresses and
lengths in the layout that writev(2) expects (`struct iovec`).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvr.rtsp.message_text import Buffer

IOV_MAX = 1024  # Linux limit of entries per writev(2) call
IoVecTable = npt.NDArray[np.uint64]  # n × 2: address, length

_libc = ctypes.CDLL(None, use_errno=True)
_writev = _libc.writev
_writev.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_writev.restype = ctypes.c_ssize_t


class IoVec:
    """Slices of a buffer, given by their addresses. Valid for as long as the buffer's content is unchanged."""

    __slots__ = ("_base", "_buffer", "table")

    def __init__(self, buffer: memoryview, base: int, table: IoVecTable):
        self._buffer = buffer
        self._base = base  # address of the buffer's first byte
        self.table = table

    def joined(self) -> bytes:
        buffer, base = self._buffer, self._base
        return b"".join(buffer[a - base : a - base + n] for a, n in self.table.tolist())


Part = bytes | bytearray | memoryview | IoVec


def address_of(buffer: Buffer | memoryview) -> int:
    """Return the memory address of a buffer's first byte."""
    at: int = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    return at


def joined(parts: Sequence[Part]) -> bytes:
    """Return a copy of all bytes in order."""
    return b"".join(p.joined() if isinstance(p, IoVec) else p for p in parts)


def write(descriptor: int, parts: Sequence[Part]) -> int:
    """Write the parts in order; return how many bytes were written, which may be fewer than all. Raises OSError."""
    table = _table(parts)
    at, done = table.__array_interface__["data"][0], 0
    for first in range(0, len(table), IOV_MAX):
        count = min(IOV_MAX, len(table) - first)
        taken = _writev(descriptor, at + 16 * first, count)
        if taken < 0:
            if done:
                return done
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        done += taken
        if len(table) > IOV_MAX and taken < int(table[first : first + count, 1].sum()):
            break
    return done


def _table(parts: Sequence[Part]) -> IoVecTable:
    table = np.empty((sum(len(p.table) if isinstance(p, IoVec) else 1 for p in parts), 2), np.uint64)
    row = 0
    for part in parts:
        if isinstance(part, IoVec):
            table[row : row + len(part.table)] = part.table
            row += len(part.table)
        elif len(part):
            table[row] = address_of(part), len(part)
            row += 1
    return table[:row]
