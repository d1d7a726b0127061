"""Work orders (工单): who repairs what by when, and whether the repair is verified.

    new → assigned → working ⇄ parts → verifying → closed        (also refused, merged)

Faults close on evidence, and the system closes orders: it watches a reported repair for two hours, then closes the
order if its faults are closed, or reopens it. Deadlines count working hours.
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
from core.errors import ConflictError, NotFoundError, UsageError
from health.faults.state_machine import CLOSED, DISMISSED, FAMILIES, OPEN, RECOVERING
from health.tables import Fault, WorkOrder, WorkOrderNote

NEW, ASSIGNED, WORKING, PARTS, VERIFYING, DONE, REFUSED, MERGED = (
    "new", "assigned", "working", "parts", "verifying", "closed", "refused", "merged",
)  # fmt: skip
STEPS: Mapping[str, frozenset[str]] = {
    NEW: frozenset({ASSIGNED, REFUSED, MERGED}),
    ASSIGNED: frozenset({ASSIGNED, WORKING, PARTS, VERIFYING, REFUSED, MERGED}),
    WORKING: frozenset({ASSIGNED, PARTS, VERIFYING, MERGED}),
    PARTS: frozenset({ASSIGNED, WORKING, VERIFYING, MERGED}),
    VERIFYING: frozenset({DONE, WORKING, MERGED}),
    DONE: frozenset(),
    REFUSED: frozenset({ASSIGNED}),
    MERGED: frozenset(),
}
RUNNING = (NEW, ASSIGNED, WORKING, PARTS, VERIFYING, REFUSED)
VERIFY = timedelta(hours=2)
# Working hours to respond and to repair, by severity.
TERMS = {1: (2.0, 8.0), 2: (4.0, 16.0), 3: (8.0, 56.0), 4: (40.0, 176.0)}
OPENS, CLOSES, WORKDAYS = time(8), time(18), frozenset(range(6))  # Monday to Saturday
REMINDERS = (0.5, 0.8, 1.0)  # shares of the time to repair: warn, warn, escalate


def deadline(start: datetime, hours: float, zone: tzinfo) -> datetime:
    """Return `start` plus working hours in the local time of `zone`; the result has the time zone of `start`."""
    at, left = start.astimezone(zone), timedelta(hours=hours)
    while True:
        opens, closes = (datetime.combine(at.date(), t, zone) for t in (OPENS, CLOSES))
        if at.weekday() in WORKDAYS and at < closes:
            at = max(at, opens)
            if left <= closes - at:
                return (at + left).astimezone(start.tzinfo)
            left -= closes - at
        at = datetime.combine(at.date() + timedelta(days=1), OPENS, zone)


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
    wish: OrderRequest = OrderRequest(),
) -> list[WorkOrder]:
    """Create one order per camera and one per parent (an up-link with its 93 cameras is one order).

    Faults that already have an order keep it. Raises UsageError if no fault is open and without an order.
    """
    wanted: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        if fault.order is None and fault.state in (OPEN, RECOVERING):
            wanted.setdefault((fault.camera, fault.detail if not fault.camera else ""), []).append(fault)
    if not wanted:
        raise UsageError("none of these faults is open and without an order")
    return [await _create(session, group, at, by, zone, wish) for group in wanted.values()]


async def _create(
    session: AsyncSession, faults: list[Fault], at: datetime, by: str, zone: tzinfo, wish: OrderRequest
) -> WorkOrder:
    worst = min(faults, key=lambda f: f.severity)
    camera = await session.get(Camera, worst.camera) if worst.camera else None
    respond, mend = TERMS[worst.severity]
    vendor = wish.vendor or str(camera.profile.get("maintainer") or "" if camera else "")
    title = f"{camera.name if camera else worst.detail} {' '.join(FAMILIES[f.family].chinese for f in faults)}"
    order = WorkOrder(
        village=worst.village,
        camera=worst.camera or None,
        title=title[:120],
        state=ASSIGNED if wish.assignee or vendor else NEW,
        severity=worst.severity,
        vendor=vendor,
        assignee=wish.assignee,
        created_at=at,
        created_by=by,
        respond_by=deadline(at, respond, zone),
        mend_by=deadline(at, mend, zone),
        reopened=0,
        reminded=0,
        warranty=_under_warranty(camera, at),
    )
    session.add(order)
    await session.flush()
    for fault in faults:
        fault.order = order.id
    await _note(session, order, at, by, "created", wish.text)
    await audit_trail.record(session, at, by, "order.create", str(order.id), faults=[f.id for f in faults])
    return order


def _under_warranty(camera: Camera | None, at: datetime) -> bool:
    until = str(camera.profile.get("warranty_until") or "") if camera else ""
    return bool(until) and until >= f"{at:%Y-%m-%d}"


async def move(
    session: AsyncSession,
    number: int,
    state: str,
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
    NotFoundError; UsageError for missing or wrong input; ConflictError for a transition that STEPS does not allow.
    """
    order = await session.scalar(
        select(WorkOrder).where(WorkOrder.id == number, village_in_scope(WorkOrder.village, villages))
    )
    if order is None:
        raise NotFoundError(f"there is no work order {number}")
    if state not in STEPS:
        raise UsageError(f"'{state}' is no state of a work order; there are {', '.join(STEPS)}")
    if state not in STEPS[order.state]:
        raise ConflictError(
            f"order {number} is {order.state}; "
            f"from there it can become {', '.join(sorted(STEPS[order.state])) or 'nothing'}"
        )
    if state == DONE:
        raise ConflictError("an order is closed by the machine, after what was mended has been watched")
    if state == ASSIGNED and not (assignee or vendor or order.assignee or order.vendor):
        raise UsageError("say who is to mend it")
    if state == REFUSED and not text:
        raise UsageError("say why it is refused")
    if state == MERGED:
        await _merge(session, order, into, villages)
    if cost is not None:
        if cost < 0:
            raise UsageError("a cost is not below nothing")
        order.cost = cost
    order.state, order.assignee, order.vendor = state, assignee or order.assignee, vendor or order.vendor
    if state == VERIFYING:
        order.mended_at = at
    await _note(session, order, at, by, state, text)
    await audit_trail.record(session, at, by, "order.move", str(number), state=state)
    return order


