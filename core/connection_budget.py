"""The budget of connection attempts to cameras: at most `rate` a second in all, and `per_subnet` at once in one subnet.

It holds for all processes of a station together, over RTSP and ONVIF, where they are given the same `file`: its locks are the
kernel's (open file description locks, fcntl(2)), so that a process that dies gives back what it held. Byte 0 guards
the time of the next turn, which the file's head holds; every slot of a subnet is one byte far behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import ipaddress
import logging
import mmap
import os
import random
import struct
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from core.clock import Clock
from core.settings import Settings

log = logging.getLogger(__name__)

FILE_NAME = "connections.lock"  # in the data folder
MAX_AHEAD_SECONDS = 600.0  # a turn further away was written by another boot
_RETRY_SECONDS = 0.002  # the head is held for microseconds
_SLOT_POLL_SECONDS = (0.02, 0.06)  # another process's slot is looked for again after so long
_HEAD = struct.Struct("<36sd")  # boot id, monotonic time of the next free turn
_SLOTS_AT = 4096
_FLOCK = struct.Struct("@hhqqi")  # struct flock: type, whence, start, length, pid


class ConnectionBudget:
    """`attempt` waits for a place; the connection is made inside its block."""

    def __init__(self, clock: Clock, rate: float, per_subnet: int, file: Path | None = None):
        self._clock = clock
        self._gap = 1.0 / rate
        self._per_subnet = per_subnet
        self._free_at = 0.0
        self._subnets: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_subnet))
        self._file = file
        self._shared: _SharedFile | None = None
        self._opening = asyncio.Lock()

    @classmethod
    def of_station(cls, settings: Settings, clock: Clock) -> ConnectionBudget:
        """The budget that all processes of the station share."""
        limits = settings.recorder
        return cls(clock, limits.connect_rate, limits.connects_per_subnet, settings.data.dir.absolute() / FILE_NAME)

    @asynccontextmanager
    async def attempt(self, url: str) -> AsyncIterator[None]:
        """Raises ValueError where the address is none."""
        subnet = subnet_of(url)
        async with self._subnets[subnet]:
            shared = await self._opened()
            slot = await self._slot(shared, subnet) if shared else -1
            try:
                at = await self._turn(shared) if shared else self._next_turn()
                if (wait := at - self._clock.monotonic()) > 0:
                    await self._clock.sleep(wait)
                yield
            finally:
                if shared is not None:
                    shared.unlock(slot)

    def _next_turn(self) -> float:
        at = max(self._clock.monotonic(), self._free_at)
        self._free_at = at + self._gap
        return at

    async def _turn(self, shared: _SharedFile) -> float:
        while not shared.lock(0):
            await self._clock.sleep(_RETRY_SECONDS)
        try:
            return shared.next_turn(self._clock.monotonic(), self._gap)
        finally:
            shared.unlock(0)

    async def _slot(self, shared: _SharedFile, subnet: str) -> int:
        """Lock one of the subnet's places; returns its byte."""
        first = _SLOTS_AT + int.from_bytes(hashlib.sha256(subnet.encode()).digest()[:5], "big") * 4096
        while True:
            for byte in range(first, first + self._per_subnet):
                if shared.lock(byte):
                    return byte
            await self._clock.sleep(random.uniform(*_SLOT_POLL_SECONDS))

    async def _opened(self) -> _SharedFile | None:
        if self._file is None:
            return None
        async with self._opening:
            if self._shared is None:
                try:
                    self._shared = await asyncio.to_thread(_SharedFile, self._file)
                except OSError as e:
                    log.warning("connections are counted for this process alone: %s: %s", self._file, e.strerror)
                    self._file = None
        return self._shared


class _SharedFile:
    """One open description of the file. Locks of two of them exclude each other, in one process as well."""

    def __init__(self, path: Path):
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.geteuid() == 0:  # root looks in: the file stays the station's
                folder = os.stat(path.parent)
                os.fchown(self._descriptor, folder.st_uid, folder.st_gid)
            if os.fstat(self._descriptor).st_size < _SLOTS_AT:
                os.ftruncate(self._descriptor, _SLOTS_AT)
            self._head = mmap.mmap(self._descriptor, _SLOTS_AT)
            self._boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()[:36]
            self._held: set[int] = set()
            if self.lock(0):  # a file system without locks says so here
                self.unlock(0)
        except OSError:
            os.close(self._descriptor)
            raise

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._descriptor)

    def lock(self, byte: int) -> bool:
        """False where somebody holds it. Raises OSError where the file system has no locks."""
        if byte in self._held:
            return False
        try:
            self._fcntl(fcntl.F_WRLCK, byte)
        except (BlockingIOError, PermissionError):
            return False
        self._held.add(byte)
        return True

    def unlock(self, byte: int) -> None:
        self._held.discard(byte)
        self._fcntl(fcntl.F_UNLCK, byte)

    def _fcntl(self, kind: int, byte: int) -> None:
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))

    def next_turn(self, now: float, gap: float) -> float:
        """Take the next turn; byte 0 must be held. Times are monotonic, which all processes of a boot share."""
        boot, free_at = _HEAD.unpack_from(self._head)
        at = max(now, free_at) if boot == self._boot and free_at < now + MAX_AHEAD_SECONDS else now
        _HEAD.pack_into(self._head, 0, self._boot, at + gap)
        return at


def subnet_of(url: str) -> str:
    """The /24 (IPv6: /64) of an address's host; the host itself where it is a name. Raises ValueError."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))
