"""Routes for onboarding: discovered devices, each camera's checklist, acceptance, findings."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding import adoption
from cameras.registry import acceptance, findings, history, registry
from cameras.tables import Acceptance, Camera, DeviceSeen
from core.accounts.permissions import Permission
from core.accounts.scope import covers, village_in_scope
from core.audit import audit_trail
from core.errors import ConflictError, ForbiddenError, NotFoundError
from health.checks import checklist
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.work.onboarding_jobs import JobState, OnboardingWork
from web.work.picture_files import picture, write

routes = RouteTable()

MARKS = {checklist.OK: "o", checklist.FAILED: "x", checklist.TODO: "."}
MAX_PHOTO_BYTES = 8_000_000


class WorkView(BaseModel):
    kind: str
    done: int
    total: int
    failed: int
    running: bool


class CandidateView(BaseModel):
    id: str
    name: str
    village: str
    address: str | None
    make: str
    marks: str = Field(description="One letter per check, in the order of `items`: o ok, x failed, . to do")
    failed: dict[str, str]
    missing: list[str]
    proposed_by: str | None = Field(
        description="Who signed first for what the file says now, until another person confirms it"
    )
    proposed_at: datetime | None
    picture_by: str | None = Field(description="Who took the picture of the field of view; null: none, or not known")
    accepted_at: datetime | None
    accepted_by: list[str] = Field(
        description="The two accounts; before there were signatures, the names that were typed"
    )


class DeviceView(BaseModel):
    address: str
    name: str
    hardware: str
    village: str | None
    verdict: str
    camera: str | None
    first_seen: datetime
    last_seen: datetime


class OnboardingView(BaseModel):
    items: list[str]
    work: WorkView
    cameras: list[CandidateView]
    devices: list[DeviceView]


class VillageQuery(BaseModel):
    village: str | None = None


class IdentifyBody(BaseModel):
    cameras: list[str] = Field(default_factory=list, max_length=5000)
    village: str | None = None


class AcceptanceBody(BaseModel):
    places: list[str] | None = Field(None, description="Prohibited places that it is not in and does not look into")
    masks: str | None = None
    legal_class: str | None = None
    responsible: str | None = Field(None, max_length=40)
    picture: bool = Field(False, description="Take the newest picture as the field of view; needs a stated purpose")


class AcceptBody(BaseModel):
    cameras: list[str] = Field(min_length=1, max_length=500)


class ProposeReply(BaseModel):
    proposed: list[str]
    lacking: dict[str, list[str]]


class AcceptReply(BaseModel):
    accepted: list[str]
    lacking: dict[str, list[str]]


class AdoptBody(BaseModel):
    address: str
    village: str
    name: str = Field(min_length=1, max_length=80)
    credential: str | None = None


class CameraMoveBody(BaseModel):
    address: str = Field(max_length=120, description="host:port at which it was discovered, or from the finding")
    reason: str = Field(min_length=2, max_length=200, description="How the new address was verified")


class Created(BaseModel):
    id: str


class ChangeView(BaseModel):
    id: int
    at: datetime
    actor: str
    field: str
    old: Any
    new: Any


class HistoryQuery(BaseModel):
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class FindingQuery(BaseModel):
    before: int | None = None
    limit: int = Field(200, ge=1, le=500)


class FindingView(BaseModel):
    id: int
    kind: str
    camera: str | None
    address: str
    village: str | None
    detail: dict[str, Any]
    opened_at: datetime


class ReasonBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)


@routes.add("GET", "/api/onboarding", Permission.CAMERA_VIEW, query=VillageQuery, reply=OnboardingView)
async def overview(c: Context[VillageQuery]) -> OnboardingView:
    """Every camera's checklist, what its acceptance lacks, and discovered devices that are not in the registry."""
    scope = _scope(c, c.query.village)
    async with c.services.database.reading() as session:
        cameras = await registry.cameras(session, scope)
        own = {x.id for x in cameras}
        lists = await checklist.of(session, cameras, c.services.clock.now())
        signed = await acceptance.newest(session, sorted(own))
        query = select(DeviceSeen).where(
            DeviceSeen.verdict.in_(adoption.ADOPTABLE), village_in_scope(DeviceSeen.village, scope)
        )
        query = query.order_by(DeviceSeen.address)
        devices = (await session.scalars(query.limit(500))).all()
    return OnboardingView(
        items=list(checklist.ITEMS),
        work=_work_view(c, _work(c).state),
        cameras=[_candidate(camera, lists[camera.id], signed.get(camera.id)) for camera in cameras],
        devices=[_device(d, own) for d in devices],
    )


