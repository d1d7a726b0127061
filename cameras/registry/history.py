"""The history of a camera's record: every change, when, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import CameraChange

SYSTEM = "system"


def record_change(session: AsyncSession, camera: str, at: datetime, actor: str, field: str, old: Any, new: Any) -> None:
    """Add a change to the running transaction."""
    session.add(CameraChange(camera=camera, at=at, actor=actor, field=field, old=old, new=new))


def record_changes(
    session: AsyncSession,
    camera: str,
    at: datetime,
    actor: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    prefix: str = "",
) -> bool:
    """Add every field that differs; return whether one does."""
    changed = [k for k in {**old, **new} if old.get(k) != new.get(k)]
    for key in changed:
        record_change(session, camera, at, actor, f"{prefix}{key}", old.get(key), new.get(key))
    return bool(changed)


async def changes_of(
    session: AsyncSession, camera: str, limit: int = 200, before: int | None = None
) -> Iterable[CameraChange]:
    """Return a camera's changes, newest first, paged by id."""
    query = select(CameraChange).where(CameraChange.camera == camera).order_by(CameraChange.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CameraChange.id < before)
    return (await session.scalars(query)).all()
