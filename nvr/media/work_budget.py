"""Limit the CPU time that one camera's data may take, in the batch path and in the packet-by-packet path.

The cost of a byte is unknown beforehand: packets of one byte, or thousands of slices, cost a hundred times as much as
ordinary video. A stream that exceeds its share is read less often and in smaller portions; what it sends meanwhile
waits in the kernel, and then at the camera (TCP flow control). One camera therefore never uses the time of the others.
Times are CPU seconds: a pause of the whole machine is not work.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

THROTTLED_TEXT = "it exceeds its CPU share; it is read less often"  # shown in its status
CPU_SHARE = 0.1  # of one CPU
MAX_CREDIT_S = 0.5  # CPU seconds that may be saved up, for a burst after a pause
MAX_DEBT_S = 0.3  # CPU seconds; the resulting pause of 3 s does not count as silence yet
MAX_READING_S = 0.05  # target for one read
READ_BYTES = 512 * 1024  # most bytes of one camera per read
MIN_READ_BYTES = 16 * 1024
FIRST_READ_BYTES = 64 * 1024  # the first read, when the cost is unknown; doubles with each read
MIN_MEASURED_S = 0.002  # a shorter read gives no usable measurement


class WorkBudget:
    """CPU budget of one stream, over its sessions."""

    __slots__ = ("_at", "_cost", "_left", "_max_read")

    def __init__(self, now: float):
        self._at = now
        self._left = MAX_CREDIT_S
        self._cost = 0.0  # CPU seconds per byte
        self._max_read = FIRST_READ_BYTES

    def is_open(self, now: float) -> bool:
        """Return whether the stream may be read."""
        self._left = min(MAX_CREDIT_S, self._left + CPU_SHARE * max(0.0, now - self._at))
        self._at = now
        return self._left > 0

    def charge(self, seconds: float) -> None:
        """Charge CPU seconds that do not depend on the number of bytes."""
        self._left = max(-MAX_DEBT_S, self._left - seconds)

    def charge_read(self, seconds: float, size: int) -> None:
        """Charge `seconds` for processing `size` bytes, and update the cost of a byte."""
        self.charge(seconds)
        self._max_read = min(READ_BYTES, 2 * self._max_read)
        if size > 0 and seconds >= MIN_MEASURED_S:
            self._cost = max(seconds / size, self._cost * 0.9)
        elif self._cost:
            self._cost *= 0.98

    @property
    def read_bytes(self) -> int:
        """Bytes that may be read at once."""
        return (
            self._max_read
            if self._cost * self._max_read <= MAX_READING_S
            else max(MIN_READ_BYTES, int(MAX_READING_S / self._cost))
        )


def lockstep_shares(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each region's share of the cost of finding frames in lock step.

    Every step costs the same, however many regions take part, and is shared equally by the regions that take part.
    """
    steps = frames + 1  # the last step finds that there are no more frames
    active = len(steps) - np.searchsorted(np.sort(steps), np.arange(1, steps.max() + 1))  # regions in each step
    until = np.concatenate(([0.0], np.cumsum(1.0 / active)))
    return np.asarray(until[steps] / until[steps].sum(), np.float64)
