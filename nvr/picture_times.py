"""Places of pictures on a stream's own time line, from RTP timestamps: 90 kHz, counted on without wrapping."""

from __future__ import annotations

from itertools import accumulate

CLOCK = 90_000
MAX_REORDER = 8  # pictures by which decoding may run ahead of showing
MAX_JUMP = 10 * CLOCK  # a larger step of the timestamp is a break, not a pause


class PictureTimes:
    """`shown` is when the newest picture is shown, `time` its place in the order of decoding.

    Both are the same until a timestamp goes back: then the camera sends B-frames, and decoding times step on
    evenly, a few pictures behind the newest time shown.
    """

    __slots__ = ("_finest", "_last", "_last_shown", "_newest", "interval", "reordered", "shown", "step", "time", "ts")

    def __init__(self) -> None:
        self.ts = -1  # RTP timestamp of the newest picture
        self.time = 0
        self.shown = 0
        self.reordered = False  # B-frames were seen
        self.interval = 0  # distance of the two newest timestamps that differ
        self.step = CLOCK // 25  # of the newest picture that was kept, from the one kept before it
        self._last = 0  # `time` of the newest picture that was kept
        self._last_shown = -1  # `shown` of the newest picture that was kept
        self._newest = 0  # the latest `shown`
        self._finest = CLOCK  # smallest distance of two timestamps seen

    def advance(self, ts: int) -> bool:
        """A picture with this RTP timestamp begins; False where the timestamps jumped, so that it has no place after the others."""
        delta = self._delta(ts)
        self.ts = ts
        if abs(delta) > MAX_JUMP:
            self.time = self.shown = self._newest = max(self._newest, self.time) + self.step
            return False
        self.shown += delta
        self._newest = max(self._newest, self.shown)
        self.reordered = self.reordered or delta < 0
        if delta:
            self.interval = abs(delta)
            self._finest = min(self._finest, abs(delta))
        if self.reordered:
            self.time = max(self.time + self._finest, self._newest - MAX_REORDER * self._finest)
        else:
            self.time = max(self.time + 1, self.shown)
        return True

    def _delta(self, ts: int) -> int:
        return ((ts - self.ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000 if self.ts >= 0 else 0

    def restart(self) -> None:
        """The next timestamp has nothing to do with those before: its picture follows the newest one."""
        self.shown = self._newest = max(self._newest, self.time) + self.step
        self.ts = -1

    def keep(self) -> bool:
        """The newest picture becomes a sample; True where it is shown at the same moment as the one before: the clock stands."""
        stands, self._last_shown = self.shown == self._last_shown, self.shown
        if self.time > self._last:
            self.step = min(self.time - self._last, CLOCK)
        self._last = self.time
        return stands

    @property
    def end(self) -> int:
        """Where the newest sample ends, if it lasts as long as the one before."""
        return self._last + self.step

    def in_order(self, last_ts: int, steps: list[int]) -> list[int]:
        """Places of pictures of which all are kept and each is later than the one before by steps[i] > 0."""
        placed = list(accumulate(steps, initial=self.shown))
        shown, before = placed[-1], placed[-2] if len(steps) > 1 else self._last
        del placed[0]
        self._finest = min(self._finest, steps[-1])
        self.ts, self.shown, self._last_shown, self.interval = last_ts, shown, shown, steps[-1]
        self._newest, self.time = max(self._newest, shown), shown
        self.step = min(max(shown - before, 1), CLOCK)
        self._last = shown
        return placed

    def unwrapped(self, ts: int) -> int:
        """Time of an RTP timestamp near the present one (for sender reports)."""
        return self.shown + self._delta(ts) if self.ts >= 0 else self.shown
