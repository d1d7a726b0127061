"""Route for a fault that a person reports from the wall or from playback."""

from __future__ import annotations

import logging
from datetime import datetime

from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.clock import to_microseconds
from core.errors import ProtocolError
from health.patrol import reports
from health.vocabulary import FaultFamily
from nvr.archive.reader import Keyframe
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.policy import check_playback, visible_camera
from web.views.patrol import FaultView, fault_view
from web.work import picture_files
from web.work.snapshots import masks_of

routes = RouteTable()

log = logging.getLogger(__name__)

PICTURE_PIXELS = 640  # wide
PICTURE_MAX_AGE_S = 30.0


class FaultReportBody(BaseModel):
    camera: str = Field(max_length=40)
    family: FaultFamily = Field(description="A fault of a camera, not of an up-link or of the station")
    note: str = Field("", max_length=400)
    at: datetime | None = Field(None, description="The recorded moment that shows it; absent: now")


@routes.add("POST", "/api/faults/report", Permission.PATROL_RUN, body=FaultReportBody, reply=FaultView)
async def report_fault(c: Context[None, FaultReportBody]) -> FaultView:
    """Report a fault with the picture of the moment; it joins patrol's list and is judged like others."""
    body, now = c.body, c.services.clock.now()
    camera = await visible_camera(c, body.camera)
    if body.at is not None:
        check_playback(c, body.at)
    name = await store_picture(c, camera, body.at, now)
    async with c.services.database.session() as session:
        fault = await reports.report(
            session, now, c.identity.name, camera, body.family, body.note, name, c.identity.purpose
        )
        return fault_view(fault, camera, pictures=c.identity.may(Permission.LIVE_VIEW))


async def store_picture(c: AnyContext, camera: Camera, at: datetime | None, now: datetime) -> str:
    """Store the picture of the moment and return its name; empty if there is none: the report counts without it."""
    frame = await _frame(c, camera, at)
    if frame is None:
        return ""
    name = f"patrol/{camera.id}/{now:%Y%m%dT%H%M%S%f}-reported.jpg"
    try:
        jpeg = await c.services.snapshots.jpeg(frame, PICTURE_PIXELS, masks_of(camera))
        await picture_files.write(c.services.data_dir, name, jpeg)
    except (OSError, ProtocolError) as e:
        log.error("a fault is reported without its picture: %s", e)
        return ""
    return name


async def _frame(c: AnyContext, camera: Camera, at: datetime | None) -> Keyframe | None:
    """Return the keyframe of the small stream, or of the other where only that has one."""
    for stream in dict.fromkeys((lookup.small_stream(camera), lookup.full_stream(camera))):
        if at is not None:
            frame = await c.services.reader.keyframe_at(stream, to_microseconds(at))
        else:
            frame = next(iter(await c.services.reader.latest_keyframes(stream, PICTURE_MAX_AGE_S, 1)), None)
        if frame is not None:
            return frame
    return None
