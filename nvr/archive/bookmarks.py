"""Bookmarks: moments of the recording with a few words, for everybody who may see the camera."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import from_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError
from nvr.tables import Bookmark

MAX_PER_ACCOUNT = 5_000


async def between(
    session: AsyncSession, cameras: Collection[str], start_us: int, end_us: int, scope: Villages, limit: int
) -> list[Bookmark]:
    """Return the bookmarks of the cameras in [start, end), µs UTC, within a scope, oldest first."""
    query = select(Bookmark).where(
        Bookmark.camera.in_(cameras),
        Bookmark.at_us >= start_us,
        Bookmark.at_us < end_us,
        village_in_scope(Bookmark.village, scope),
    )
    return list(await session.scalars(query.order_by(Bookmark.at_us, Bookmark.id).limit(limit)))


async def add(
    session: AsyncSession, now: datetime, actor: str, camera: Camera, at_us: int, text: str, reason: str
) -> Bookmark:
    """Mark a moment; writes the audit row. Raises ConflictError if the account has too many."""
    mine = select(func.count()).select_from(Bookmark).where(Bookmark.created_by == actor)
    if (await session.scalar(mine) or 0) >= MAX_PER_ACCOUNT:
        raise ConflictError(
            f"an account keeps at most {MAX_PER_ACCOUNT} bookmarks; delete some first",
            ErrorCode.TOO_MANY_BOOKMARKS,
            limit=MAX_PER_ACCOUNT,
        )
    row = Bookmark(
        camera=camera.id, village=camera.village, at_us=at_us, text=text, created_by=actor, created_at=now
    )  # fmt: skip
    session.add(row)
    await session.flush()
    await _record(session, now, actor, AuditAction.BOOKMARK_ADD, row, reason)
    return row


async def delete(
    session: AsyncSession, now: datetime, actor: str, number: int, scope: Villages, reason: str, *, any_owner: bool
) -> None:
    """Delete a bookmark; writes the audit row with its words.

    Raises NotFoundError, also outside the scope; ConflictError for another person's, unless `any_owner`.
    """
    row = await session.scalar(
        select(Bookmark).where(Bookmark.id == number, village_in_scope(Bookmark.village, scope))
    )  # fmt: skip
    if row is None:
        raise NotFoundError("there is no such bookmark", ErrorCode.BOOKMARK_NOT_FOUND)
    if row.created_by != actor and not any_owner:
        raise ConflictError(
            f"this bookmark belongs to {row.created_by}; only its owner or an approver deletes it",
            ErrorCode.BOOKMARK_OF_OTHER_ACCOUNT,
            account=row.created_by,
        )
    await _record(session, now, actor, AuditAction.BOOKMARK_DELETE, row, reason)
    await session.delete(row)


async def _record(
    session: AsyncSession, now: datetime, actor: str, action: AuditAction, row: Bookmark, reason: str
) -> None:
    await audit_trail.record(
        session, now, actor, action, str(row.id), reason=reason, camera=row.camera, village=row.village,
        moment=from_microseconds(row.at_us).isoformat(), text=row.text, owner=row.created_by,
    )  # fmt: skip
