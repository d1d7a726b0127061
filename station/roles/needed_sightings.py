"""Which sightings keep their pictures and vectors for their whole life: alerts, candidates, footage on hold."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from cases.tables import Alert, AlertState, AlertTrail
from core.clock import Clock, to_microseconds
from core.database import Database
from nvr.archive.retention.holds import effective_holds
from nvr.archive.retention.retention_clock import ClockCheck, RetentionClock
from search.store import ids
from search.store.unmatched import KeptSightings
from search.tables import CameraNumber, Judgement, SightingVerdict


class NeededSightings:
    """Finds the sightings that are needed; without `guard`, the clock is trusted."""

    def __init__(self, database: Database, clock: Clock, guard: RetentionClock | None = None):
        self._database, self._clock, self._guard = database, clock, guard

    async def of_day(self, day: str) -> KeptSightings:
        """Return the sightings of a day to keep. `day`: UTC, YYYYMMDD."""
        start = ids.day_start(day)
        first, last = ids.first_at(start), ids.first_at(start + ids.DAY_MS) - 1
        wall = to_microseconds(self._clock.now())
        trust = await self._guard.check() if self._guard is not None else ClockCheck(wall, wall, False)
        async with self._database.reading() as session:
            alerts = await session.scalars(
                select(Alert.sighting).where(Alert.sighting.between(first, last), Alert.state != AlertState.REJECTED)
            )
            trails = await session.scalars(
                select(AlertTrail.sighting)
                .join(Alert, Alert.id == AlertTrail.alert)
                .where(AlertTrail.sighting.between(first, last), Alert.state != AlertState.REJECTED)
            )
            judged = select(Judgement.sighting).where(
                Judgement.sighting.between(first, last), Judgement.verdict == SightingVerdict.CANDIDATE
            )
            found = frozenset([*alerts, *trails, *await session.scalars(judged)])
            cameras: dict[str, set[int]] = defaultdict(set)
            for row in await session.scalars(select(CameraNumber)):
                cameras[row.camera].add(row.number)
            holds = [
                (frozenset(cameras[h.camera]), h.start_us // 1000, -(-h.end_us // 1000))
                for h in await effective_holds(session, trust)
                if h.start_us < (start + ids.DAY_MS) * 1000 and h.end_us > start * 1000
            ]
        return KeptSightings(found, holds)
