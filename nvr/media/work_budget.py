"""How much of the CPU one camera's bytes may take, in the fast way and packet by packet.

Nobody can tell beforehand what a byte costs: packets of one byte, or slices by the thousand, cost a hundred times what
ordinary video does. A stream whose bytes take more than its share is read less often and in smaller pieces; what it
sends meanwhile waits in the kernel, and then at the camera (TCP). So one camera never takes the time of the others. Times are
seconds of CPU: a pause of the whole machine is no work.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HELD_BACK = "its packets take more CPU than a camera may have; it is read less often"  # what its status says
CPU_SHARE = 0.1  # of one CPU
MAX_CREDIT_S = 0.5  # that may be saved up: a burst after a pause
MAX_DEBT_S = 0.3  # at most: a pause of 3 s is no silence yet
MAX_READING_S = 0.05  # for one reading
READ_BYTES = 512 * 1024  # bytes of one camera at once
MIN_READ_BYTES = 16 * 1024
FIRST_READ_BYTES = 64 * 1024  # for the first reading, of which nothing is known; twice as much for each that follows
MIN_MEASURED_S = 0.002  # a shorter reading says little


class WorkBudget:
    """Of one stream, over its sessions."""

    __slots__ = ("_at", "_cost", "_left", "_most")

    def __init__(self, now: float):
        self._at = now
        self._left = MAX_CREDIT_S
        self._cost = 0.0  # of a byte
        self._most = FIRST_READ_BYTES

    def is_open(self, now: float) -> bool:
        """The stream may be read."""
        self._left = min(MAX_CREDIT_S, self._left + CPU_SHARE * max(0.0, now - self._at))
        self._at = now
        return self._left > 0

    def charge(self, seconds: float) -> None:
        """So much was done for it, whatever its bytes cost."""
        self._left = max(-MAX_DEBT_S, self._left - seconds)

    def spent(self, seconds: float, size: int) -> None:
        """So many bytes took so long."""
        self.charge(seconds)
        self._most = min(READ_BYTES, 2 * self._most)
        if size > 0 and seconds >= MIN_MEASURED_S:
            self._cost = max(seconds / size, self._cost * 0.9)
        elif self._cost:
            self._cost *= 0.98

    @property
    def room(self) -> int:
        """Bytes that may be read at once."""
        return (
            self._most
            if self._cost * self._most <= MAX_READING_S
            else max(MIN_READ_BYTES, int(MAX_READING_S / self._cost))
        )


def lockstep_shares(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Each region's part of the steps that finding its frames took, of which each costs as much however many regions take it."""
    steps = frames + 1  # the last finds that there is no more
    active = len(steps) - np.searchsorted(np.sort(steps), np.arange(1, steps.max() + 1))  # regions in each step
    until = np.concatenate(([0.0], np.cumsum(1.0 / active)))
    return np.asarray(until[steps] / until[steps].sum(), np.float64)
