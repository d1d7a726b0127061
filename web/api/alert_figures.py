"""Route for the figures of alerts: how fast they reach people, and how often they are right."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, Field

from cameras.registry import lookup
from cases.alerts import figures
from cases.alerts.figures import Delay, Judged
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from web.framework.context import Context
from web.framework.routing import RouteTable

routes = RouteTable()

MAX_ROWS = 20  # subjects and cameras


class AlertFiguresQuery(BaseModel):
    days: int = Field(30, ge=1, le=92)


class DelayView(BaseModel):
    """From the picture; null without any alert that came so far."""

    count: int
    median_s: float | None
    p90_s: float | None


class JudgedView(BaseModel):
    name: str
    true: int
    false: int
    unknown: int = Field(description="Nobody has judged these, or they repeat other alerts")


class AlertFiguresView(BaseModel):
    days: int
    alerts: int
    complete: bool = Field(description="False: there were too many; only the newest are counted")
    to_phone: DelayView = Field(description="To the first message that a channel took or delivered")
    to_acknowledgement: DelayView
    to_arrival: DelayView
    by_subject: list[JudgedView] = Field(description=f"The {MAX_ROWS} with the most alerts")
    by_camera: list[JudgedView] = Field(description=f"The {MAX_ROWS} with the most alerts")
    by_hour: list[JudgedView] = Field(description="24 hours of the station's time zone")


@routes.add("GET", "/api/alerts/figures", Permission.ALERT_CONFIRM, query=AlertFiguresQuery, reply=AlertFiguresView)
async def alert_figures(c: Context[AlertFiguresQuery]) -> AlertFiguresView:
    """How fast alerts of the last days reached people, and how often they were right."""
    now, days = c.services.clock.now(), c.query.days
    async with c.services.database.reading() as session:
        found = await figures.of_period(session, now - timedelta(days=days), now, c.identity.villages, c.services.zone)
        names = await lookup.camera_names(session, {j.key for j in found.by_camera[:MAX_ROWS]})
    await c.audit_view(AuditAction.ALERT_LIST, "figures", key=f"alert.figures {days}")
    return AlertFiguresView(
        days=days, alerts=found.alerts, complete=found.complete, to_phone=_delay(found.to_phone),
        to_acknowledgement=_delay(found.to_acknowledgement), to_arrival=_delay(found.to_arrival),
        by_subject=[_judged(j, j.key) for j in found.by_subject[:MAX_ROWS]],
        by_camera=[_judged(j, names.get(j.key, j.key)) for j in found.by_camera[:MAX_ROWS]],
        by_hour=[_judged(j, j.key) for j in found.by_hour],
    )  # fmt: skip


def _delay(d: Delay) -> DelayView:
    return DelayView(count=d.count, median_s=d.median_s, p90_s=d.p90_s)


def _judged(j: Judged, name: str) -> JudgedView:
    return JudgedView(name=name, true=j.true, false=j.false, unknown=j.unknown)
