"""Cameras that send WS-Discovery Hello messages are surveyed at once, not at the next hourly survey."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from cameras.discovery import ws_discovery
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding.survey import Survey
from core.clock import Clock, SystemClock
from core.database_errors import ROW_ERRORS, row_error_reason
from core.errors import MinwangError

log = logging.getLogger(__name__)

HOUR_S = 3600.0
MAX_ADDRESSES_PER_HOST, MAX_ADDRESSES = 20, 500  # addresses accepted from Hello messages per hour: of one host, in all
# A device is surveyed again for another Hello only after this time: a starting device sends several
RESURVEY_AFTER_S = 30.0


class HelloQueue:
    """Devices that sent a Hello and wait for the survey.

    Anybody on the cameras' network can send thousands of Hellos from invented addresses. The queue keeps the newest
    Hello of an address, so it holds at most one hour's addresses, 20 of one host. Excess Hellos are counted and left to
    the hourly survey, which queries each device itself.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._began = clock.monotonic()
        self._addresses: set[str] = set()
        self._hosts: Counter[str] = Counter()
        self._waiting: dict[str, DiscoveredDevice] = {}
        self._surveyed_at: dict[str, float] = {}  # time of the last survey, by address (monotonic)
        self._news = asyncio.Event()
        self.refused = 0  # in this hour, Hellos beyond the address limits
        self.repeated = 0  # in this hour, Hellos of addresses that already wait or were surveyed just now

    def put(self, device: DiscoveredDevice) -> bool:
        """Add a device; returns False if its Hello is not accepted."""
        self._turn_hour()
        if not self._accept_address(device.address):
            self.refused += 1
            if self.refused == 1:
                log.warning("too many devices send Hello (last: %s); the others are surveyed hourly", device.address)
            return False
        now, last = self._clock.monotonic(), self._surveyed_at.get(device.address)
        if device.address in self._waiting or (last is not None and now - last < RESURVEY_AFTER_S):
            self.repeated += 1
            if device.address not in self._waiting:
                return False
        self._waiting[device.address] = device
        self._news.set()
        return True

    async def get(self) -> DiscoveredDevice:
        """Wait for the device that has waited longest."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        address = next(iter(self._waiting))
        self._surveyed_at[address] = self._clock.monotonic()
        return self._waiting.pop(address)

    def _turn_hour(self) -> None:
        now = self._clock.monotonic()
        if now - self._began < HOUR_S:
            return
        if self.refused or self.repeated:
            log.warning("in the last hour %d Hellos were refused and %d repeated others", self.refused, self.repeated)
        self._began, self.refused, self.repeated = now, 0, 0
        self._addresses = set(self._waiting)
        self._hosts = Counter(_host(a) for a in self._waiting)
        self._surveyed_at = {a: at for a, at in self._surveyed_at.items() if now - at < RESURVEY_AFTER_S}

    def _accept_address(self, address: str) -> bool:
        """Return whether a device's host:port is within the limits; once accepted, it stays so for the hour."""
        host = _host(address)
        if address in self._addresses:
            return True
        if self._hosts[host] >= MAX_ADDRESSES_PER_HOST or len(self._addresses) >= MAX_ADDRESSES:
            return False
        self._addresses.add(address)
        self._hosts[host] += 1
        return True


def _host(address: str) -> str:
    return address.rpartition(":")[0] or address


async def follow(survey: Survey) -> None:
    """Listen until cancelled. If the station cannot join the multicast group, log that and return."""
    queue = HelloQueue(SystemClock())

    def on_announcement(message: str, device: DiscoveredDevice) -> None:
        if message == "Hello" and device.url:
            queue.put(device)

    interfaces = await asyncio.to_thread(ws_discovery.interfaces)
    try:
        async with ws_discovery.announcements(interfaces, on_announcement):
            while True:
                device = await queue.get()
                try:
                    await survey.match_and_store([device])
                except (MinwangError, *ROW_ERRORS) as e:  # a bad Hello must not end the listening
                    log.warning("%s sent Hello: %s", device.address, row_error_reason(e))
    except OSError as e:
        log.warning("cannot receive WS-Discovery announcements (%s); the hourly survey finds the cameras", e.strerror)
