"""Routes of an alert for the officers on the way: where it is, and live pictures of the cameras near it.

A patrol officer may watch live video only by this rule (`cases.alerts.nearby`). It is checked for each ticket and once
more when the socket opens; the socket ends after LIVE_SLICE_S, so that pictures flow only while somebody taps.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.tables import Camera, Village
from cases.alerts import alerts, nearby
from cases.alerts.nearby import NearbyCamera
from cases.tables import Alert
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, NotFoundError
from core.ids import StreamId
from nvr.recorder import stream_status
from web.api.nvr import TicketReply, serve_live
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.framework.socket_revalidation import CLOSE_SLICE_OVER, SessionLost
from web.policy import visible_camera

routes = RouteTable()

LIVE_SLICE_S = 30.0


class AlertLiveBody(BaseModel):
    camera: str = Field(max_length=40)
    transcode: bool = Field(False, description="To H.264, if the phone cannot play the stream")


class AlertCameraView(BaseModel):
    camera: str
    name: str
    latitude: float | None = Field(description="WGS 84; null: unknown")
    longitude: float | None
    metres: float | None = Field(description="From the alert's camera; null: unknown")
    bearing: float | None = Field(description="From the alert's camera, degrees clockwise from north")
    faces: float | None = Field(description="Direction in which the camera looks, degrees; null: unknown")


class AlertPlaceReply(BaseModel):
    alert: int
    village: str = Field(description="Name of the village")
    site: str = Field(description="Where the alert's camera stands, in words; may be empty")
    watch_until: datetime | None = Field(description="Until when its cameras may be watched live; null: they may not")
    cameras: list[AlertCameraView] = Field(description="The alert's camera, then those within 500 m, nearest first")


@routes.add("GET", "/api/alerts/{alert}/cameras", Permission.ALERT_ANSWER, reply=AlertPlaceReply)
async def alert_cameras(c: Context) -> AlertPlaceReply:
    """Where an alert is, and the cameras near it that the officer may watch while it is open."""
    alert, origin = await _alert_and_camera(c)
    async with c.services.database.reading() as session:
        cameras = await lookup.all_cameras(session, c.identity.villages)
        village = await session.get(Village, alert.village)
    until = nearby.watchable_until(alert)
    return AlertPlaceReply(
        alert=alert.id, village=village.name if village is not None else alert.village,
        site=origin.profile.get("site", ""),
        watch_until=until if until is not None and until > c.services.clock.now() else None,
        cameras=[_view(n) for n in nearby.within_radius(origin, cameras)],
    )  # fmt: skip


@routes.add("POST", "/api/alerts/{alert}/live", Permission.ALERT_ANSWER, body=AlertLiveBody, reply=TicketReply)
async def alert_live_ticket(c: Context[None, AlertLiveBody]) -> TicketReply:
    """Get a ticket for 30 s of a camera near an open alert; the alert and its case are the reason in the audit row."""
    alert, origin = await _alert_and_camera(c)
    camera = await visible_camera(c, c.body.camera, with_retired=True)
    _check(c, alert, origin, camera)
    stream = lookup.small_stream(camera)
    async with c.services.database.session() as session:
        reason = f"alert {alert.id}, case {await alerts.case_of(session, alert)}"
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.LIVE_OPEN, stream, reason=reason,
            village=camera.village, by_session=c.identity.session, alert=alert.id,
        )  # fmt: skip
    ticket = c.services.tickets.issue(c.identity, stream, c.body.transcode, alert=alert.id, reason=reason)
    return TicketReply(ticket=ticket, stream=stream)


@routes.add("GET", "/api/alert-live/{ticket}", Permission.ALERT_ANSWER, kind=ReplyKind.SOCKET)
async def alert_live_socket(c: Context) -> web.StreamResponse:
    """Live fragments of a camera near an open alert, for 30 s."""
    ticket = c.services.tickets.redeem(c.path("ticket"), c.identity)
    if ticket is None or not ticket.alert:
        raise ForbiddenError(
            "this ticket is used, expired, or belongs to another person, session or purpose; request a new one",
            ErrorCode.TICKET_INVALID,
        )
    # The alert may have been recalled, and the account's scope changed, since the ticket was issued.
    alert, origin = await _alert_and_camera(c, ticket.alert)
    camera = await visible_camera(c, StreamId(ticket.stream).camera)
    _check(c, alert, origin, camera)
    async with c.services.database.reading() as session:
        recorder = await stream_status.recorder_url(session, ticket.stream)
    if not recorder:
        raise NotFoundError("no recorder has this stream at the moment", ErrorCode.STREAM_NOT_RUNNING)
    with c.services.live_sockets.hold(c.session_key, c.identity.user_id):
        return await serve_live(c, ticket, camera.village, f"{recorder}/live/{ticket.stream}", _slice_end)


async def _slice_end() -> None:
    """Wait for the end of a slice. Raises SessionLost."""
    await asyncio.sleep(LIVE_SLICE_S)
    raise SessionLost(CLOSE_SLICE_OVER, "tap to go on")


def _check(c: AnyContext, alert: Alert, origin: Camera, camera: Camera) -> None:
    if not nearby.may_watch(alert, origin, camera, c.services.clock.now()):
        raise ForbiddenError(
            "an alert opens the cameras within 500 m of it, until 30 minutes after it is answered",
            ErrorCode.ALERT_CAMERA_NOT_OPEN, metres=round(nearby.RADIUS_M),
            minutes=round(nearby.AFTER_END.total_seconds() / 60),
        )  # fmt: skip


async def _alert_and_camera(c: AnyContext, number: int | None = None) -> tuple[Alert, Camera]:
    """Return the alert of the path, if it was sent to this officer, and its camera. Raises NotFoundError."""
    async with c.services.database.reading() as session:
        alert = await alerts.get(
            session, c.number("alert") if number is None else number, c.identity.villages, alerts.SENT
        )
        return alert, await session.get_one(Camera, alert.camera)


def _view(n: NearbyCamera) -> AlertCameraView:
    position = n.camera.profile.get("position")
    return AlertCameraView(
        camera=n.camera.id, name=n.camera.name, latitude=position[1] if position else None,
        longitude=position[0] if position else None, metres=n.metres, bearing=n.bearing,
        faces=n.camera.profile.get("azimuth"),
    )  # fmt: skip
