"""The history of a camera's record: every change, when, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import DeviceRecord
from cameras.tables import CameraChange

SYSTEM = "system"


def record_change(
    session: AsyncSession,
    camera: str,
    at: datetime,
    actor: str,
    field: str,
    old: JsonValue | DeviceRecord,
    new: JsonValue,
) -> None:
    """Add a change to the running transaction."""
    session.add(CameraChange(camera=camera, at=at, actor=actor, field=field, old=old, new=new))


def record_changes(
    session: AsyncSession,
    camera: str,
    at: datetime,
    actor: str,
    old: Mapping[str, object],
    new: Mapping[str, object],
    prefix: str = "",
) -> bool:
    """Add every field that differs; return whether one does.

    `old` and `new` are JSON records (cameras.records); a TypedDict counts as a mapping to `object` only.
    """
    changed = [k for k in {**old, **new} if old.get(k) != new.get(k)]
    session.add_all(
        CameraChange(camera=camera, at=at, actor=actor, field=f"{prefix}{k}", old=old.get(k), new=new.get(k))
        for k in changed
    )
    return bool(changed)


async def changes_of(
    session: AsyncSession, camera: str, limit: int = 200, before: int | None = None
) -> Iterable[CameraChange]:
    """Return a camera's changes, newest first, paged by id."""
    query = select(CameraChange).where(CameraChange.camera == camera).order_by(CameraChange.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CameraChange.id < before)
    return (await session.scalars(query)).all()
