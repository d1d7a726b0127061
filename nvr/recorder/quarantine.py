"""Streams that killed their recorder: after the second time one is left alone for a day, and reported."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.ids import StreamId
from nvr.tables import StreamStatus

STRIKES = 2
LASTS = timedelta(days=1)


async def record_crash(session: AsyncSession, stream: str, now: datetime) -> bool:
    """A recorder died over the stream. True where it is in quarantine now."""
    row = await session.get(StreamStatus, stream)
    if row is None:
        row = StreamStatus(stream=stream, worker="", state="connecting", engine="", at=now, since=now, strikes=0)
        session.add(row)
    row.strikes += 1
    camera = StreamId(stream).camera
    events.append(session, now, "stream.killed_recorder", camera=camera, stream=stream, times=row.strikes)
    if row.strikes < STRIKES:
        return False
    row.quarantined_at = now
    events.append(session, now, "stream.quarantined", camera=camera, stream=stream)
    return True


async def reset_crashes(session: AsyncSession, streams: list[str]) -> None:
    """The recorder ended as it should: what happened before is forgotten, except for those in quarantine."""
    await session.execute(
        update(StreamStatus)
        .where(StreamStatus.stream.in_(streams), StreamStatus.quarantined_at.is_(None), StreamStatus.strikes > 0)
        .values(strikes=0)
    )


def applies(quarantined_at: datetime | None, now: datetime) -> bool:
    """A day later it gets another chance; one more death puts it back."""
    return quarantined_at is not None and now - quarantined_at < LASTS
