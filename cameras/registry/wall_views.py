"""Saved views of the wall, and the favourites of accounts.

A view belongs to the account that saved it; a shared one is seen by all. What an account may not see is taken out of
the cells when a view is read: the cell is then empty.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import WallCell
from cameras.states import WallLayout
from cameras.tables import Camera, Favourite, WallView
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError

MAX_VIEWS_PER_ACCOUNT = 100
MAX_FAVOURITES = 500


async def visible(session: AsyncSession, account: str) -> list[WallView]:
    """Return the account's own views and the shared ones, by name."""
    query = select(WallView).where(or_(WallView.owner == account, WallView.shared)).order_by(WallView.name, WallView.id)
    return list(await session.scalars(query))


async def save(
    session: AsyncSession, now: datetime, account: str, *, number: int | None, name: str, layout: WallLayout,
    cells: Sequence[WallCell], shared: bool,
) -> WallView:  # fmt: skip
    """Create a view (`number` None) or change one of the account's own; writes the audit row.

    Raises NotFoundError for a view that the account does not own, ConflictError if it has too many.
    """
    if number is None:
        mine = select(func.count()).select_from(WallView).where(WallView.owner == account)
        if (await session.scalar(mine) or 0) >= MAX_VIEWS_PER_ACCOUNT:
            raise ConflictError(
                f"an account keeps at most {MAX_VIEWS_PER_ACCOUNT} views; delete one first",
                ErrorCode.TOO_MANY_WALL_VIEWS,
                limit=MAX_VIEWS_PER_ACCOUNT,
            )
        row = WallView(owner=account)
        session.add(row)
    else:
        row = await _own(session, account, number)
    row.name, row.layout, row.cells, row.shared, row.changed_at = name, layout, list(cells), shared, now
    await session.flush()
    action = AuditAction.WALL_VIEW_CREATE if number is None else AuditAction.WALL_VIEW_CHANGE
    await audit_trail.record(session, now, account, action, str(row.id), name=name, shared=shared)
    return row


async def remove(session: AsyncSession, now: datetime, account: str, number: int) -> None:
    """Delete one of the account's own views; writes the audit row. Raises NotFoundError."""
    row = await _own(session, account, number)
    await audit_trail.record(session, now, account, AuditAction.WALL_VIEW_DELETE, str(row.id), name=row.name)
    await session.delete(row)


async def _own(session: AsyncSession, account: str, number: int) -> WallView:
    row: WallView | None = await session.scalar(
        select(WallView).where(WallView.id == number, WallView.owner == account)
    )
    if row is None:
        raise NotFoundError(
            "there is no such view of yours; a shared view is changed by its owner only", ErrorCode.WALL_VIEW_NOT_FOUND
        )
    return row


async def within_scope(session: AsyncSession, scope: Villages, cameras: Collection[str]) -> set[str]:
    """Return which of the cameras exist and lie within the scope."""
    query = select(Camera.id).where(Camera.id.in_(cameras), village_in_scope(Camera.village, scope))
    return set(await session.scalars(query))


def named_cameras(cells: Sequence[WallCell]) -> set[str]:
    """Return the cameras that cells name."""
    return {name for cell in cells for name in (cell.get("camera", ""), *cell.get("cameras", ())) if name}


def visible_cells(cells: Sequence[WallCell], cameras: Collection[str], scope: Villages) -> list[WallCell]:
    """Return the cells without what the account may not see; `cameras`: those that it may."""
    found: list[WallCell] = []
    for cell in cells:
        seen: WallCell = {**cell}
        hidden = seen.get("camera", "") and seen["camera"] not in cameras
        if "cameras" in seen:
            seen["cameras"] = [name for name in seen["cameras"] if name in cameras]
            hidden = not seen["cameras"]
        if "village" in seen and scope is not None and seen["village"] not in scope:
            hidden = True
        found.append({} if hidden else seen)
    return found


async def favourites(session: AsyncSession, account: str, scope: Villages) -> list[str]:
    """Return the account's favourite cameras within the scope, oldest first."""
    query = select(Favourite.camera).join(Camera, Camera.id == Favourite.camera)
    query = query.where(Favourite.account == account, village_in_scope(Camera.village, scope))
    return list(await session.scalars(query.order_by(Favourite.added_at, Favourite.camera)))


async def add_favourite(session: AsyncSession, now: datetime, account: str, camera: str) -> None:
    """Add a favourite; adding it twice changes nothing. Raises ConflictError if there are too many."""
    if await session.get(Favourite, (account, camera)) is not None:
        return
    mine = select(func.count()).select_from(Favourite).where(Favourite.account == account)
    if (await session.scalar(mine) or 0) >= MAX_FAVOURITES:
        raise ConflictError(
            f"an account keeps at most {MAX_FAVOURITES} favourites; remove one first",
            ErrorCode.TOO_MANY_FAVOURITES,
            limit=MAX_FAVOURITES,
        )
    session.add(Favourite(account=account, camera=camera, added_at=now))


async def remove_favourite(session: AsyncSession, account: str, camera: str) -> None:
    await session.execute(delete(Favourite).where(Favourite.account == account, Favourite.camera == camera))
