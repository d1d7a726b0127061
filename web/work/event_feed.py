"""Sends events to open pages: one reader of the event table, whatever the number of sockets.

The newest RECENT_EVENTS events stay in memory, and a socket takes from there the events that it has not sent. A page
that reconnects after a longer time gets its replay from the table, at most the newest MAX_REPLAY events; an event
`events.skipped` tells it that older ones are missing. A socket that falls behind the memory is closed and its page
reconnects, so that nobody else waits for it.

Motion that cameras report is many times everything else together (37 a second with 2,252 cameras). It goes only to the
pages that show the camera (`MotionChoice`), is not replayed, and does not push other events out of the memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import takewhile

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from core import events
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import MinwangError, TooManyError

log = logging.getLogger(__name__)

RECENT_EVENTS, RECENT_MOTION = 2000, 500
MAX_REPLAY = 1000
REPLAY_PAGE_ROWS = 250  # rows of a replay per query
RETRY_SECONDS = 2.0
CHOSEN_KINDS = (events.EventKind.CAMERA_MOTION,)
MAX_CHOSEN_CAMERAS = 64  # more than the largest wall and playback show together
MAX_CHOICES = 2000  # of one socket; a page that chooses more often reconnects


class _Choice(BaseModel):
    """What a page sends on its events socket."""

    model_config = ConfigDict(extra="forbid")
    motion: list[str] = Field(max_length=MAX_CHOSEN_CAMERAS)


class MotionChoice:
    """The cameras whose motion one page shows now; none at first. `text_for` decides what its account may see."""

    def __init__(self) -> None:
        self.cameras: frozenset[str] = frozenset()
        self._choices = 0

    def take(self, message: str) -> bool:
        """Take the page's message `{"motion": [camera, …]}`. Returns False if the page must not send it."""
        self._choices += 1
        try:
            self.cameras = frozenset(_Choice.model_validate_json(message).motion)
        except ValidationError:
            return False
        return self._choices <= MAX_CHOICES

    def wants(self, event: FeedEvent) -> bool:
        return event.row.kind not in CHOSEN_KINDS or event.row.camera in self.cameras


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
        self._motion: deque[FeedEvent] = deque(maxlen=RECENT_MOTION)
        self._floor = 0  # every event but motion after this id is in memory
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
                if row.kind in CHOSEN_KINDS:
                    self._motion.append(feed_event(row))
                else:
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
        while position < (floor := self._floor):
            async with self._database.reading() as session:
                before = await events.id_before_newest(session, position, floor, MAX_REPLAY, without=CHOSEN_KINDS)
                rows = await events.read_between(
                    session, before or position, floor, without=CHOSEN_KINDS, limit=REPLAY_PAGE_ROWS
                )
            if before is not None:
                yield skipped(before, self._clock.now())
            for row in rows:
                position = row.id
                yield feed_event(row)
            if len(rows) < REPLAY_PAGE_ROWS:
                position = max(position, floor)
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.position > position)  # noqa: B023  # awaited here
            if position < self._floor:
                raise TooManyError("this socket reads its events too slowly", ErrorCode.EVENTS_READ_TOO_SLOWLY)
            for event in self._after(position):
                position = event.row.id
                yield event

    def _after(self, position: int) -> list[FeedEvent]:
        """Return the events in memory after a position, in their order."""

        def newest(kept: deque[FeedEvent]) -> Iterable[FeedEvent]:
            return reversed(list(takewhile(lambda e: e.row.id > position, reversed(kept))))

        return list(merge(newest(self._recent), newest(self._motion), key=lambda e: e.row.id))


def skipped(position: int, now: datetime) -> FeedEvent:
    """Return the event which tells that older events are not replayed: the page must read its lists again."""
    kind = events.EventKind.EVENTS_SKIPPED
    return feed_event(events.Event(id=position, at=now, kind=kind, village=None, camera=None, data={}))
