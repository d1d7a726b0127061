"""Whether a stream lives, judged by the pictures that come, and whether it waits for a keyframe.

A stream lives as long as its pictures arrive, keyframe or not: reconnecting does not bring a keyframe sooner, and loses what
comes meanwhile. How long a silence may be says nvr.recorder.silence. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from core.errors import StreamStalled
from nvr.recorder.silence import FIRST_PICTURES_S as FIRST_PICTURES_S
from nvr.recorder.silence import SilenceMemory
from nvr.recorder.silence import StallTimeout as Patience

FIRST_REQUEST_S = 2.0  # without a keyframe: then the camera is asked for one
REQUEST_AGAIN_S = 10.0
GIVE_UP_S = 900.0  # nothing is recorded without a keyframe: then a new connection costs nothing


class Watchdog:
    """Of one session: sees how many pictures came, and whether they wait for a keyframe."""

    def __init__(self, now: float, stall_seconds: float, silences: SilenceMemory | None = None):
        """`silences`: what earlier sessions of the stream taught."""
        self._patience = Patience(now, stall_seconds, silences)
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

    def sign(self, now: float) -> None:
        """The camera shows that the session lives: a sender report, an answered request."""
        self._patience.sign(now)

    def wants_sign(self, now: float) -> bool:
        """Ask the camera for one now."""
        return self._patience.wants_sign(now)

    def give_up(self, now: float) -> None:
        """Somebody else saw that the silence is too long."""
        self._patience.give_up(now)

    @property
    def patience_seconds(self) -> float:
        """So long the stream may be silent."""
        return self._patience.seconds

    def waited(self, now: float) -> float:
        """Seconds since a keyframe has been waited for; 0 where none is."""
        return now - self._waiting_since if self._waiting_since is not None else 0.0
