"""The event table: whatever another process or a browser must learn of, one row each.

A room appends an event in the same transaction as the fact itself; a reader tails the table by id.
There is no second channel, so nothing can be lost between a fact and its announcement.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, func, select, text
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.clock import Clock
from core.database import Base, Database

BigId = BigInteger().with_variant(Integer, "sqlite")


class Event(Base):
    __tablename__ = "event"
    __table_args__ = (Index(None, "kind", "id"), {"comment": "Facts that others must learn of; append-only"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Position in the log")
    at: Mapped[datetime] = mapped_column(comment="When the fact was recorded")
    kind: Mapped[str] = mapped_column(String(40), comment="room.verb, e.g. fault.opened")
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
    **data: Any,
) -> Event:
    """Add an event to the running transaction."""
    row = Event(at=at, kind=kind, village=village, camera=camera, data=data)
    session.add(row)
    return row


@listens_for(Session, "before_flush")
def _in_order(session: Session, _context: Any, _instances: Any) -> None:
    """A reader that has seen id 7 does not look for id 6 any more, so ids must be committed in their order.

    SQLite's single writer gives that for free; on PostgreSQL writers of events go one after the other.
    """
    if session.get_bind().dialect.name == "postgresql" and any(isinstance(row, Event) for row in session.new):
        session.execute(text("SELECT pg_advisory_xact_lock(7281002)"))


async def last_id(session: AsyncSession) -> int:
    return await session.scalar(select(func.max(Event.id))) or 0


async def read_after(session: AsyncSession, position: int, limit: int = 500) -> Sequence[Event]:
    """Events with id > position, oldest first."""
    return (await session.scalars(select(Event).where(Event.id > position).order_by(Event.id).limit(limit))).all()


async def tail(database: Database, clock: Clock, position: int, poll_seconds: float = 0.25) -> AsyncIterator[Event]:
    """Yield every event after `position`, for ever."""
    while True:
        async with database.reading() as session:
            rows = await read_after(session, position)
        for row in rows:
            position = row.id
            yield row
        if not rows:
            await clock.sleep(poll_seconds)
