"""Looks for a subject among older sightings: those shortly before its approval, and on request those of the last hours.

Requests wait in the database for the matcher, also while it does not run. The search runs in batches, a few per pass,
so that new sightings never wait for it. Its position is kept in memory only: after a restart it starts again, and the
quiet time after an alert prevents a second alert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, select, update

from cases.tables import WatchSubject
from cases.watch.subject_words import words_of
from cases.watch.subjects import is_active
from core import events
from core.clock import Clock, to_microseconds
from core.database import Database
from search import vocabulary
from search.query.find import Query, find
from search.store import Sighting, SightingStore

IN_PROGRESS = timedelta(minutes=10)  # an object seen within this time may still be there
BEFORE_APPROVAL = timedelta(hours=1)  # searched at each approval, because a track that is still running began before it
BATCH = 500
BATCHES_PER_PASS = 4

Examine = Callable[[WatchSubject, Sequence[Sighting]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class _Window:
    """The range that is searched now: [back_to, end_us), newest first.

    `before`: id of the oldest sighting that was examined; None: none yet.
    """

    back_to: datetime
    end_us: int
    before: int | None = None


class LookBack:
    """Runs the waiting look-backs, one subject per pass."""

    def __init__(self, database: Database, clock: Clock, store: SightingStore, examine: Examine):
        """`examine` matches sightings with one subject, raises alerts for the matches, and returns their number."""
        self._database, self._clock, self._store, self._examine = database, clock, store, examine
        # Number of passes so far; and for each subject the pass in which it was last searched for.
        self._turns, self._turn = 0, dict[int, int]()
        self._at: dict[int, _Window] = {}  # by subject

    async def run_once(self) -> int:
        """Search the next batches of one subject; return the number of alerts.

        A new subject comes first, then all in turn.
        """
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
        classes = vocabulary.classes(words_of(subject).cls)
        raised, at = 0, self._at.get(subject.id) or _Window(subject.look_back_to, to_microseconds(now) + 1)
        for _ in range(BATCHES_PER_PASS):
            wanted = Query(start_us=to_microseconds(at.back_to), end_us=at.end_us, classes=classes)
            rows = await asyncio.to_thread(find, self._store, wanted, BATCH, at.before)
            raised += await self._examine(subject, rows)
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
        """End the look-back of a subject; if a longer one was requested meanwhile, return its start instead."""
        async with self._database.session() as session:
            row = await session.get(WatchSubject, number)
            if row is None or row.look_back_to is None:
                return None
            if row.look_back_to < back_to:
                return row.look_back_to
            row.look_back_to = row.looked_back_at = None
            for village in [None] if row.villages is None else row.villages:
                events.append(
                    session, self._clock.now(), events.EventKind.WATCH_LOOKED_BACK, village=village, subject=number
                )
        return None


def _waiting(now: datetime) -> Select[WatchSubject]:
    return select(WatchSubject).where(is_active(now), WatchSubject.look_back_to.is_not(None))
