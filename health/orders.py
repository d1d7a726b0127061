"""Work orders (工单): who repairs what by when, and whether the repair is verified.

    new → assigned → working ⇄ parts → verifying → closed        (also refused, merged)

Faults close on evidence, and the system closes orders: it watches a reported repair for a while (settings,
`orders.verification_minutes`), then closes the order if its faults are closed, or reopens it. An open order can be
assigned to another company at any time. Deadlines count working hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from health.faults import fault_log
from health.faults.families import FAMILIES
from health.faults.state_machine import LIVE_STATES
from health.tables import Fault, WorkOrder, WorkOrderNote
from health.vocabulary import OrderState, OrderStep

_S = OrderState
TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    _S.NEW: frozenset({_S.ASSIGNED, _S.REFUSED, _S.MERGED}),
    _S.ASSIGNED: frozenset({_S.ASSIGNED, _S.WORKING, _S.PARTS, _S.VERIFYING, _S.REFUSED, _S.MERGED}),
    _S.WORKING: frozenset({_S.ASSIGNED, _S.PARTS, _S.VERIFYING, _S.MERGED}),
    _S.PARTS: frozenset({_S.ASSIGNED, _S.WORKING, _S.VERIFYING, _S.MERGED}),
    _S.VERIFYING: frozenset({_S.CLOSED, _S.ASSIGNED, _S.WORKING, _S.MERGED}),
    _S.CLOSED: frozenset(),
    _S.REFUSED: frozenset({_S.ASSIGNED}),
    _S.MERGED: frozenset(),
}
RUNNING = (_S.NEW, _S.ASSIGNED, _S.WORKING, _S.PARTS, _S.VERIFYING, _S.REFUSED)
VERIFICATION_TIME = timedelta(hours=2)  # unless the settings say otherwise
# Working hours to respond_hours and to repair, by severity.
DEADLINE_HOURS = {1: (2.0, 8.0), 2: (4.0, 16.0), 3: (8.0, 56.0), 4: (40.0, 176.0)}
OPENING_TIME, CLOSING_TIME, WORKDAYS = time(8), time(18), frozenset(range(6))  # Monday to Saturday
REMINDER_SHARES = (0.5, 0.8, 1.0)  # shares of the time to repair: warn, warn, escalate


def deadline(start: datetime, hours: float, zone: tzinfo) -> datetime:
    """Return `start` plus working hours in the local time of `zone`; the result has the time zone of `start`."""
    at, left = start.astimezone(zone), timedelta(hours=hours)
    while True:
        opens, closes = (datetime.combine(at.date(), t, zone) for t in (OPENING_TIME, CLOSING_TIME))
        if at.weekday() in WORKDAYS and at < closes:
            at = max(at, opens)
            if left <= closes - at:
                return (at + left).astimezone(start.tzinfo)
            left -= closes - at
        at = datetime.combine(at.date() + timedelta(days=1), OPENING_TIME, zone)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """Fields entered for a new order. An empty vendor is taken from the camera's inventory file."""

    vendor: str = ""
    assignee: str = ""
    text: str = ""


async def create(
    session: AsyncSession,
    faults: Sequence[Fault],
    at: datetime,
    by: str,
    zone: tzinfo,
    request: OrderRequest = OrderRequest(),
) -> list[WorkOrder]:
    """Create one order per camera and one per parent (an up-link with its 93 cameras is one order).

    Faults that already have an order keep it. Raises UsageError if no fault is open and without an order.
    """
    wanted: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        if fault.order is None and fault_log.is_open(fault):
            wanted.setdefault((fault.camera, fault.detail if not fault.camera else ""), []).append(fault)
    if not wanted:
        raise UsageError(
            "every one of these faults is closed or already has an order", ErrorCode.FAULTS_ALREADY_ORDERED
        )
    return [await _create(session, group, at, by, zone, request) for group in wanted.values()]


