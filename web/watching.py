"""Whether anybody still watches (R-VIEW-2), and for how long footage was watched.

A session watches from its first live socket or piece of footage until nothing of either flowed for QUIET_S. After a time without
a person's input the page asks; where nobody answers within ANSWER_S, live sockets are closed (`Lost`, 4410) and footage is
refused (`NobodyWatches`) until there is input again. Input is whatever keeps a session from becoming idle (web.routing).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from core import audit
from core.accounts import Identity
from core.clock import Clock, from_microseconds
from core.database import Database
from core.errors import NobodyWatches
from nvr.footage import Segment

log = logging.getLogger(__name__)

ASK_AFTER_S = 7200.0
ANSWER_S = 60.0
# So long before a session becomes idle it is asked at the latest: the answer keeps it, and `seen_at` is exact to 30 s.
BEFORE_IDLE_S = ANSWER_S + 45.0
SHORTEST_S = 20.0
QUIET_S = 120.0  # a player that is paused for longer has ended; it buffers 20 s
FLUSH_S = 10.0
CHECK_S = 1.0
MAX_SESSIONS = 2000
MAX_VIEWINGS = 5000


def ask_after_s(idle: timedelta) -> float:
    """Seconds without input after which a page asks: two hours, or shortly before the session would become idle."""
    return max(SHORTEST_S, min(ASK_AFTER_S, idle.total_seconds() - BEFORE_IDLE_S))


@dataclass(slots=True)
class _Session:
    since: float  # last input, or when the watching began; monotonic
    last: float  # when something flowed last
    sockets: int = 0


class Attendance:
    """Which sessions watch, and since when without input. Times in seconds."""

    def __init__(self, clock: Clock, ask_after: float, answer_within: float = ANSWER_S):
        self._clock = clock
        self.ask_after, self.answer_within = ask_after, answer_within
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def note_input(self, session: str) -> None:
        """A person did something."""
        if (found := self._sessions.get(session)) is not None:
            found.since = self._clock.monotonic()

    def check(self, session: str) -> None:
        """Before something flows. Raises NobodyWatches."""
        if self._overdue(self._begin(session)):
            raise NobodyWatches("nobody answered whether somebody is still watching; do something in the page and ask again")

    @contextmanager
    def socket(self, session: str) -> Iterator[None]:
        """While a live socket is open. Raises NobodyWatches."""
        self.check(session)
        self._begin(session).sockets += 1
        try:
            yield
        finally:
            found = self._begin(session)
            found.sockets -= 1

    async def until_nobody(self, session: str) -> None:
        """Until nobody has answered in time. Raises NobodyWatches."""
        while True:
            self.check(session)
            await self._clock.sleep(min(CHECK_S, self.answer_within))

    def _begin(self, session: str) -> _Session:
        now = self._clock.monotonic()
        found = self._sessions.setdefault(session, _Session(now, now))
        self._sessions.move_to_end(session)
        # What was stopped because nobody answered stays stopped until somebody does.
        if not found.sockets and now - found.last > QUIET_S and not self._overdue(found):
            found.since = now
        found.last = now
        self._forget()
        return found

    def _overdue(self, found: _Session) -> bool:
        return found.last - found.since >= self.ask_after + self.answer_within

    def _forget(self) -> None:
        while len(self._sessions) > MAX_SESSIONS:
            idle = next((name for name, s in self._sessions.items() if not s.sockets), None)
            if idle is None:
                return
            del self._sessions[idle]


@dataclass(slots=True)
class _Viewing:
    actor: str
    village: str
    first: float  # monotonic
    last: float
    start_us: int  # of the footage that was fetched
    end_us: int


class PlaybackLog:
    """Playback that goes on. When nothing of a stream was fetched for QUIET_S, a row tells how long it was watched."""

    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock
        self._viewings: OrderedDict[tuple[str, str, str], _Viewing] = OrderedDict()  # session, purpose, stream

    def note(self, who: Identity, village: str, segment: Segment) -> None:
        """A piece of a segment is fetched."""
        now, key = self._clock.monotonic(), (who.session, who.purpose, segment.stream)
        viewing = self._viewings.get(key)
        if viewing is None:
            viewing = self._viewings[key] = _Viewing(who.name, village, now, now, segment.start_us, segment.end_us)
        viewing.last = now
        viewing.start_us = min(viewing.start_us, segment.start_us)
        viewing.end_us = max(viewing.end_us, segment.end_us)
        self._viewings.move_to_end(key)

    async def run(self) -> None:
        """For ever: write what has ended. Raises StorageError."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self, *, everything: bool = False) -> None:
        """Write the rows of what has ended; `everything`: of what goes on as well (the station stops)."""
        now = self._clock.monotonic()
        beyond = max(0, len(self._viewings) - MAX_VIEWINGS)
        ended = [
            (key, v) for n, (key, v) in enumerate(self._viewings.items()) if everything or n < beyond or now - v.last > QUIET_S
        ]  # the oldest first
        for key, viewing in ended:
            seconds = viewing.last - viewing.first
            await self._write(key, viewing, seconds)
            if self._viewings.get(key) is viewing and viewing.last - viewing.first == seconds:
                del self._viewings[key]

    async def _write(self, key: tuple[str, str, str], viewing: _Viewing, seconds: float) -> None:
        session_key, purpose, stream = key
        start, end = (from_microseconds(us).isoformat() for us in (viewing.start_us, viewing.end_us))
        async with self._database.session() as session:
            await audit.record(
                session, self._clock.now(), viewing.actor, "playback.close", stream, reason=purpose, village=viewing.village,
                by_session=session_key, seconds=round(seconds, 1), start=start, end=end,
            )  # fmt: skip
