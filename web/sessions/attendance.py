"""Tracks whether somebody still watches (R-VIEW-2), and for how long footage was watched.

A session watches from its first live socket or footage request until no picture was sent for VIEWING_ENDS_AFTER_S.
After `ask_after` seconds without input the page asks whether somebody is there. Without an answer within ANSWER_S, live
sockets are closed (`SessionLost`, 4410) and footage is refused (`ViewerNotConfirmed`) until there is input again. Input
is any request that keeps a session from becoming idle (web.framework.enforcement).
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

from core.accounts.sessions import Identity
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import SECOND, Clock, from_microseconds
from core.database import Database
from core.errors import MinwangError, ViewerNotConfirmed
from nvr.archive.segment_index import Segment

log = logging.getLogger(__name__)

ASK_AFTER_S = 7200.0
ANSWER_S = 60.0
# The page asks at least this long before the session becomes idle: the answer keeps the session alive, and `seen_at` is
# exact to 30 s.
BEFORE_IDLE_S = ANSWER_S + 45.0
MIN_ASK_AFTER_S = 20.0
VIEWING_ENDS_AFTER_S = 120.0  # a player that is paused for longer counts as ended; it buffers 20 s
FLUSH_INTERVAL_S = 10.0
CHECK_INTERVAL_S = 1.0
MAX_SESSIONS = 2000
MAX_VIEWINGS = 5000
ADJOINS_US = SECOND  # two segments of one recording are about one frame apart
CLOSE_TIMEOUT_S = 5.0


def ask_after_s(idle: timedelta) -> float:
    """Return after how many seconds without input a page asks: two hours, or shortly before the session idles."""
    return max(MIN_ASK_AFTER_S, min(ASK_AFTER_S, idle.total_seconds() - BEFORE_IDLE_S))


@dataclass(slots=True)
class _Session:
    since: float  # monotonic seconds of the last input, or of the start of watching
    last: float  # monotonic seconds at which a picture was last sent
    sockets: int = 0


class Attendance:
    """Which sessions watch, and since when they have had no input. Times in seconds."""

    def __init__(self, clock: Clock, ask_after: float, answer_within: float = ANSWER_S):
        self._clock = clock
        self.ask_after, self.answer_within = ask_after, answer_within
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def note_input(self, session: str) -> None:
        """Record a person's input."""
        if (found := self._sessions.get(session)) is not None:
            found.since = self._clock.monotonic()

    def check(self, session: str) -> None:
        """Call before sending a picture. Raises ViewerNotConfirmed."""
        if self._overdue(self._begin(session)):
            raise ViewerNotConfirmed("nobody confirmed that somebody is still watching; use the page and try again")

    @contextmanager
    def socket(self, session: str) -> Iterator[None]:
        """Count a live socket while it is open. Raises ViewerNotConfirmed."""
        self.check(session)
        self._begin(session).sockets += 1
        try:
            yield
        finally:
            found = self._begin(session)
            found.sockets -= 1

    async def wait_until_unattended(self, session: str) -> None:
        """Wait until nobody has answered in time, then raise ViewerNotConfirmed."""
        while True:
            self.check(session)
            await self._clock.sleep(min(CHECK_INTERVAL_S, self.answer_within))

    def _begin(self, session: str) -> _Session:
        now = self._clock.monotonic()
        found = self._sessions.setdefault(session, _Session(now, now))
        self._sessions.move_to_end(session)
        # What was stopped because nobody answered stays stopped until there is input.
        if not found.sockets and now - found.last > VIEWING_ENDS_AFTER_S and not self._overdue(found):
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


@dataclass(frozen=True, slots=True)
class FetchedFootage:
    """What a session fetches of a stream, times in µs UTC; a time-lapse has a speed."""

    stream: str
    start_us: int
    end_us: int
    speed: int | None = None


@dataclass(slots=True, eq=False)
class ViewedStretch:
    """One continuous stretch of footage that a session watches."""

    actor: str
    village: str
    first: float  # monotonic seconds, as `last`
    last: float
    start_us: int  # range of the fetched footage
    end_us: int
    sending: int = 0  # responses being sent now

    def adjoins(self, footage: Segment | FetchedFootage) -> bool:
        return self.start_us - ADJOINS_US <= footage.end_us and footage.start_us <= self.end_us + ADJOINS_US