async def _create(
    session: AsyncSession, faults: list[Fault], at: datetime, by: str, zone: tzinfo, request: OrderRequest
) -> WorkOrder:
    worst = min(faults, key=lambda f: f.severity)
    camera = await session.get(Camera, worst.camera) if worst.camera else None
    respond_hours, repair_hours = DEADLINE_HOURS[worst.severity]
    vendor = request.vendor or str(camera.profile.get("maintainer") or "" if camera else "")
    title = f"{camera.name if camera else worst.detail} {' '.join(FAMILIES[f.family].chinese for f in faults)}"
    order = WorkOrder(
        village=worst.village,
        camera=worst.camera or None,
        title=title[:120],
        state=OrderState.ASSIGNED if request.assignee or vendor else OrderState.NEW,
        severity=worst.severity,
        vendor=vendor,
        assignee=request.assignee,
        created_at=at,
        created_by=by,
        respond_by=deadline(at, respond_hours, zone),
        repair_by=deadline(at, repair_hours, zone),
        reopened=0,
        reminded=0,
        warranty=_under_warranty(camera, at),
    )
    session.add(order)
    await session.flush()
    for fault in faults:
        fault.order = order.id
    await _add_note(session, order, at, by, OrderStep.CREATED, request.text)
    await audit_trail.record(session, at, by, AuditAction.ORDER_CREATE, str(order.id), faults=[f.id for f in faults])
    return order


def _under_warranty(camera: Camera | None, at: datetime) -> bool:
    until = str(camera.profile.get("warranty_until") or "") if camera else ""
    return bool(until) and until >= f"{at:%Y-%m-%d}"


async def move(
    session: AsyncSession,
    number: int,
    wanted: OrderState,
    at: datetime,
    by: str,
    *,
    text: str = "",
    assignee: str = "",
    vendor: str = "",
    cost: float | None = None,
    into: int | None = None,
    villages: Villages = None,
) -> WorkOrder:
    """Move an order to another state.

    `villages` is the scope of the caller; it must include the order and the order that it is merged `into`. Raises
    NotFoundError; UsageError for missing or wrong input; ConflictError for a transition that TRANSITIONS does not
    allow.
    """
    order = await session.scalar(
        select(WorkOrder).where(WorkOrder.id == number, village_in_scope(WorkOrder.village, villages))
    )
    if order is None:
        raise NotFoundError(f"work order {number} not found", ErrorCode.ORDER_NOT_FOUND)
    _check_transition(order, wanted)
    if wanted is OrderState.ASSIGNED and not (assignee or vendor or order.assignee or order.vendor):
        raise UsageError(
            "name a company or a person for the repair (vendor or assignee)", ErrorCode.ORDER_ASSIGNEE_REQUIRED
        )
    _check_text_and_cost(wanted, text, cost)
    if wanted is OrderState.MERGED:
        await _merge(session, order, into, villages)
    order.cost = order.cost if cost is None else cost
    order.state, order.assignee, order.vendor = wanted, assignee or order.assignee, vendor or order.vendor
    if wanted is OrderState.VERIFYING:
        order.repaired_at = at
    elif wanted is not OrderState.MERGED:
        order.repaired_at = None  # what was reported as repaired is in work again
    await _add_note(session, order, at, by, OrderStep(wanted.value), text)
    await audit_trail.record(session, at, by, AuditAction.ORDER_MOVE, str(number), state=wanted)
    return order


def _check_transition(order: WorkOrder, wanted: OrderState) -> None:
    """Raise ConflictError if a person may not move the order to the state."""
    allowed = TRANSITIONS[order.state]
    if wanted not in allowed:
        raise ConflictError(
            f"order {order.id} is in state {order.state}; "
            f"allowed next states: {', '.join(sorted(allowed)) or '(none)'}",
            ErrorCode.ORDER_STEP_REFUSED,
            order=order.id,
            state=order.state,
            allowed=sorted(allowed),
        )
    if wanted is OrderState.CLOSED:
        raise ConflictError(
            "orders are closed automatically, a while after the reported repair if no fault is found",
            ErrorCode.ORDER_CLOSES_ITSELF,
        )


def _check_text_and_cost(wanted: OrderState, text: str, cost: float | None) -> None:
    if wanted is OrderState.REFUSED and not text:
        raise UsageError("give a reason for the refusal (text)", ErrorCode.ORDER_REASON_REQUIRED)
    if cost is not None and cost < 0:
        raise UsageError("cost must not be negative", ErrorCode.ORDER_COST_NEGATIVE)


