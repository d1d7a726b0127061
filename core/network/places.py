"""The places for connection attempts into one subnet, in this process. `core.network.connect_limiter` uses them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections import deque
from urllib.parse import urlsplit

RESERVED_PLACES = 1  # places per subnet that only persons' attempts may take


class SubnetPlaces:
    """The places of one subnet in this process.

    A waiter with `priority` goes before all others and may also take the reserved place.
    """

    def __init__(self, count: int):
        self._count = count
        self._taken = 0
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())

    def _is_free(self, *, priority: bool) -> bool:
        return self._taken < self._count + (RESERVED_PLACES if priority else 0)

    async def acquire(self, *, priority: bool) -> None:
        if self._is_free(priority=priority):
            self._taken += 1
            return
        queue, place = self._waiting[0 if priority else 1], asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                with contextlib.suppress(ValueError):  # `release` has already removed it
                    queue.remove(place)
            else:
                self.release()
            raise

    def release(self) -> None:
        self._taken -= 1
        for priority, queue in zip((True, False), self._waiting, strict=True):
            while queue and self._is_free(priority=priority):
                place = queue.popleft()
                if not place.done():
                    place.set_result(None)
                    self._taken += 1


def subnet_of(url: str) -> str:
    """Return the /24 (IPv6: /64) of the URL's host, or the host itself if it is a name. Raises ValueError."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))
