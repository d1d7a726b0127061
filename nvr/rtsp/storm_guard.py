"""Who may connect when: the guard against storms. The budget of connection attempts is core.network.connect_limiter.

A camera is never hammered, and neither is a village's up-link. When most cameras fail within seconds of each other the cause is ours
or the network's: that is one event, not hundreds, and nobody hurries. When the first camera of a subnet
answers again, those that wait in the same subnet need not wait out their ladder.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque

from core.clock import Clock
from core.tasks import first_of

WINDOW_SECONDS = 5.0
FAILED_SHARE = 0.5  # of the streams that recorded
MIN_FAILED = 8  # fewer failures are single cameras' trouble
CALM_SECONDS = 5.0  # shortest pause while everything is down
HURRY_SECONDS = 2.0  # spread of those who hear that a neighbour answered


class ReconnectStormGuard:
    """Sees failures and answers of all streams of a recorder."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._failures: deque[tuple[float, str]] = deque()
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.systemic = False
        self.size = 0  # streams that failed together

    def failed(self, stream: str, still_recording: int) -> bool:
        """A stream failed. True where this shows, for the first time, that most of them do."""
        now = self._clock.monotonic()
        self._failures.append((now, stream))
        while self._failures and now - self._failures[0][0] > WINDOW_SECONDS:
            self._failures.popleft()
        together = len({s for _, s in self._failures})
        if self.systemic or together < MIN_FAILED or together < FAILED_SHARE * (together + still_recording):
            self.size = max(self.size, together) if self.systemic else self.size
            return False
        self.systemic, self.size = True, together
        return True

    def answered(self, subnet: str) -> None:
        """A camera of the subnet is there again: its neighbours may try soon."""
        self.systemic = False
        for event in self._waiting[subnet]:
            event.set()

    async def wait(self, subnet: str, seconds: float) -> None:
        """Wait before the next attempt, at most `seconds`; shorter where a neighbour answers meanwhile."""
        if self.systemic:
            seconds = max(seconds, CALM_SECONDS * random.uniform(0.8, 1.2))
        news = asyncio.Event()
        self._waiting[subnet].add(news)
        try:
            await first_of(self._clock.sleep(seconds), news.wait())
            if news.is_set():
                await self._clock.sleep(min(seconds, random.uniform(0, HURRY_SECONDS)))
        finally:
            self._waiting[subnet].discard(news)
