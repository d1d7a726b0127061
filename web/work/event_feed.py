"""Sends events to open pages: one reader of the event table, whatever the number of sockets.

The newest RECENT_EVENTS events stay in memory, and a socket takes from there the events that it has not sent. A page
that reconnects after a longer time gets its replay from the table, at most the newest MAX_REPLAY events; an event
`events.skipped` tells it that older ones are missing. A socket that falls behind the memory is closed and its page
reconnects, so that nobody else waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from core import events
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import MinwangError, TooManyError

log = logging.getLogger(__name__)

RECENT_EVENTS = 2000
MAX_REPLAY = 1000
REPLAY_PAGE_ROWS = 250  # rows of a replay per query
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event as JSON, in full (`text`) and for accounts that may only learn that it happened (`bare`)."""

    row: events.Event
    text: str
    bare: str


def feed_event(row: events.Event) -> FeedEvent:
    """Return the event with both of its JSON texts."""
    body = {
        "id": row.id,
        "at": row.at.isoformat(),
        "kind": row.kind,
        "camera": row.camera,
        "village": row.village,
        "data": row.data,
    }
    bare = body | {"camera": None, "data": {}}
    return FeedEvent(row, json.dumps(body, ensure_ascii=False), json.dumps(bare, ensure_ascii=False))


class EventFeed:
    """Reads the event table (`run`) and serves its events to sockets (`follow`)."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        self._changed = asyncio.Condition()
        self._recent: deque[FeedEvent] = deque(maxlen=RECENT_EVENTS)
        self._floor = 0  # every event after this id is in memory
        self.position = 0

    async def run(self) -> None:
        """Read events forever. While the database is unreachable it waits, then continues at the last position."""
        known = False
        while True:
            try:
                if not known:
                    async with self._database.reading() as session:
                        self.position = self._floor = await events.last_id(session)
                    known = True
                await self._read()
            except (MinwangError, SQLAlchemyError) as e:
                log.warning("reading events failed: %s; retrying", e)
            await self._clock.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        async for row in events.tail(self._database, self._clock, self.position):
            async with self._changed:
                if len(self._recent) == RECENT_EVENTS:
                    self._floor = self._recent[0].row.id
                self._recent.append(feed_event(row))
                self.position = row.id
                self._changed.notify_all()

    async def follow(self, after: int | None) -> AsyncGenerator[FeedEvent, None]:
        """Yield every event after a position (None: from now on), forever. Raises TooManyError if too slow."""
        position = self.position if after is None else after
        if position > self.position:
            # A page that was open before the database was restored from a backup is ahead of it: it must not wait until
            # the ids catch up.
            async with self._database.reading() as session:
                position = min(position, await events.last_id(session))
        while position < self._floor:
            if position < self._floor - MAX_REPLAY:
                position = self._floor - MAX_REPLAY
                yield skipped(position, self._clock.now())
            async with self._database.reading() as session:
                rows = await events.read_after(session, position, REPLAY_PAGE_ROWS)
            for row in rows:
                position = row.id
                yield feed_event(row)
            if not rows:
                break
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.position > position)  # noqa: B023  # awaited here
            if position < self._floor:
                raise TooManyError("this socket reads its events too slowly", ErrorCode.EVENTS_READ_TOO_SLOWLY)
            for event in [e for e in self._recent if e.row.id > position]:
                position = event.row.id
                yield event


def skipped(position: int, now: datetime) -> FeedEvent:
    """Return the event which tells that older events are not replayed: the page must read its lists again."""
    kind = events.EventKind.EVENTS_SKIPPED
    return feed_event(events.Event(id=position, at=now, kind=kind, village=None, camera=None, data={}))
