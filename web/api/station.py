"""Facts about the station itself, for its administrators (web.doctor)."""

from __future__ import annotations

from pydantic import BaseModel

from core.permissions import Permission
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
