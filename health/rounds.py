"""Patrol rounds as rows: whoever wants one asks for it here, the analyst does it (health.patrol).

Apart from the patrol itself, so that the console asks for a round without loading what judges pictures.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import audit, events
from health.tables import PatrolRound


async def ask(session: AsyncSession, at: datetime, by: str, scope: dict[str, Any] | None = None) -> PatrolRound:
    """Ask for a round of all cameras, or of `scope` (villages, cameras, vendor). One that waits already is returned
    instead of a second."""
    for waiting in await session.scalars(select(PatrolRound).where(PatrolRound.started_at.is_(None))):
        if waiting.scope == (scope or {}):
            return waiting
    row = PatrolRound(asked_at=at, asked_by=by, scope=scope or {})
    session.add(row)
    await session.flush()
    events.append(session, at, "patrol.asked", round=row.id, by=by)
    if by != "schedule":
        await audit.record(session, at, by, "patrol.ask", str(row.id), **(scope or {}))
    return row


def in_scope(camera: Camera, scope: dict[str, Any]) -> bool:
    if scope.get("cameras") and camera.id not in scope["cameras"]:
        return False
    if scope.get("villages") and camera.village not in scope["villages"]:
        return False
    return not scope.get("vendor") or camera.profile.get("maintainer") == scope["vendor"]
