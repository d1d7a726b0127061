"""Hold back ffmpeg's first pictures until their arrival times are known.

ffmpeg reads them while it analyses the stream, and outputs them seconds later, all at once.
"""

from __future__ import annotations

from core.units import media_to_us
from nvr.media.samples import FragmentSamples

MAX_HELD_US = 5_000_000
MAX_HELD_BYTES = 32_000_000


class StartBuffer:
    """Holds the first runs until runs arrive at the rate at which they were captured."""

    def __init__(self) -> None:
        self._held: list[tuple[FragmentSamples, int]] = []
        self.is_live = False

    def take(self, run: FragmentSamples, arrival_us: int) -> list[tuple[FragmentSamples, int]]:
        """Add a run; return (run, its arrival in µs) of every run that may be recorded now."""
        if self.is_live:
            return [(run, arrival_us)]
        before = self._held[-1] if self._held else None
        self._held.append((run, arrival_us))
        if before is not None:
            taken = media_to_us(_newest(run) - _newest(before[0]))
            self.is_live = 2 * (arrival_us - before[1]) >= taken
        waited = arrival_us - self._held[0][1]
        if self.is_live or waited > MAX_HELD_US or sum(sum(r.sizes) for r, _ in self._held) > MAX_HELD_BYTES:
            return self.release()
        return []

    def release(self) -> list[tuple[FragmentSamples, int]]:
        """Return the held runs: the newest with its real arrival, the others with the arrival that follows from it."""
        held, self._held, self.is_live = self._held, [], True
        if not held:
            return []
        last, arrival_us = held[-1]
        return [(run, arrival_us - media_to_us(_newest(last) - _newest(run))) for run, _ in held]


def _newest(run: FragmentSamples) -> int:
    return run.time + sum(run.durations) - run.durations[-1]
