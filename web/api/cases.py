"""Routes for cases."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cameras.registry import registry
from cases.alerts import alerts
from cases.register import case_files
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from web.api.alerts import alert_views
from web.framework.context import Context
from web.framework.routing import RouteTable
from web.policy import alert_states
from web.views.cases import AlertView, CaseView, case_view

routes = RouteTable()

MAX_ALERTS = 200  # of a case, the newest ones


class CaseBody(BaseModel):
    number: str = Field(min_length=1, max_length=40)
    title: str = Field(min_length=1, max_length=120)
    village: str | None = None


class EndBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)


@routes.add("GET", "/api/cases", Permission.CASE_VIEW, reply=list[CaseView])
async def list_cases(c: Context) -> list[CaseView]:
    """The newest 200 cases."""
    async with c.services.database.reading() as session:
        return [case_view(r) for r in await case_files.newest(session, c.identity.villages)]


@routes.add("POST", "/api/cases", Permission.CASE_MANAGE, body=CaseBody, reply=CaseView)
async def open_case(c: Context[None, CaseBody]) -> CaseView:
    """Open a case of a village.

    Without a village the case belongs to the account's only village, or to the whole town.
    """
    now, who, body = c.services.clock.now(), c.identity, c.body
    async with c.services.database.session() as session:
        await registry.check_villages(session, [body.village] if body.village is not None else [], who.villages)
        return case_view(
            await case_files.open_case(session, now, who.name, body.number, body.title, body.village, who.villages)
        )


@routes.add("GET", "/api/cases/{case}/alerts", Permission.CASE_VIEW, reply=list[AlertView])
async def case_alerts(c: Context) -> list[AlertView]:
    """The newest 200 alerts of a case's subjects, newest first."""
    async with c.services.database.reading() as session:
        case = await case_files.case_of(session, c.number("case"), c.identity.villages)
        rows = await alerts.recent(session, c.identity.villages, alert_states(c), limit=MAX_ALERTS, case=case.id)
        found = await alert_views(c, session, rows)
    await c.audit_view(AuditAction.ALERT_LIST, "alerts", key=f"alert.list case {case.id}", case=case.number)
    return found


@routes.add("POST", "/api/cases/{case}/close", Permission.CASE_MANAGE, body=EndBody, reply=CaseView)
async def close_case(c: Context[None, EndBody]) -> CaseView:
    """Close a case whose subjects are off the watch list.

    Holds that name the case end within 14 days unless they are renewed.
    """
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        return case_view(await case_files.close(session, now, who.name, c.number("case"), c.body.reason, who.villages))
