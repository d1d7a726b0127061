"""Keeping the store: days that are over go whole, and it is written down that they went."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from core import audit
from core.clock import Clock
from core.database import Database
from core.settings import Settings
from nvr.retention_clock import RetentionClock
from search.store import Days

SIGHTINGS, MODELS = "sightings", "models"


def days_of(settings: Settings) -> Days:
    """The store of the station."""
    return Days(settings.data.dir.absolute() / SIGHTINGS, settings.database_url)


def shelf_of(settings: Settings) -> Path:
    """Where the station's model packs lie."""
    return settings.data.dir.absolute() / MODELS


class Upkeep:
    def __init__(self, database: Database, clock: Clock, days: Days, keep_days: float, guard: RetentionClock | None = None):
        """`guard` says whether the time may be believed; without it the clock's word is taken."""
        self._database, self._clock, self._days, self._keep = database, clock, days, timedelta(days=keep_days)
        self._guard = guard

    async def run_once(self) -> int:
        """Drop the days that are older than they may be; returns how many. None while the time is not known."""
        await asyncio.to_thread(self._days.sweep)
        if self._guard is not None and (await self._guard.look()).suspended:
            return 0
        now = self._clock.now()
        # A day goes when its last moment is too old.
        oldest = f"{now - self._keep - timedelta(days=1):%Y%m%d}"
        over = [d for d in await asyncio.to_thread(self._days.days) if d <= oldest]
        for day in sorted(over):
            await asyncio.to_thread(self._days.drop, day)
            async with self._database.session() as session:
                await audit.record(session, now, "system", "sightings.drop", day, keep_days=self._keep.total_seconds() / 86_400)
        return len(over)
