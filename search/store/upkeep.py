"""Upkeep of the store: deletes expired days as a whole and records it in the audit trail."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import DAY_US, Clock, to_microseconds
from core.database import Database
from core.settings import Settings
from nvr.archive.retention.retention_clock import ClockCheck, RetentionClock
from search.store import SightingStore
from search.store.unmatched import LoadKeptSightings, UnmatchedErasure

SIGHTINGS_DIR, MODELS_DIR = "sightings", "models"


def sighting_store_of(settings: Settings) -> SightingStore:
    """Return the station's sighting store."""
    return SightingStore(settings.data.dir.absolute() / SIGHTINGS_DIR, settings.database_url)


def model_dir_of(settings: Settings) -> Path:
    """Return the folder of the station's model packs."""
    return settings.data.dir.absolute() / MODELS_DIR


class Upkeep:
    """Deletes expired days and erases unmatched thumbnails and vectors."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        store: SightingStore,
        keep_days: float,
        retention_clock: RetentionClock | None = None,
        unmatched_days: float = 0.0,
        load_kept: LoadKeptSightings | None = None,
    ):
        """Periods are in days.

        `retention_clock` decides whether the time is trusted; None: the clock is trusted. `load_kept` returns the
        sightings that keep thumbnail and vector after `unmatched_days`; None: all keep them.
        """
        self._database, self._clock, self._store, self._keep = database, clock, store, timedelta(days=keep_days)
        self._retention_clock, self._unmatched_after = retention_clock, timedelta(days=unmatched_days)
        self._unmatched = UnmatchedErasure(clock, store, load_kept) if load_kept is not None else None

    async def run_once(self) -> int:
        """Delete expired days; return their number. Deletes nothing while the time is not trusted."""
        await asyncio.to_thread(self._store.finish_deletions)
        now = self._clock.now()
        trust = (
            await self._retention_clock.check()
            if self._retention_clock is not None
            else ClockCheck(to_microseconds(now), to_microseconds(now), False)
        )
        if trust.suspended:
            return 0
        expired = [d for d in await asyncio.to_thread(self._store.days) if _age(d, trust) >= self._keep]
        for day in sorted(expired):
            await asyncio.to_thread(self._store.drop, day)
            async with self._database.session() as session:
                await audit_trail.record(
                    session,
                    now,
                    "system",
                    AuditAction.SIGHTINGS_DROP,
                    day,
                    keep_days=self._keep.total_seconds() / 86_400,
                )
        if self._unmatched is not None:
            old_enough = [
                d for d in await asyncio.to_thread(self._store.days) if _age(d, trust) >= self._unmatched_after
            ]
            for day, count in (await self._unmatched.run_once(old_enough)).items():
                async with self._database.session() as session:
                    await audit_trail.record(session, now, "system", AuditAction.SIGHTINGS_UNMATCHED, day, erased=count)
        return len(expired)


def _age(day: str, trust: ClockCheck) -> timedelta:
    """Return the age of the day's end."""
    begin = to_microseconds(datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc))
    return timedelta(microseconds=trust.age_us(begin, begin + DAY_US))
