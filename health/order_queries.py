"""Reads work orders with their notes and photos, within a scope of villages (None: the whole town)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.orders import RUNNING
from health.tables import Fault, WorkOrder, WorkOrderNote, WorkOrderPhoto
from health.vocabulary import OrderState

OVER = (OrderState.CLOSED, OrderState.MERGED)  # nothing happens to them any more
CLOSED_ORDERS_SHOWN = timedelta(days=30)  # to a company, of its own orders


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows; a field that is None does not restrict it.

    `over`: those that are closed or merged instead of the open ones. `start`, `end`: when the order was created.
    """

    state: OrderState | None = None
    over: bool = False
    vendor: str | None = None
    village: str | None = None
    camera: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str | None = None


async def page(
    session: AsyncSession, scope: Villages, wanted: OrderFilter, *, before: int | None, limit: int
) -> list[WorkOrder]:
    """Return orders, newest first. `before`: the last id of the previous page."""
    states = [wanted.state] if wanted.state else OVER if wanted.over else RUNNING
    query = select(WorkOrder).where(WorkOrder.state.in_(states))
    for column, value in (
        (WorkOrder.vendor, wanted.vendor),
        (WorkOrder.village, wanted.village),
        (WorkOrder.camera, wanted.camera),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.start is not None:
        query = query.where(WorkOrder.created_at >= wanted.start)
    if wanted.end is not None:
        query = query.where(WorkOrder.created_at < wanted.end)
    if wanted.text:
        words = WorkOrder.title, WorkOrder.assignee, WorkOrder.vendor
        query = query.where(or_(*(w.icontains(wanted.text, autoescape=True) for w in words)))
    if before is not None:
        query = query.where(WorkOrder.id < before)
    query = query.where(village_in_scope(WorkOrder.village, scope)).order_by(WorkOrder.id.desc()).limit(limit)
    return list(await session.scalars(query))


async def by_numbers(session: AsyncSession, numbers: Sequence[int], scope: Villages) -> list[WorkOrder]:
    """Return orders by number. Raises NotFoundError if one does not exist or is outside the scope."""
    query = select(WorkOrder).where(WorkOrder.id.in_(numbers), village_in_scope(WorkOrder.village, scope))
    found = list(await session.scalars(query.order_by(WorkOrder.id)))
    if len(found) < len(set(numbers)):
        raise NotFoundError("there is no such work order", ErrorCode.ORDER_NOT_FOUND)
    return found


async def of_vendor(
    session: AsyncSession, vendor: str, scope: Villages, now: datetime, limit: int = 500
) -> list[WorkOrder]:
    """Return a company's orders, the most urgent first: open ones, and closed ones for CLOSED_ORDERS_SHOWN."""
    query = _of_vendor(vendor, scope, now).order_by(WorkOrder.repair_by).limit(limit)
    return list(await session.scalars(query))


async def one_of_vendor(session: AsyncSession, number: int, vendor: str, scope: Villages, now: datetime) -> WorkOrder:
    """Return one of the orders that `of_vendor` lists. Raises NotFoundError."""
    found: WorkOrder | None = await session.scalar(_of_vendor(vendor, scope, now).where(WorkOrder.id == number))
    if found is None:
        raise NotFoundError("there is no such work order", ErrorCode.ORDER_NOT_FOUND)
    return found


def _of_vendor(vendor: str, scope: Villages, now: datetime) -> Select[WorkOrder]:
    shown = or_(WorkOrder.state.in_(RUNNING), WorkOrder.closed_at > now - CLOSED_ORDERS_SHOWN)
    return select(WorkOrder).where(WorkOrder.vendor == vendor, village_in_scope(WorkOrder.village, scope), shown)


async def faults_of(session: AsyncSession, order: int) -> list[Fault]:
    """Return the faults that an order is to repair, the most severe first."""
    query = select(Fault).where(Fault.order == order).order_by(Fault.severity, Fault.id).limit(500)
    return list(await session.scalars(query))


async def notes(session: AsyncSession, order: int, limit: int = 500) -> list[WorkOrderNote]:
    """Return the notes of an order, oldest first."""
    query = select(WorkOrderNote).where(WorkOrderNote.order == order).order_by(WorkOrderNote.id).limit(limit)
    return list(await session.scalars(query))


async def photos_by_order(session: AsyncSession, orders: Collection[int]) -> dict[int, list[int]]:
    """Return the numbers of the photos of orders."""
    found: dict[int, list[int]] = {}
    for photo in await session.scalars(select(WorkOrderPhoto).where(WorkOrderPhoto.order.in_(orders))):
        found.setdefault(photo.order, []).append(photo.id)
    return found


async def photo(session: AsyncSession, order: int, number: int) -> WorkOrderPhoto:
    """Return a photo of an order. Raises NotFoundError."""
    found = await session.get(WorkOrderPhoto, number)
    if found is None or found.order != order:
        raise NotFoundError("there is no such photo", ErrorCode.PHOTO_NOT_FOUND)
    return found


async def add_photo(session: AsyncSession, at: datetime, actor: str, order: int, path: str) -> int:
    """Add a photo (a path below the data folder) to an order and return its number."""
    row = WorkOrderPhoto(order=order, at=at, by=actor, path=path)
    session.add(row)
    await session.flush()
    await audit_trail.record(session, at, actor, AuditAction.ORDER_PHOTO, str(order), photo=row.id)
    return row.id


async def open_and_late(session: AsyncSession, scope: Villages, now: datetime) -> tuple[int, int]:
    """Return how many orders of a scope are open, and how many of these are past the time to repair."""
    mine = WorkOrder.state.in_(RUNNING), village_in_scope(WorkOrder.village, scope)
    query = select(func.count()).select_from(WorkOrder).where(*mine)
    opened = await session.scalar(query) or 0
    return opened, await session.scalar(query.where(WorkOrder.repair_by < now)) or 0


async def running_counts(session: AsyncSession) -> list[tuple[str | None, OrderState, int]]:
    """Return (village, state, number) of the open orders."""
    query = select(WorkOrder.village, WorkOrder.state, func.count()).where(WorkOrder.state.in_(RUNNING))
    rows = await session.execute(query.group_by(WorkOrder.village, WorkOrder.state))
    return [(village, state, count) for village, state, count in rows]
