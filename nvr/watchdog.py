"""Whether a stream lives, judged by the pictures that come, and whether it waits for a keyframe.

A stream lives as long as its pictures arrive, keyframe or not: reconnecting does not bring a keyframe sooner, and loses what
comes meanwhile. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from core.errors import StreamStalled

MAX_INTERVAL_S = 60.0  # between two pictures; what is sparser is no live stream
PATIENCE_INTERVALS = 2.5  # so many of its picture intervals may a stream be silent
FIRST_PICTURES_S = 15.0  # until two pictures have told the interval, at most
INTERVAL_DECAY = 0.9  # a longer interval is forgotten within a few pictures
FIRST_REQUEST_S = 2.0  # without a keyframe: then the camera is asked for one
REQUEST_AGAIN_S = 10.0
GIVE_UP_S = 900.0  # nothing is recorded without a keyframe: then a new connection costs nothing


class Patience:
    """How long a stream may be silent: `stall_seconds`, longer where its pictures are sparse."""

    def __init__(self, now: float, stall_seconds: float):
        self._stall = stall_seconds
        self._last = now
        self._arrivals = 0
        self._interval = 0.0

    def arrived(self, now: float) -> None:
        """Pictures came."""
        if self._arrivals:
            self._interval = max(now - self._last, self._interval * INTERVAL_DECAY)
        self._arrivals += 1
        self._last = now

    @property
    def seconds(self) -> float:
        if self._arrivals < 2:
            return max(self._stall, min(FIRST_PICTURES_S, 3 * self._stall))
        return max(self._stall, min(MAX_INTERVAL_S, PATIENCE_INTERVALS * self._interval))

    def check(self, now: float) -> None:
        """Raises StreamStalled where the silence is too long."""
        if now - self._last > self.seconds:
            raise StreamStalled(f"no picture for {self.seconds:.0f} s" if self.seconds >= 1 else "no picture for 1 s")


class Watchdog:
    """Of one session: sees how many pictures came, and whether they wait for a keyframe."""

    def __init__(self, now: float, stall_seconds: float):
        self._patience = Patience(now, stall_seconds)
        self._pictures = 0
        self._waiting_since: float | None = now
        self._request_due = now + FIRST_REQUEST_S

    def check(self, now: float, pictures: int, *, waits: bool) -> bool:
        """`pictures`: so many have come in this session, complete or not, recorded or not. True where the camera is to be asked
        for a keyframe now. Raises StreamStalled."""
        if pictures != self._pictures:
            self._pictures = pictures
            self._patience.arrived(now)
        self._patience.check(now)
        if not waits:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since, self._request_due = now, now + FIRST_REQUEST_S
        if now - self._waiting_since > GIVE_UP_S:
            raise StreamStalled(f"no keyframe for {GIVE_UP_S / 60:.0f} min")
        if now < self._request_due or not self._pictures:
            return False
        self._request_due = now + REQUEST_AGAIN_S
        return True

    @property
    def patience_seconds(self) -> float:
        """So long the stream may be silent."""
        return self._patience.seconds

    def waited(self, now: float) -> float:
        """Seconds since a keyframe has been waited for; 0 where none is."""
        return now - self._waiting_since if self._waiting_since is not None else 0.0
