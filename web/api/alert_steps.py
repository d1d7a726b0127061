"""Routes of patrol officers for alerts: take, decline, arrive, answer.

Each step carries an id of the phone's own. A phone that did not get the answer sends the step again, and it applies
once (`applied` false: it was there already).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cases.alerts import alerts, calls, patrol, phone_time
from cases.alerts.phone_time import PhoneReport, Place
from cases.tables import Alert, AlertAnswer, WatchSubject
from core.accounts.permissions import Permission
from web.framework.context import Context
from web.framework.routing import RouteTable
from web.policy import alert_states
from web.views.cases import AlertView, alert_view

routes = RouteTable()


class PlaceBody(BaseModel):
    latitude: float = Field(ge=-90, le=90, description="Degrees north, WGS 84")
    longitude: float = Field(ge=-180, le=180, description="Degrees east, WGS 84")
    accuracy_m: float | None = Field(None, ge=0, le=100_000, description="Radius of 68 % confidence")


class StepBody(BaseModel):
    client_id: UUID = Field(description="Of this step; the same whenever it is sent again")
    at: datetime | None = Field(None, description="When it was done, by the phone's clock; absent: now")
    now: datetime | None = Field(None, description="When it is sent, by the phone's clock")
    place: PlaceBody | None = Field(None, description="Where the phone is; absent: unknown")

    def report(self) -> PhoneReport:
        p = self.place
        place = None if p is None else Place(p.latitude, p.longitude, p.accuracy_m)
        return PhoneReport(str(self.client_id), self.at, self.now, place)


class DeclineBody(StepBody):
    reason: str = Field(min_length=2, max_length=200)


class AnswerBody(StepBody):
    result: AlertAnswer
    note: str = Field("", max_length=400)


class StepReply(BaseModel):
    applied: bool = Field(description="False: an earlier request with this client_id had applied it")
    alert: AlertView
    clock_offset_s: float | None = Field(
        description="The station's clock minus the phone's; null: the phone's is unknown"
    )
    clock_wrong: bool = Field(description="The phone's clock is more than a minute off; its owner must be told")


Apply = Callable[[AsyncSession, datetime, Alert, PhoneReport], Awaitable[bool]]


@routes.add("POST", "/api/alerts/{alert}/ack", Permission.ALERT_ANSWER, body=StepBody, reply=StepReply)
async def acknowledge_alert(c: Context[None, StepBody]) -> StepReply:
    """Take an alert: the officer is on the way."""

    async def apply(session: AsyncSession, now: datetime, alert: Alert, report: PhoneReport) -> bool:
        return await patrol.acknowledge(session, now, c.identity.name, alert, report)

    return await _apply(c, apply)


@routes.add("POST", "/api/alerts/{alert}/decline", Permission.ALERT_ANSWER, body=DeclineBody, reply=StepReply)
async def decline_alert(c: Context[None, DeclineBody]) -> StepReply:
    """Say that the officer cannot come; the alert goes to others at once."""

    async def apply(session: AsyncSession, now: datetime, alert: Alert, report: PhoneReport) -> bool:
        return await patrol.decline(session, now, c.identity.name, alert, c.body.reason, report)

    return await _apply(c, apply)


@routes.add("POST", "/api/alerts/{alert}/arrive", Permission.ALERT_ANSWER, body=StepBody, reply=StepReply)
async def arrive_at_alert(c: Context[None, StepBody]) -> StepReply:
    """Say that the officer who took the alert is there."""

    async def apply(session: AsyncSession, now: datetime, alert: Alert, report: PhoneReport) -> bool:
        return await patrol.arrive(session, now, c.identity.name, alert, report)

    return await _apply(c, apply)


@routes.add("POST", "/api/alerts/{alert}/answer", Permission.ALERT_ANSWER, body=AnswerBody, reply=StepReply)
async def answer_alert(c: Context[None, AnswerBody]) -> StepReply:
    """Report the result of an alert."""

    async def apply(session: AsyncSession, now: datetime, alert: Alert, report: PhoneReport) -> bool:
        return await patrol.answer(session, now, c.identity.name, alert, c.body.result, c.body.note, report)

    return await _apply(c, apply)


async def _apply(c: Context[None, StepBody], apply: Apply) -> StepReply:
    now, report = c.services.clock.now(), c.body.report()
    async with c.services.database.session() as session:
        alert = await alerts.locked(session, c.number("alert"), c.identity.villages, alert_states(c))
        applied = await apply(session, now, alert, report)
        names = await lookup.camera_names(session, {alert.camera})
        subject = await session.get_one(WatchSubject, alert.subject)
        called = await calls.of_alert(session, alert.id)
        called_in = calls.seconds_until_called(alert, called, c.identity.name, now)
        view = alert_view(alert, subject, names.get(alert.camera, alert.camera), now, called_in)
    offset = phone_time.offset_s(report, now)
    return StepReply(applied=applied, alert=view, clock_offset_s=offset, clock_wrong=phone_time.is_wrong(offset))
