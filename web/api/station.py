"""Facts about the station itself, for its administrators (web.doctor)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel, Field

from core.permissions import Permission
from nvr import retention_clock
from web.doctor.facts import Fact, State
from web.doctor.runner import worst
from web.routing import Context, route


class StationReply(BaseModel):
    state: State
    facts: list[Fact]


@route("GET", "/api/station", Permission.STATION_VIEW, reply=StationReply)
async def station_facts(c: Context) -> StationReply:
    """Disks, clock, network, database, backlog, certificate …: each with state, value and remedy; costly ones once an hour."""
    facts = await c.services.doctor.facts()
    return StationReply(state=worst(facts), facts=facts)


class RetentionClockView(BaseModel):
    suspended: bool = Field(description="Nothing is deleted because of its age")
    suspended_at: datetime | None
    clock: datetime | None = Field(description="What the station's clock said at the last look")
    plausible: datetime | None = Field(description="What its own progress makes plausible")
    sentence: str
    remedy: str


class ConfirmBody(BaseModel):
    reason: str = Field(min_length=2, max_length=200, description="With what the time was compared")


@route("GET", "/api/station/clock", Permission.STATION_VIEW, reply=RetentionClockView)
async def retention_clock_state(c: Context) -> RetentionClockView:
    """Whether footage is deleted by age, or the station's clock has to be confirmed first."""
    async with c.services.database.reading() as session:
        found = await retention_clock.report(session)
    return RetentionClockView(**asdict(found))


@route("POST", "/api/station/clock/confirm", Permission.RETENTION_CONFIRM, body=ConfirmBody)
async def confirm_clock(c: Context) -> None:
    """The station's time was compared and is right: deletion by age goes on. Audited."""
    async with c.services.database.session() as session:
        await retention_clock.confirm(session, c.services.clock.now(), c.identity.name, c.body.reason)
