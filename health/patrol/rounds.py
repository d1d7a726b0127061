"""Patrol rounds as rows: callers request a round here; the analyst executes it (health.patrol.patrol).

Separate from the patrol itself, so that the console can request a round without loading the picture analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError
from health.tables import PatrolRound, RoundScope

SCHEDULE = "schedule"


async def request(session: AsyncSession, at: datetime, by: str, scope: RoundScope | None = None) -> PatrolRound:
    """Request a round of all cameras or of `scope` (villages, cameras, vendor).

    Returns a waiting round of the same scope instead of adding a second one. The schedule has a round of its own, which
    runs first. Raises ConflictError while another round requested by the same person is waiting.
    """
    wanted, own = canonical_scope(scope or RoundScope()), None
    for waiting in await session.scalars(
        select(PatrolRound).where(PatrolRound.started_at.is_(None)).order_by(PatrolRound.id)
    ):
        if (by != SCHEDULE and canonical_scope(waiting.scope) == wanted) or by == waiting.asked_by == SCHEDULE:
            return waiting
        own = waiting if waiting.asked_by == by else own
    if own is not None:
        raise ConflictError(
            f"your round {own.id} has not started yet; request another one after it starts",
            ErrorCode.ROUND_WAITING,
            round=own.id,
        )
    row = PatrolRound(asked_at=at, asked_by=by, scope=wanted)
    session.add(row)
    await session.flush()
    events.append(session, at, events.EventKind.PATROL_ASKED, round=row.id, by=by)
    if by != SCHEDULE:
        await audit_trail.record(session, at, by, AuditAction.PATROL_ASK, str(row.id), **wanted)
    return row


def canonical_scope(scope: RoundScope) -> RoundScope:
    """Return the canonical form of a scope: each name once and sorted, without empty entries."""
    found = RoundScope()
    if villages := scope.get("villages"):
        found["villages"] = sorted(set(villages))
    if cameras := scope.get("cameras"):
        found["cameras"] = sorted(set(cameras))
    if vendor := scope.get("vendor"):
        found["vendor"] = vendor
    return found


async def next_round(session: AsyncSession) -> PatrolRound | None:
    """Return the round to run now: the schedule's first, then an interrupted one, then the oldest."""
    rows = await session.scalars(select(PatrolRound).where(PatrolRound.finished_at.is_(None)).order_by(PatrolRound.id))
    return min(rows, key=lambda r: (r.asked_by != SCHEDULE, r.started_at is None, r.id), default=None)


def in_scope(camera: Camera, scope: RoundScope) -> bool:
    cameras, villages, vendor = scope.get("cameras"), scope.get("villages"), scope.get("vendor")
    if cameras and camera.id not in cameras:
        return False
    if villages and camera.village not in villages:
        return False
    return not vendor or camera.profile.get("maintainer") == vendor


async def recent(session: AsyncSession, limit: int) -> Sequence[PatrolRound]:
    """Return the newest rounds, newest first."""
    return (await session.scalars(select(PatrolRound).order_by(PatrolRound.id.desc()).limit(limit))).all()


async def last_finished(session: AsyncSession) -> datetime | None:
    """Return when the last round was finished; None: none ever was."""
    return await session.scalar(select(func.max(PatrolRound.finished_at)))
