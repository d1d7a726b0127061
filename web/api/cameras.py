"""Routes for the list of cameras and for a camera's file: read, change, take out of use."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from cameras.records import LegalClass
from cameras.registry import acceptance, editing, lookup, registry
from cameras.tables import Camera
from core import events
from core.accounts.permissions import Permission
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, UsageError
from health import camera_states
from health.camera_states import CameraState
from health.checks import checklist, presence
from health.faults import fault_queries
from nvr.recorder import stream_status
from web.framework.context import Context
from web.framework.routing import Done, RouteTable
from web.policy import village_scope, visible_camera
from web.views.camera_list import CameraFilter, CameraPage, CameraSort, camera_row, matching, ordered, state_in
from web.views.cameras import CameraFile, camera_file_view

routes = RouteTable()

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=400)]


class CameraQuery(BaseModel):
    village: str | None = None
    state: CameraState | None = None
    problem: checklist.Item | None = Field(None, description="Cameras whose check of this item is not ok")
    text: str = Field("", max_length=80, description="Part of id, name, number, address, site, person or company")
    retired: bool = Field(False, description="Cameras out of use instead of those in use")
    sort: CameraSort = CameraSort.ID
    page: int = Field(1, ge=1, le=100_000)
    size: int = Field(50, ge=1, le=200)


class CameraEditBody(BaseModel):
    """Fields of a camera's file. A field that is left out stays as it is; null removes its value."""

    reason: Reason
    name: str | None = None
    number: str | None = None
    address: str | None = Field(None, description="host, host:port or URL of its ONVIF service")
    site: str | None = None
    switch: str | None = None
    purpose: str | None = None
    owner_kind: Literal["village", "government", "enterprise"] | None = None
    sponsor: str | None = None
    cost: float | None = None
    installed: date | None = None
    expected_make: str | None = None
    legal_class: LegalClass | None = None
    manager_unit: str | None = None
    responsible: str | None = None
    maintainer: str | None = None
    contract: str | None = None
    contract_until: date | None = None
    warranty_until: date | None = None
    filing_no: str | None = None
    filing_date: date | None = None
    in_use_since: date | None = None
    retention_days: float | None = None


class RetireBody(BaseModel):
    retired: bool = True
    reason: Reason


@routes.add("GET", "/api/cameras", Permission.CAMERA_VIEW, query=CameraQuery, reply=CameraPage)
async def list_cameras(c: Context[CameraQuery]) -> CameraPage:
    """One page of the cameras with the columns of their checklist."""
    q, now = c.query, c.services.clock.now()
    scope = village_scope(c, q.village)
    wanted = CameraFilter(q.state, q.problem, q.text)
    async with c.services.database.reading() as session:
        everyone = [x for x in await lookup.all_cameras(session, scope) if x.retired is q.retired]
        states = await camera_states.stored_states(session, scope)
        lists = await checklist.checklists(session, everyone, now) if q.problem is not None else {}
        left = ordered(matching(everyone, states, lists, wanted), states, q.sort)
        shown = left[(q.page - 1) * q.size : q.page * q.size]
        lists = lists or await checklist.checklists(session, shown, now)
        signed = await acceptance.newest(session, [x.id for x in shown])
        faults = await fault_queries.open_families(session)
    rows = [camera_row(x, state_in(states, x.id), faults.get(x.id, ()), lists[x.id], signed.get(x.id)) for x in shown]
    return CameraPage(items=list(checklist.ITEMS), total=len(left), page=q.page, size=q.size, cameras=rows)


@routes.add("GET", "/api/cameras/{camera}", Permission.CAMERA_VIEW, reply=CameraFile)
async def camera_file(c: Context) -> CameraFile:
    """One camera's file (一机一档): address, device, profile, streams, faults."""
    now, camera = c.services.clock.now(), await visible_camera(c, with_retired=True)
    async with c.services.database.reading() as session:
        statuses = await stream_status.by_stream(session, [s.id for s in camera.streams])
        faults = await fault_queries.open_families(session, camera.id)
        states = await presence.present_states(session, [camera], now)
    return camera_file_view(camera, statuses, faults.get(camera.id, []), states[camera.id], now)


@routes.add("POST", "/api/cameras/{camera}", Permission.CAMERA_MANAGE, body=CameraEditBody, reply=list[str])
async def edit_camera(c: Context[None, CameraEditBody]) -> list[str]:
    """Change fields of a camera's file; returns those that changed. History and audit trail keep both values."""
    camera = await visible_camera(c)
    facts = c.body.model_dump(mode="json", include=c.body.model_fields_set - {"reason"})
    if facts.get("name", "") is None:
        raise UsageError("a camera needs a name", ErrorCode.CAMERA_NAME_REQUIRED)
    if "address" in facts and c.identity.villages is not None:
        # Its credential is sent there: only who may know every credential may say where.
        raise ForbiddenError(
            "only an administrator of the whole town may type an address; confirm a move instead",
            ErrorCode.TOWN_ACCOUNT_REQUIRED,
        )
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        return await editing.edit(session, row, facts, c.services.clock.now(), c.identity.name, c.body.reason)


@routes.add("POST", "/api/cameras/{camera}/retire", Permission.CAMERA_MANAGE, body=RetireBody, reply=Done)
async def retire_camera(c: Context[None, RetireBody]) -> None:
    """Take a camera out of use, or back into use; its footage and history stay."""
    now, camera = c.services.clock.now(), await visible_camera(c, with_retired=True)
    async with c.services.database.session() as session:
        changed = await registry.retire(
            session, [camera.id], now, c.identity.name, retired=c.body.retired, reason=c.body.reason
        )
        if changed:
            kind = events.EventKind.CAMERA_CHANGED
            events.append(session, now, kind, village=camera.village, camera=camera.id)
