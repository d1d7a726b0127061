"""Retention: by age for each kind of stream, and the oldest footage first where a disk runs full.

Deleting a segment: row marked, file unlinked, row gone; each step may be the last before a crash
(nvr.recovery finishes it). What went is remembered as a gap with the cause 'retention'.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.clock import Clock, to_microseconds
from core.database import Database
from core.settings import RetentionSettings
from nvr.archive import mark_deleting
from nvr.tables import CLOSED, DELETING, Gap, Segment

log = logging.getLogger(__name__)

BATCH = 200
DAY_US = 86_400_000_000


class Retention:
    def __init__(self, database: Database, clock: Clock, settings: RetentionSettings, volumes: Sequence[Path]):
        self._database = database
        self._clock = clock
        self._settings = settings
        self._volumes = [v.absolute() for v in volumes]

    async def run_once(self) -> int:
        """Delete what is too old, then what must go for lack of space; returns the number of segments."""
        now_us = to_microseconds(self._clock.now())
        deleted = 0
        for kind, days in (("main", self._settings.main_days), ("sub", self._settings.sub_days)):
            limit = now_us - int(days * DAY_US)
            while count := await self._delete(Segment.stream.like(f"%/{kind}"), Segment.end_us < limit):
                deleted += count
        for volume in self._volumes:
            deleted += await self._make_room(volume)
        return deleted

    async def _make_room(self, volume: Path) -> int:
        deleted = 0
        while await asyncio.to_thread(_free_bytes, volume) < self._settings.min_free_bytes:
            count = await self._delete(Segment.path.like(f"{volume}/%"))
            if count == 0:
                break
            deleted += count
        if deleted:
            async with self._database.session() as session:
                events.append(session, self._clock.now(), "disk.low", folder=str(volume), deleted_segments=deleted)
        return deleted

    async def _delete(self, *conditions: object) -> int:
        """Delete up to a batch of the oldest closed segments that fit; returns how many."""
        async with self._database.session() as session:
            query = select(Segment).where(Segment.state == CLOSED, *conditions)  # type: ignore[arg-type]
            rows = (await session.scalars(query.order_by(Segment.start_us).limit(BATCH))).all()
            mark_deleting(rows)
        if not rows:
            return 0
        await asyncio.to_thread(_unlink, [Path(r.path) for r in rows])
        async with self._database.session() as session:
            for row in rows:
                await _remember(session, row)
            await session.execute(delete(Segment).where(Segment.id.in_([r.id for r in rows]), Segment.state == DELETING))
        return len(rows)


async def _remember(session: AsyncSession, row: Segment) -> None:
    """Extend the stream's retention gap over a deleted segment."""
    gap = await session.scalar(
        select(Gap)
        .where(
            Gap.stream == row.stream,
            Gap.cause == "retention",
            Gap.end_us <= row.start_us,
            Gap.end_us > row.start_us - 2_000_000,
        )
        .order_by(Gap.end_us.desc())
        .limit(1)
    )
    if gap is None:
        session.add(Gap(stream=row.stream, start_us=row.start_us, end_us=row.end_us, cause="retention", detail=""))
        await session.flush()
    else:
        gap.end_us = row.end_us


def _free_bytes(volume: Path) -> int:
    try:
        return shutil.disk_usage(volume).free
    except FileNotFoundError:
        return 2**63


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
