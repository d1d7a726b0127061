"""Cameras that say Hello are looked at at once, not in an hour."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from cameras import discovery
from cameras.discovery import Found
from cameras.survey import Survey
from core.clock import Clock, SystemClock
from core.database_errors import UNFIT, why_unfit
from core.errors import MinwangError

log = logging.getLogger(__name__)

HOUR_S = 3600.0
MAX_ADDRESSES_HOST, MAX_ADDRESSES = 20, 500  # that Hello may bring in an hour: of a host, of all together
WAITING = 500  # a power cut in a village ends with all of its cameras saying Hello


class HelloLimit:
    """How many devices Hello may bring: anybody on the cameras' network sends thousands, from addresses that he invents.

    What is too much is left to the hourly look, which asks each device itself.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._began = clock.monotonic()
        self._addresses: set[str] = set()
        self._hosts: Counter[str] = Counter()
        self.refused = 0

    def allows(self, address: str) -> bool:
        """A device's host:port; one that was allowed is so for the hour, however often it says Hello."""
        now, host = self._clock.monotonic(), address.rpartition(":")[0] or address
        if now - self._began >= HOUR_S:
            self._began, self.refused = now, 0
            self._addresses.clear()
            self._hosts.clear()
        if address in self._addresses:
            return True
        if self._hosts[host] >= MAX_ADDRESSES_HOST or len(self._addresses) >= MAX_ADDRESSES:
            self.refused += 1
            if self.refused == 1:
                log.warning("too many devices say Hello (last: %s); the others are met in the hourly look", address)
            return False
        self._addresses.add(address)
        self._hosts[host] += 1
        return True


async def follow(survey: Survey) -> None:
    """Listen until cancelled. A station that may not listen to the group does without."""
    heard: asyncio.Queue[Found] = asyncio.Queue(WAITING)
    limit = HelloLimit(SystemClock())
    dropped = 0

    def hear(word: str, device: Found) -> None:
        nonlocal dropped
        if word != "Hello" or not device.url or not limit.allows(device.address):
            return
        try:
            heard.put_nowait(device)
        except asyncio.QueueFull:
            dropped += 1  # the hourly look finds it

    interfaces = await asyncio.to_thread(discovery.interfaces)
    try:
        async with discovery.announcements(interfaces, hear):
            while True:
                device = await heard.get()
                try:
                    await survey.keep([device])
                except (MinwangError, *UNFIT) as e:  # one device's word ends nobody's listening
                    log.warning("%s said Hello: %s", device.address, why_unfit(e))
    except OSError as e:
        log.warning("announcements of cameras cannot be heard (%s); the hourly look finds them", e.strerror)
