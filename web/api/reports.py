"""Routes for the reports for funders: figures as JSON, and a printed page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select

from cameras.tables import Camera, Village
from core.accounts.permissions import Permission
from core.accounts.scope import village_in_scope
from core.errors import ForbiddenError, NotFoundError
from health.kpi import figures
from health.tables import DailyFigures
from reports.coverage import VillageReport, render
from web.framework.context import Context
from web.framework.routing import ReplyKind, RouteTable

routes = RouteTable()


class ReportQuery(BaseModel):
    month: str | None = None
    lang: Literal["zh", "en"] = "zh"


class VillageName(BaseModel):
    code: str
    name: str


class FiguresQuery(BaseModel):
    kind: Literal["town", "village", "vendor", "sponsor"] = "town"
    name: str | None = None
    before: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$")
    limit: int = Field(31, ge=1, le=1000)


class DayFigures(BaseModel):
    day: str
    kind: str
    name: str
    figures: dict[str, Any]


@routes.add("GET", "/api/reports", Permission.REPORT_VIEW, reply=list[VillageName])
async def list_reports(c: Context) -> list[VillageName]:
    """Villages whose report the account may read."""
    async with c.services.database.reading() as session:
        rows = await session.scalars(
            select(Village).where(village_in_scope(Village.code, c.identity.villages)).order_by(Village.code)
        )
        return [VillageName(code=v.code, name=v.name) for v in rows]


@routes.add("GET", "/api/reports/{village}", Permission.REPORT_VIEW, query=ReportQuery, reply=VillageReport)
async def village_report(c: Context[ReportQuery]) -> VillageReport:
    """One village's figures of a month."""
    return await _report(c)


@routes.add("GET", "/api/patrol/figures", Permission.PATROL_VIEW, query=FiguresQuery, reply=list[DayFigures])
async def day_figures(c: Context[FiguresQuery]) -> list[DayFigures]:
    """Figures of complete days, newest first: of the town, of villages, vendors or sponsors."""
    if c.identity.villages is not None and c.query.kind != "village":
        raise ForbiddenError("an account limited to villages may only read their figures")
    query = select(DailyFigures).where(DailyFigures.kind == c.query.kind)
    if c.query.name is not None:
        query = query.where(DailyFigures.name == c.query.name)
    if c.query.before is not None:
        query = query.where(DailyFigures.day < c.query.before)
    if c.identity.villages is not None:
        query = query.where(DailyFigures.name.in_(c.identity.villages))
    async with c.services.database.reading() as session:
        rows = await session.scalars(query.order_by(DailyFigures.day.desc(), DailyFigures.name).limit(c.query.limit))
        return [DayFigures(day=r.day, kind=r.kind, name=r.name, figures=r.figures) for r in rows]


@routes.add("GET", "/api/patrol/figures/{camera}", Permission.PATROL_VIEW, reply=DayFigures)
async def camera_figures(c: Context) -> DayFigures:
    """One camera's figures of the last thirty days, with its faults by cause."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        camera = await session.get(Camera, c.path("camera"))
        if camera is None or not c.identity.sees_village(camera.village):
            raise NotFoundError("there is no such camera")
        told = await figures.last_days(session, camera, 30, c.services.zone, now)
    return DayFigures(day=f"{now:%Y-%m-%d}", kind="camera", name=camera.id, figures=asdict(told))


@routes.add("GET", "/report/{village}", Permission.REPORT_VIEW, query=ReportQuery, kind=ReplyKind.PAGE)
async def village_report_page(c: Context[ReportQuery]) -> web.Response:
    """One village's report as a page to print (A4)."""
    html = await c.services.page_executor.run(render, await _report(c), c.services.settings.station.name, c.query.lang)
    return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})


async def _report(c: Context[ReportQuery]) -> VillageReport:
    code = c.path("village")
    if not c.identity.sees_village(code):
        raise NotFoundError("there is no such village")
    await c.audit_view("report.view", code, reason=f"report of {code}", village=code)
    return await c.services.reports.village(code, c.query.month)