async def _merge(session: AsyncSession, order: WorkOrder, into: int | None, villages: Villages) -> None:
    """Move the order's faults and their pictures to the other order.

    Both orders must belong to the same company, because the pictures go to it. A company may be missing on the first.
    """
    query = select(WorkOrder).where(WorkOrder.id == into, village_in_scope(WorkOrder.village, villages))
    other = await session.scalar(query) if into else None
    if other is None or other.id == order.id or other.state in (DONE, MERGED):
        raise UsageError("say with which running order it is merged")
    if order.vendor not in ("", other.vendor):
        raise UsageError(f"order {other.id} is another company's; assign both to the same one first")
    order.merged_into = other.id
    for fault in await session.scalars(select(Fault).where(Fault.order == order.id)):
        fault.order = other.id


async def _note(session: AsyncSession, order: WorkOrder, at: datetime, by: str, step: str, text: str = "") -> None:
    session.add(WorkOrderNote(order=order.id, at=at, by=by, step=step, text=text[:400]))
    events.append(
        session, at, "order.moved", village=order.village, camera=order.camera, order=order.id, state=order.state
    )


async def care(session: AsyncSession, now: datetime) -> list[WorkOrder]:
    """Verify reported repairs and send reminders for late orders. Returns the orders that changed."""
    changed = []
    for order in await session.scalars(select(WorkOrder).where(WorkOrder.state.in_(RUNNING))):
        if order.state == VERIFYING:
            faults = (await session.scalars(select(Fault).where(Fault.order == order.id))).all()
            if await _verify(session, order, faults, now):
                changed.append(order)
        elif await _remind(session, order, now):
            changed.append(order)
    return changed


async def _verify(session: AsyncSession, order: WorkOrder, faults: Iterable[Fault], now: datetime) -> bool:
    """Close the order if its faults stayed closed for two hours after the repair; reopen it if a fault is found again.

    Also reopens an order whose faults are still open after twice that time. Returns whether the order changed.
    """
    mended = order.mended_at or now
    open_still = [f for f in faults if f.state not in (CLOSED, DISMISSED)]
    seen_again = [
        f for f in open_still if any(m[1] and m[0] > mended.timestamp() + 60 for m in f.facts.get("marks", []))
    ]
    if seen_again or (open_still and now - mended >= 2 * VERIFY):
        order.state, order.reopened, order.mended_at = WORKING, order.reopened + 1, None
        await _note(session, order, now, "system", "reopened", " ".join(f.family for f in seen_again or open_still))
        return True
    if open_still or now - mended < VERIFY:
        return False
    order.state, order.closed_at = DONE, now
    await _note(session, order, now, "system", DONE)
    return True


async def _remind(session: AsyncSession, order: WorkOrder, now: datetime) -> bool:
    """Record the next reminder if it is due: warn, warn, escalate, each once. Returns whether the order changed."""
    term = (order.mend_by - order.created_at).total_seconds()
    spent = (now - order.created_at).total_seconds() / term if term > 0 else 1.0
    due = sum(spent >= r for r in REMINDERS)
    if due <= order.reminded:
        return False
    order.reminded = due
    session.add(WorkOrderNote(order=order.id, at=now, by="system", step="reminded", text=str(due)))
    kind = "order.overdue" if due == len(REMINDERS) else "order.reminder"
    events.append(session, now, kind, village=order.village, camera=order.camera, order=order.id, times=due)
    return True
