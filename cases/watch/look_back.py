"""A subject is looked for among what was seen before it was approved: whoever is still there, and, on request, the last hours.

Requests wait in the database for the matcher, also while it does not run. Batch by batch, a few in each pass, so that what is new
never waits for it. Where it is stands in memory: after a restart it begins anew, and the quiet time after an alert keeps that
from becoming a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, select, update

from cases.tables import WatchSubject
from core import events
from core.clock import Clock, to_microseconds
from core.database import Database
from search import vocabulary
from search.query.find import Query, find
from search.store import Sighting, SightingStore

IN_PROGRESS = timedelta(minutes=10)  # what was seen within may still be there
BEFORE_APPROVAL = timedelta(hours=1)  # looked through at each approval: a track that goes on began before it
BATCH = 500
BATCHES_A_PASS = 4

Looker = Callable[[WatchSubject, Sequence[Sighting]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is looked through now: [back_to, end_us), newest first; `before`: the oldest sighting that was looked at."""

    back_to: datetime
    end_us: int
    before: int | None = None


class LookBack:
    def __init__(self, database: Database, clock: Clock, days: SightingStore, look: Looker):
        """`look` matches sightings with one subject and raises what fits; it returns the number of alerts."""
        self._database, self._clock, self._days, self._look = database, clock, days, look
        self._turns, self._turn = (
            0,
            dict[int, int](),
        )  # passes so far; subject → the one in which it was last looked for
        self._at: dict[int, _Window] = {}  # by subject

    async def run_once(self) -> int:
        """The next batches of one subject; returns the number of alerts. Who is looked for anew comes first, then all in turn."""
        now = self._clock.now()
        async with self._database.reading() as session:
            waiting = list(await session.scalars(_waiting(now).order_by(WatchSubject.id)))
        ids = {s.id for s in waiting}
        self._at = {number: at for number, at in self._at.items() if number in ids}
        self._turn = {number: turn for number, turn in self._turn.items() if number in ids}
        if not waiting:
            return 0
        subject = min(waiting, key=lambda s: (self._turn.get(s.id, 0), s.id))
        async with self._database.session() as session:
            await session.execute(update(WatchSubject).where(WatchSubject.id == subject.id).values(looked_back_at=now))
        self._turns += 1
        self._turn[subject.id] = self._turns
        return await self._next(subject, now)

    async def _next(self, subject: WatchSubject, now: datetime) -> int:
        assert subject.look_back_to is not None
        raised, at = 0, self._at.get(subject.id) or _Window(subject.look_back_to, to_microseconds(now) + 1)
        for _ in range(BATCHES_A_PASS):
            wanted = Query(
                start_us=to_microseconds(at.back_to), end_us=at.end_us, classes=tuple(vocabulary.classes([subject.cls]))
            )
            rows = await asyncio.to_thread(find, self._days, wanted, BATCH, at.before)
            raised += await self._look(subject, rows)
            if len(rows) == BATCH:
                at = replace(at, before=rows[-1].id)
                continue
            further = await self._done(subject.id, at.back_to)
            if further is None:
                self._at.pop(subject.id, None)
                return raised
            at = _Window(further, to_microseconds(at.back_to))
        self._at[subject.id] = at
        return raised

    async def _done(self, number: int, back_to: datetime) -> datetime | None:
        """Strike the subject off; how far back it was asked for meanwhile where that is further."""
        async with self._database.session() as session:
            row = await session.get(WatchSubject, number)
            if row is None or row.look_back_to is None:
                return None
            if row.look_back_to < back_to:
                return row.look_back_to
            row.look_back_to = row.looked_back_at = None
            for village in [None] if row.villages is None else row.villages:
                events.append(session, self._clock.now(), "watch.looked_back", village=village, subject=number)
        return None


def _waiting(now: datetime) -> Select[WatchSubject]:
    active = (WatchSubject.state == "active", WatchSubject.expires_at > now)
    return select(WatchSubject).where(*active, WatchSubject.look_back_to.is_not(None))
