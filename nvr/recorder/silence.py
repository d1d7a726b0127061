"""Stall timeout: distinguish a dead stream from one whose pictures have become sparse.

Cameras drop from many pictures a second to one in ten seconds or fewer (night mode, smart codecs), and reconnecting
does not speed them up; others really stop, and reconnecting repairs them. The two are distinguished by:

- the rhythm of the session: a sparse stream has shown its intervals;
- signs of life during the silence: sender reports that continue without lost packets, a reply to a request;
- what was learned before (`SilenceMemory`, over all sessions of a stream): silences that ended by themselves, and
  whether reconnecting improved anything.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import StreamStalled

MAX_INTERVAL_S = 60.0  # between two pictures; a sparser stream is not supported
# A stream may be silent for the largest of the following limits.
PATIENCE_INTERVALS = 2.5  # × its picture interval
FIRST_PICTURES_S = 15.0  # maximum until two pictures have shown the interval
INTERVAL_DECAY = 0.9  # per picture: a longer interval is forgotten within a few pictures
SIGN_OF_LIFE_FACTOR = 3.0  # × `stall_seconds` while the session shows signs of life
FRUITLESS_STALL_FACTORS = (0.0, 18.0, 30.0)  # × `stall_seconds` after 0, 1, 2 reconnects in a row that improved nothing
# Upper limit of FRUITLESS_STALL_FACTORS in a session without pictures, after 0, 1, 2 such sessions in a row.
NO_PICTURE_STALL_FACTORS = (3.0, 6.0, 18.0)
NATURAL_FACTOR = 1.5  # × the longest silence that ended by itself, twice in a row
HELPED_S = 10.0  # pictures arrived frequently for this long: the reconnect has helped
BURST_ARRIVALS = 3  # arrivals in a session that prove that the reconnect yielded pictures


@dataclass(slots=True)
class SilenceMemory:
    """What was learned from the silences of a stream; passed from session to session."""

    fruitless: int = 0  # sessions in a row that were given up for silence without any improvement
    longest_repeated_s: float = 0.0  # the longest silence that occurred twice in a row: the stream's own rhythm
    ignore_signs: bool = False  # a session with signs of life was repaired by a reconnect
    reconnect_helps: bool = False  # reconnecting yields pictures, waiting does not
    had_pictures: bool = False  # pictures arrived in some session
    signed: bool = False  # the last session showed signs of life when it was given up
    sessions_without_picture: int = 0  # sessions in a row that were given up without a picture

    def floor(self, stall: float, arrivals: int) -> float:
        """Return the minimum timeout in seconds for a session in which pictures arrived at `arrivals` moments.

        Before the first picture it is unknown whether the stream is sparse or does not run (a camera that is booting
        replies before it has pictures, and not every camera begins to send them later). The timeout then grows from
        session to session.
        """
        learned = FRUITLESS_STALL_FACTORS[self.fruitless]
        if not arrivals:
            learned = min(learned, NO_PICTURE_STALL_FACTORS[self.sessions_without_picture])
        return max(learned * stall, min(NATURAL_FACTOR * self.longest_repeated_s, NATURAL_FACTOR * MAX_INTERVAL_S))

    def record_give_up(self, arrivals: int, *, signed: bool) -> None:
        """Record that a session was ended for its silence, after pictures had arrived at `arrivals` moments."""
        self.had_pictures = self.had_pictures or arrivals > 0
        self.signed = signed
        self.sessions_without_picture = (
            0 if arrivals else min(self.sessions_without_picture + 1, len(NO_PICTURE_STALL_FACTORS) - 1)
        )
        if self.fruitless and arrivals >= BURST_ARRIVALS:
            self.fruitless, self.reconnect_helps = 0, True
        elif self.had_pictures and not self.reconnect_helps:
            self.fruitless = min(self.fruitless + 1, len(FRUITLESS_STALL_FACTORS) - 1)

    def record_recovery(self) -> None:
        """Record that the previous session was really dead: this one delivers pictures frequently."""
        self.ignore_signs = self.ignore_signs or self.signed
        self.fruitless, self.signed = 0, False

    def ended_by_itself(self, seconds: float) -> None:
        """Record that two silences in a row lasted at least `seconds` and ended with new pictures."""
        self.longest_repeated_s = max(self.longest_repeated_s, seconds)
        self.reconnect_helps = self.ignore_signs = False


class StallTimeout:
    """Stall timeout of one session: at least `stall_seconds`, longer where the stream is sparse."""

    def __init__(self, now: float, stall_seconds: float, memory: SilenceMemory | None = None):
        self._stall = stall_seconds
        self._memory = memory or SilenceMemory()
        self._last = now
        self._arrivals = 0
        self._interval = 0.0
        self._newest = 0.0  # newest interval
        self._quick_since: float | None = None
        self._sign = float("-inf")
        self._asked = float("-inf")

    def arrived(self, now: float) -> None:
        """Record that pictures arrived."""
        if self._arrivals:
            interval = now - self._last
            self._interval = max(interval, self._interval * INTERVAL_DECAY)
            repeated, self._newest = min(interval, self._newest), interval
            if repeated > self._stall / 2:
                self._memory.ended_by_itself(repeated)
        self._judge_previous_session(now)
        self._arrivals += 1
        self._last = now
        self._memory.had_pictures = True

    def _judge_previous_session(self, now: float) -> None:
        """Decide whether giving up the previous session was right."""
        if not self._memory.fruitless:
            return
        if self._quick_since is None or self._newest > self._stall / 2:
            self._quick_since = now
        elif now - self._quick_since >= HELPED_S:
            self._memory.record_recovery()

    def sign(self, now: float) -> None:
        """Record a sign of life of the session without a picture."""
        self._sign = now

    @property
    def seconds(self) -> float:
        """Timeout without a sign of life."""
        usual = PATIENCE_INTERVALS * self._interval if self._arrivals > 1 else min(FIRST_PICTURES_S, 3 * self._stall)
        return max(self._stall, min(MAX_INTERVAL_S, usual), self._memory.floor(self._stall, self._arrivals))

    def _limit(self, now: float) -> float:
        return max(self.seconds, SIGN_OF_LIFE_FACTOR * self._stall) if self._is_signed(now) else self.seconds

    def _is_signed(self, now: float) -> bool:
        return now - self._sign <= self._stall and self._sign > self._last and not self._memory.ignore_signs

    def wants_sign(self, now: float) -> bool:
        """Return whether to provoke a sign of life now, because the silence is becoming long."""
        if now - self._last < self.seconds / 2 or now - self._asked < self._stall / 2:
            return False
        self._asked = now
        return True

    def check(self, now: float) -> None:
        """Raise StreamStalled if the silence is too long."""
        limit = self._limit(now)
        if now - self._last > limit:
            self.give_up(now)
            raise StreamStalled(f"no picture for {limit:.0f} s" if limit >= 1 else f"no picture for {limit:.1g} s")

    def give_up(self, now: float) -> None:
        """Record that the session ends for its silence."""
        self._memory.record_give_up(self._arrivals, signed=self._is_signed(now))
