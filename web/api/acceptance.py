"""Routes for acceptance: facts and pictures of a camera's file, signed by two persons."""

from __future__ import annotations

import hashlib
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import AcceptanceFacts, LegalClass
from cameras.registry import acceptance, registry
from cameras.registry.acceptance import MaskState, ProhibitedPlace
from cameras.states import StreamKind
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError
from health.checks import checklist
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.http.request_bodies import MAX_PHOTO_BYTES
from web.policy import view_reason, visible_camera
from web.views.onboarding import CandidateView, candidate_view
from web.work import picture_files

routes = RouteTable()

MAX_SIGN_PIXELS, FIELD_OF_VIEW_PIXELS = 1600, 1280
PICTURE_MAX_AGE_S = 20


class AcceptanceBody(BaseModel):
    places: list[ProhibitedPlace] | None = Field(
        None, description="Prohibited places that it is not in and does not look into"
    )
    masks: MaskState | None = None
    legal_class: LegalClass | None = None
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


@routes.add(
    "POST", "/api/cameras/{camera}/acceptance", Permission.CAMERA_ACCEPT, body=AcceptanceBody, reply=CandidateView
)
async def fill(c: Context[None, AcceptanceBody]) -> CandidateView:
    """Record acceptance facts of a camera; `picture` keeps its newest picture as its field of view."""
    now, camera = c.services.clock.now(), await visible_camera(c)
    facts: AcceptanceFacts = {
        "places": None if c.body.places is None else [place.value for place in c.body.places],
        "masks": None if c.body.masks is None else c.body.masks.value,
    }
    acceptance.check(facts)
    reason, view = "", dict[str, str]()
    if c.body.picture:
        reason = c.purpose  # audited like every view
        taken = await _store_field_of_view(c, camera)
        facts.update(taken)
        view = {"by_session": c.identity.session, "picture_sha256": taken["picture_sha256"]}
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        profile = {k: v for k in ("legal_class", "responsible") if (v := getattr(c.body, k)) is not None}
        if profile:
            registry.change_profile(session, row, profile, now, c.identity.name)
        acceptance.store_facts(session, row, facts, now, c.identity.name)
        await audit_trail.record(
            session,
            now,
            c.identity.name,
            AuditAction.CAMERA_ACCEPTANCE,
            row.id,
            reason=reason,
            village=row.village,
            **view,
        )
        return await _candidate_view(session, row, now)


@routes.add("POST", "/api/cameras/{camera}/sign", Permission.CAMERA_ACCEPT, reply=CandidateView)
async def sign(c: Context) -> CandidateView:
    """Store a photo of the sign at the camera (a JPEG or PNG as the body); it is re-encoded without metadata."""
    now, camera = c.services.clock.now(), await visible_camera(c)
    jpeg = await c.services.uploads.reencode(c.request, c.identity.user_id, MAX_PHOTO_BYTES, MAX_SIGN_PIXELS)
    name, digest = await _store_picture(c, camera, "sign", jpeg)
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        acceptance.store_facts(session, row, {"sign_photo": name, "sign_sha256": digest}, now, c.identity.name)
        await audit_trail.record(session, now, c.identity.name, AuditAction.CAMERA_SIGN, row.id)
        return await _candidate_view(session, row, now)


@routes.add("GET", "/api/cameras/{camera}/acceptance/{part}", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def acceptance_picture(c: Context) -> web.StreamResponse:
    """Picture of the field of view or of the sign; needs a stated purpose, except for the second signer."""
    camera = await visible_camera(c)
    facts: AcceptanceFacts = camera.acceptance or {}
    pictures = {"picture": facts.get("picture"), "sign": facts.get("sign_photo")}
    async with c.services.database.reading() as session:
        signed = (await acceptance.newest(session, [camera.id])).get(camera.id)
    number = signed.id if signed is not None else None
    second = c.identity.may(Permission.CAMERA_ACCEPT) and acceptance.is_second(signed, camera, c.identity.name)
    why = view_reason(c, f"acceptance {number} of {camera.id}", running=second)
    await c.audit_view(AuditAction.ACCEPTANCE_VIEW, camera.id, reason=why, village=camera.village, acceptance=number)
    return await picture_files.picture(c.services.data_dir, pictures.get(c.path("part")))


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
            if lacks := lacks or [*acceptance.blocking_reasons(signed.get(camera.id), camera, c.identity.name)]:
                reply.lacking[camera.id] = lacks
                continue
            await acceptance.confirm(session, camera, now, c.identity.name)
            reply.accepted.append(camera.id)
    return reply


async def _chosen(session: AsyncSession, c: Context[None, AcceptBody], now: datetime) -> list[tuple[Camera, list[str]]]:
    """Return the named cameras that the account sees, each with what its acceptance lacks."""
    cameras = {x.id: x for x in await registry.cameras(session, c.identity.villages)}
    chosen = [cameras[n] for n in dict.fromkeys(c.body.cameras) if n in cameras]
    lists = await checklist.checklists(session, chosen, now)
    found: list[tuple[Camera, list[str]]] = []
    for camera in chosen:
        open_items = [
            i.name
            for i in lists[camera.id]
            if i.state is not checklist.ItemState.OK and i.name is not checklist.Item.ACCEPTANCE
        ]
        found.append((camera, [*open_items, *acceptance.missing_facts(camera)]))
    return found


async def _store_field_of_view(c: AnyContext, camera: Camera) -> AcceptanceFacts:
    """Keep the newest picture of a camera as its field of view. Raises ConflictError if there is none."""
    frames = await c.services.reader.latest_keyframes(f"{camera.id}/{StreamKind.MAIN}", PICTURE_MAX_AGE_S, 1)
    if not frames:
        raise ConflictError(
            f"nothing of {camera.id} was recorded in the last {PICTURE_MAX_AGE_S} s, so there is no picture to take",
            ErrorCode.NOTHING_RECORDED_LATELY,
            camera=camera.id,
            seconds=PICTURE_MAX_AGE_S,
        )
    # Without the station's masks: the two who sign must see whether the camera hides what it should.
    jpeg = await c.services.snapshots.jpeg(frames[-1], FIELD_OF_VIEW_PIXELS)
    name, digest = await _store_picture(c, camera, "field-of-view", jpeg)
    return {"picture": name, "picture_sha256": digest, "picture_by": c.identity.name}


async def _store_picture(c: AnyContext, camera: Camera, what: str, jpeg: bytes) -> tuple[str, str]:
    """Store a picture and return its name below the data folder, and its SHA-256.

    Every picture has a file of its own: a picture that somebody signed for is never overwritten.
    """
    digest = hashlib.sha256(jpeg).hexdigest()
    name = f"cameras/{camera.id}/{what}-{digest[:16]}.jpg"
    await picture_files.write(c.services.data_dir, name, jpeg)
    return name, digest


async def _candidate_view(session: AsyncSession, camera: Camera, now: datetime) -> CandidateView:
    lists = await checklist.checklists(session, [camera], now)
    return candidate_view(camera, lists[camera.id], (await acceptance.newest(session, [camera.id])).get(camera.id))
