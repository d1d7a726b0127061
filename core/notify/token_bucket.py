"""A rate: so many turns a second on average, some of them at once."""

from __future__ import annotations

from core.clock import Clock


class TokenBucket:
    """`take` waits for a turn. `rate`: turns a second; `burst`: turns that may come at once."""

    def __init__(self, clock: Clock, rate: float, burst: int):
        self._clock, self._rate, self._burst = clock, rate, float(burst)
        self._left, self._at = float(burst), clock.monotonic()

    async def take(self) -> None:
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1.0
        self._at = now
        if self._left < 0:  # turns are given in the order in which they were asked for
            await self._clock.sleep(-self._left / self._rate)

    def give_back(self) -> None:
        """Return a turn that was not used."""
        self._left = min(self._burst, self._left + 1.0)
