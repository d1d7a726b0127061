"""Routes for the village tree and for a camera's file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera, Village
from core.accounts.permissions import Permission
from core.errors import NotFoundError
from health.faults.state_machine import OPEN, RECOVERING
from health.tables import Fault
from nvr.recorder.stream_status import UNKNOWN, state_of
from nvr.tables import StreamStatus
from web.framework.context import Context
from web.framework.routing import RouteTable

routes = RouteTable()


class StreamView(BaseModel):
    id: str
    kind: str
    codec: str | None
    width: int | None
    height: int | None
    state: str
    engine: str
    cause: str
    fps: float
    bitrate: float
    lost_packets: int
    foreign_packets: int
    skipped_units: int
    damaged_pictures: int
    duplicate_packets: int
    start_points: int  # groups of pictures that do not begin with a keyframe
    held_back: int  # readings delayed because the stream uses more than its share of the CPU
    short_holes: int  # pictures missing for less than a second; not counted as gaps
    short_hole_seconds: float
    clock_offset: float | None
    last_picture: datetime | None


class CameraView(BaseModel):
    id: str
    name: str
    village: str
    state: str  # ok, attention, fault, offline
    faults: list[str]
    ptz: bool  # the camera can pan, tilt or zoom
    streams: list[StreamView]


class CameraFile(CameraView):
    address: str | None
    device: dict[str, Any] | None
    profile: dict[str, Any]


class VillageView(BaseModel):
    code: str
    name: str
    online: int
    total: int
    state: str
    cameras: list[CameraView]


@routes.add("GET", "/api/tree", Permission.CAMERA_VIEW, reply=list[VillageView])
async def tree(c: Context) -> list[VillageView]:
    """Villages with their cameras and the present state of each."""
    scope, now = c.identity.villages, c.services.clock.now()
    async with c.services.database.reading() as session:
        villages = (await session.scalars(select(Village).order_by(Village.code))).all()
        cameras = await registry.cameras(session, scope)
        statuses = {s.stream: s for s in await session.scalars(select(StreamStatus))}
        faults: dict[str, list[str]] = {}
        for fault in await session.scalars(select(Fault).where(Fault.state.in_((OPEN, RECOVERING)))):
            faults.setdefault(fault.camera, []).append(fault.family)
    views: dict[str, list[CameraView]] = {}
    for camera in cameras:
        views.setdefault(camera.village, []).append(
            CameraView(**_common(camera, statuses, faults.get(camera.id, []), now))
        )
    return [_village(v, views.get(v.code, [])) for v in villages if scope is None or v.code in scope]


@routes.add("GET", "/api/cameras/{camera}", Permission.CAMERA_VIEW, reply=CameraFile)
async def camera_file(c: Context) -> CameraFile:
    """One camera's file (一机一档): address, device, profile, streams, faults."""
    async with c.services.database.reading() as session:
        camera = await session.get(Camera, c.path("camera"))
        if camera is None or not c.identity.sees_village(camera.village):
            raise NotFoundError("there is no such camera")
        statuses = {
            s.stream: s
            for s in await session.scalars(
                select(StreamStatus).where(StreamStatus.stream.in_([s.id for s in camera.streams]))
            )
        }
        faults = await session.scalars(
            select(Fault.family).where(Fault.camera == camera.id, Fault.state.in_((OPEN, RECOVERING)))
        )
        common = _common(camera, statuses, list(faults), c.services.clock.now())
    return CameraFile(**common, address=camera.address, device=camera.device, profile=camera.profile)


def _village(village: Village, cameras: list[CameraView]) -> VillageView:
    order = ("ok", "attention", "fault", "offline")
    worst = max((c.state for c in cameras), key=order.index, default="ok")
    online = sum(1 for c in cameras if c.state != "offline")
    return VillageView(
        code=village.code, name=village.name, online=online, total=len(cameras), state=worst, cameras=cameras
    )


def _common(camera: Camera, statuses: dict[str, StreamStatus], faults: list[str], now: datetime) -> dict[str, Any]:
    streams = []
    for s in camera.streams:
        status = statuses.get(s.id)
        state = state_of(status, now)
        current = status if state != UNKNOWN else None
        streams.append(
            StreamView(
                id=s.id,
                kind=s.kind,
                codec=s.codec,
                width=s.width,
                height=s.height,
                state=state,
                engine=status.engine if status else "",
                cause=current.cause if current else "",
                fps=current.fps if current else 0.0,
                bitrate=current.bitrate if current else 0.0,
                lost_packets=status.lost_packets if status else 0,
                foreign_packets=status.foreign_packets if status else 0,
                skipped_units=status.skipped_units if status else 0,
                damaged_pictures=status.damaged_units if status else 0,
                duplicate_packets=status.duplicate_packets if status else 0,
                start_points=status.start_points if status else 0,
                held_back=status.held_back if status else 0,
                short_holes=status.short_holes if status else 0,
                short_hole_seconds=status.short_hole_seconds if status else 0.0,
                clock_offset=status.clock_offset if status else None,
                last_picture=status.last_picture if status else None,
            )
        )
    return {
        "id": camera.id, "name": camera.name, "village": camera.village, "faults": sorted(faults),
        "ptz": bool((camera.device or {}).get("ptz")),
        "streams": streams, "state": _state(streams, faults),
    }  # fmt: skip


def _state(streams: list[StreamView], faults: list[str]) -> str:
    main = next((s for s in streams if s.kind == "main"), None)
    if main is None or main.state != "recording":
        return "offline"
    if faults:
        return "fault"
    return "ok" if all(s.state == "recording" for s in streams) else "attention"
