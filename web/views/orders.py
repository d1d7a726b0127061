"""Answers about work orders, for the station's officers and for a contractor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from cameras.tables import Camera
from health import orders
from health.tables import WorkOrder, WorkOrderNote
from health.vocabulary import OrderState, OrderStep


class OrderView(BaseModel):
    id: int
    village: str | None
    camera: str | None
    title: str
    state: OrderState | str = Field(description="Text that is not listed comes from another release")
    severity: int
    vendor: str
    assignee: str
    created_at: datetime
    respond_by: datetime
    mend_by: datetime
    mended_at: datetime | None
    closed_at: datetime | None
    reopened: int
    reminded: int
    cost: float | None
    warranty: bool
    late: bool


class NoteView(BaseModel):
    at: datetime
    by: str
    step: OrderStep | str = Field(description="Text that is not listed comes from another release")
    text: str


class OrderFile(BaseModel):
    order: OrderView
    notes: list[NoteView]
    photos: list[int]


class OwnOrder(BaseModel):
    id: int
    title: str
    camera: str
    village: str
    place: str
    state: OrderState | str = Field(description="Text that is not listed comes from another release")
    severity: int
    respond_by: datetime
    mend_by: datetime
    closed_at: datetime | None
    reopened: int
    warranty: bool
    late: bool
    photos: list[int]
    has_still: bool


def order_view(o: WorkOrder, now: datetime) -> OrderView:
    return OrderView(
        id=o.id, village=o.village, camera=o.camera, title=o.title, state=o.state, severity=o.severity, vendor=o.vendor,
        assignee=o.assignee, created_at=o.created_at, respond_by=o.respond_by, mend_by=o.repair_by,
        mended_at=o.repaired_at,
        closed_at=o.closed_at, reopened=o.reopened, reminded=o.reminded, cost=o.cost, warranty=o.warranty,
        late=_is_late(o, now),
    )  # fmt: skip


def note_view(n: WorkOrderNote) -> NoteView:
    return NoteView(at=n.at, by=n.by, step=n.step, text=n.text)


def own_order_view(
    o: WorkOrder,
    now: datetime,
    *,
    camera: Camera | None,
    villages: Mapping[str, str],
    photos: list[int],
    with_still: Collection[int | None],
) -> OwnOrder:
    """Return an order as its contractor sees it. `villages`: names by code; `with_still`: orders with a picture."""
    return OwnOrder(
        id=o.id,
        title=o.title,
        camera=camera.name if camera else "",
        village=villages.get(o.village or "", ""),
        place=camera.profile.get("site", "") if camera else "",
        state=o.state,
        severity=o.severity,
        respond_by=o.respond_by,
        mend_by=o.repair_by,
        closed_at=o.closed_at,
        reopened=o.reopened,
        warranty=o.warranty,
        late=_is_late(o, now),
        photos=photos,
        has_still=o.id in with_still,
    )


def _is_late(o: WorkOrder, now: datetime) -> bool:
    return o.state in orders.RUNNING and now > o.repair_by
