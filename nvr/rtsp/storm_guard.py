"""Reconnect-storm guard: decides when failed streams may connect again.

(core.network.connect_limiter limits the number of concurrent attempts.)

It protects cameras and the up-link of a village from bursts of connections. When most cameras fail within seconds, the
cause is the station or the network: this is reported as one event, and reconnects slow down. When the first camera of a
subnet answers again, the waiting streams of the same subnet skip the rest of their back-off.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque

from core.clock import Clock
from core.tasks import first_of

WINDOW_SECONDS = 5.0
FAILED_SHARE = 0.5  # of the streams that were recording
MIN_FAILED = 8  # fewer failures are faults of single cameras
MIN_STORM_PAUSE_S = 5.0  # shortest pause while most streams are down
NEIGHBOUR_SPREAD_S = 2.0  # reconnects after a neighbour answered are spread over this time


class ReconnectStormGuard:
    """Observes the failures and successes of all streams of a recorder."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._failures: deque[tuple[float, str]] = deque()
        self._waiting: dict[str, set[asyncio.Event]] = {}  # streams in their back-off, by subnet
        self.is_storm = False
        self.size = 0  # streams that failed at the same time

    def record_failure(self, stream: str, still_recording: int) -> bool:
        """Record a failed stream. Return True once, when most streams have failed."""
        now = self._clock.monotonic()
        self._failures.append((now, stream))
        while self._failures and now - self._failures[0][0] > WINDOW_SECONDS:
            self._failures.popleft()
        together = len({s for _, s in self._failures})
        if self.is_storm or together < MIN_FAILED or together < FAILED_SHARE * (together + still_recording):
            self.size = max(self.size, together) if self.is_storm else self.size
            return False
        self.is_storm, self.size = True, together
        return True

    def record_success(self, subnet: str) -> None:
        """Record that a camera of the subnet answered; waiting streams of the subnet may reconnect soon."""
        self.is_storm = False
        for event in self._waiting.get(subnet, ()):
            event.set()

    async def wait(self, subnet: str, seconds: float) -> None:
        """Wait `seconds` before the next attempt; shorter if a camera of the same subnet answers meanwhile.

        While most streams are down it waits at least MIN_STORM_PAUSE_S ± 20 %.
        """
        if self.is_storm:
            seconds = max(seconds, MIN_STORM_PAUSE_S * random.uniform(0.8, 1.2))
        answered = asyncio.Event()
        waiting = self._waiting.setdefault(subnet, set())
        waiting.add(answered)
        try:
            await first_of(self._clock.sleep(seconds), answered.wait())
            if answered.is_set():
                await self._clock.sleep(min(seconds, random.uniform(0, NEIGHBOUR_SPREAD_S)))
        finally:
            waiting.discard(answered)
            if not waiting and self._waiting.get(subnet) is waiting:
                del self._waiting[subnet]
