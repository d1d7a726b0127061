"""Routes for onboarding: discovered devices, each camera's checklist, adopting, replacing and moving a device."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from cameras.onboarding import adoption
from cameras.registry import acceptance, history, registry
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, NotFoundError
from health.checks import checklist
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.policy import village_scope, visible_camera
from web.views.onboarding import OnboardingView, WorkView, candidate_view, device_view, work_view
from web.work.onboarding_jobs import OnboardingWork

routes = RouteTable()


class VillageQuery(BaseModel):
    village: str | None = None


class IdentifyBody(BaseModel):
    cameras: list[str] = Field(default_factory=list, max_length=5000)
    village: str | None = None


class AdoptBody(BaseModel):
    address: str
    village: str
    name: str = Field(min_length=1, max_length=80)
    credential: str | None = None


class CameraMoveBody(BaseModel):
    address: str = Field(max_length=120, description="host:port at which it was discovered, or from the finding")
    reason: str = Field(min_length=2, max_length=200, description="How the new address was verified")


class ReasonBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)


class Created(BaseModel):
    id: str


class ChangeView(BaseModel):
    id: int
    at: datetime
    actor: str
    field: str
    old: JsonValue
    new: JsonValue


class HistoryQuery(BaseModel):
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


@routes.add("GET", "/api/onboarding", Permission.CAMERA_VIEW, query=VillageQuery, reply=OnboardingView)
async def overview(c: Context[VillageQuery]) -> OnboardingView:
    """Every camera's checklist, what its acceptance lacks, and discovered devices that are not in the registry."""
    scope = village_scope(c, c.query.village)
    # The job's state comes first: a job that ends while the rows are read must not be shown as finished beside rows
    # from before its end.
    work = work_view(_work(c).state, c.identity.villages)
    async with c.services.database.reading() as session:
        cameras = await registry.cameras(session, scope)
        own = {x.id for x in cameras}
        lists = await checklist.checklists(session, cameras, c.services.clock.now())
        signed = await acceptance.newest(session, sorted(own))
        devices = await adoption.adoptable_devices(session, scope)
    return OnboardingView(
        items=list(checklist.ITEMS),
        work=work,
        cameras=[candidate_view(camera, lists[camera.id], signed.get(camera.id)) for camera in cameras],
        devices=[device_view(d, own) for d in devices],
    )


@routes.add("POST", "/api/onboarding/survey", Permission.CAMERA_MANAGE, reply=WorkView)
async def survey(c: Context) -> WorkView:
    """Start a survey of the network for devices; progress comes as events."""
    if c.identity.villages is not None:
        raise ForbiddenError(
            "only an administrator of the whole town may survey all subnets", ErrorCode.SURVEY_TOWN_ONLY
        )
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.CAMERAS_ONBOARDING_SURVEY, "town"
        )
    return work_view(_work(c).survey(), c.identity.villages)


@routes.add("POST", "/api/onboarding/identify", Permission.CAMERA_MANAGE, body=IdentifyBody, reply=WorkView)
async def identify(c: Context[None, IdentifyBody]) -> WorkView:
    """Start identifying cameras: the given ones, a village's, or all."""
    async with c.services.database.session() as session:
        cameras = await registry.cameras(session, village_scope(c, c.body.village))
        chosen = [x for x in cameras if x.address and (not c.body.cameras or x.id in c.body.cameras)]
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.CAMERAS_IDENTIFY, str(len(chosen))
        )
    return work_view(_work(c).identify(chosen), c.identity.villages)


@routes.add("POST", "/api/onboarding/adopt", Permission.CAMERA_MANAGE, body=AdoptBody, reply=Created)
async def adopt(c: Context[None, AdoptBody]) -> Created:
    """Add a discovered device to the registry as a camera of a village."""
    if not c.identity.sees_village(c.body.village):
        raise NotFoundError(
            f"there is no village '{c.body.village}'", ErrorCode.VILLAGE_NOT_FOUND, village=c.body.village
        )
    async with c.services.database.session() as session:
        added = await adoption.adopt(
            session,
            c.services.clock.now(),
            c.identity.name,
            address=c.body.address,
            village=c.body.village,
            name=c.body.name,
            credential=c.body.credential,
            villages=c.identity.villages,
        )
        return Created(id=added.id)


@routes.add("POST", "/api/cameras/{camera}/replace", Permission.CAMERA_MANAGE, body=ReasonBody, reply=Created)
async def replace(c: Context[None, ReasonBody]) -> Created:
    """Record that another device is installed there now (after a repair); it will be identified anew."""
    now, camera = c.services.clock.now(), await visible_camera(c)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        await adoption.replace_device(session, row, now, c.identity.name, c.body.reason)
    return Created(id=camera.id)


@routes.add("POST", "/api/cameras/{camera}/move", Permission.CAMERA_MANAGE, body=CameraMoveBody, reply=Created)
async def move(c: Context[None, CameraMoveBody]) -> Created:
    """Confirm a camera's new address, at which it was discovered or to which the station followed it."""
    now, camera = c.services.clock.now(), await visible_camera(c)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        await adoption.confirm_move(
            session, row, c.body.address, c.identity.villages, now, c.identity.name, c.body.reason
        )
    return Created(id=camera.id)


@routes.add("GET", "/api/cameras/{camera}/history", Permission.CAMERA_VIEW, query=HistoryQuery, reply=list[ChangeView])
async def camera_history(c: Context[HistoryQuery]) -> list[ChangeView]:
    """Changes of a camera's file with time and actor, newest first."""
    camera = await visible_camera(c)
    async with c.services.database.reading() as session:
        rows = await history.changes_of(session, camera.id, c.query.limit, c.query.before)
    return [ChangeView.model_validate(r, from_attributes=True) for r in rows]


def _work(c: AnyContext) -> OnboardingWork:
    if c.services.onboarding is None:
        raise ConflictError("the station is still starting; try again in a moment", ErrorCode.STATION_STARTING)
    return c.services.onboarding
