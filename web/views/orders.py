"""Answers about work orders, for the station's officers and for a contractor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, JsonValue

from cameras.tables import Camera
from core.numbers import parse_yuan
from health import orders
from health.orders import VERIFICATION_TIME
from health.tables import Fault, WorkOrder, WorkOrderNote
from health.vocabulary import FaultFamily, FaultStatus, OrderState, OrderStep


def _yuan(value: JsonValue) -> JsonValue:
    """Read "180元" as 180; anything that is no amount is refused, never dropped."""
    if not isinstance(value, str):
        return value
    amount = parse_yuan(value)
    if amount is None:
        raise ValueError(f"'{value[:20]}' is not an amount in yuan; write 180, 180.50 or 180元")
    return amount


Yuan = Annotated[float, BeforeValidator(_yuan), Field(ge=0, le=1e7)]


class OrderDeadlines(BaseModel):
    respond_by: datetime
    repair_by: datetime
    late: bool = Field(description="The order is open and the time to repair is over")
    warned: int = Field(description="Reminders sent, of two")
    escalated: bool = Field(description="The leader was told that the time to repair is over")
    verified_at: datetime | None = Field(description="When a reported repair is confirmed; null: none is reported")


class OrderFault(BaseModel):
    id: int
    camera: str
    family: FaultFamily | str
    state: FaultStatus | str = Field(description="Text that is not listed comes from another release")
    severity: int
    opened_at: datetime | None
    closed_at: datetime | None
    has_picture: bool = Field(description="GET /api/faults/{id}/picture shows it")
    has_reference: bool


class OrderView(BaseModel):
    id: int
    village: str | None
    camera: str | None
    camera_name: str = Field(description="Empty: several cameras, or a camera that is gone")
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
    warranty_until: date | None = Field(description="Of its camera, as the file says now; null: not known")
    late: bool
    deadlines: OrderDeadlines
    merged_into: int | None


class NoteView(BaseModel):
    at: datetime
    by: str
    step: OrderStep | str = Field(description="Text that is not listed comes from another release")
    text: str


class OrderFile(BaseModel):
    order: OrderView
    notes: list[NoteView]
    photos: list[int]
    faults: list[OrderFault]


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
    cost: float | None
    late: bool
    photos: list[int]
    has_still: bool


def order_view(
    o: WorkOrder, now: datetime, camera: Camera | None = None, verification_time: timedelta = VERIFICATION_TIME
) -> OrderView:
    """Return an order. `camera`: its camera, retired or not; `verification_time`: of the settings."""
    return OrderView(
        id=o.id, village=o.village, camera=o.camera, camera_name=camera.name if camera else "", title=o.title,
        state=o.state, severity=o.severity, vendor=o.vendor, assignee=o.assignee, created_at=o.created_at,
        respond_by=o.respond_by, mend_by=o.repair_by, mended_at=o.repaired_at, closed_at=o.closed_at,
        reopened=o.reopened, reminded=o.reminded, cost=o.cost, warranty=o.warranty, late=_is_late(o, now),
        deadlines=_deadlines(o, now, verification_time), merged_into=o.merged_into,
        warranty_until=_date(camera.profile.get("warranty_until")) if camera else None,
    )  # fmt: skip


def _deadlines(o: WorkOrder, now: datetime, verification_time: timedelta) -> OrderDeadlines:
    watched = o.repaired_at is not None and o.state == OrderState.VERIFYING
    return OrderDeadlines(
        respond_by=o.respond_by,
        repair_by=o.repair_by,
        late=_is_late(o, now),
        warned=min(o.reminded, len(orders.REMINDER_SHARES) - 1),
        escalated=o.reminded >= len(orders.REMINDER_SHARES),
        verified_at=o.repaired_at + verification_time if watched and o.repaired_at is not None else None,
    )


def _date(text: str | None) -> date | None:
    """Return a date of a camera's file; None without one, or for a text that is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def order_fault_view(f: Fault) -> OrderFault:
    return OrderFault(
        id=f.id, camera=f.camera, family=f.family, state=f.state, severity=f.severity, opened_at=f.opened_at,
        closed_at=f.closed_at, has_picture=f.picture is not None, has_reference=f.reference is not None,
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
        cost=o.cost,
        late=_is_late(o, now),
        photos=photos,
        has_still=o.id in with_still,
    )


def _is_late(o: WorkOrder, now: datetime) -> bool:
    return o.state in orders.RUNNING and now > o.repair_by
