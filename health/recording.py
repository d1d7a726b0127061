"""Is what should be recorded really there? From the archive's own rows; no file is opened."""

from __future__ import annotations

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


async def findings(session: AsyncSession, camera: Camera, now: datetime) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """(found families with their figures, families that could not be tested): gaps of the last day, and days held."""
    wanted = [s.id for s in camera.streams if s.record and s.kind == "main"]
    if not wanted:
        return {}, {"gaps", "retention"}
    end = to_microseconds(now) - SETTLED_US
    start = end - DAY_US
    query = select(Gap).where(
        Gap.stream.in_(wanted), Gap.cause.not_in(PLANNED), Gap.start_us < end, Gap.end_us.is_(None) | (Gap.end_us > start)
    )
    causes: dict[str, float] = {}
    for gap in await session.scalars(query):
        length = min(gap.end_us or end, end) - max(gap.start_us, start)
        if length > LONGEST_US:
            causes[gap.cause] = causes.get(gap.cause, 0.0) + length / 1e6
    found: dict[str, dict[str, Any]] = {}
    if causes:
        lost = sum(causes.values())
        cause = max(causes, key=lambda c: causes[c])
        found["gaps"] = {"seconds": round(lost), "cause": cause, "complete": round(1 - lost / 86400, 4)}
    yesterday = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    short = await session.scalar(
        select(Shortfall)
        .where(Shortfall.stream.in_(wanted), Shortfall.day >= yesterday)
        .order_by(Shortfall.day.desc())
        .limit(1)
    )
    if short is not None:
        found["retention"] = {
            "days": round(short.held_days, 1),
            "required": round(short.required_days, 1),
            "reason": short.reason,
        }
    return found, set()
