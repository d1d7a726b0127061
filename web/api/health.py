"""Routes for patrol: rounds, faults with their pictures, verdicts, and maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.accounts import Identity
from core.accounts.permissions import Permission
from core.accounts.scope import covers, village_in_scope
from core.audit import audit_trail
from core.errors import NotFoundError, UsageError
from health.faults.state_machine import FAMILIES, LIVE_STATES, OPEN, RECOVERING
from health.patrol.rounds import ask
from health.picture import baseline
from health.tables import Fault, Maintenance, PatrolRound
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.work.picture_files import picture

routes = RouteTable()

MAX_MAINTENANCE_DAYS = 31
RECENT_ROUNDS = 200  # the newest round that concerns the account is searched among these


class RoundView(BaseModel):
    id: int
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    cameras: int | None = Field(
        description="Null, as the next two, if the round covers more than the account's villages"
    )
    looked: int | None
    faulty: int | None


class FaultView(BaseModel):
    id: int
    camera: str
    camera_name: str
    village: str
    family: str
    chinese: str
    state: str
    severity: int
    figures: dict[str, Any]
    first_seen: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    times: int
    verdict: str | None
    acknowledged_by: str | None
    order: int | None
    has_picture: bool
    has_reference: bool


class PatrolQuery(BaseModel):
    closed: bool = False
    camera: str | None = None
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class PatrolView(BaseModel):
    round: RoundView | None
    faults: list[FaultView]
    next: int | None


class Scope(BaseModel):
    villages: list[str] = Field(default_factory=list, max_length=200)
    cameras: list[str] = Field(default_factory=list, max_length=5000)
    vendor: str = Field("", max_length=80)


class VerdictBody(BaseModel):
    faults: list[int] = Field(min_length=1, max_length=500)
    verdict: Literal["real", "false", "watch", "acknowledge", "new_view"]


class Count(BaseModel):
    done: int


class MaintenanceBody(BaseModel):
    camera: str | None = None
    village: str | None = None
    hours: float = Field(gt=0, le=24 * MAX_MAINTENANCE_DAYS)
    reason: str = Field(min_length=1, max_length=200)


class MaintenanceView(BaseModel):
    id: int
    camera: str | None
    village: str | None
    start: datetime
    until: datetime
    reason: str
    by: str


@routes.add("GET", "/api/patrol", Permission.PATROL_VIEW, query=PatrolQuery, reply=PatrolView)
async def patrol(c: Context[PatrolQuery]) -> PatrolView:
    """The newest round, and open or closed faults, newest first."""
    states = ("closed",) if c.query.closed else (OPEN, RECOVERING)
    query = select(Fault, Camera).outerjoin(Camera, Camera.id == Fault.camera)
    query = query.where(Fault.state.in_(states), village_in_scope(Fault.village, c.identity.villages))
    if c.query.before is not None:
        query = query.where(Fault.id < c.query.before)
    if c.query.camera is not None:
        query = query.where(Fault.camera == c.query.camera)
    async with c.services.database.reading() as session:
        rounds = (await session.scalars(select(PatrolRound).order_by(PatrolRound.id.desc()).limit(RECENT_ROUNDS))).all()
        rows = (await session.execute(query.order_by(Fault.id.desc()).limit(c.query.limit))).all()
    # Without a stated purpose, the row of the list does not open the pictures.
    opens = [f"fault {f.id}" for f, _ in rows] if c.identity.purpose else []
    key = f"fault.list {bool(opens)} {c.query.closed} {c.query.camera} {c.query.before}"
    await c.audit_view("fault.list", c.query.camera or "faults", key=key, opens=opens)
    newest = next((r for r in rounds if _concerns(r, c.identity)), None)
    return PatrolView(
        round=_round(newest, c.identity) if newest else None,
        faults=[_fault(f, camera, pictures=c.identity.may(Permission.LIVE_VIEW)) for f, camera in rows],
        next=rows[-1][0].id if len(rows) == c.query.limit else None,
    )


@routes.add("POST", "/api/patrol/rounds", Permission.PATROL_RUN, body=Scope, reply=RoundView)
async def ask_for_round(c: Context[None, Scope]) -> RoundView:
    """Request a patrol round now, of all cameras or of some."""
    scope: dict[str, Any] = {k: v for k, v in c.body.model_dump().items() if v}
    mine = c.identity.villages
    async with c.services.database.session() as session:
        if mine is not None:
            known = set(await session.scalars(select(Camera.id).where(village_in_scope(Camera.village, mine))))
            scope["villages"] = [v for v in c.body.villages or mine if v in mine]
            if c.body.cameras:
                scope["cameras"] = [x for x in c.body.cameras if x in known]
            if not all(scope.values()):  # nothing that was named is left: an empty list would mean everything
                raise NotFoundError("there is no such camera or village")
        row = await ask(session, c.services.clock.now(), c.identity.name, scope)
    return _round(row, c.identity)


@routes.add("POST", "/api/faults/verdict", Permission.PATROL_RUN, body=VerdictBody, reply=Count)
async def verdict(c: Context[None, VerdictBody]) -> Count:
    """Record a person's verdict on faults.

    "false" teaches the baseline that the inspections were normal. "new_view" starts the baseline anew and closes the
    camera's faults that were found against the old view. The other verdicts close nothing.
    """
    now, said = c.services.clock.now(), c.body.verdict
    async with c.services.database.session() as session:
        faults = await visible(session, c, c.body.faults)
        for fault in faults:
            if said == "acknowledge":
                fault.acknowledged_by = c.identity.name
                continue
            fault.verdict, fault.acknowledged_by = said, c.identity.name
            if said == "new_view" and fault.camera:
                await baseline.new_view(session, fault.camera, now)
            if said == "false":
                await baseline.learn(session, fault)
        await audit_trail.record(session, now, c.identity.name, "fault.verdict", said, faults=[f.id for f in faults])
    return Count(done=len(faults))


@routes.add("GET", "/api/maintenance", Permission.PATROL_VIEW, reply=list[MaintenanceView])
async def list_maintenance(c: Context) -> list[MaintenanceView]:
    """Maintenance that is running or planned."""
    async with c.services.database.reading() as session:
        rows = await session.scalars(
            select(Maintenance).where(Maintenance.until > c.services.clock.now()).order_by(Maintenance.until)
        )
        cameras = {x.id: x.village for x in await session.scalars(select(Camera))}
    return [_maintenance(m) for m in rows if c.identity.sees_village(m.village or cameras.get(m.camera or "", ""))]


@routes.add("POST", "/api/maintenance", Permission.PATROL_RUN, body=MaintenanceBody, reply=MaintenanceView)
async def begin_maintenance(c: Context[None, MaintenanceBody]) -> MaintenanceView:
    """Start maintenance now, for some hours: findings on the camera or village are no faults meanwhile."""
    now, body = c.services.clock.now(), c.body
    if (body.camera is None) == (body.village is None):
        raise UsageError("name a camera or a village")
    async with c.services.database.session() as session:
        camera = await session.get(Camera, body.camera) if body.camera else None
        village = camera.village if camera else body.village
        if (body.camera and camera is None) or not village or not c.identity.sees_village(village):
            raise NotFoundError("there is no such camera or village")
        row = Maintenance(
            camera=body.camera,
            village=body.village,
            start=now,
            until=now + timedelta(hours=body.hours),
            reason=body.reason,
            by=c.identity.name,
        )
        session.add(row)
        await session.flush()
        await audit_trail.record(
            session, now, c.identity.name, "maintenance.begin", body.camera or village, hours=body.hours
        )
    return _maintenance(row)


@routes.add("POST", "/api/maintenance/{number}/end", Permission.PATROL_RUN, reply=Count)
async def end_maintenance(c: Context) -> Count:
    """End maintenance before its time."""
    now = c.services.clock.now()
    async with c.services.database.session() as session:
        row = await session.get(Maintenance, c.number("number"))
        camera = await session.get(Camera, row.camera) if row and row.camera else None
        if row is None or not c.identity.sees_village(row.village or (camera.village if camera else "")):
            raise NotFoundError("maintenance not found")
        row.until = min(row.until, now)
        await audit_trail.record(session, now, c.identity.name, "maintenance.end", str(row.id))
    return Count(done=1)


@routes.add("GET", "/api/faults/{fault}/picture", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def fault_picture(c: Context) -> web.Response:
    """The picture that opened the fault; needs a stated purpose."""
    return await picture(c.services.data_dir, (await _one(c, "picture")).picture)


@routes.add("GET", "/api/faults/{fault}/reference", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def fault_reference(c: Context) -> web.Response:
    """A good picture of the same camera for comparison; needs a stated purpose."""
    return await picture(c.services.data_dir, (await _one(c, "reference")).reference)


async def _one(c: AnyContext, which: str) -> Fault:
    """Return the fault after recording the view of its picture. Raises PurposeNeeded, NotFoundError.

    The view belongs to the row of the list that named the fault, or gets a row of its own.
    """
    async with c.services.database.reading() as session:
        fault = (await visible(session, c, [c.number("fault")]))[0]
    await c.audit_view(
        f"fault.{which}",
        str(fault.id),
        reason=c.purpose,
        key=f"fault {fault.id}",
        village=fault.village,
        camera=fault.camera,
    )
    return fault


async def visible(session: AsyncSession, c: AnyContext, numbers: Sequence[int]) -> list[Fault]:
    """Return faults by number. Raises NotFoundError if one does not exist or is outside the account's villages."""
    query = select(Fault).where(
        Fault.id.in_(numbers),
        Fault.state.in_((*LIVE_STATES, "closed")),
        village_in_scope(Fault.village, c.identity.villages),
    )
    found = list(await session.scalars(query.order_by(Fault.id)))
    if len(found) < len(set(numbers)):
        raise NotFoundError("there is no such fault")
    return found


