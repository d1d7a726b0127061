"""Quarantine of streams that crashed their recorder: after the second crash a stream is not recorded for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.ids import StreamId
from nvr.recording_state import RecordingState
from nvr.tables import StreamStatus

MAX_CRASHES = 2
QUARANTINE = timedelta(days=1)


async def record_crash(session: AsyncSession, stream: str, now: datetime) -> bool:
    """Record that a recorder crashed on the stream; return whether it is in quarantine now."""
    row = await session.get(StreamStatus, stream)
    if row is None:
        row = StreamStatus(
            stream=stream, worker="", state=RecordingState.CONNECTING, engine=None, at=now, since=now, strikes=0
        )
        session.add(row)
    row.strikes += 1
    camera = StreamId(stream).camera
    events.append(
        session, now, events.EventKind.STREAM_KILLED_RECORDER, camera=camera, stream=stream, times=row.strikes
    )
    if row.strikes < MAX_CRASHES:
        return False
    row.quarantined_at = now
    events.append(session, now, events.EventKind.STREAM_QUARANTINED, camera=camera, stream=stream)
    return True


async def reset_crashes(session: AsyncSession, streams: list[str]) -> None:
    """Reset the crash counts after a recorder ended normally, except for streams in quarantine."""
    await session.execute(
        update(StreamStatus)
        .where(StreamStatus.stream.in_(streams), StreamStatus.quarantined_at.is_(None), StreamStatus.strikes > 0)
        .values(strikes=0)
    )


def is_active(quarantined_at: datetime | None, now: datetime) -> bool:
    """Return whether the quarantine is in force. It ends after a day; one more crash renews it."""
    return quarantined_at is not None and now - quarantined_at < QUARANTINE
