"""Holds: footage that retention must not remove (R-RET-2). Made and ended with an audit row in the same transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import audit, events
from core.clock import from_microseconds, to_microseconds
from core.errors import ConflictError, NotFoundError, UsageError
from nvr.footage import HOUR_US, Segment
from nvr.retention_clock import Trust
from nvr.tables import Footage, Hold

log = logging.getLogger(__name__)

WARNED_BEFORE = timedelta(days=14)


async def add(
    session: AsyncSession, now: datetime, *, camera: str, start_us: int, end_us: int, owner: str, reason: str, lasts: timedelta
) -> int:
    """Hold a camera's footage of [start, end); returns the hold's number."""
    if await session.get(Camera, camera, with_for_update=True) is None:  # waits for what is being deleted of it
        raise NotFoundError(f"there is no camera '{camera}'")
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    if not reason.strip():
        raise UsageError("a hold needs a reason: the case number or the ground")
    hold = Hold(
        camera=camera,
        start_us=start_us,
        end_us=end_us,
        owner=owner,
        reason=reason[:200],
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(hold)
    await session.flush()
    await audit.record(
        session, now, owner, "hold.add", camera, reason=reason, hold=hold.id, start=from_microseconds(start_us).isoformat(),
        end=from_microseconds(end_us).isoformat(), expires=hold.expires_at.isoformat(),
    )  # fmt: skip
    return hold.id


async def release(session: AsyncSession, now: datetime, number: int, actor: str, reason: str) -> None:
    """End a hold. Raises NotFoundError, ConflictError where it has ended."""
    hold = await session.get(Hold, number)
    if hold is None:
        raise NotFoundError(f"there is no hold {number}")
    if hold.released_at is not None or hold.expires_at <= now:
        raise ConflictError(f"hold {number} has ended already")
    hold.released_at = now
    await audit.record(session, now, actor, "hold.release", hold.camera, reason=reason, hold=number)


async def review(session: AsyncSession, now: datetime, number: int, actor: str, reason: str, lasts: timedelta) -> datetime:
    """A person looked whether a hold is still needed, and lets it last from now; returns its new end.

    Raises NotFoundError, UsageError, ConflictError where it has ended.
    """
    hold = await session.get(Hold, number)
    if hold is None:
        raise NotFoundError(f"there is no hold {number}")
    if not reason.strip():
        raise UsageError("say why the hold is still needed")
    if hold.released_at is not None or hold.expires_at <= now:
        raise ConflictError(f"hold {number} has ended already")
    before, hold.expires_at, hold.told_at = hold.expires_at, now + lasts, None
    await audit.record(
        session, now, actor, "hold.review", hold.camera, reason=reason, hold=number, old=before.isoformat(),
        expires=hold.expires_at.isoformat(),
    )  # fmt: skip
    return hold.expires_at


async def tell_of_ends(session: AsyncSession, now: datetime) -> int:
    """Tell, once, of holds that end within WARNED_BEFORE: the footage goes with them. Returns of how many."""
    ending = Hold.released_at.is_(None) & (Hold.expires_at > now) & (Hold.expires_at <= now + WARNED_BEFORE)
    found = (await session.execute(
        select(Hold, Camera.village).join(Camera, Camera.id == Hold.camera).where(ending, Hold.told_at.is_(None))
    )).all()  # fmt: skip
    for hold, village in found:
        hold.told_at = now
        log.warning("hold %d on %s ends at %s: review or release it (%s)", hold.id, hold.camera, hold.expires_at, hold.reason)
        events.append(
            session, now, "hold.ending", village=village, camera=hold.camera, hold=hold.id, expires=hold.expires_at.isoformat(),
            owner=hold.owner, reason=hold.reason,
        )  # fmt: skip
    return len(found)


async def protecting(session: AsyncSession, trust: Trust, camera: str | None = None) -> Sequence[Hold]:
    """Holds that deletion respects, of all cameras or of one, whose row stays locked: no hold is made until the session ends.

    While the time is not known no hold is over; a step of the clock ends none, either.
    """
    query = select(Hold).where(Hold.released_at.is_(None))
    if camera is not None:
        await session.get(Camera, camera, with_for_update=True)
        query = query.where(Hold.camera == camera)
    return [h for h in await session.scalars(query) if trust.suspended or not _is_over(h, trust)]


def _is_over(hold: Hold, trust: Trust) -> bool:
    created = to_microseconds(hold.created_at)
    return trust.age_us(created, created) >= to_microseconds(hold.expires_at) - created


async def active_holds(session: AsyncSession, now: datetime | None) -> Sequence[Hold]:
    """Holds in force; `now` None: the time is not known, and none that was not released is over."""
    in_force = select(Hold).where(Hold.released_at.is_(None))
    return (await session.scalars(in_force if now is None else in_force.where(Hold.expires_at > now))).all()


def not_wholly_held(holds: Sequence[Hold]) -> list[ColumnElement[bool]]:
    """Conditions that leave out rows of which every segment is held: their hour lies inside a hold."""
    covered = []
    for h in holds:
        first, last = -(-h.start_us // HOUR_US), h.end_us // HOUR_US - 1  # whole hours inside
        if first <= last:
            streams = Footage.stream.in_([f"{h.camera}/main", f"{h.camera}/sub"])
            covered.append(streams & Footage.hour.between(first, last))
    return [not_(or_(*covered))] if covered else []


def held(holds: Sequence[Hold], segment: Segment) -> bool:
    camera = segment.stream.partition("/")[0]
    return any(h.camera == camera and h.start_us < segment.end_us and h.end_us > segment.start_us for h in holds)
