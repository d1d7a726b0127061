"""Segments, holds and clocks for tests of retention: rows of the database, no files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.clock import HOUR_US, SECOND, ManualClock, to_microseconds
from core.database import Database
from core.settings import RetentionSettings
from nvr.archive import segment_index
from nvr.archive.retention.retention import Retention
from nvr.archive.segment_index import Segment
from nvr.tables import Footage, Hold, Volume


def hourly(stream: str, first_us: int, hours: int, volume: int = 1, size: int = 1000) -> list[Segment]:
    starts = [first_us // HOUR_US * HOUR_US + n * HOUR_US for n in range(hours)]
    return [Segment(stream, volume, s, s + 60 * SECOND, 60 * SECOND, size, 10) for s in starts]


async def store_segments(database: Database, segments: Iterable[Segment], *volumes: Path) -> None:
    async with database.session() as session:
        session.add_all(Volume(number=n, identity=f"v{n}", path=str(p)) for n, p in enumerate(volumes, 1))
        await session.flush()
        await segment_index.append(session, list(segments))


async def hold(
    database: Database, clock: ManualClock, camera: str, start_us: int, end_us: int, days: float = 60
) -> None:
    async with database.session() as session:
        now = clock.now()
        session.add(
            Hold(
                camera=camera, start_us=start_us, end_us=end_us, owner="case", reason="A", created_at=now,
                expires_at=now + timedelta(days=days),
            )
        )  # fmt: skip


async def remaining_files(database: Database) -> dict[str, int]:
    found: dict[str, int] = {}
    async with database.reading() as session:
        for row in await session.scalars(select(Footage)):
            found[row.stream] = found.get(row.stream, 0) + len(segment_index.segments_of(row))
    return found


def retention_on_full_disk(database: Database, clock: ManualClock, **changes: Any) -> Retention:
    made = Retention(database, clock, RetentionSettings(**{"min_free_bytes": 10_000, **changes}))
    made.measure_free = lambda _: 0
    made.measure_inodes = lambda _: None
    return made


def now_us(clock: ManualClock) -> int:
    return to_microseconds(clock.now())