Key = tuple[str, str, str, int | None]  # session, purpose, stream, speed of a time-lapse


class PlaybackLog:
    """Records how long footage was watched: one audit row per stretch.

    A stretch ends when none of it was fetched for VIEWING_ENDS_AFTER_S.
    """

    def __init__(self, database: Database, clock: Clock):
        self._database, self._clock = database, clock
        self._viewings: dict[Key, list[ViewedStretch]] = {}

    def note(self, who: Identity, village: str, footage: Segment | FetchedFootage) -> ViewedStretch:
        """Record that footage is fetched; if it adjoins no running viewing, it starts another."""
        now = self._clock.monotonic()
        speed = footage.speed if isinstance(footage, FetchedFootage) else None
        there = self._viewings.setdefault((who.session, who.purpose, footage.stream, speed), [])
        viewing = next((v for v in there if v.adjoins(footage)), None)
        if viewing is None:
            viewing = ViewedStretch(who.name, village, now, now, footage.start_us, footage.end_us)
            there.append(viewing)
        viewing.last = now
        viewing.start_us = min(viewing.start_us, footage.start_us)
        viewing.end_us = max(viewing.end_us, footage.end_us)
        return viewing

    @contextmanager
    def sending(self, who: Identity, village: str, segment: Segment) -> Iterator[None]:
        """Count a response while its bytes are sent: the segment counts as watched until the last byte."""
        with self.holding(self.note(who, village, segment)):
            yield

    @contextmanager
    def holding(self, viewing: ViewedStretch) -> Iterator[None]:
        """Keep a viewing running while its bytes are sent."""
        viewing.sending += 1
        try:
            yield
        finally:
            viewing.sending -= 1
            viewing.last = self._clock.monotonic()

    async def run(self) -> None:
        """Write the viewings that have ended, forever. Raises StorageError."""
        while True:
            await self._clock.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def close(self) -> None:
        """Write all viewings when the station stops; never raises, takes at most CLOSE_TIMEOUT_S: shutdown goes on."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.flush(everything=True)
        except (MinwangError, SQLAlchemyError, TimeoutError) as e:
            count = sum(map(len, self._viewings.values()))
            log.error("%d viewing-duration rows could not be written at shutdown: %s %s", count, type(e).__name__, e)

    async def flush(self, *, everything: bool = False) -> None:
        """Write the viewings that have ended; with `everything` also the running ones. Raises StorageError.

        Beyond MAX_VIEWINGS the oldest are written as well.
        """
        now = self._clock.monotonic()
        found = [(key, v) for key, viewings in self._viewings.items() for v in viewings]
        found.sort(key=lambda pair: pair[1].last)
        beyond = len(found) - MAX_VIEWINGS
        for n, (key, viewing) in enumerate(found):
            if everything or n < beyond or (not viewing.sending and now - viewing.last > VIEWING_ENDS_AFTER_S):
                await self._write(key, viewing, now if viewing.sending else viewing.last)

    async def _write(self, key: Key, viewing: ViewedStretch, last: float) -> None:
        # A part that is fetched while the row is being written starts another viewing.
        self._viewings[key].remove(viewing)
        try:
            await self._record(key, viewing, last - viewing.first)
        except BaseException:
            self._viewings.setdefault(key, []).append(viewing)
            raise
        if not self._viewings[key]:
            del self._viewings[key]

    async def _record(self, key: Key, viewing: ViewedStretch, seconds: float) -> None:
        session_key, purpose, stream, speed = key
        action = AuditAction.PLAYBACK_CLOSE if speed is None else AuditAction.TIME_LAPSE_CLOSE
        start, end = (from_microseconds(us).isoformat() for us in (viewing.start_us, viewing.end_us))
        async with self._database.session() as session:
            await audit_trail.record(
                session,
                self._clock.now(),
                viewing.actor,
                action,
                stream,
                reason=purpose,
                village=viewing.village,
                by_session=session_key,
                seconds=round(seconds, 1),
                start=start,
                end=end,
                **({} if speed is None else {"speed": speed}),
            )
