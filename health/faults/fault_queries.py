"""Reads faults for the layers above, within a scope of villages (None: the whole town)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.scope import Villages, village_in_scope
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.faults.state_machine import LIVE_STATES, OPEN_STATES
from health.tables import Fault
from health.vocabulary import FaultStatus


async def open_families(session: AsyncSession, camera: str | None = None) -> dict[str, list[str]]:
    """Return the families of the open faults by camera; of one camera if it is named."""
    query = select(Fault.camera, Fault.family).where(Fault.state.in_(OPEN_STATES))
    if camera is not None:
        query = query.where(Fault.camera == camera)
    found: dict[str, list[str]] = {}
    for row in await session.execute(query):
        found.setdefault(row.camera, []).append(row.family)
    return found


async def page(
    session: AsyncSession, scope: Villages, *, closed: bool, camera: str | None, before: int | None, limit: int
) -> list[tuple[Fault, Camera | None]]:
    """Return open (or closed) faults with their cameras, newest first. `before`: the last id of the previous page."""
    states = (FaultStatus.CLOSED,) if closed else OPEN_STATES
    query = select(Fault, Camera).outerjoin(Camera, Camera.id == Fault.camera)
    query = query.where(Fault.state.in_(states), village_in_scope(Fault.village, scope))
    if before is not None:
        query = query.where(Fault.id < before)
    if camera is not None:
        query = query.where(Fault.camera == camera)
    return [(f, c) for f, c in await session.execute(query.order_by(Fault.id.desc()).limit(limit))]


async def by_numbers(session: AsyncSession, numbers: Sequence[int], scope: Villages) -> list[Fault]:
    """Return faults by number. Raises NotFoundError if one does not exist or is outside the scope."""
    query = select(Fault).where(
        Fault.id.in_(numbers),
        Fault.state.in_((*LIVE_STATES, FaultStatus.CLOSED)),
        village_in_scope(Fault.village, scope),
    )
    found = list(await session.scalars(query.order_by(Fault.id)))
    if len(found) < len(set(numbers)):
        raise NotFoundError("there is no such fault", ErrorCode.FAULT_NOT_FOUND)
    return found


async def with_picture(session: AsyncSession, order: int) -> Fault | None:
    """Return the most severe fault of a work order that has a picture."""
    query = select(Fault).where(Fault.order == order, Fault.picture.is_not(None)).order_by(Fault.severity)
    return await session.scalar(query.limit(1))


async def orders_with_picture(session: AsyncSession, orders: Collection[int]) -> set[int | None]:
    """Return those of the work orders that have a fault with a picture."""
    query = select(Fault.order).where(Fault.order.in_(orders), Fault.picture.is_not(None))
    return set(await session.scalars(query))


async def open_counts(session: AsyncSession, scope: Villages = None) -> list[tuple[str | None, str, int, int]]:
    """Return (village, family, severity, number of open faults) within a scope."""
    columns = Fault.village, Fault.family, Fault.severity
    counted = select(*columns, func.count()).where(Fault.state.in_(OPEN_STATES), village_in_scope(Fault.village, scope))
    query = counted.group_by(*columns)
    return [(village, family, severity, count) for village, family, severity, count in await session.execute(query)]
