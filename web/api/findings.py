"""Routes for findings: exposed services, refused credentials, clones, unknown devices, wrong clocks."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from cameras.registry import findings
from cameras.states import FindingKind
from core.accounts.permissions import Permission
from web.api.onboarding import ReasonBody
from web.framework.context import Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()


class FindingQuery(BaseModel):
    before: int | None = None
    limit: int = Field(200, ge=1, le=500)


class FindingView(BaseModel):
    id: int
    kind: FindingKind | str = Field(description="Text that is not listed comes from another release")
    camera: str | None
    address: str
    village: str | None
    detail: dict[str, JsonValue]
    opened_at: datetime


@routes.add("GET", "/api/findings", Permission.CAMERA_VIEW, query=FindingQuery, reply=list[FindingView])
async def open_findings(c: Context[FindingQuery]) -> list[FindingView]:
    """Open findings, newest first: exposed services, refused credentials, clones, unknown devices, wrong clocks."""
    async with c.services.database.reading() as session:
        rows = await findings.list_open(session, c.identity.villages, before=c.query.before, limit=c.query.limit)
    return [FindingView.model_validate(r, from_attributes=True) for r in rows]


@routes.add("POST", "/api/findings/{finding}/accept", Permission.CAMERA_MANAGE, body=ReasonBody, reply=Done)
async def accept_finding(c: Context[None, ReasonBody]) -> None:
    """Close a finding with a reason: it is known and accepted."""
    async with c.services.database.session() as session:
        now, number = c.services.clock.now(), c.number("finding")
        await findings.accept(session, number, now, c.identity.name, c.body.reason, c.identity.villages)
