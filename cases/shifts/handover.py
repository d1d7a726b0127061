"""What an officer who takes over a shift must know: what changed since it began, and what waits for a decision.

Every part is within the account's villages. A part that the account may not see, and a figure that nobody knows, is
None; an empty list says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import outlines
from cameras.registry.outlines import CameraOutline
from cameras.states import FindingKind
from cameras.tables import Finding
from core.accounts.scope import Villages, village_in_scope
from core.clock import to_microseconds
from core.settings import RetentionSettings
from health.checks import disk_outlook, presence, storage_forecast
from health.checks.disk_outlook import DiskOutlook
from health.checks.presence import Presence
from health.checks.storage_forecast import VillageForecast
from health.faults.state_machine import OPEN_STATES
from health.orders import RUNNING
from health.patrol import inspection_coverage
from health.patrol.inspection_coverage import InspectionCoverage
from health.tables import Fault, WorkOrder
from health.vocabulary import FaultFamily, FaultStatus, OrderState
from nvr.tables import GapCause
from search.indexing.lag import IndexingLag, lag

SHOWN = 50  # lines of each part; the count is always of all
FIRST_LOOK_BACK = timedelta(hours=24)  # where no shift began yet
MAX_LOOK_BACK = timedelta(days=7)  # of a shift that nobody took over for longer

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[Line]):
    """The first SHOWN lines of a part, and how many there are."""

    count: int
    items: Sequence[Line]


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """Cameras in use, by whether they are online now."""

    total: int
    online: int
    offline: int
    unknown: int


@dataclass(frozen=True, slots=True)
class OfflineLine:
    """A camera that went offline in the shift."""

    camera: str
    name: str
    village: str
    since: datetime | None
    cause: GapCause | FaultFamily | None  # as the recorder reports it, or the family of the fault that says so


@dataclass(frozen=True, slots=True)
class FaultLine:
    """A fault that opened or closed in the shift. `name`: of the camera, up-link, switch or disk."""

    id: int
    camera: str
    name: str
    village: str | None
    family: FaultFamily
    severity: int
    opened_at: datetime | None
    closed_at: datetime | None
    order: int | None


@dataclass(frozen=True, slots=True)
class LateOrderLine:
    """A work order past a deadline: of the response, or of the repair."""

    id: int
    title: str
    village: str | None
    vendor: str
    state: OrderState
    severity: int
    due: datetime


@dataclass(frozen=True, slots=True)
class FindingLine:
    """An open finding of the camera checks."""

    id: int
    kind: FindingKind
    camera: str | None
    name: str
    village: str | None
    address: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class StationHandover:
    """Cameras, faults, repairs and storage at a hand-over."""

    cameras: CameraCounts
    newly_offline: Excerpt[OfflineLine]
    new_faults: Excerpt[FaultLine]
    closed_faults: Excerpt[FaultLine]
    inspections: InspectionCoverage
    orders_late: Excerpt[LateOrderLine]
    retention_short: Sequence[VillageForecast]
    retention_unknown: Sequence[str]  # villages of which nobody knows how long footage can be kept
    findings: Excerpt[FindingLine]
    search: IndexingLag | None  # None: an account of some villages
    disks: Sequence[DiskOutlook] | None  # None: an account of some villages


def looked_back_to(since: datetime | None, now: datetime) -> datetime:
    """Return from when on changes are listed. `since`: begin of the shift, None: there is none."""
    return max(since, now - MAX_LOOK_BACK) if since is not None else now - FIRST_LOOK_BACK


async def station_handover(
    session: AsyncSession, settings: RetentionSettings, scope: Villages, since: datetime, now: datetime
) -> StationHandover:
    """Return the state of the station for a hand-over. No query reads the archive or old faults."""
    now_us, town = to_microseconds(now), scope is None
    cameras = await outlines.in_use(session, scope)
    names = {c.id: c.name for c in cameras}
    states = await presence.present_states(session, cameras, now)
    counts = [presence.count(states, p) for p in (Presence.ONLINE, Presence.OFFLINE, Presence.UNKNOWN)]
    forecast = await storage_forecast.forecast(session, settings, now_us)
    mine = [f for f in forecast if scope is None or f.village in scope]
    opened = (Fault.state.in_(OPEN_STATES), Fault.opened_at >= since)
    closed = (Fault.state == FaultStatus.CLOSED, Fault.closed_at >= since)
    return StationHandover(
        cameras=CameraCounts(len(cameras), *counts),
        newly_offline=_newly_offline(cameras, states, since),
        new_faults=await _faults(session, select(Fault).where(*opened), scope, names),
        closed_faults=await _faults(session, select(Fault).where(*closed), scope, names),
        inspections=inspection_coverage.total(
            (await inspection_coverage.by_village(session, scope, now)).values()
        ),
        orders_late=await _late_orders(session, scope, now),
        retention_short=[f for f in mine if f.short],
        retention_unknown=[f.village for f in mine if f.possible_days is None],
        findings=await _findings(session, scope, names),
        search=await lag(session) if town else None,
        disks=await disk_outlook.disk_outlooks(session, settings, now_us) if town else None,
    )  # fmt: skip


def _newly_offline(
    cameras: Sequence[CameraOutline], states: dict[str, presence.CameraPresence], since: datetime
) -> Excerpt[OfflineLine]:
    found = [
        OfflineLine(c.id, c.name, c.village, state.since, state.cause)
        for c in cameras
        if (state := states[c.id]).presence is Presence.OFFLINE and (state.since is None or state.since >= since)
    ]
    found.sort(key=lambda line: (line.village, line.camera))
    return Excerpt(len(found), found[:SHOWN])


async def _faults(
    session: AsyncSession, query: Select[Fault], scope: Villages, names: dict[str, str]
) -> Excerpt[FaultLine]:
    query = query.where(village_in_scope(Fault.village, scope))
    count = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = await session.scalars(query.order_by(Fault.severity, Fault.id.desc()).limit(SHOWN))
    lines = [
        FaultLine(
            f.id, f.camera, names.get(f.camera, f.detail or f.camera), f.village, f.family, f.severity, f.opened_at,
            f.closed_at, f.order,
        )
        for f in rows
    ]  # fmt: skip
    return Excerpt(count, lines)


async def _late_orders(session: AsyncSession, scope: Villages, now: datetime) -> Excerpt[LateOrderLine]:
    """Return the orders past their deadline; a new or refused one is late when nobody responded in time."""
    unanswered = WorkOrder.state.in_((OrderState.NEW, OrderState.ASSIGNED, OrderState.REFUSED))
    late = (WorkOrder.repair_by < now) | (unanswered & (WorkOrder.respond_by < now))
    running = WorkOrder.state.in_([s for s in RUNNING if s is not OrderState.VERIFYING])
    query = select(WorkOrder).where(running, late, village_in_scope(WorkOrder.village, scope))
    count = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = await session.scalars(query.order_by(WorkOrder.severity, WorkOrder.repair_by).limit(SHOWN))
    return Excerpt(
        count,
        [
            LateOrderLine(
                o.id, o.title, o.village, o.vendor, o.state, o.severity,
                o.repair_by if o.repair_by < now else o.respond_by,
            )
            for o in rows
        ],
    )  # fmt: skip


async def _findings(session: AsyncSession, scope: Villages, names: dict[str, str]) -> Excerpt[FindingLine]:
    """Return the open findings; moves are left out, because they wait for a decision (cases.shifts.decisions)."""
    query = select(Finding).where(
        Finding.closed_at.is_(None), Finding.kind != FindingKind.MOVED, village_in_scope(Finding.village, scope)
    )
    count = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = await session.scalars(query.order_by(Finding.id.desc()).limit(SHOWN))
    lines = [
        FindingLine(f.id, f.kind, f.camera, names.get(f.camera or "", ""), f.village, f.address, f.opened_at)
        for f in rows
    ]
    return Excerpt(count, lines)
