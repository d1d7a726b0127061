"""The event table: one row for every fact that another process or a browser must learn of.

A package appends an event in the same transaction as the fact itself; a reader tails the table by id. There is no
second channel, so no event can be lost between a fact and its announcement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.database import Base, Database
from core.database_kind import DatabaseKind
from core.json_types import JsonInput

POLL_INTERVAL_S, MAX_SETTLE_WAIT_S = 0.005, 0.5
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'event'::regclass AND mode = 'RowExclusiveLock' AND "
    "granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()"
)
BigId = BigInteger().with_variant(Integer, "sqlite")


class Event(Base):
    """One fact; `id` is its position in the log."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "kind", "id"), {"comment": "Facts that others must learn of; append-only"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Position in the log")
    at: Mapped[datetime] = mapped_column(comment="When the fact was recorded")
    kind: Mapped[str] = mapped_column(String(40), comment="package.verb, e.g. fault.opened")
    village: Mapped[str | None] = mapped_column(String(40), comment="Village whose scope may see it; null: all")
    camera: Mapped[str | None] = mapped_column(String(40), comment="Camera it concerns")
    data: Mapped[dict[str, Any]] = mapped_column(JSON, comment="Small JSON body without secrets")


def append(
    session: AsyncSession,
    at: datetime,
    kind: str,
    *,
    village: str | None = None,
    camera: str | None = None,
    **data: JsonInput,
) -> Event:
    """Add an event to the running transaction."""
    row = Event(at=at, kind=kind, village=village, camera=camera, data=data)
    session.add(row)
    return row


async def last_id(session: AsyncSession) -> int:
    """Return a position to continue reading from: every event committed from now on has a higher id.

    On PostgreSQL this waits for the transactions that have written events and are not yet committed.
    """
    last = await _highest(session)
    while not await _settled(session):
        pass
    return last


async def read_after(session: AsyncSession, position: int, limit: int = 500) -> Sequence[Event]:
    """Return events with id > position, oldest first, up to the first id that may still be committed.

    SQLite's single writer commits ids in their order. On PostgreSQL id 7 can be visible while the transaction of id 6
    is still running, and a reader that continued from 7 would never see 6. So a missing id is passed only when every
    transaction that might hold it has ended: a transaction that inserts into the table holds a lock on it from before
    it takes the id until the commit. Writers never wait for readers.
    """
    rows = await _rows(session, position, limit)
    if not _on_postgresql(session) or not rows:
        return rows
    whole = next((n for n, row in enumerate(rows) if row.id != position + 1 + n), len(rows))
    if whole:
        return rows[:whole]
    last = rows[-1].id
    if not await _settled(session):
        return []
    return [row for row in await _rows(session, position, limit) if row.id <= last]


async def _highest(session: AsyncSession) -> int:
    return await session.scalar(select(func.max(Event.id))) or 0


async def _rows(session: AsyncSession, position: int, limit: int) -> Sequence[Event]:
    return (await session.scalars(select(Event).where(Event.id > position).order_by(Event.id).limit(limit))).all()


def _on_postgresql(session: AsyncSession) -> bool:
    return DatabaseKind.of_session(session) is DatabaseKind.POSTGRESQL


async def _settled(session: AsyncSession) -> bool:
    """Return whether the transactions that write events now end within WAIT_SECONDS."""
    if not _on_postgresql(session):
        return True
    writing = await _writers(session)
    for _ in range(int(MAX_SETTLE_WAIT_S / POLL_INTERVAL_S)):
        if not writing:
            return True
        await asyncio.sleep(POLL_INTERVAL_S)
        writing &= await _writers(session)
    return not writing


async def _writers(session: AsyncSession) -> set[str]:
    """Return the virtual ids of the transactions that hold a writer's lock on the event table."""
    return set(await session.scalars(_WRITERS))


async def tail(database: Database, clock: Clock, position: int, poll_seconds: float = 0.25) -> AsyncIterator[Event]:
    """Yield every event after `position`; never ends."""
    while True:
        async with database.reading() as session:
            rows = await read_after(session, position)
        for row in rows:
            position = row.id
            yield row
        if not rows:
            await clock.sleep(poll_seconds)
