"""Disks that took no file of one stream, and take those of others: its folder is not the station's, or something else lies there.

The stream records elsewhere for a while, where there is another disk; where there is none, the one that refused it longest ago
is tried. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

AVOID_SECONDS = 600.0


class AvoidedDisks:
    """Of all streams of a recorder: at most one entry a stream and disk."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int], float] = {}

    def note(self, stream: str, disk: int, now: float) -> None:
        self._until[stream, disk] = now + AVOID_SECONDS

    def until(self, stream: str, disk: int, now: float) -> float:
        """When the disk is tried again; 0: it may be tried."""
        if not self._until:
            return 0.0
        until = self._until.get((stream, disk), 0.0)
        if 0 < until <= now:
            del self._until[stream, disk]
            return 0.0
        return until
