"""Holds: footage that retention must not remove (R-RET-2). Made and ended with an audit row in the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import audit
from core.clock import from_microseconds
from core.errors import ConflictError, NotFoundError, UsageError
from nvr.tables import Hold


async def add(
    session: AsyncSession, now: datetime, *, camera: str, start_us: int, end_us: int, owner: str, reason: str, lasts: timedelta
) -> int:
    """Hold a camera's footage of [start, end); returns the hold's number."""
    if await session.get(Camera, camera) is None:
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
