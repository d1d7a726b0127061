"""Is what should be recorded really there? From the archive's own rows; no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.clock import to_microseconds
from nvr.tables import Gap, Shortfall

DAY_US = 86_400_000_000
LONGEST_US = 60_000_000  # a gap longer than this is told
PLANNED = ("schedule", "retention")
SETTLED_US = 120_000_000  # the newest two minutes are the light watch's


Findings = tuple[dict[str, dict[str, Any]], set[str]]


async def findings(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, Findings]:
    """By camera: (found families with their figures, families that could not be tested): gaps of the last day, days held."""
    streams = {s.id: c.id for c in cameras for s in c.streams if s.record and s.kind == "main"}
    told: dict[str, Findings] = {c.id: ({}, {"gaps", "retention"}) for c in cameras}
    for camera in streams.values():
        told[camera] = ({}, set())
    end = to_microseconds(now) - SETTLED_US
    start = end - DAY_US
    gaps = select(Gap).where(
        Gap.stream.in_(streams), Gap.cause.not_in(PLANNED), Gap.start_us < end, Gap.end_us.is_(None) | (Gap.end_us > start)
    )
    causes: dict[str, dict[str, float]] = {}
    for gap in await session.scalars(gaps):
        length = min(gap.end_us or end, end) - max(gap.start_us, start)
        if length > LONGEST_US:
            mine = causes.setdefault(streams[gap.stream], {})
            mine[gap.cause] = mine.get(gap.cause, 0.0) + length / 1e6
    for camera, mine in causes.items():
        lost = sum(mine.values())
        worst = max(mine, key=lambda cause: mine[cause])
        told[camera][0]["gaps"] = {"seconds": round(lost), "cause": worst, "complete": round(1 - lost / 86400, 4)}
    yesterday = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    short = select(Shortfall).where(Shortfall.stream.in_(streams), Shortfall.day >= yesterday).order_by(Shortfall.day)
    for row in await session.scalars(short):
        told[streams[row.stream]][0]["retention"] = {
            "days": round(row.held_days, 1), "required": round(row.required_days, 1), "reason": row.reason,
        }  # fmt: skip
    return told
