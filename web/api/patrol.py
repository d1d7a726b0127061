"""Routes for patrol: rounds, faults with their pictures, verdicts, and maintenance."""

from __future__ import annotations

from enum import StrEnum

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.faults import fault_queries
from health.patrol import camera_week, inspection_coverage, maintenance, rounds, verdicts
from health.patrol.learning import learning_cameras
from health.patrol.verdicts import FaultVerdict
from health.tables import Fault, RoundScope
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.views.patrol import (
    FaultWeekView,
    LearningView,
    MaintenanceView,
    PatrolView,
    RoundView,
    concerns,
    fault_view,
    maintenance_view,
    round_view,
    week_view,
)
from web.work.picture_files import picture

routes = RouteTable()

MAX_MAINTENANCE_DAYS = 31
RECENT_ROUNDS = 200  # the newest round that concerns the account is searched among these


class FaultPicture(StrEnum):
    """The pictures that are kept with a fault; also the last word of the audit action of a view."""

    PICTURE = "picture"  # that opened it
    REFERENCE = "reference"  # a good one of the same camera


class PatrolQuery(BaseModel):
    closed: bool = False
    camera: str | None = None
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class Scope(BaseModel):
    villages: list[str] = Field(default_factory=list, max_length=200)
    cameras: list[str] = Field(default_factory=list, max_length=5000)
    vendor: str = Field("", max_length=80)


class VerdictBody(BaseModel):
    faults: list[int] = Field(min_length=1, max_length=500)
    verdict: FaultVerdict


class Count(BaseModel):
    done: int


class MaintenanceBody(BaseModel):
    camera: str | None = None
    village: str | None = None
    hours: float = Field(gt=0, le=24 * MAX_MAINTENANCE_DAYS)
    reason: str = Field(min_length=1, max_length=200)


@routes.add("GET", "/api/patrol", Permission.PATROL_VIEW, query=PatrolQuery, reply=PatrolView)
async def patrol(c: Context[PatrolQuery]) -> PatrolView:
    """The newest round, and open or closed faults, newest first."""
    q, scope = c.query, c.identity.villages
    async with c.services.database.reading() as session:
        recent = await rounds.recent(session, RECENT_ROUNDS)
        rows = await fault_queries.page(
            session, scope, closed=q.closed, camera=q.camera, before=q.before, limit=q.limit
        )
        now = c.services.clock.now()
        learning = await learning_cameras(session, scope, now)
        inspected = await inspection_coverage.by_village(session, scope, now)
    # Without a stated purpose, the row of the list does not open the pictures.
    opens = [f"fault {f.id}" for f, _ in rows] if c.identity.purpose else []
    key = f"fault.list {bool(opens)} {q.closed} {q.camera} {q.before}"
    await c.audit_view(AuditAction.FAULT_LIST, q.camera or "faults", key=key, opens=opens)
    newest = next((r for r in recent if concerns(r, scope)), None)
    return PatrolView(
        round=round_view(newest, scope) if newest else None,
        faults=[fault_view(f, camera, pictures=c.identity.may(Permission.LIVE_VIEW)) for f, camera in rows],
        next=rows[-1][0].id if len(rows) == q.limit else None,
        learning=LearningView.model_validate(learning, from_attributes=True),
        inspections=inspection_coverage.total(inspected.values()),
    )


@routes.add("POST", "/api/patrol/rounds", Permission.PATROL_RUN, body=Scope, reply=RoundView)
async def ask_for_round(c: Context[None, Scope]) -> RoundView:
    """Request a patrol round now, of all cameras or of some."""
    scope = RoundScope(villages=c.body.villages, cameras=c.body.cameras, vendor=c.body.vendor)
    mine = c.identity.villages
    async with c.services.database.session() as session:
        if mine is not None:
            scope["villages"] = [v for v in c.body.villages or mine if v in mine]
            if c.body.cameras:
                known = {camera.id for camera in await lookup.all_cameras(session, mine)}
                scope["cameras"] = [x for x in c.body.cameras if x in known]
            # Nothing that was named is left: an empty list would mean everything.
            if not scope["villages"] or (c.body.cameras and not scope["cameras"]):
                raise NotFoundError("there is no such camera or village", ErrorCode.CAMERA_OR_VILLAGE_NOT_FOUND)
        row = await rounds.request(session, c.services.clock.now(), c.identity.name, scope)
    return round_view(row, mine)


@routes.add("POST", "/api/faults/verdict", Permission.PATROL_RUN, body=VerdictBody, reply=Count)
async def verdict(c: Context[None, VerdictBody]) -> Count:
    """Record a person's verdict on faults.

    "false" teaches the baseline that the inspections were normal. "new_view" starts the baseline anew and closes the
    camera's faults that were found against the old view. The other verdicts close nothing.
    """
    async with c.services.database.session() as session:
        faults = await fault_queries.by_numbers(session, c.body.faults, c.identity.villages)
        await verdicts.record(session, c.services.clock.now(), c.identity.name, faults, c.body.verdict)
    return Count(done=len(faults))


