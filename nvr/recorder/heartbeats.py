"""Reads the heartbeats of the recorder processes; nvr.recorder.reconcile writes them every 4 s."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.host.process_role import ProcessRole
from nvr.tables import Worker

HEARTBEAT_LOST_AFTER = timedelta(seconds=30)


async def alive_recorders(session: AsyncSession, now: datetime) -> list[str]:
    """Return the names of the recorders whose last heartbeat is recent."""
    found = await session.execute(select(Worker.name, Worker.seen_at).where(Worker.role == ProcessRole.RECORDER))
    return [name for name, at in found if now - at < HEARTBEAT_LOST_AFTER]


async def recorder_pids(session: AsyncSession) -> Sequence[int]:
    """Return the process ids that recorders reported, also of those that have ended."""
    return (await session.scalars(select(Worker.pid).where(Worker.role == ProcessRole.RECORDER))).all()
