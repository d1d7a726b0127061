"""The station's own clock: steady time that no setting of the clock disturbs, and what is to be added to make it wall time.

Arrival is measured in steady time: microseconds that look like wall time and begin with it, but go on evenly when
somebody, or NTP, sets the clock.
"""

from __future__ import annotations

from collections.abc import Callable

from core.clock import SECOND, Clock, to_microseconds

STEP_US = SECOND // 2  # a larger difference is a step; a smaller one NTP's slewing


class StationClock:
    """`read` gives steady time. `on_step` hears of each step of wall time, µs."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._origin_us = to_microseconds(clock.now()) - round(clock.monotonic() * SECOND)
        self.correction_us = 0  # wall time minus steady time
        self._settled_us = 0  # the same, as of the last step
        self.since_us = to_microseconds(clock.now())  # wall time of the last step, or of the beginning
        self.on_step: Callable[[int], None] | None = None

    def read(self) -> int:
        """Steady time, µs."""
        steady = self._origin_us + round(self._clock.monotonic() * SECOND)
        self.correction_us = to_microseconds(self._clock.now()) - steady
        by = self.correction_us - self._settled_us
        if abs(by) > STEP_US:
            self._settled_us = self.correction_us
            if self.on_step is not None:
                self.on_step(by)
            self.since_us = steady + self.correction_us
        elif abs(by) > STEP_US // 10:  # slewed: what is compared with follows
            self._settled_us += by // 10
        return steady