def _concerns(r: PatrolRound, who: Identity) -> bool:
    """Return whether the round covers the whole town or villages that the account sees."""
    return who.villages is None or not r.scope or covers(who.villages, r.scope.get("villages"))


def _round(r: PatrolRound, who: Identity) -> RoundView:
    """Return the round; without its counts if it covers more than the account sees."""
    whole = covers(who.villages, r.scope.get("villages"))
    return RoundView(
        id=r.id,
        asked_at=r.asked_at,
        asked_by=r.asked_by if whole else "",
        started_at=r.started_at,
        finished_at=r.finished_at,
        cameras=(r.cameras or 0) if whole else None,
        looked=(r.looked or 0) if whole else None,
        faulty=(r.faulty or 0) if whole else None,
    )


def _fault(f: Fault, camera: Camera | None, *, pictures: bool) -> FaultView:
    return FaultView(
        id=f.id,
        camera=f.camera,
        camera_name=camera.name if camera else f.detail,
        village=f.village or "",
        family=f.family,
        chinese=FAMILIES[f.family].chinese,
        state=f.state,
        severity=f.severity,
        figures=f.figures,
        first_seen=f.first_seen,
        opened_at=f.opened_at,
        closed_at=f.closed_at,
        times=f.times,
        verdict=f.verdict,
        acknowledged_by=f.acknowledged_by,
        order=f.order,
        has_picture=pictures and f.picture is not None,
        has_reference=pictures and f.reference is not None,
    )


def _maintenance(m: Maintenance) -> MaintenanceView:
    return MaintenanceView(
        id=m.id, camera=m.camera, village=m.village, start=m.start, until=m.until, reason=m.reason, by=m.by
    )
