"""The event table: one row for every fact that another process or a browser must learn of.

A package appends an event in the same transaction as the fact itself; a reader tails the table by id. There is no
second channel, so no event can be lost between a fact and its announcement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from enum import StrEnum
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


class EventKind(StrEnum):
    """What happened, as package.verb. The values are stored and sent to browsers.

    `CAMERA_MOTION` … `CAMERA_VIDEO_LOSS` are what cameras report (cameras.onvif), `VOLUME_OK` … `VOLUME_MISSING` the
    states of a volume (nvr.tables.VolumeState).
    """

    ALERT_RAISED = "alert.raised"
    ALERT_DISPATCHED = "alert.dispatched"
    ALERT_PHOTO = "alert.photo"
    ALERT_RECALLED = "alert.recalled"
    ALERT_REJECTED = "alert.rejected"
    ALERT_ACKED = "alert.acked"
    ALERT_ANSWERED = "alert.answered"
    ALERT_SNOOZED = "alert.snoozed"
    ALERT_DECLINED = "alert.declined"
    ALERT_ARRIVED = "alert.arrived"
    ALERT_CLOSED = "alert.closed"
    ALERT_TRAIL = "alert.trail"
    ALERT_SEEN_AGAIN = "alert.seen_again"  # the trail of an alert that patrol officers do not know
    BACKUP_MADE = "backup.made"
    BACKUP_FAILED = "backup.failed"
    BACKUP_OVERDUE = "backup.overdue"
    CAMERA_ACCEPTED = "camera.accepted"
    CAMERA_ACCEPTANCE_PROPOSED = "camera.acceptance_proposed"
    CAMERA_CHANGED = "camera.changed"
    CAMERA_IDENTIFIED = "camera.identified"
    CAMERA_MOVED = "camera.moved"
    CAMERA_REFUSED = "camera.refused"
    CAMERA_MOTION = "camera.motion"
    CAMERA_TAMPER = "camera.tamper"
    CAMERA_TRIGGER = "camera.trigger"
    CAMERA_SCENE_CHANGE = "camera.scene_change"
    CAMERA_STORAGE_FAILURE = "camera.storage_failure"
    CAMERA_DISK_FULL = "camera.disk_full"
    CAMERA_VIDEO_LOSS = "camera.video_loss"
    CAMERA_STATE = "camera.state"
    CAMERAS_EXPECTED = "cameras.expected"
    CASE_CLOSED = "case.closed"
    DISK_LOW = "disk.low"
    EVENTS_SKIPPED = "events.skipped"
    FAULT_OPENED = "fault.opened"
    FAULT_CLOSED = "fault.closed"
    FAULT_RELAPSED = "fault.relapsed"
    FINDING_OPENED = "finding.opened"
    FINDING_CLOSED = "finding.closed"
    FOOTAGE_BACKFILLED = "footage.backfilled"
    HOLD_ENDING = "hold.ending"
    INVENTORY_APPLIED = "inventory.applied"
    ONBOARDING_PROGRESS = "onboarding.progress"
    ORDER_MOVED = "order.moved"
    ORDER_OVERDUE = "order.overdue"
    ORDER_REMINDER = "order.reminder"
    PATROL_ASKED = "patrol.asked"
    PATROL_FINISHED = "patrol.finished"
    RECORDER_STALLED = "recorder.stalled"
    RECORDER_TASK_FAILED = "recorder.task_failed"
    RETENTION_SHORT = "retention.short"
    RETENTION_SUSPENDED = "retention.suspended"
    RETENTION_RESUMED = "retention.resumed"
    SHIFT_TAKEN_OVER = "shift.taken_over"
    STATION_CLOCK_STEPPED = "station.clock_stepped"
    STATION_CONNECTIONS_UNSHARED = "station.connections_unshared"
    STREAM_FELL_BACK = "stream.fell_back"
    STREAM_NATIVE_AGAIN = "stream.native_again"
    STREAM_NO_SOUND = "stream.no_sound"
    STREAM_KILLED_RECORDER = "stream.killed_recorder"
    STREAM_QUARANTINED = "stream.quarantined"
    VOLUME_OK = "volume.ok"
    VOLUME_FULL = "volume.full"
    VOLUME_FAILED = "volume.failed"
    VOLUME_SLOW = "volume.slow"
    VOLUME_MISSING = "volume.missing"
    VOLUME_FLUSH_FAILED = "volume.flush_failed"
    WATCH_PROPOSED = "watch.proposed"
    WATCH_APPROVED = "watch.approved"
    WATCH_REFUSED = "watch.refused"
    WATCH_RENEWED = "watch.renewed"
    WATCH_ENDED = "watch.ended"
    WATCH_CHANGED = "watch.changed"
    WATCH_MUTING = "watch.muting"
    WATCH_LOOK_BACK = "watch.look_back"
    WATCH_LOOKED_BACK = "watch.looked_back"


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
    kind: EventKind,
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


async def read_between(
    session: AsyncSession, after: int, until: int, *, without: Collection[EventKind] = (), limit: int = 500
) -> Sequence[Event]:
    """Return events with after < id ≤ until that a reader has passed already, oldest first, without some kinds."""
    query = select(Event).where(Event.id > after, Event.id <= until, Event.kind.not_in(without))
    return (await session.scalars(query.order_by(Event.id).limit(limit))).all()


async def id_before_newest(
    session: AsyncSession, after: int, until: int, count: int, *, without: Collection[EventKind] = ()
) -> int | None:
    """Return the id of the event before the newest `count` with after < id ≤ until; None if there are not so many."""
    query = select(Event.id).where(Event.id > after, Event.id <= until, Event.kind.not_in(without))
    return await session.scalar(query.order_by(Event.id.desc()).offset(count).limit(1))


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