async def _merge(session: AsyncSession, order: WorkOrder, into: int | None, villages: Villages) -> None:
    """Move the order's faults and their pictures to the other order.

    Both orders must belong to the same company, because the pictures go to it. A company may be missing on the first.
    """
    query = select(WorkOrder).where(WorkOrder.id == into, village_in_scope(WorkOrder.village, villages))
    other = await session.scalar(query) if into else None
    if other is None or other.id == order.id or other.state in (OrderState.CLOSED, OrderState.MERGED):
        raise UsageError("name the open order to merge into", ErrorCode.ORDER_MERGE_TARGET_REQUIRED)
    if order.vendor not in ("", other.vendor):
        raise UsageError(
            f"order {other.id} is another company's; assign both to the same one first",
            ErrorCode.ORDER_OF_OTHER_COMPANY,
            order=other.id,
        )
    order.merged_into = other.id
    for fault in await session.scalars(select(Fault).where(Fault.order == order.id)):
        fault.order = other.id


async def _add_note(
    session: AsyncSession, order: WorkOrder, at: datetime, by: str, step: OrderStep, text: str = ""
) -> None:
    session.add(WorkOrderNote(order=order.id, at=at, by=by, step=step, text=text[:400]))
    events.append(
        session,
        at,
        events.EventKind.ORDER_MOVED,
        village=order.village,
        camera=order.camera,
        order=order.id,
        state=order.state,
    )


async def set_cost(session: AsyncSession, order: WorkOrder, cost: float, at: datetime, by: str, text: str = "") -> None:
    """Enter or correct the cost of a repair (yuan), also after the order was closed. Raises UsageError."""
    if cost < 0:
        raise UsageError("cost must not be negative", ErrorCode.ORDER_COST_NEGATIVE)
    before, order.cost = order.cost, cost
    await _add_note(session, order, at, by, OrderStep.CORRECTED, text)
    await audit_trail.record(session, at, by, AuditAction.ORDER_COST, str(order.id), old=before, new=cost)


async def verify_and_remind(
    session: AsyncSession, now: datetime, verification_time: timedelta = VERIFICATION_TIME
) -> list[WorkOrder]:
    """Verify reported repairs and send reminders for late orders. Returns the orders that changed."""
    changed = []
    for order in await session.scalars(select(WorkOrder).where(WorkOrder.state.in_(RUNNING))):
        if order.state == OrderState.VERIFYING:
            faults = (await session.scalars(select(Fault).where(Fault.order == order.id))).all()
            if await _verify(session, order, faults, now, verification_time):
                changed.append(order)
        elif await _remind(session, order, now):
            changed.append(order)
    return changed


async def _verify(
    session: AsyncSession, order: WorkOrder, faults: Iterable[Fault], now: datetime, verification_time: timedelta
) -> bool:
    """Close the order if its faults stayed closed for `verification_time` after the repair; reopen it if one is found.

    Also reopens an order whose faults are still open after twice that time. Returns whether the order changed.
    """
    repaired_at = order.repaired_at or now
    open_still = [f for f in faults if f.state in LIVE_STATES]
    found_again = [
        f for f in open_still if any(v[1] and v[0] > repaired_at.timestamp() + 60 for v in f.facts.get("votes", []))
    ]
    if found_again or (open_still and now - repaired_at >= 2 * verification_time):
        order.state, order.reopened, order.repaired_at = OrderState.WORKING, order.reopened + 1, None
        await _add_note(
            session, order, now, "system", OrderStep.REOPENED, " ".join(f.family for f in found_again or open_still)
        )
        return True
    if open_still or now - repaired_at < verification_time:
        return False
    order.state, order.closed_at = OrderState.CLOSED, now
    await _add_note(session, order, now, "system", OrderStep.CLOSED)
    return True


async def _remind(session: AsyncSession, order: WorkOrder, now: datetime) -> bool:
    """Record the next reminder if it is due: warn, warn, escalate, each once. Returns whether the order changed."""
    term = (order.repair_by - order.created_at).total_seconds()
    spent = (now - order.created_at).total_seconds() / term if term > 0 else 1.0
    due = sum(spent >= r for r in REMINDER_SHARES)
    if due <= order.reminded:
        return False
    order.reminded = due
    session.add(WorkOrderNote(order=order.id, at=now, by="system", step=OrderStep.REMINDED, text=str(due)))
    kind = events.EventKind.ORDER_OVERDUE if due == len(REMINDER_SHARES) else events.EventKind.ORDER_REMINDER
    events.append(session, now, kind, village=order.village, camera=order.camera, order=order.id, times=due)
    return True
