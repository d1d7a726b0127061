"""The station's clock: steady time, which ignores changes of the wall clock, and the correction to wall time.

Arrival times are steady time: microseconds that start at the wall time but advance evenly when a person or NTP sets the
clock.
"""

from __future__ import annotations

from collections.abc import Callable

from core.clock import SECOND, Clock, to_microseconds

STEP_US = SECOND // 2  # a larger difference is a step, a smaller one slewing by NTP


class StationClock:
    """Provides steady time with `read`, and calls `on_step` with each step of the wall time in µs."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._origin_us = to_microseconds(clock.now()) - round(clock.monotonic() * SECOND)
        self.correction_us = 0  # wall time minus steady time
        self._settled_us = 0  # the same at the last step, following slewing since
        self.since_us = to_microseconds(clock.now())  # wall time of the last step, or of the start
        self.on_step: Callable[[int], None] | None = None

    def read(self) -> int:
        """Return steady time in µs; detect steps of the wall clock."""
        steady = self._origin_us + round(self._clock.monotonic() * SECOND)
        self.correction_us = to_microseconds(self._clock.now()) - steady
        by = self.correction_us - self._settled_us
        if abs(by) > STEP_US:
            self._settled_us = self.correction_us
            if self.on_step is not None:
                self.on_step(by)
            self.since_us = steady + self.correction_us
        elif abs(by) > STEP_US // 10:  # slewing: let the reference follow, or it would add up to a step
            self._settled_us += by // 10
        return steady
