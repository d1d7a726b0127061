"""Watchdog of a session: detects stalls by the arrival of pictures, and decides when to request a keyframe.

A stream is alive as long as pictures arrive, keyframes or not: reconnecting does not yield a keyframe sooner, and loses
the pictures in between. nvr.recorder.silence sets the timeout. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from core.errors import StreamStalled
from nvr.recorder.silence import SilenceMemory, StallTimeout

FIRST_REQUEST_S = 2.0  # time without a keyframe before the first request
REQUEST_AGAIN_S = 10.0
GIVE_UP_S = 900.0  # without a keyframe nothing is recorded, so a reconnect loses nothing


class Watchdog:
    """Watchdog of one session."""

    def __init__(self, now: float, stall_seconds: float, silences: SilenceMemory | None = None):
        """`silences`: what earlier sessions of the stream showed."""
        self._stall_timeout = StallTimeout(now, stall_seconds, silences)
        self._pictures = 0
        self._waiting_since: float | None = now
        self._request_due = now + FIRST_REQUEST_S

    def check(self, now: float, pictures: int, *, waits: bool) -> bool:
        """Return True where a keyframe should be requested now. Raises StreamStalled.

        `pictures`: number of pictures received in this session, complete or not, recorded or not. `waits`: the stream
        waits for a keyframe.
        """
        if pictures != self._pictures:
            self._pictures = pictures
            self._stall_timeout.arrived(now)
        self._stall_timeout.check(now)
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

    def sign(self, now: float) -> None:
        """Record a sign of life: a sender report, or a reply to a request."""
        self._stall_timeout.sign(now)

    def wants_sign(self, now: float) -> bool:
        """Return whether to provoke a sign of life now."""
        return self._stall_timeout.wants_sign(now)

    def give_up(self, now: float) -> None:
        """Record that the caller found the silence too long."""
        self._stall_timeout.give_up(now)

    @property
    def timeout_s(self) -> float:
        """Timeout without pictures, s."""
        return self._stall_timeout.seconds

    def waited(self, now: float) -> float:
        """Return the seconds spent waiting for a keyframe; 0 while not waiting."""
        return now - self._waiting_since if self._waiting_since is not None else 0.0
