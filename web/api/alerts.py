"""Routes of video officers for alerts: report a sighting, list, confirm, snooze, recall and close alerts; pictures.

Those of patrol officers are in web.api.alert_steps.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup, registry
from cameras.tables import Camera
from cases.alerts import alerts, calls
from cases.tables import Alert, AlertOutcome, WatchSubject
from cases.units import units
from cases.watch.look_back import IN_PROGRESS
from cases.watch.manual_alerts import raise_manual_alert
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.clock import from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from nvr.archive.reader import Keyframe
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, ReplyKind, RouteTable
from web.http import strict_input
from web.policy import alert_states, check_playback, view_reason
from web.views.cases import AlertView, alert_view
from web.work import picture_files
from web.work.snapshots import masks_of

routes = RouteTable()

log = logging.getLogger(__name__)

PICTURE_MAX_AGE_S = 30.0
PICTURE_PIXELS = 640  # wide


class SeenBody(BaseModel):
    camera: str = Field(max_length=40)
    at_us: int | None = Field(
        None, ge=0, lt=to_microseconds(strict_input.LATEST_TIME), description="Of a recorded picture; null: now"
    )


class AlertQuery(BaseModel):
    before: int | None = None
    limit: int = Field(50, ge=1, le=200)


class AlertConfirmBody(BaseModel):
    send: bool
    unit: int | None = Field(None, description="Unit to call first; absent: the nearest free one on duty")


class RecallBody(BaseModel):
    reason: str = Field(min_length=2, max_length=200)


class SnoozeBody(BaseModel):
    minutes: int = Field(ge=1, le=15)
    reason: str = Field(min_length=2, max_length=200)


class CloseBody(BaseModel):
    outcome: AlertOutcome
    note: str = Field(min_length=2, max_length=400)
    duplicate_of: int | None = Field(None, description="The other alert, of a duplicate")


@routes.add("POST", "/api/watch/{subject}/seen", Permission.ALERT_CONFIRM, body=SeenBody, reply=AlertView)
async def report_sighting(c: Context[None, SeenBody]) -> AlertView:
    """Report that a subject is on a camera now, or was there on a recorded picture.

    The picture is kept with the alert. The patrol officers are notified at once, unless it is older than ten minutes:
    such an alert waits for a confirmation. A recorded picture needs a stated purpose.
    """
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        camera = await session.get(Camera, c.body.camera)
    stream = registry.watched_stream(camera) if camera is not None else None
    if camera is None or not c.identity.sees_village(camera.village) or stream is None:
        raise NotFoundError(
            f"there is no recorded camera '{c.body.camera}'", ErrorCode.CAMERA_NOT_RECORDED, camera=c.body.camera
        )
    frame = await _frame(c, stream.id, c.body.at_us)
    jpeg = await c.services.snapshots.jpeg(frame, PICTURE_PIXELS, masks_of(camera))
    name = await _store_picture(c, f"alerts/{camera.id}/{now:%Y%m%dT%H%M%S%f}.jpg", jpeg)
    async with c.services.database.session() as session:
        alert = await raise_manual_alert(
            session,
            now,
            c.identity.name,
            c.number("subject"),
            camera,
            frame.at_us,
            name,
            c.identity.villages,
            send=from_microseconds(frame.at_us) >= now - IN_PROGRESS,
        )
        return alert_view(alert, await session.get_one(WatchSubject, alert.subject), camera.name, now)


@routes.add("GET", "/api/alerts", Permission.ALERT_VIEW, query=AlertQuery, reply=list[AlertView])
async def list_alerts(c: Context[AlertQuery]) -> list[AlertView]:
    """Alerts, newest first; patrol officers see only those that were dispatched."""
    async with c.services.database.reading() as session:
        rows = await alerts.recent(session, c.identity.villages, alert_states(c), c.query.before, c.query.limit)
        found = await alert_views(c, session, rows)
    await c.audit_view(AuditAction.ALERT_LIST, "alerts", key=f"alert.list {c.query.before or ''}")
    return found


@routes.add("POST", "/api/alerts/{alert}/confirm", Permission.ALERT_CONFIRM, body=AlertConfirmBody, reply=Done)
async def confirm_alert(c: Context[None, AlertConfirmBody]) -> None:
    """Dispatch an alert to the patrol officers, or reject it."""
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, c.number("alert"), c.identity.villages)
        if c.body.unit is not None:
            await units.get(session, c.body.unit, c.identity.villages)
        now = c.services.clock.now()
        await alerts.confirm(session, now, c.identity.name, alert, yes=c.body.send, unit=c.body.unit)


@routes.add("POST", "/api/alerts/{alert}/recall", Permission.ALERT_CONFIRM, body=RecallBody, reply=Done)
async def recall_alert(c: Context[None, RecallBody]) -> None:
    """Take back an alert within 60 s of its dispatch; it disappears from the patrol officers' phones."""
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, c.number("alert"), c.identity.villages)
        await alerts.recall(session, c.services.clock.now(), c.identity.name, alert, c.body.reason)


