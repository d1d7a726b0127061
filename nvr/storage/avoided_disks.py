"""Disks that refused a file of one stream but accept files of other streams.

This happens when the stream's folder does not belong to the station's user, or when something else occupies its name.
The stream records to another disk for a while if there is one; otherwise it tries the disk that refused it longest ago.
Times are seconds of a monotonic clock.
"""

from __future__ import annotations

AVOID_S = 600.0


class AvoidedDisks:
    """Refusals of all streams of a recorder: at most one entry per stream and disk."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int], float] = {}

    def record_refusal(self, stream: str, disk: int, now: float) -> None:
        self._until[stream, disk] = now + AVOID_S

    def avoided_until(self, stream: str, disk: int, now: float) -> float:
        """Return the time at which the disk may be tried again; 0 if it may be tried now."""
        if not self._until:
            return 0.0
        until = self._until.get((stream, disk), 0.0)
        if 0 < until <= now:
            del self._until[stream, disk]
            return 0.0
        return until
