"""The repairs in a village and their costs, from work orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from health.tables import WorkOrder, WorkOrderNote
from health.vocabulary import OrderState, OrderStep


@dataclass(frozen=True, slots=True)
class Repair:
    """A finished work order. `cost`: yuan, None if none was stated."""

    order: int
    camera: str  # empty: several cameras
    title: str
    day: str  # local date
    cost: float | None
    warranty: bool  # the manufacturer pays


async def repairs(session: AsyncSession, village: str, start: datetime, end: datetime) -> list[Repair]:
    """Return the orders that were closed in [start, end), and those merged into others then that have a cost."""
    merged = (
        select(func.max(WorkOrderNote.at))
        .where(WorkOrderNote.order == WorkOrder.id, WorkOrderNote.step == OrderStep.MERGED)
        .scalar_subquery()
    )
    over = func.coalesce(WorkOrder.closed_at, merged)
    ended = (WorkOrder.state == OrderState.CLOSED) | (
        (WorkOrder.state == OrderState.MERGED) & WorkOrder.cost.is_not(None)
    )
    query = select(WorkOrder, over).where(WorkOrder.village == village, ended, over >= start, over < end)
    return [
        Repair(o.id, o.camera or "", o.title, f"{at.astimezone(start.tzinfo):%Y-%m-%d}", o.cost, o.warranty)
        for o, at in await session.execute(query.order_by(WorkOrder.id))
    ]
