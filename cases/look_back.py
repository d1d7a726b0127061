"""A subject is looked for among what was seen before it was approved: whoever is still there, and, on request, the last hours.

Batch by batch, a few in each pass, so that what is new never waits for it. Where it is stands in memory: after a restart it
begins anew, and the quiet time after an alert keeps that from becoming a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from cases.tables import WatchSubject
from core.clock import Clock, to_microseconds
from core.database import Database
from search import vocabulary
from search.query import Query, find
from search.store import Days, Sighting

IN_PROGRESS = timedelta(minutes=10)  # what was seen within may still be there
BEFORE_APPROVAL = timedelta(hours=1)  # looked through at each approval: a track that goes on began before it
BATCH = 500
BATCHES_A_PASS = 4

Looker = Callable[[WatchSubject, Sequence[Sighting]], Awaitable[int]]


class LookBack:
    def __init__(self, database: Database, clock: Clock, days: Days, look: Looker):
        """`look` matches sightings with one subject and raises what fits; it returns the number of alerts."""
        self._database, self._clock, self._days, self._look = database, clock, days, look
        self._turns, self._turn = 0, dict[int, int]()  # passes so far; subject → the one in which it was last looked for
        self._at: dict[tuple[int, datetime], int] = {}  # (subject, back to) → the oldest sighting that was looked at

    async def run_once(self) -> int:
        """The next batches of one subject; returns the number of alerts. Who is looked for anew comes first, then all in turn."""
        now = self._clock.now()
        query = select(WatchSubject).where(
            WatchSubject.state == "active", WatchSubject.expires_at > now, WatchSubject.look_back_to.is_not(None)
        )
        async with self._database.reading() as session:
            waiting = list(await session.scalars(query.order_by(WatchSubject.id)))
        keys = {(s.id, s.look_back_to) for s in waiting}
        self._at = {key: at for key, at in self._at.items() if key in keys}
        self._turn = {number: turn for number, turn in self._turn.items() if number in {s.id for s in waiting}}
        if not waiting:
            return 0
        subject = min(waiting, key=lambda s: (self._turn.get(s.id, 0), s.id))
        self._turns += 1
        self._turn[subject.id] = self._turns
        return await self._next(subject, now)

    async def _next(self, subject: WatchSubject, now: datetime) -> int:
        assert subject.look_back_to is not None
        key, raised = (subject.id, subject.look_back_to), 0
        wanted = Query(
            start_us=to_microseconds(subject.look_back_to), end_us=to_microseconds(now) + 1,
            classes=tuple(vocabulary.classes([subject.cls])),
        )  # fmt: skip
        for _ in range(BATCHES_A_PASS):
            rows = await asyncio.to_thread(find, self._days, wanted, BATCH, self._at.get(key))
            raised += await self._look(subject, rows)
            if len(rows) < BATCH:
                await self._done(*key)
                break
            self._at[key] = rows[-1].id
        return raised

    async def _done(self, number: int, back_to: datetime) -> None:
        self._at.pop((number, back_to), None)
        async with self._database.session() as session:
            row = await session.get(WatchSubject, number)
            if row is not None and row.look_back_to == back_to:  # else it was asked for again meanwhile
                row.look_back_to = None
