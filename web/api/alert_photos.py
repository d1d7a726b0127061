"""Routes for the photos of an alert: taken by the officer who is there, for the case and not for his album."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel

from cases.alerts import alerts, photos
from cases.tables import AlertPhoto
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from web.framework.context import Context
from web.framework.routing import ReplyKind, RouteTable
from web.http.request_bodies import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS
from web.policy import alert_states, view_reason
from web.work import picture_files

routes = RouteTable()


class AlertPhotoView(BaseModel):
    photo: int
    at: datetime
    by: str


@routes.add("POST", "/api/alerts/{alert}/photo", Permission.ALERT_ANSWER, reply=AlertPhotoView)
async def add_alert_photo(c: Context) -> AlertPhotoView:
    """Add a photo (a JPEG or PNG as the body) to an own alert; it is re-encoded without its metadata."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), who.villages, alert_states(c))
        await photos.check(session, who.name, alert)
    content = await c.services.uploads.reencode(c.request, who.user_id, MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS)
    path = f"alerts/photos/{alert.id}/{now:%Y%m%dT%H%M%S%f}.jpg"
    await picture_files.write(c.services.data_dir, path, content)
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, alert.id, who.villages, alert_states(c))
        return _view(await photos.add(session, now, who.name, alert, path))


@routes.add("GET", "/api/alerts/{alert}/photos", Permission.ALERT_VIEW, reply=list[AlertPhotoView])
async def alert_photos(c: Context) -> list[AlertPhotoView]:
    """The photos of an alert, oldest first."""
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, alert_states(c))
        return [_view(p) for p in await photos.of_alert(session, alert.id)]


@routes.add("GET", "/api/alerts/{alert}/photos/{photo}", Permission.ALERT_VIEW, kind=ReplyKind.FILE)
async def alert_photo(c: Context) -> web.Response:
    """A photo of an alert; needs a stated purpose once nobody has to act on the alert any more."""
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, alert_states(c))
        row = await photos.get(session, alert, c.number("photo"))
        case = await alerts.case_of(session, alert)
    why = view_reason(c, f"alert {alert.id}, case {case}", running=alert.state in alerts.RUNNING)
    await c.audit_view(
        AuditAction.ALERT_PHOTO_VIEW, str(alert.id), reason=why, village=alert.village, alert=alert.id, photo=row.id,
        case=case,
    )  # fmt: skip
    return await picture_files.picture(c.services.data_dir, row.path)


def _view(p: AlertPhoto) -> AlertPhotoView:
    return AlertPhotoView(photo=p.id, at=p.at, by=p.by)