@routes.add("POST", "/api/alerts/{alert}/snooze", Permission.ALERT_CONFIRM, body=SnoozeBody, reply=Done)
async def snooze_alert(c: Context[None, SnoozeBody]) -> None:
    """Let a new alert be silent for at most 15 minutes; it then rings again by itself."""
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, c.number("alert"), c.identity.villages)
        length = timedelta(minutes=c.body.minutes)
        await alerts.snooze(session, c.services.clock.now(), c.identity.name, alert, length, c.body.reason)


@routes.add("POST", "/api/alerts/{alert}/close", Permission.ALERT_CONFIRM, body=CloseBody, reply=Done)
async def close_alert(c: Context[None, CloseBody]) -> None:
    """Close an alert: a true alarm, a false one, or a duplicate."""
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, c.number("alert"), scope)
        other = None if c.body.duplicate_of is None else await alerts.get(session, c.body.duplicate_of, scope)
        await alerts.close(session, now, c.identity.name, alert, c.body.outcome, c.body.note, other)


@routes.add("GET", "/api/alerts/{alert}/thumbnail", Permission.ALERT_VIEW, kind=ReplyKind.FILE)
async def alert_thumbnail(c: Context) -> web.Response:
    """JPEG of what was seen; needs a stated purpose once the alert is answered or rejected.

    While the alert is open, its own number and case are the reason in the audit row.
    """
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, alert_states(c))
        case = await alerts.case_of(session, alert)
    why = view_reason(c, f"alert {alert.id}, case {case}", running=alert.state in alerts.RUNNING)
    await c.audit_view(
        AuditAction.ALERT_VIEW,
        str(alert.id),
        reason=why,
        village=alert.village,
        camera=alert.camera,
        alert=alert.id,
        case=case,
    )
    return await picture_files.picture(c.services.data_dir, alert.thumbnail)


async def alert_views(
    c: AnyContext, session: AsyncSession, rows: Sequence[tuple[Alert, WatchSubject]]
) -> list[AlertView]:
    """Return alerts as the account sees them."""
    names = await lookup.camera_names(session, {a.camera for a, _ in rows})
    called = await calls.of_alerts(session, {a.id for a, _ in rows})
    now, who = c.services.clock.now(), c.identity.name
    return [
        alert_view(
            a, s, names.get(a.camera, a.camera), now, calls.seconds_until_called(a, called.get(a.id, []), who, now)
        )
        for a, s in rows
    ]


async def _frame(c: AnyContext, stream: str, at_us: int | None) -> Keyframe:
    """Return the newest picture of a stream, or the recorded one at a moment. Raises NotFoundError."""
    if at_us is None:
        frames = await c.services.reader.latest_keyframes(stream, PICTURE_MAX_AGE_S, 1)
        if not frames:
            raise NotFoundError("this camera has no picture now", ErrorCode.NO_CURRENT_PICTURE)
        return frames[-1]
    at = from_microseconds(at_us)
    check_playback(c, at)
    frame = await c.services.reader.keyframe_at(stream, at_us)
    if frame is None:
        raise NotFoundError(f"nothing is recorded there at {at.isoformat()}", ErrorCode.NOTHING_RECORDED_AT, at=at)
    return frame


async def _store_picture(c: AnyContext, name: str, content: bytes) -> str:
    """Store a picture and return its name; empty if it cannot be written.

    The patrol officers are notified without a picture as well.
    """
    try:
        await picture_files.write(c.services.data_dir, name, content)
    except OSError as e:
        log.error("dispatching an alert without its picture; writing it failed: %s", e)
        return ""
    return name
