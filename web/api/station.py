"""Routes for the state of the station itself, for its administrators (web.doctor)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Permission
from core.clock import to_microseconds
from health.checks import storage_forecast
from nvr.archive.retention import retention_clock
from web.doctor.facts import CheckState, Fact
from web.doctor.runner import worst
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()


class StationReply(BaseModel):
    state: CheckState
    facts: list[Fact]


@routes.add("GET", "/api/station", Permission.STATION_VIEW, reply=StationReply)
async def station_facts(c: Context) -> StationReply:
    """Checks of disks, clock, network, database, backlog, certificate …: each with state, value and remedy.

    Costly checks run at most once an hour.
    """
    facts = await c.services.doctor.facts()
    return StationReply(state=worst(facts), facts=facts)


class OutlookView(BaseModel):
    village: str
    required_days: float
    possible_days: float | None = Field(
        description="Days that footage can be kept; null: unknown, because nothing is recorded"
    )
    days_until_short: float | None = Field(
        description="Days until footage is deleted earlier than required; null: it is not"
    )
    by_quota: bool


@routes.add("GET", "/api/station/forecast", Permission.PATROL_VIEW, reply=list[OutlookView])
async def retention_forecast(c: Context) -> list[OutlookView]:
    """How long footage can be kept at the present rate, by village, and when it falls short of the requirement."""
    async with c.services.database.reading() as session:
        return await retention_outlook(c, session)


async def retention_outlook(c: AnyContext, session: AsyncSession) -> list[OutlookView]:
    """Return the forecast of the account's villages."""
    now_us = to_microseconds(c.services.clock.now())
    found = await storage_forecast.forecast(session, c.services.settings.retention, now_us)
    return [OutlookView(**asdict(o)) for o in found if c.identity.sees_village(o.village)]


class RetentionClockView(BaseModel):
    suspended: bool = Field(description="Nothing is deleted because of its age")
    suspended_at: datetime | None
    clock: datetime | None = Field(description="Station time at the last check")
    plausible: datetime | None = Field(description="Plausible time, computed from the uptime")
    sentence: str
    remedy: str


class ClockConfirmBody(BaseModel):
    reason: str = Field(min_length=2, max_length=200, description="Reference that the time was compared with")


@routes.add("GET", "/api/station/clock", Permission.STATION_VIEW, reply=RetentionClockView)
async def retention_clock_state(c: Context) -> RetentionClockView:
    """Whether footage is deleted by age, or the station's clock must be confirmed first."""
    async with c.services.database.reading() as session:
        found = await retention_clock.report(session)
    return RetentionClockView(**asdict(found))


@routes.add("POST", "/api/station/clock/confirm", Permission.RETENTION_CONFIRM, body=ClockConfirmBody, reply=Done)
async def confirm_clock(c: Context[None, ClockConfirmBody]) -> None:
    """Confirm that the station's clock was compared and is right; deletion by age resumes. Audited."""
    async with c.services.database.session() as session:
        await retention_clock.confirm(session, c.services.clock.now(), c.identity.name, c.body.reason)