@routes.add("POST", "/api/onboarding/survey", Permission.CAMERA_MANAGE, reply=WorkView)
async def survey(c: Context) -> WorkView:
    """Start a survey of the network for devices; progress comes as events."""
    if c.identity.villages is not None:
        raise ForbiddenError("only an administrator of the whole town may survey all subnets")
    async with c.services.database.session() as session:
        await audit_trail.record(session, c.services.clock.now(), c.identity.name, "cameras.onboarding.survey", "town")
    return _work_view(c, _work(c).survey())


@routes.add("POST", "/api/onboarding/identify", Permission.CAMERA_MANAGE, body=IdentifyBody, reply=WorkView)
async def identify(c: Context[None, IdentifyBody]) -> WorkView:
    """Start identifying cameras: the given ones, a village's, or all."""
    async with c.services.database.session() as session:
        cameras = await registry.cameras(session, _scope(c, c.body.village))
        chosen = [x for x in cameras if x.address and (not c.body.cameras or x.id in c.body.cameras)]
        await audit_trail.record(session, c.services.clock.now(), c.identity.name, "cameras.identify", str(len(chosen)))
    return _work_view(c, _work(c).identify(chosen))


@routes.add(
    "POST", "/api/cameras/{camera}/acceptance", Permission.CAMERA_ACCEPT, body=AcceptanceBody, reply=CandidateView
)
async def fill(c: Context[None, AcceptanceBody]) -> CandidateView:
    """Record acceptance facts of a camera; `picture` keeps its newest picture as its field of view."""
    now, camera = c.services.clock.now(), await _visible(c)
    facts: dict[str, Any] = {"places": c.body.places, "masks": c.body.masks}
    acceptance.check(facts)
    look: dict[str, Any] = {}
    if c.body.picture:
        look = {"reason": c.purpose, "by_session": c.identity.session}  # audited like every view
        facts |= await _store_field_of_view(c, camera)
        look["picture_sha256"] = facts["picture_sha256"]
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        profile = {k: v for k in ("legal_class", "responsible") if (v := getattr(c.body, k)) is not None}
        if profile:
            registry.change_profile(session, row, profile, now, c.identity.name)
        acceptance.store_facts(session, row, facts, now, c.identity.name)
        await audit_trail.record(
            session, now, c.identity.name, "camera.acceptance", row.id, village=row.village, **look
        )
        return await _candidate_view(session, row, now)


async def _store_field_of_view(c: AnyContext, camera: Camera) -> dict[str, Any]:
    """Keep the newest picture of a camera as its field of view. Raises ConflictError if there is none."""
    frames = await c.services.reader.latest_keyframes(f"{camera.id}/main", 20, 1)
    if not frames:
        raise ConflictError(f"nothing of {camera.id} was recorded in the last 20 s, so there is no picture to take")
    jpeg = await c.services.snapshots.jpeg(frames[-1], 1280)
    name, digest = await _store_picture(c, camera, "field-of-view", jpeg)
    return {"picture": name, "picture_sha256": digest, "picture_by": c.identity.name}


async def _store_picture(c: AnyContext, camera: Camera, what: str, jpeg: bytes) -> tuple[str, str]:
    """Store a picture and return its name below the data folder, and its SHA-256.

    Every picture has a file of its own: a picture that somebody signed for is never overwritten.
    """
    digest = hashlib.sha256(jpeg).hexdigest()
    name = f"cameras/{camera.id}/{what}-{digest[:16]}.jpg"
    await write(c.services.data_dir, name, jpeg)
    return name, digest


@routes.add("POST", "/api/cameras/{camera}/sign", Permission.CAMERA_ACCEPT, reply=CandidateView)
async def sign(c: Context) -> CandidateView:
    """Store a photo of the sign at the camera (a JPEG or PNG as the body); it is re-encoded without metadata."""
    now, camera = c.services.clock.now(), await _visible(c)
    jpeg = await c.services.uploads.reencode(c.request, c.identity.user_id, MAX_PHOTO_BYTES, 1600)
    name, digest = await _store_picture(c, camera, "sign", jpeg)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        acceptance.store_facts(session, row, {"sign_photo": name, "sign_sha256": digest}, now, c.identity.name)
        await audit_trail.record(session, now, c.identity.name, "camera.sign", row.id)
        return await _candidate_view(session, row, now)


