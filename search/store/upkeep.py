"""Upkeep of the store: deletes expired days as a whole and records it in the audit trail."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

from core.audit import audit_trail
from core.clock import DAY_US, Clock, to_microseconds
from core.database import Database
from core.settings import Settings
from nvr.archive.retention_clock import ClockTrust, RetentionClock
from search.store import SightingStore
from search.store.unmatched import Need, UnmatchedErasure

SIGHTINGS, MODELS = "sightings", "models"


def days_of(settings: Settings) -> SightingStore:
    """Return the station's sighting store."""
    return SightingStore(settings.data.dir.absolute() / SIGHTINGS, settings.database_url)


def shelf_of(settings: Settings) -> Path:
    """Return the folder of the station's model packs."""
    return settings.data.dir.absolute() / MODELS


class Upkeep:
    """Deletes expired days and erases unmatched thumbnails and vectors."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        days: SightingStore,
        keep_days: float,
        guard: RetentionClock | None = None,
        unmatched_days: float = 0.0,
        need: Need | None = None,
    ):
        """Periods are in days.

        `guard` decides whether the time is trusted; None: the clock is trusted. `need` returns the sightings that keep
        thumbnail and vector after `unmatched_days`; None: all keep them.
        """
        self._database, self._clock, self._days, self._keep = database, clock, days, timedelta(days=keep_days)
        self._guard, self._unmatched_after = guard, timedelta(days=unmatched_days)
        self._unmatched = UnmatchedErasure(clock, days, need) if need is not None else None

    async def run_once(self) -> int:
        """Delete expired days; return their number. Deletes nothing while the time is not trusted."""
        await asyncio.to_thread(self._days.sweep)
        now = self._clock.now()
        trust = (
            await self._guard.look()
            if self._guard is not None
            else ClockTrust(to_microseconds(now), to_microseconds(now), False)
        )
        if trust.suspended:
            return 0
        over = [d for d in await asyncio.to_thread(self._days.days) if _age(d, trust) >= self._keep]
        for day in sorted(over):
            await asyncio.to_thread(self._days.drop, day)
            async with self._database.session() as session:
                await audit_trail.record(
                    session, now, "system", "sightings.drop", day, keep_days=self._keep.total_seconds() / 86_400
                )
        if self._unmatched is not None:
            kept = [d for d in await asyncio.to_thread(self._days.days) if _age(d, trust) >= self._unmatched_after]
            for day, count in (await self._unmatched.run_once(kept)).items():
                async with self._database.session() as session:
                    await audit_trail.record(session, now, "system", "sightings.unmatched", day, erased=count)
        return len(over)


def _age(day: str, trust: ClockTrust) -> timedelta:
    """Return the age of the day's end."""
    begin = to_microseconds(datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc))
    return timedelta(microseconds=trust.age_us(begin, begin + DAY_US))
