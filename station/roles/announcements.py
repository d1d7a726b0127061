"""Cameras that say Hello are looked at at once, not in an hour."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from cameras.discovery import ws_discovery
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding.survey import Survey
from core.clock import Clock, SystemClock
from core.database_errors import UNFIT, why_unfit
from core.errors import MinwangError

log = logging.getLogger(__name__)

HOUR_S = 3600.0
MAX_ADDRESSES_HOST, MAX_ADDRESSES = 20, 500  # that Hello may bring in an hour: of a host, of all together
AGAIN_S = 30.0  # before a device that was looked at is looked at for another Hello: a start says it a few times


class HelloQueue:
    """Devices that said Hello and wait to be looked at: anybody on the cameras' network says it thousands of times, from addresses
    that he invents.

    One word of an address waits, its newest; so the queue holds no more than the addresses of an hour, 20 of a host. What is too
    much is counted and left to the hourly look, which asks each device itself.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._began = clock.monotonic()
        self._addresses: set[str] = set()
        self._hosts: Counter[str] = Counter()
        self._waiting: dict[str, DiscoveredDevice] = {}
        self._looked_at: dict[str, float] = {}  # when, by address (monotonic)
        self._news = asyncio.Event()
        self.refused = 0  # in this hour, of addresses that are too many
        self.repeated = 0  # in this hour, of addresses that wait already or were looked at just now

    def put(self, device: DiscoveredDevice) -> bool:
        """False where the word is not taken."""
        self._turn_hour()
        if not self._allows(device.address):
            self.refused += 1
            if self.refused == 1:
                log.warning(
                    "too many devices say Hello (last: %s); the others are met in the hourly look", device.address
                )
            return False
        now, last = self._clock.monotonic(), self._looked_at.get(device.address)
        if device.address in self._waiting or (last is not None and now - last < AGAIN_S):
            self.repeated += 1
            if device.address not in self._waiting:
                return False
        self._waiting[device.address] = device
        self._news.set()
        return True

    async def get(self) -> DiscoveredDevice:
        """The device that has waited longest."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        address = next(iter(self._waiting))
        self._looked_at[address] = self._clock.monotonic()
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
        self._looked_at = {a: at for a, at in self._looked_at.items() if now - at < AGAIN_S}

    def _allows(self, address: str) -> bool:
        """A device's host:port; one that was allowed is so for the hour."""
        host = _host(address)
        if address in self._addresses:
            return True
        if self._hosts[host] >= MAX_ADDRESSES_HOST or len(self._addresses) >= MAX_ADDRESSES:
            return False
        self._addresses.add(address)
        self._hosts[host] += 1
        return True


def _host(address: str) -> str:
    return address.rpartition(":")[0] or address


async def follow(survey: Survey) -> None:
    """Listen until cancelled. A station that may not listen to the group does without."""
    heard = HelloQueue(SystemClock())

    def hear(word: str, device: DiscoveredDevice) -> None:
        if word == "Hello" and device.url:
            heard.put(device)

    interfaces = await asyncio.to_thread(ws_discovery.interfaces)
    try:
        async with ws_discovery.announcements(interfaces, hear):
            while True:
                device = await heard.get()
                try:
                    await survey.keep([device])
                except (MinwangError, *UNFIT) as e:  # one device's word ends nobody's listening
                    log.warning("%s said Hello: %s", device.address, why_unfit(e))
    except OSError as e:
        log.warning("announcements of cameras cannot be heard (%s); the hourly look finds them", e.strerror)
