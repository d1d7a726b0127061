"""How long a stream may be silent: what separates a dead one from one whose pictures have become sparse.

Cameras fall from many pictures a second to one in ten seconds or rarer (night mode, smart codecs), and a new connection brings
them no sooner; others really stop, and a new connection mends them. What tells the two apart:

- the rhythm of the session: a sparse stream has shown its intervals;
- signs of life during the silence: sender reports that go on without packets having gone astray, an answered request;
- what was learned before (`SilenceMemory`, over all sessions of a stream): silences that ended by themselves, and whether
  connecting anew brought anything better.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import StreamStalled

MAX_INTERVAL_S = 60.0  # between two pictures; what is sparser is no live stream
PATIENCE_INTERVALS = 2.5  # so many of its picture intervals may a stream be silent
FIRST_PICTURES_S = 15.0  # until two pictures have told the interval, at most
INTERVAL_DECAY = 0.9  # a longer interval is forgotten within a few pictures
SIGNED = 3.0  # … and so many times `stall_seconds` while the session shows that it lives
LEARNED = (0.0, 18.0, 30.0)  # … and so many times after no, one, two fruitless connections in a row
BLIND = (3.0, 6.0, 18.0)  # … but in a session that brought no picture yet: after no, one, two such sessions in a row
NATURAL = 1.5  # … and so many times the longest silence that ended by itself, twice in a row
HELPED_S = 10.0  # pictures came so long as quickly as before: connecting anew had helped
BURST = 3  # arrivals: connecting anew had brought something


@dataclass(slots=True)
class SilenceMemory:
    """What the silences of a stream taught. One a stream, handed from session to session."""

    fruitless: int = 0  # connections in a row that were given up for silence, and that brought nothing better
    natural: float = 0.0  # seconds; the longest silence that repeated itself: the stream's own rhythm
    signs_mislead: bool = False  # a session that seemed to live was mended by connecting anew
    waiting_is_vain: bool = False  # connecting anew brings pictures, waiting brings none
    seen: bool = False  # pictures came in some session
    signed: bool = False  # the last session showed signs of life when it was given up
    blind: int = 0  # sessions in a row that were given up without a picture

    def floor(self, stall: float, arrivals: int) -> float:
        """Seconds that are waited in any case, in a session in which pictures came at so many moments.

        Without one it is not known whether the stream is sparse, or does not run (a camera that has been started answers before
        it has pictures, and not every one begins to send them later): then the time grows from session to session.
        """
        learned = LEARNED[self.fruitless]
        if not arrivals:
            learned = min(learned, BLIND[self.blind])
        return max(learned * stall, min(NATURAL * self.natural, NATURAL * MAX_INTERVAL_S))

    def given_up(self, arrivals: int, *, signed: bool) -> None:
        """A session ended for its silence; pictures had arrived in it at so many moments."""
        self.seen = self.seen or arrivals > 0
        self.signed = signed
        self.blind = 0 if arrivals else min(self.blind + 1, len(BLIND) - 1)
        if self.fruitless and arrivals >= BURST:
            self.fruitless, self.waiting_is_vain = 0, True
        elif self.seen and not self.waiting_is_vain:
            self.fruitless = min(self.fruitless + 1, len(LEARNED) - 1)

    def helped(self) -> None:
        """The session before was dead indeed: this one is quick."""
        self.signs_mislead = self.signs_mislead or self.signed
        self.fruitless, self.signed = 0, False

    def ended_by_itself(self, seconds: float) -> None:
        """Two silences in a row were at least so long, and pictures came again."""
        self.natural = max(self.natural, seconds)
        self.waiting_is_vain = self.signs_mislead = False


class StallTimeout:
    """Of one session. `stall_seconds` are waited at least, longer where the stream is sparse."""

    def __init__(self, now: float, stall_seconds: float, memory: SilenceMemory | None = None):
        self._stall = stall_seconds
        self._memory = memory or SilenceMemory()
        self._last = now
        self._arrivals = 0
        self._interval = 0.0
        self._newest = 0.0  # interval
        self._quick_since: float | None = None
        self._sign = float("-inf")
        self._asked = float("-inf")

    def arrived(self, now: float) -> None:
        """Pictures came."""
        if self._arrivals:
            interval = now - self._last
            self._interval = max(interval, self._interval * INTERVAL_DECAY)
            repeated, self._newest = min(interval, self._newest), interval
            if repeated > self._stall / 2:
                self._memory.ended_by_itself(repeated)
        self._judge_connecting(now)
        self._arrivals += 1
        self._last = now
        self._memory.seen = True

    def _judge_connecting(self, now: float) -> None:
        """Was it right to give up the session before this one?"""
        if not self._memory.fruitless:
            return
        if self._quick_since is None or self._newest > self._stall / 2:
            self._quick_since = now
        elif now - self._quick_since >= HELPED_S:
            self._memory.helped()

    def sign(self, now: float) -> None:
        """The camera shows that the session lives, though no picture comes."""
        self._sign = now

    @property
    def seconds(self) -> float:
        """So long may it be silent without a sign of life."""
        usual = PATIENCE_INTERVALS * self._interval if self._arrivals > 1 else min(FIRST_PICTURES_S, 3 * self._stall)
        return max(self._stall, min(MAX_INTERVAL_S, usual), self._memory.floor(self._stall, self._arrivals))

    def _limit(self, now: float) -> float:
        return max(self.seconds, SIGNED * self._stall) if self._is_signed(now) else self.seconds

    def _is_signed(self, now: float) -> bool:
        return now - self._sign <= self._stall and self._sign > self._last and not self._memory.signs_mislead

    def wants_sign(self, now: float) -> bool:
        """The silence becomes long: ask the camera for a sign of life now."""
        if now - self._last < self.seconds / 2 or now - self._asked < self._stall / 2:
            return False
        self._asked = now
        return True

    def check(self, now: float) -> None:
        """Raises StreamStalled where the silence is too long."""
        limit = self._limit(now)
        if now - self._last > limit:
            self.give_up(now)
            raise StreamStalled(f"no picture for {limit:.0f} s" if limit >= 1 else "no picture for 1 s")

    def give_up(self, now: float) -> None:
        """The session ends for its silence."""
        self._memory.given_up(self._arrivals, signed=self._is_signed(now))
