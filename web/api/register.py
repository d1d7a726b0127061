"""Routes for the day's patrol register: view, sign, supplement, print."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, UsageError
from health.kpi import figures
from health.kpi.camera_days import bounds
from health.register import register, signatures
from reports.periods import day_start
from reports.register import render
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.views.register import DayView, supplement_view

routes = RouteTable()


class DayQuery(BaseModel):
    day: str | None = None


class SignBody(BaseModel):
    day: str
    remark: str = Field("", max_length=400)
    no_patrol: str = Field("", max_length=400, description="Why there was no patrol on a day that is over")


@routes.add("GET", "/api/patrol/day", Permission.PATROL_VIEW, query=DayQuery, reply=DayView)
async def day_register(c: Context[DayQuery]) -> DayView:
    """The day's patrol register as it was signed, or as it would be signed now."""
    view = await _day(c, c.query.day)
    await c.audit_view(AuditAction.REGISTER_VIEW, view.day)
    return view


@routes.add("POST", "/api/patrol/day/sign", Permission.PATROL_RUN, body=SignBody, reply=DayView)
async def sign_day(c: Context[None, SignBody]) -> DayView:
    """Sign the day's register.

    Also for a day without faults. The day's patrol must have finished, or the reason why there was none must be given.
    A signed register does not change any more.
    """
    now, start = _signing(c)
    day = f"{start:%Y-%m-%d}"
    async with c.services.database.session() as session:
        if (there := await register.signed(session, day)) is not None:
            raise ConflictError(
                f"{day} was signed by {there.signed_by}; what became known later goes into a supplement",
                ErrorCode.REGISTER_SIGNED,
                day=day,
                account=there.signed_by,
            )
        present = await figures.day(session, c.identity.villages, start, now)
        await register.sign(
            session, start, present, now, c.identity.name, remark=c.body.remark, reason=c.body.no_patrol
        )
    return await _day(c, c.body.day)


@routes.add("POST", "/api/patrol/day/supplement", Permission.PATROL_RUN, body=SignBody, reply=DayView)
async def supplement_day(c: Context[None, SignBody]) -> DayView:
    """Sign a supplement to a day's register, with what became known after it was signed.

    It refers to the register that was signed before.
    """
    now, start = _signing(c)
    async with c.services.database.session() as session:
        present = await figures.day(session, c.identity.villages, start, now)
        await register.add(session, start, present, now, c.identity.name, remark=c.body.remark)
    return await _day(c, c.body.day)


@routes.add("GET", "/register/{day}", Permission.PATROL_VIEW, kind=ReplyKind.PAGE)
async def register_page(c: Context) -> web.Response:
    """The register as a page to print (A4)."""
    return web.Response(text=await _page(c), content_type="text/html", headers={"Cache-Control": "no-store"})


@routes.add("GET", "/register/{day}/pdf", Permission.PATROL_VIEW, kind=ReplyKind.FILE)
async def register_pdf(c: Context) -> web.Response:
    """The register as PDF, rendered from the same page."""
    content = await c.services.printer.pdf_of(await _page(c), c.identity.user_id)
    name = f"register-{c.path('day')}.pdf"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


def _signing(c: Context[None, SignBody]) -> tuple[datetime, datetime]:
    """Return the present time and the start of the day. Raises UsageError if the account sees only some villages."""
    if c.identity.villages is not None:
        raise UsageError("only an account for the whole town may sign the register", ErrorCode.REGISTER_TOWN_ONLY)
    return c.services.clock.now(), _start(c, c.body.day)


async def _page(c: AnyContext) -> str:
    view = await _day(c, c.path("day"))
    await c.audit_view(AuditAction.REGISTER_VIEW, view.day)
    async with c.services.database.reading() as session:
        names = await lookup.camera_names(session)
    return await c.services.page_executor.run(
        render, view.model_dump(), names, c.services.settings.station.name, c.services.zone
    )


def _start(c: AnyContext, text: str | None) -> datetime:
    """Return local midnight of a day; of the present day if `text` is empty. Raises UsageError."""
    zone, now = c.services.zone, c.services.clock.now()
    if not text:
        return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    start = day_start(text, zone)
    if start > now:
        raise UsageError("that day has not begun", ErrorCode.DAY_NOT_BEGUN)
    return start


async def _day(c: AnyContext, text: str | None) -> DayView:
    """Return the register of a day: the signed one, or the figures that would be signed now. Raises UsageError."""
    now, start, scope = c.services.clock.now(), _start(c, text), c.identity.villages
    day, end = f"{start:%Y-%m-%d}", bounds(start.date(), c.services.zone)[1]
    async with c.services.database.reading() as session:
        # An account of some villages gets their figures; the signed register covers the whole town.
        signed = await register.signed(session, day) if scope is None else None
        present = await figures.day(session, scope, start, now)
        rounds = await register.rounds_of(session, start, end)
        key = c.services.database.audit_key if signed is not None else None
        problem = await signatures.problem_of(session, day, key) if scope is None else ""
        added = await register.supplements(session, day) if signed is not None else []
    view = DayView(
        day=day,
        figures=present,
        signed_by=None,
        signed_at=None,
        digest=None,
        patrolled=register.finished_rounds_entry(rounds) is not None,
        over=end <= now,
        problem=problem,
    )
    if signed is not None:
        view.figures, view.remark, view.digest = signed.figures, signed.remark, signed.digest
        view.signed_by, view.signed_at = signed.signed_by, signed.signed_at
        view.supplements = [supplement_view(s) for s in added]
        view.later = register.supplement_content(signed, added, present, start, now, rounds)
    return view
