"""Whether anybody still watches (R-VIEW-2), and for how long footage was watched.

A session watches from its first live socket or piece of footage until nothing of either flowed for QUIET_S. After a time without
a person's input the page asks; where nobody answers within ANSWER_S, live sockets are closed (`Lost`, 4410) and footage is
refused (`NobodyWatches`) until there is input again. Input is whatever keeps a session from becoming idle (web.framework.routing).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from core.accounts.accounts import Identity
from core.audit import audit_trail
from core.clock import SECOND, Clock, from_microseconds
from core.database import Database
from core.errors import MinwangError, NobodyWatches
from nvr.archive.segment_index import Segment

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
ADJOINS_US = SECOND  # between two segments of one recording lies a frame or so
CLOSE_S = 5.0


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
            raise NobodyWatches(
                "nobody answered whether somebody is still watching; do something in the page and ask again"
            )

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


@dataclass(slots=True, eq=False)
class _Viewing:
    """Of one stretch of footage without a hole."""

    actor: str
    village: str
    first: float  # monotonic
    last: float
    start_us: int  # of the footage that was fetched
    end_us: int
    sending: int = 0  # responses that are being sent

    def adjoins(self, segment: Segment) -> bool:
        return self.start_us - ADJOINS_US <= segment.end_us and segment.start_us <= self.end_us + ADJOINS_US


Key = tuple[str, str, str]  # session, purpose, stream


class PlaybackLog:
    """Playback that goes on. When nothing of a stretch was fetched for QUIET_S, a row tells how long it was watched."""

    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock
        self._viewings: dict[Key, list[_Viewing]] = {}

    def note(self, who: Identity, village: str, segment: Segment) -> _Viewing:
        """A piece of a segment is fetched. One that does not adjoin what was fetched begins another viewing."""
        now = self._clock.monotonic()
        there = self._viewings.setdefault((who.session, who.purpose, segment.stream), [])
        viewing = next((v for v in there if v.adjoins(segment)), None)
        if viewing is None:
            viewing = _Viewing(who.name, village, now, now, segment.start_us, segment.end_us)
            there.append(viewing)
        viewing.last = now
        viewing.start_us = min(viewing.start_us, segment.start_us)
        viewing.end_us = max(viewing.end_us, segment.end_us)
        return viewing

    @contextmanager
    def sending(self, who: Identity, village: str, segment: Segment) -> Iterator[None]:
        """While the bytes of the piece leave: it is watched until the last one."""
        viewing = self.note(who, village, segment)
        viewing.sending += 1
        try:
            yield
        finally:
            viewing.sending -= 1
            viewing.last = self._clock.monotonic()

    async def run(self) -> None:
        """For ever: write what has ended. Raises StorageError."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def close(self) -> None:
        """Write what goes on, as the station stops. It must not keep anything else from stopping: never raises, CLOSE_S at most."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.flush(everything=True)
        except (MinwangError, SQLAlchemyError, TimeoutError) as e:
            count = sum(map(len, self._viewings.values()))
            log.error(
                "%d rows of how long was watched could not be written at the end: %s %s", count, type(e).__name__, e
            )

    async def flush(self, *, everything: bool = False) -> None:
        """Write the rows of what has ended; `everything`: of what goes on as well (the station stops). Raises StorageError."""
        now = self._clock.monotonic()
        found = [(key, v) for key, viewings in self._viewings.items() for v in viewings]
        found.sort(key=lambda pair: pair[1].last)
        beyond = len(found) - MAX_VIEWINGS
        for n, (key, viewing) in enumerate(found):
            if everything or n < beyond or (not viewing.sending and now - viewing.last > QUIET_S):
                await self._write(key, viewing, now if viewing.sending else viewing.last)

    async def _write(self, key: Key, viewing: _Viewing, last: float) -> None:
        # What is fetched while the row is written begins another viewing.
        self._viewings[key].remove(viewing)
        try:
            await self._record(key, viewing, last - viewing.first)
        except BaseException:
            self._viewings.setdefault(key, []).append(viewing)
            raise
        if not self._viewings[key]:
            del self._viewings[key]

    async def _record(self, key: Key, viewing: _Viewing, seconds: float) -> None:
        session_key, purpose, stream = key
        start, end = (from_microseconds(us).isoformat() for us in (viewing.start_us, viewing.end_us))
        async with self._database.session() as session:
            await audit_trail.record(
                session,
                self._clock.now(),
                viewing.actor,
                "playback.close",
                stream,
                reason=purpose,
                village=viewing.village,
                by_session=session_key,
                seconds=round(seconds, 1),
                start=start,
                end=end,
            )