@routes.add("GET", "/api/cameras/{camera}/acceptance/{part}", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def acceptance_picture(c: Context) -> web.StreamResponse:
    """Picture of the field of view or of the sign; needs a stated purpose, except for the second signer."""
    names = {"picture": "picture", "sign": "sign_photo"}
    camera = await _visible(c)
    facts = camera.acceptance or {}
    async with c.services.database.reading() as session:
        signed = (await acceptance.newest(session, [camera.id])).get(camera.id)
    number = signed.id if signed is not None else None
    second = c.identity.may(Permission.CAMERA_ACCEPT) and acceptance.is_second(signed, camera, c.identity.name)
    why = c.view_reason(f"acceptance {number} of {camera.id}", running=second)
    await c.audit_view("acceptance.view", camera.id, reason=why, village=camera.village, acceptance=number)
    return await picture(c.services.data_dir, facts.get(names.get(c.path("part"), "")))


@routes.add("POST", "/api/onboarding/propose", Permission.CAMERA_ACCEPT, body=AcceptBody, reply=ProposeReply)
async def propose(c: Context[None, AcceptBody]) -> ProposeReply:
    """Sign first for several cameras; another person must confirm. Cameras that lack something are skipped.

    The reply names what they lack.
    """
    now, reply = c.services.clock.now(), ProposeReply(proposed=[], lacking={})
    async with c.services.database.session() as session:
        for camera, lacks in await _chosen(session, c, now):
            if lacks:
                reply.lacking[camera.id] = lacks
                continue
            await acceptance.propose(session, camera, now, c.identity.name)
            reply.proposed.append(camera.id)
    return reply


@routes.add("POST", "/api/onboarding/accept", Permission.CAMERA_ACCEPT, body=AcceptBody, reply=AcceptReply)
async def accept(c: Context[None, AcceptBody]) -> AcceptReply:
    """Confirm what another person proposed, for several cameras. Cameras that lack something are skipped.

    The reply names what they lack.
    """
    now, reply = c.services.clock.now(), AcceptReply(accepted=[], lacking={})
    async with c.services.database.session() as session:
        signed = await acceptance.newest(session, c.body.cameras)
        for camera, lacks in await _chosen(session, c, now):
            if lacks := lacks or acceptance.blocking_reasons(signed.get(camera.id), camera, c.identity.name):
                reply.lacking[camera.id] = lacks
                continue
            await acceptance.confirm(session, camera, now, c.identity.name)
            reply.accepted.append(camera.id)
    return reply


async def _chosen(session: AsyncSession, c: Context[None, AcceptBody], now: datetime) -> list[tuple[Camera, list[str]]]:
    """Return the named cameras that the account sees, each with what its acceptance lacks."""
    cameras = {x.id: x for x in await registry.cameras(session, c.identity.villages)}
    chosen = [cameras[n] for n in dict.fromkeys(c.body.cameras) if n in cameras]
    lists = await checklist.of(session, chosen, now)
    found = []
    for camera in chosen:
        open_items = [i.name for i in lists[camera.id] if i.state != checklist.OK and i.name != "acceptance"]
        found.append((camera, [*open_items, *acceptance.missing_facts(camera)]))
    return found


@routes.add("POST", "/api/onboarding/adopt", Permission.CAMERA_MANAGE, body=AdoptBody, reply=Created)
async def adopt(c: Context[None, AdoptBody]) -> Created:
    """Add a discovered device to the registry as a camera of a village."""
    now = c.services.clock.now()
    async with c.services.database.session() as session:
        if not c.identity.sees_village(c.body.village):
            raise NotFoundError(f"there is no village '{c.body.village}'")
        device = await adoption.adoptable_device(session, c.body.address, c.identity.villages)
        await adoption.check_credential(session, c.body.credential, c.body.village, c.identity.villages)
        met = DiscoveredDevice(device.endpoint, device.address, device.url, device.name, device.hardware)
        added = await registry.add_discovered_camera(
            session, c.body.village, c.body.name, met.registry_address, c.body.credential
        )
        number = added.id
        history.record_change(session, number, now, c.identity.name, "adopted", None, device.address)
        device.verdict, device.camera = "first", number
        await findings.close(
            session, now, ["unknown_device", "clone"], findings.FindingSubject(None, device.address, device.village)
        )
        await audit_trail.record(session, now, c.identity.name, "camera.adopt", number, address=device.address)
    return Created(id=number)


@routes.add("POST", "/api/cameras/{camera}/replace", Permission.CAMERA_MANAGE, body=ReasonBody, reply=Created)
async def replace(c: Context[None, ReasonBody]) -> Created:
    """Record that another device is installed there now (after a repair); it will be identified anew."""
    now, camera = c.services.clock.now(), await _visible(c)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        history.record_change(session, row.id, now, c.identity.name, "replaced", row.device, c.body.reason)
        row.device, row.endpoint, row.auth_mode, row.rtsp_digest_at = None, None, None, None
        row.account_state = row.account_problem = None
        acceptance.forget_device(session, row, now, c.identity.name)
        await findings.close(session, now, ["identity_changed"], findings.FindingSubject.of(row))
        await audit_trail.record(session, now, c.identity.name, "camera.replace", row.id, reason=c.body.reason)
    return Created(id=camera.id)


@routes.add("POST", "/api/cameras/{camera}/move", Permission.CAMERA_MANAGE, body=CameraMoveBody, reply=Created)
async def move(c: Context[None, CameraMoveBody]) -> Created:
    """Confirm a camera's new address, at which it was discovered or to which the station followed it."""
    now, camera = c.services.clock.now(), await _visible(c)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        await adoption.confirm_move(
            session, row, c.body.address, c.identity.villages, now, c.identity.name, c.body.reason
        )
    return Created(id=camera.id)


@routes.add("GET", "/api/cameras/{camera}/history", Permission.CAMERA_VIEW, query=HistoryQuery, reply=list[ChangeView])
async def camera_history(c: Context[HistoryQuery]) -> list[ChangeView]:
    """Changes of a camera's file with time and actor, newest first."""
    camera = await _visible(c)
    async with c.services.database.reading() as session:
        rows = await history.changes_of(session, camera.id, c.query.limit, c.query.before)
    return [ChangeView.model_validate(r, from_attributes=True) for r in rows]


@routes.add("GET", "/api/findings", Permission.CAMERA_VIEW, query=FindingQuery, reply=list[FindingView])
async def open_findings(c: Context[FindingQuery]) -> list[FindingView]:
    """Open findings, newest first: exposed services, refused credentials, clones, unknown devices, wrong clocks."""
    async with c.services.database.reading() as session:
        rows = await findings.list_open(session, c.identity.villages, before=c.query.before, limit=c.query.limit)
    return [FindingView.model_validate(r, from_attributes=True) for r in rows]


@routes.add("POST", "/api/findings/{finding}/accept", Permission.CAMERA_MANAGE, body=ReasonBody)
async def accept_finding(c: Context[None, ReasonBody]) -> dict[str, Any]:
    """Close a finding with a reason: it is known and accepted."""
    async with c.services.database.session() as session:
        now, number = c.services.clock.now(), c.number("finding")
        await findings.accept(session, number, now, c.identity.name, c.body.reason, c.identity.villages)
    return {}


def _work(c: AnyContext) -> OnboardingWork:
    if c.services.onboarding is None:
        raise ConflictError("the station is still starting; try again in a moment")
    return c.services.onboarding


def _work_view(c: AnyContext, state: JobState) -> WorkView:
    """Return the state of the work. If it covers more than the account's villages, only that it runs."""
    if not state.kind or covers(c.identity.villages, state.villages):
        return WorkView.model_validate(state, from_attributes=True)
    return WorkView(kind=state.kind, done=0, total=0, failed=0, running=state.running)


def _device(d: DeviceSeen, own: Collection[str]) -> DeviceView:
    """Return the device without its camera if the account does not see that camera.

    `own`: ids of the cameras that the account sees.
    """
    view = DeviceView.model_validate(d, from_attributes=True)
    return view if view.camera in own else view.model_copy(update={"camera": None})


def _scope(c: AnyContext, village: str | None) -> list[str] | None:
    """Return the account's villages, or the requested one if it is among them. Raises NotFoundError."""
    if village is None:
        return list(c.identity.villages) if c.identity.villages is not None else None
    if not c.identity.sees_village(village):
        raise NotFoundError("there is no such village")
    return [village]


async def _visible(c: AnyContext) -> Camera:
    async with c.services.database.reading() as session:
        camera = await session.get(Camera, c.path("camera"))
    if camera is None or camera.retired or not c.identity.sees_village(camera.village):
        raise NotFoundError("there is no such camera")
    return camera


async def _candidate_view(session: AsyncSession, camera: Camera, now: datetime) -> CandidateView:
    lists = await checklist.of(session, [camera], now)
    return _candidate(camera, lists[camera.id], (await acceptance.newest(session, [camera.id])).get(camera.id))


def _candidate(camera: Camera, items: list[checklist.ChecklistItem], signed: Acceptance | None) -> CandidateView:
    waiting = signed if acceptance.is_waiting(signed, camera) else None
    device = camera.device or {}
    make = f"{device.get('manufacturer', '')} {device.get('model', '')}".strip()
    return CandidateView(
        id=camera.id,
        name=camera.name,
        village=camera.village,
        address=camera.address,
        make=make,
        marks="".join(MARKS[i.state] for i in items),
        failed={i.name: i.detail for i in items if i.state == checklist.FAILED},
        missing=acceptance.missing_facts(camera),
        accepted_at=camera.accepted_at,
        accepted_by=acceptance.accepted_by(signed, camera),
        proposed_by=waiting.proposed_by if waiting else None,
        proposed_at=waiting.proposed_at if waiting else None,
        picture_by=(camera.acceptance or {}).get("picture_by"),
    )
