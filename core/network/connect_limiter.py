"""Limits connection attempts to cameras: at most `rate` per second in all, and `per_subnet` at a time in one subnet.

The limit applies to all processes of a station together, over RTSP and ONVIF, if they use the same `file`
(core.network.shared_locks). If that file fails (a full disk, a removed folder, a file system without locks), every
process counts for itself, logs that, and tries the file again later: the limiter never keeps a camera from being
recorded.

Attempts that a person waits for (`for_person`) have priority: each subnet has one extra place that only they may take,
so that unreachable cameras never occupy all places; if persons hold that place, too, they get the next free one, in any
process. They begin at once; turns that were assigned before are kept, so the rate holds on average.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path

from core.clock import Clock
from core.network.places import RESERVED_PLACES, SubnetPlaces, subnet_of
from core.network.shared_locks import SharedLocks
from core.settings import Settings

log = logging.getLogger(__name__)

LOCK_FILE = "connections.lock"  # in the data folder
FILE_RETRY_S = 60.0  # a file that failed is tried again after this time
_RETRY_SECONDS = 0.002  # another process holds the head for microseconds
MAX_HEAD_WAIT_S = 2.0  # a holder that takes longer is stopped
_SLOT_POLL_SECONDS = (0.02, 0.06)  # random interval between two attempts to get a slot that another process holds

_person_waits: ContextVar[bool] = ContextVar("person_waits", default=False)


@contextmanager
def for_person() -> Iterator[None]:
    """Mark the connections made inside as awaited by a person: they have priority."""
    token = _person_waits.set(True)
    try:
        yield
    finally:
        _person_waits.reset(token)


def person_waits() -> bool:
    """Return whether a person waits for the work of this task."""
    return _person_waits.get()


class ConnectLimiter:
    """`attempt` waits for a place; the caller connects inside its block."""

    def __init__(self, clock: Clock, rate: float, per_subnet: int, file: Path | None = None):
        self._clock = clock
        self._gap = 1.0 / rate
        self._per_subnet = per_subnet
        self._free_at = 0.0
        self._subnets: dict[str, SubnetPlaces] = defaultdict(lambda: SubnetPlaces(per_subnet))
        self._file = file
        self._shared: SharedLocks | None = None
        self._opening = asyncio.Lock()
        self._not_before = float("-inf")
        self._why = ""  # why the file is not used
        self.on_file_failure: Callable[[str], object] = lambda _why: None  # called with the reason when the file fails

    @classmethod
    def of_station(cls, settings: Settings, clock: Clock) -> ConnectLimiter:
        """Return the limiter that all processes of the station share."""
        limits = settings.recorder
        return cls(clock, limits.connect_rate, limits.connects_per_subnet, settings.data.dir.absolute() / LOCK_FILE)

    @asynccontextmanager
    async def attempt(self, url: str) -> AsyncIterator[None]:
        """Wait for a place and a turn, then run the block. Raises ValueError if the URL is invalid."""
        subnet, priority = subnet_of(url), person_waits()
        shared = await self._opened()
        with self._announced(shared, subnet) if priority else contextlib.nullcontext():
            await self._subnets[subnet].acquire(priority=priority)
            slot: int | None = None
            try:
                slot = await self._slot(shared, subnet, priority=priority)
            finally:
                if slot is None:
                    self._subnets[subnet].release()
        try:
            if (wait := await self._turn(shared, priority=priority) - self._clock.monotonic()) > 0:
                await self._clock.sleep(wait)
            yield
        finally:
            if shared is not None and slot >= 0:
                shared.unlock(slot)
            self._subnets[subnet].release()

    @contextmanager
    def _announced(self, shared: SharedLocks | None, subnet: str) -> Iterator[None]:
        """While a person waits for a place, make other attempts into the subnet wait, in every process."""
        held = None
        try:
            if shared is not None:
                with contextlib.suppress(OSError):  # `_slot` meets the same error and handles it
                    held = next((byte for byte in shared.notices_of(subnet) if shared.lock(byte)), None)
            yield
        finally:
            if held is not None and shared is not None:
                shared.unlock(held)

    def _next_turn(self, *, priority: bool) -> float:
        now = self._clock.monotonic()
        at = max(now, self._free_at)
        self._free_at = at + self._gap
        return now if priority else at

    async def _turn(self, shared: SharedLocks | None, *, priority: bool) -> float:
        """Return when the attempt may begin (monotonic, seconds)."""
        if shared is not None and shared is self._shared:
            try:
                at = await self._shared_turn(shared)
                return self._clock.monotonic() if priority else at
            except OSError as e:
                self._failed(shared, e)
        return self._next_turn(priority=priority)

    async def _shared_turn(self, shared: SharedLocks) -> float:
        """Take the next turn of all processes. Raises OSError."""
        began = self._clock.monotonic()
        while not shared.lock(0):
            if self._clock.monotonic() - began > MAX_HEAD_WAIT_S:
                raise TimeoutError("another process holds it and stands still")
            await self._clock.sleep(_RETRY_SECONDS)
        try:
            return shared.next_turn(self._clock.monotonic(), self._gap)
        finally:
            shared.unlock(0)

    async def _slot(self, shared: SharedLocks | None, subnet: str, *, priority: bool) -> int:
        """Lock one of the subnet's places; returns its byte, or -1 if the file is not used."""
        while shared is not None and shared is self._shared:
            try:
                if priority or not shared.is_locked(shared.notices_of(subnet)):
                    for byte in shared.slots_of(subnet, self._per_subnet + (RESERVED_PLACES if priority else 0)):
                        if shared.lock(byte):
                            return byte
            except OSError as e:
                self._failed(shared, e)
                break
            await self._clock.sleep(random.uniform(*_SLOT_POLL_SECONDS))
        return -1

    def _failed(self, shared: SharedLocks | None, error: OSError) -> None:
        """From now on, count for this process alone; the file is tried again later."""
        if shared is not self._shared:
            return
        self._shared = None
        self._not_before = self._clock.monotonic() + FILE_RETRY_S
        why = (
            f"connection attempts are limited for this process only: {self._file}: {error.strerror or error}; check "
            "its disk and folder"
        )
        if why != self._why:
            log.warning("%s", why)
            self.on_file_failure(why)
        self._why = why

    async def _opened(self) -> SharedLocks | None:
        if self._file is None:
            return None
        if self._shared is not None and not self._shared.is_removed():
            return self._shared
        async with self._opening:
            if self._shared is not None and self._shared.is_removed():
                self._shared = None  # other processes use, or create, a new one
            if self._shared is None and self._clock.monotonic() >= self._not_before:
                try:
                    self._shared = await asyncio.to_thread(SharedLocks, self._file)
                    self._why = ""
                except OSError as e:
                    self._failed(None, e)
        return self._shared
