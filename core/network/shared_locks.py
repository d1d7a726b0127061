"""Locks and turns that the processes of one machine share through a file.

The locks are the kernel's (core.host.file_locks), so that the locks of a process that dies are released. Byte 0 guards
the time of the next turn, which the head of the file holds; the places of a subnet are bytes far behind it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from pathlib import Path

from core.host import file_locks

MAX_AHEAD_SECONDS = 600.0  # a turn further ahead was written before a reboot
_HEAD = struct.Struct("<36sd")  # boot id, monotonic time of the next free turn
_SLOTS_AT = _STRIDE = 4096
_NOTICES = 8


class SharedLocks:
    """One open description of the file. Two instances exclude each other, even in one process."""

    def __init__(self, path: Path):
        """Open or create the file. Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.geteuid() == 0:  # opened by root: the file must stay the station's
                folder = os.stat(path.parent)
                os.fchown(self._descriptor, folder.st_uid, folder.st_gid)
            self._boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()[:36]
            self._held: set[int] = set()
            if self.lock(0):  # a file system without locks raises here
                try:
                    # Write zeros, do not leave the file sparse: a full disk must show here.
                    if os.fstat(self._descriptor).st_size < _HEAD.size:
                        os.pwrite(self._descriptor, bytes(_SLOTS_AT), 0)
                finally:
                    self.unlock(0)
        except OSError:
            os.close(self._descriptor)
            raise

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._descriptor)

    def is_removed(self) -> bool:
        """Return whether the file was removed, so that other processes no longer find it."""
        try:
            return os.fstat(self._descriptor).st_nlink == 0
        except OSError:
            return True

    @staticmethod
    def slots_of(subnet: str, count: int) -> range:
        """Return the bytes of a subnet's places."""
        first = _SLOTS_AT + int.from_bytes(hashlib.sha256(subnet.encode()).digest()[:5], "big") * _STRIDE
        return range(first, first + count)

    @staticmethod
    def notices_of(subnet: str) -> range:
        """Return the bytes of which one is locked for each person who waits for a place in the subnet."""
        end = SharedLocks.slots_of(subnet, 0).start + _STRIDE
        return range(end - _NOTICES, end)

    def lock(self, byte: int) -> bool:
        """Lock a byte; returns False if it is already locked. Raises OSError if the file system has no locks."""
        if byte in self._held:
            return False
        if not file_locks.take(self._descriptor, byte, 1):
            return False
        self._held.add(byte)
        return True

    def is_locked(self, some: range) -> bool:
        """Return whether one of the bytes is locked. Raises OSError."""
        if not self._held.isdisjoint(some):
            return True
        return file_locks.is_locked(self._descriptor, some.start, len(some))

    def unlock(self, byte: int) -> None:
        """Unlock a byte. Never raises: if the disk refuses, the lock ends with this description."""
        self._held.discard(byte)
        with contextlib.suppress(OSError):
            file_locks.unlock(self._descriptor, byte, 1)

    def next_turn(self, now: float, gap: float) -> float:
        """Take the next turn and return its time; byte 0 must be held. Raises OSError.

        Times are monotonic, which all processes share until a reboot.
        """
        head = os.pread(self._descriptor, _HEAD.size, 0)
        boot, free_at = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0.0)
        at = max(now, free_at) if boot == self._boot and free_at < now + MAX_AHEAD_SECONDS else now
        os.pwrite(self._descriptor, _HEAD.pack(self._boot, at + gap), 0)
        return float(at)
