"""Routes for the village tree and for a camera's file."""

from __future__ import annotations

from cameras.registry import lookup, registry
from core.accounts.permissions import Permission
from health.checks import presence
from health.faults import fault_queries
from nvr.recorder import stream_status
from web.framework.context import Context
from web.framework.routing import RouteTable
from web.policy import visible_camera
from web.views.cameras import CameraFile, CameraView, VillageView, camera_file_view, camera_view, village_view

routes = RouteTable()


@routes.add("GET", "/api/tree", Permission.CAMERA_VIEW, reply=list[VillageView])
async def tree(c: Context) -> list[VillageView]:
    """Villages with their cameras and the present state of each."""
    scope, now = c.identity.villages, c.services.clock.now()
    async with c.services.database.reading() as session:
        villages = await lookup.villages(session, scope)
        cameras = await registry.cameras(session, scope)
        statuses = await stream_status.by_stream(session)
        faults = await fault_queries.open_families(session)
        states = await presence.present_states(session, cameras, now)
    views: dict[str, list[CameraView]] = {}
    for camera in cameras:
        view = camera_view(camera, statuses, faults.get(camera.id, []), states[camera.id], now)
        views.setdefault(camera.village, []).append(view)
    return [village_view(v, views.get(v.code, [])) for v in villages]


@routes.add("GET", "/api/cameras/{camera}", Permission.CAMERA_VIEW, reply=CameraFile)
async def camera_file(c: Context) -> CameraFile:
    """One camera's file (一机一档): address, device, profile, streams, faults."""
    now, camera = c.services.clock.now(), await visible_camera(c, with_retired=True)
    async with c.services.database.reading() as session:
        statuses = await stream_status.by_stream(session, [s.id for s in camera.streams])
        faults = await fault_queries.open_families(session, camera.id)
        states = await presence.present_states(session, [camera], now)
    return camera_file_view(camera, statuses, faults.get(camera.id, []), states[camera.id], now)
