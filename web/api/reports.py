"""Routes for the reports for funders: figures as JSON, and a printed page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, NotFoundError
from health.kpi import daily_figures, figures
from health.vocabulary import FiguresKind
from reports.coverage import VillageReport, render
from web.framework.context import Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import visible_camera

routes = RouteTable()

DAYS_OF_A_CAMERA = 30


class ReportQuery(BaseModel):
    month: str | None = None
    lang: Literal["zh", "en"] = "zh"


class VillageName(BaseModel):
    code: str
    name: str


class FiguresQuery(BaseModel):
    kind: FiguresKind = FiguresKind.TOWN
    name: str | None = None
    before: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$")
    limit: int = Field(31, ge=1, le=1000)


class DayFigures(BaseModel):
    day: str
    kind: FiguresKind | Literal["camera"]
    name: str
    figures: dict[str, object]


@routes.add("GET", "/api/reports", Permission.REPORT_VIEW, reply=list[VillageName])
async def list_reports(c: Context) -> list[VillageName]:
    """Villages whose report the account may read."""
    async with c.services.database.reading() as session:
        rows = await lookup.villages(session, c.identity.villages)
    return [VillageName(code=v.code, name=v.name) for v in rows]


@routes.add("GET", "/api/reports/{village}", Permission.REPORT_VIEW, query=ReportQuery, reply=VillageReport)
async def village_report(c: Context[ReportQuery]) -> VillageReport:
    """One village's figures of a month."""
    return await _report(c)


@routes.add("GET", "/api/patrol/figures", Permission.PATROL_VIEW, query=FiguresQuery, reply=list[DayFigures])
async def day_figures(c: Context[FiguresQuery]) -> list[DayFigures]:
    """Figures of complete days, newest first: of the town, of villages, vendors or sponsors."""
    if c.identity.villages is not None and c.query.kind is not FiguresKind.VILLAGE:
        raise ForbiddenError(
            "an account limited to villages may only read their figures", ErrorCode.VILLAGE_FIGURES_ONLY
        )
    q = c.query
    async with c.services.database.reading() as session:
        rows = await daily_figures.page(
            session, q.kind, c.identity.villages, name=q.name, before=q.before, limit=q.limit
        )
    return [DayFigures(day=r.day, kind=r.kind, name=r.name, figures=r.figures) for r in rows]


@routes.add("GET", "/api/patrol/figures/{camera}", Permission.PATROL_VIEW, reply=DayFigures)
async def camera_figures(c: Context) -> DayFigures:
    """One camera's figures of the last thirty days, with its faults by cause."""
    now, camera = c.services.clock.now(), await visible_camera(c, with_retired=True)
    async with c.services.database.reading() as session:
        told = await figures.last_days(session, camera, DAYS_OF_A_CAMERA, c.services.zone, now)
    return DayFigures(day=f"{now:%Y-%m-%d}", kind="camera", name=camera.id, figures=asdict(told))


@routes.add("GET", "/report/{village}", Permission.REPORT_VIEW, query=ReportQuery, kind=ReplyKind.PAGE)
async def village_report_page(c: Context[ReportQuery]) -> web.Response:
    """One village's report as a page to print (A4)."""
    html = await c.services.page_executor.run(render, await _report(c), c.services.settings.station.name, c.query.lang)
    return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})


@routes.add("GET", "/report/{village}/pdf", Permission.REPORT_VIEW, query=ReportQuery, kind=ReplyKind.FILE)
async def village_report_pdf(c: Context[ReportQuery]) -> web.Response:
    """One village's report as PDF, rendered from the same page. Each download is audited."""
    report = await _report(c)
    html = await c.services.page_executor.run(render, report, c.services.settings.station.name, c.query.lang)
    content = await c.services.printer.pdf_of(html, c.identity.user_id)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.REPORT_EXPORT, report.village,
            reason=f"report of {report.village}", by_session=c.identity.session, village=report.village,
            month=report.month, digest=report.digest or "",
        )  # fmt: skip
    headers = {
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{report.village}-{report.month}.pdf"',
    }
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def _report(c: Context[ReportQuery]) -> VillageReport:
    code = c.path("village")
    if not c.identity.sees_village(code):
        raise NotFoundError("there is no such village", ErrorCode.VILLAGE_NOT_FOUND, village=code)
    await c.audit_view(AuditAction.REPORT_VIEW, code, reason=f"report of {code}", village=code)
    return await c.services.reports.village(code, c.query.month)
