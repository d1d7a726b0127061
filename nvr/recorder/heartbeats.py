"""Heartbeats of the processes: a recorder writes its own with its streams every 4 s, the others every 10 s."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import core
from core.clock import Clock
from core.database import Database
from core.host.process_role import ProcessRole
from nvr.tables import Worker

HEARTBEAT_LOST_AFTER = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0


class Heartbeat:
    """Writes that this process runs, since when, and which version of the program."""

    def __init__(self, role: ProcessRole, name: str, clock: Clock):
        self._role, self._name, self._clock = role, name, clock
        self._started_at = clock.now()

    async def write(self, session: AsyncSession, url: str = "") -> None:
        """`url`: where the process serves bytes of its own; empty: nowhere."""
        await session.merge(
            Worker(
                name=self._name,
                role=self._role,
                url=url,
                pid=os.getpid(),
                seen_at=self._clock.now(),
                release=core.__version__,
                started_at=self._started_at,
            )
        )

    async def store(self, database: Database) -> None:
        async with database.session() as session:
            await self.write(session)


async def alive_recorders(session: AsyncSession, now: datetime) -> list[str]:
    """Return the names of the recorders whose last heartbeat is recent."""
    found = await session.execute(select(Worker.name, Worker.seen_at).where(Worker.role == ProcessRole.RECORDER))
    return [name for name, at in found if now - at < HEARTBEAT_LOST_AFTER]


async def recorder_pids(session: AsyncSession) -> Sequence[int]:
    """Return the process ids that recorders reported, also of those that have ended."""
    return (await session.scalars(select(Worker.pid).where(Worker.role == ProcessRole.RECORDER))).all()


async def of_other_release(session: AsyncSession, now: datetime) -> list[Worker]:
    """Return the running processes whose program is not of the version of this one."""
    found = await session.scalars(
        select(Worker)
        .where(Worker.seen_at > now - HEARTBEAT_LOST_AFTER, Worker.release != core.__version__)
        .order_by(Worker.name)
    )
    return list(found)
