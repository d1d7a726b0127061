"""Routes for one alert: its steps and trail with the next cameras, and the pictures of the trail."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.tables import Camera
from cases.alerts import alerts, calls, steps, trail
from cases.tables import Alert, AlertTrail, WatchSubject
from cases.units import units
from cases.watch.manual_alerts import MANUAL_SIGHTING
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.clock import from_microseconds
from search.query.neighbours import NeighbourCamera, TravelMode
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import alert_states, view_reason
from web.views.alert_detail import AlertDetail, NextArrival, NextCameraView, call_view, step_view, trail_view
from web.views.cases import alert_view
from web.work import picture_files

routes = RouteTable()

NEXT_CAMERAS = 5


@routes.add("GET", "/api/alerts/{alert}", Permission.ALERT_VIEW, reply=AlertDetail)
async def alert_detail(c: Context) -> AlertDetail:
    """One alert with its steps, its trail, and the cameras on which its subject can be seen next."""
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, alert_states(c))
        subject = await session.get_one(WatchSubject, alert.subject)
        done, entries = await steps.of_alert(session, alert.id), await trail.of_alert(session, alert.id)
        names = await lookup.camera_names(session, {alert.camera, *(t.camera for t in entries)})
        camera, at_us = trail.last_place(alert, entries)
        called = await calls.of_alert(session, alert.id)
        named = await units.names(session, {n for call in called if (n := call.unit) is not None})
        heading = await _first_heading(c, session, alert)
        following = await _next(c, session, alert, entries, camera, from_microseconds(at_us), heading)
    await c.audit_view(
        AuditAction.ALERT_VIEW, str(alert.id), reason=f"alert {alert.id}", key=f"alert.detail {alert.id}",
        village=alert.village, alert=alert.id,
    )  # fmt: skip
    now = c.services.clock.now()
    called_in = calls.seconds_until_called(alert, called, c.identity.name, now)
    return AlertDetail(
        alert=alert_view(alert, subject, names.get(alert.camera, alert.camera), now, called_in),
        calls=[call_view(call, named) for call in called],
        steps=[step_view(s) for s in done], trail=[trail_view(t, names) for t in entries], heading=heading,
        last_camera=camera, last_seen_at=from_microseconds(at_us), next=following,
    )  # fmt: skip


async def _first_heading(c: AnyContext, session: AsyncSession, alert: Alert) -> float | None:
    """Return the compass bearing of the movement by which the alert was raised; None: unknown, or a person saw it."""
    if alert.sighting == MANUAL_SIGHTING:
        return None
    sighting = await asyncio.to_thread(c.services.sighting_store.get, alert.sighting)
    return None if sighting is None else await trail.heading_of(session, alert.camera, sighting.direction)


async def _next(
    c: AnyContext, session: AsyncSession, alert: Alert, entries: list[AlertTrail], camera: str, at: datetime,
    first_heading: float | None,
) -> list[NextCameraView]:  # fmt: skip
    """Return the next cameras of an alert that somebody still acts on; none once it is over."""
    origin = await session.get(Camera, camera)
    if origin is None or alert.state not in alerts.RUNNING:
        return []
    heading = first_heading if camera == alert.camera else None
    if entries and entries[-1].camera == camera:
        heading = entries[-1].heading
    cameras = await lookup.all_cameras(session, c.identity.villages)
    return [_next_view(n, at) for n in trail.next_cameras(origin, heading, cameras, NEXT_CAMERAS)]


def _next_view(n: NeighbourCamera, at: datetime) -> NextCameraView:
    windows = {
        a.mode: NextArrival(earliest=at + timedelta(seconds=a.earliest_s), latest=at + timedelta(seconds=a.latest_s))
        for a in n.arrivals
    }
    return NextCameraView(
        camera=n.camera.id, name=n.camera.name, metres=n.metres, bearing=n.bearing,
        walking=windows[TravelMode.WALKING], riding=windows[TravelMode.RIDING],
    )  # fmt: skip


@routes.add("GET", "/api/alerts/{alert}/trail/{entry}/thumbnail", Permission.ALERT_VIEW, kind=ReplyKind.FILE)
async def trail_thumbnail(c: Context) -> web.Response:
    """JPEG of a later sighting; needs a stated purpose once nobody has to act on the alert any more."""
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, alert_states(c))
        row = await trail.entry(session, alert, c.number("entry"))
        case = await alerts.case_of(session, alert)
    why = view_reason(c, f"alert {alert.id}, case {case}", running=alert.state in alerts.RUNNING)
    await c.audit_view(
        AuditAction.ALERT_VIEW, f"{alert.id}/{row.id}", reason=why, village=row.village, camera=row.camera,
        alert=alert.id, case=case,
    )  # fmt: skip
    return await picture_files.picture(c.services.data_dir, row.thumbnail)