@routes.add("GET", "/api/maintenance", Permission.PATROL_VIEW, reply=list[MaintenanceView])
async def list_maintenance(c: Context) -> list[MaintenanceView]:
    """Maintenance that is running or planned."""
    async with c.services.database.reading() as session:
        rows = await maintenance.not_ended(session, c.identity.villages, c.services.clock.now())
    return [maintenance_view(m) for m in rows]


@routes.add("POST", "/api/maintenance", Permission.PATROL_RUN, body=MaintenanceBody, reply=MaintenanceView)
async def begin_maintenance(c: Context[None, MaintenanceBody]) -> MaintenanceView:
    """Start maintenance now, for some hours: findings on the camera or village are no faults meanwhile."""
    body, who = c.body, c.identity
    async with c.services.database.session() as session:
        row = await maintenance.begin(
            session, c.services.clock.now(), who.name, camera=body.camera, village=body.village, hours=body.hours,
            reason=body.reason, scope=who.villages,
        )  # fmt: skip
    return maintenance_view(row)


@routes.add("POST", "/api/maintenance/{number}/end", Permission.PATROL_RUN, reply=Count)
async def end_maintenance(c: Context) -> Count:
    """End maintenance before its time."""
    now, number = c.services.clock.now(), c.number("number")
    async with c.services.database.session() as session:
        await maintenance.end(session, now, c.identity.name, number, c.identity.villages)
    return Count(done=1)


@routes.add("GET", "/api/faults/{fault}/picture", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def fault_picture(c: Context) -> web.Response:
    """The picture that opened the fault; needs a stated purpose."""
    return await picture(c.services.data_dir, (await _audited_fault(c, FaultPicture.PICTURE)).picture)


@routes.add("GET", "/api/faults/{fault}/reference", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def fault_reference(c: Context) -> web.Response:
    """A good picture of the same camera for comparison; needs a stated purpose."""
    return await picture(c.services.data_dir, (await _audited_fault(c, FaultPicture.REFERENCE)).reference)


@routes.add("GET", "/api/faults/{fault}/week", Permission.PATROL_VIEW, reply=FaultWeekView)
async def fault_week(c: Context) -> FaultWeekView:
    """What the inspections of the last seven days found on the fault's camera, and its references by day and night."""
    now, pictures = c.services.clock.now(), c.identity.may(Permission.LIVE_VIEW)
    async with c.services.database.reading() as session:
        (fault,) = await fault_queries.by_numbers(session, [c.number("fault")], c.identity.villages)
        days = await camera_week.of_fault(session, fault, now, c.services.zone)
        references = await camera_week.references(session, fault.camera, now) if fault.camera else []
    view = week_view(days, references, pictures=pictures)
    named = [d.picture for d in view.days if d.picture is not None] + [r.inspection for r in view.references]
    # Without a stated purpose, the row of the list does not open the pictures.
    opens = [f"inspection {n} of fault {fault.id}" for n in named] if c.identity.purpose else []
    await c.audit_view(
        AuditAction.FAULT_WEEK, str(fault.id), key=f"fault.week {fault.id} {bool(opens)} {now:%Y%m%d}", opens=opens,
        village=fault.village, camera=fault.camera,
    )  # fmt: skip
    return view


@routes.add("GET", "/api/faults/{fault}/inspections/{inspection}", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def inspection_picture(c: Context) -> web.Response:
    """The picture of an inspection of the fault's camera; needs a stated purpose."""
    async with c.services.database.reading() as session:
        (fault,) = await fault_queries.by_numbers(session, [c.number("fault")], c.identity.villages)
        inspection = await camera_week.picture_of(session, fault, c.number("inspection"))
    await c.audit_view(
        AuditAction.FAULT_PICTURE, str(fault.id), reason=c.purpose,
        key=f"inspection {inspection.id} of fault {fault.id}",
        village=fault.village, camera=fault.camera, start=inspection.at.isoformat(), end=inspection.at.isoformat(),
    )  # fmt: skip
    return await picture(c.services.data_dir, inspection.picture)


async def _audited_fault(c: AnyContext, which: FaultPicture) -> Fault:
    """Return the fault of the path after recording the view of its picture. Raises PurposeRequired, NotFoundError.

    The view belongs to the row of the list that named the fault, or gets a row of its own.
    """
    async with c.services.database.reading() as session:
        (fault,) = await fault_queries.by_numbers(session, [c.number("fault")], c.identity.villages)
    await c.audit_view(
        AuditAction(f"fault.{which}"),
        str(fault.id),
        reason=c.purpose,
        key=f"fault {fault.id}",
        village=fault.village,
        camera=fault.camera,
    )
    return fault
