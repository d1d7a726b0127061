"""Routes for work orders and the day's patrol register."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.accounts.scope import village_in_scope
from core.errors import ConflictError, NotFoundError, UsageError
from health import orders
from health.kpi import figures
from health.kpi.camera_days import bounds
from health.register import register, signatures
from health.tables import DailyRegister, WorkOrder, WorkOrderNote, WorkOrderPhoto
from reports.register import render
from web.api.health import visible
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.http import strict_input
from web.work.picture_files import picture

routes = RouteTable()


class OrderView(BaseModel):
    id: int
    village: str | None
    camera: str | None
    title: str
    state: str
    severity: int
    vendor: str
    assignee: str
    created_at: datetime
    respond_by: datetime
    mend_by: datetime
    mended_at: datetime | None
    closed_at: datetime | None
    reopened: int
    reminded: int
    cost: float | None
    warranty: bool
    late: bool


class NoteView(BaseModel):
    at: datetime
    by: str
    step: str
    text: str


class OrderFile(BaseModel):
    order: OrderView
    notes: list[NoteView]
    photos: list[int]


class OrderQuery(BaseModel):
    state: str | None = None
    vendor: str | None = None
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class CreateBody(BaseModel):
    faults: list[int] = Field(min_length=1, max_length=500)
    vendor: str = Field("", max_length=80)
    assignee: str = Field("", max_length=60)
    text: str = Field("", max_length=400)


class OrderMoveBody(BaseModel):
    orders: list[int] = Field(min_length=1, max_length=500)
    state: str
    vendor: str = Field("", max_length=80)
    assignee: str = Field("", max_length=60)
    text: str = Field("", max_length=400)
    cost: float | None = Field(None, ge=0, le=1e7)
    into: int | None = None


class DayQuery(BaseModel):
    day: str | None = None


class SupplementView(BaseModel):
    number: int
    figures: dict[str, Any]
    signed_by: str
    signed_at: datetime
    digest: str
    remark: str


class DayView(BaseModel):
    day: str
    figures: dict[str, Any]
    signed_by: str | None
    signed_at: datetime | None
    digest: str | None
    remark: str = ""
    patrolled: bool = False  # a round of the whole town that began on this day was finished
    over: bool = False  # the day is over: only then a reason may replace the patrol
    supplements: list[SupplementView] = []
    problem: str = Field("", description="Difference from what was signed, as a sentence; empty: none")
    later: dict[str, Any] | None = None  # the figures of a supplement signed now; null: nothing to add


class SignBody(BaseModel):
    day: str
    remark: str = Field("", max_length=400)
    no_patrol: str = Field("", max_length=400, description="Why there was no patrol on a day that is over")


@routes.add("GET", "/api/orders", Permission.PATROL_VIEW, query=OrderQuery, reply=list[OrderView])
async def list_orders(c: Context[OrderQuery]) -> list[OrderView]:
    """Work orders, newest first; the open ones unless a state is named."""
    states = [c.query.state] if c.query.state else list(orders.RUNNING)
    query = select(WorkOrder).where(WorkOrder.state.in_(states))
    if c.query.vendor is not None:
        query = query.where(WorkOrder.vendor == c.query.vendor)
    if c.query.before is not None:
        query = query.where(WorkOrder.id < c.query.before)
    query = query.where(village_in_scope(WorkOrder.village, c.identity.villages))
    async with c.services.database.reading() as session:
        rows = await session.scalars(query.order_by(WorkOrder.id.desc()).limit(c.query.limit))
        return [_order(o, c.services.clock.now()) for o in rows]


@routes.add("GET", "/api/orders/{order}", Permission.PATROL_VIEW, reply=OrderFile)
async def order_file(c: Context) -> OrderFile:
    """One work order with its notes and photos."""
    async with c.services.database.reading() as session:
        (order,) = await _visible(session, c, [c.number("order")])
        notes = await session.scalars(
            select(WorkOrderNote).where(WorkOrderNote.order == order.id).order_by(WorkOrderNote.id).limit(500)
        )
        photos = list(await session.scalars(select(WorkOrderPhoto.id).where(WorkOrderPhoto.order == order.id)))
        told = [NoteView(at=n.at, by=n.by, step=n.step, text=n.text) for n in notes]
    return OrderFile(
        order=_order(order, c.services.clock.now()),
        notes=told,
        photos=photos if c.identity.may(Permission.LIVE_VIEW) else [],
    )


@routes.add("GET", "/api/orders/{order}/photos/{photo}", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def order_photo(c: Context) -> web.Response:
    """A photo that the contractor took of the repair; needs a stated purpose once the order is closed.

    While the order is open, the order itself is the reason in the audit row.
    """
    async with c.services.database.reading() as session:
        (order,) = await _visible(session, c, [c.number("order")])
        photo = await session.get(WorkOrderPhoto, c.number("photo"))
    if photo is None or photo.order != order.id:
        raise NotFoundError("there is no such photo")
    why = c.view_reason(f"order {order.id}", running=order.state in orders.RUNNING)
    await c.audit_view("order.photo_view", str(order.id), reason=why, village=order.village, order=order.id)
    return await picture(c.services.data_dir, photo.path)


@routes.add("POST", "/api/orders", Permission.PATROL_RUN, body=CreateBody, reply=list[OrderView])
async def create_orders(c: Context[None, CreateBody]) -> list[OrderView]:
    """Create orders for faults: one per camera, and one for an up-link with all its cameras."""
    now, zone = c.services.clock.now(), c.services.zone
    wish = orders.OrderRequest(c.body.vendor, c.body.assignee, c.body.text)
    async with c.services.database.session() as session:
        faults = await visible(session, c, c.body.faults)
        made = await orders.create(session, faults, now, c.identity.name, zone, wish)
        return [_order(o, now) for o in made]


@routes.add("POST", "/api/orders/move", Permission.PATROL_RUN, body=OrderMoveBody, reply=list[OrderView])
async def move_orders(c: Context[None, OrderMoveBody]) -> list[OrderView]:
    """Move one or several orders to another state; all of them or none."""
    now, body = c.services.clock.now(), c.body
    async with c.services.database.session() as session:
        wanted = await _visible(session, c, body.orders)
        moved = [
            await orders.move(
                session,
                o.id,
                body.state,
                now,
                c.identity.name,
                text=body.text,
                assignee=body.assignee,
                vendor=body.vendor,
                cost=body.cost,
                into=body.into,
                villages=c.identity.villages,
            )
            for o in wanted
        ]
        return [_order(o, now) for o in moved]


@routes.add("GET", "/api/patrol/day", Permission.PATROL_VIEW, query=DayQuery, reply=DayView)
async def day_register(c: Context[DayQuery]) -> DayView:
    """The day's patrol register as it was signed, or as it would be signed now."""
    view = await _day(c, c.query.day)
    await c.audit_view("register.view", view.day)
    return view


@routes.add("POST", "/api/patrol/day/sign", Permission.PATROL_RUN, body=SignBody, reply=DayView)
async def sign_day(c: Context[None, SignBody]) -> DayView:
    """Sign the day's register.

    Also for a day without faults. The day's patrol must have finished, or the reason why there was none must be given.
    A signed register does not change any more.
    """
    now, start = _signing(c)
    view = await _day(c, c.body.day)
    if view.signed_by is not None:
        raise ConflictError(
            f"{view.day} was signed by {view.signed_by}; what became known later goes into a supplement"
        )
    async with c.services.database.session() as session:
        await register.sign(
            session, start, view.figures, now, c.identity.name, remark=c.body.remark, reason=c.body.no_patrol
        )  # fmt: skip
    return await _day(c, c.body.day)


@routes.add("POST", "/api/patrol/day/supplement", Permission.PATROL_RUN, body=SignBody, reply=DayView)
async def supplement_day(c: Context[None, SignBody]) -> DayView:
    """Sign a supplement to a day's register, with what became known after it was signed.

    It refers to the register that was signed before.
    """
    now, start = _signing(c)
    async with c.services.database.session() as session:
        told = await figures.day(session, c.identity.villages, start, now)
        await register.add(session, start, told, now, c.identity.name, remark=c.body.remark)
    return await _day(c, c.body.day)


def _signing(c: Context[None, SignBody]) -> tuple[datetime, datetime]:
    """Return the present time and the start of the day. Raises UsageError if the account sees only some villages."""
    if c.identity.villages is not None:
        raise UsageError("only an account for the whole town may sign the register")
    return c.services.clock.now(), _start(c, c.body.day)


@routes.add("GET", "/register/{day}", Permission.PATROL_VIEW, kind=ReplyKind.PAGE)
async def register_page(c: Context) -> web.Response:
    """The register as a page to print (A4)."""
    return web.Response(text=await _register(c), content_type="text/html", headers={"Cache-Control": "no-store"})


@routes.add("GET", "/register/{day}/pdf", Permission.PATROL_VIEW, kind=ReplyKind.FILE)
async def register_pdf(c: Context) -> web.Response:
    """The register as PDF, rendered from the same page."""
    content = await c.services.printer.pdf_of(await _register(c), c.identity.user_id)
    name = f"register-{c.path('day')}.pdf"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def _register(c: AnyContext) -> str:
    view = await _day(c, c.path("day"))
    await c.audit_view("register.view", view.day)
    async with c.services.database.reading() as session:
        names = {x.id: x.name for x in await session.scalars(select(Camera))}
    return await c.services.page_executor.run(
        render, view.model_dump(), names, c.services.settings.station.name, c.services.zone
    )


def _start(c: AnyContext, text: str | None) -> datetime:
    """Return local midnight of a day; of the present day if `text` is empty. Raises UsageError."""
    zone, now = c.services.zone, c.services.clock.now()
    try:
        start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone) if text else now.astimezone(zone)
        if start.year < strict_input.EARLIEST_TIME.year:
            raise ValueError("day out of range")
        if not 2000 <= start.year <= 2100:
            raise ValueError("no year of a station")
    except ValueError as e:
        raise UsageError(f"'{text}' is not a day; write it like 2026-11-21") from e
    start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if start > now:
        raise UsageError("that day has not begun")
    return start


async def _day(c: AnyContext, text: str | None) -> DayView:
    now, start = c.services.clock.now(), _start(c, text)
    day, end = f"{start:%Y-%m-%d}", bounds(start.date(), c.services.zone)[1]
    async with c.services.database.reading() as session:
        # An account of some villages gets their figures; the signed register covers the whole town.
        signed = await session.get(DailyRegister, day) if c.identity.villages is None else None
        told = await figures.day(session, c.identity.villages, start, now)
        rounds = await register.rounds_of(session, start, end)
        patrolled = register.finished_of(rounds) is not None
        if signed is None:
            gone = "" if c.identity.villages is not None else await signatures.problem_of(session, day, None)
            return DayView(
                day=day,
                figures=told,
                signed_by=None,
                signed_at=None,
                digest=None,
                patrolled=patrolled,
                over=end <= now,
                problem=gone,
            )
        added = await register.supplements(session, day)
        problem = await signatures.problem_of(session, day, c.services.database.audit_key)
        return DayView(
            day=day,
            figures=signed.figures,
            signed_by=signed.signed_by,
            signed_at=signed.signed_at,
            digest=signed.digest,
            remark=signed.remark,
            problem=problem,
            patrolled=patrolled,
            over=end <= now,
            later=register.later(signed, added, told, start, now, rounds),
            supplements=[
                SupplementView(
                    number=x.number,
                    figures=x.figures,
                    signed_by=x.signed_by,
                    signed_at=x.signed_at,
                    digest=x.digest,
                    remark=x.remark,
                )
                for x in added
            ],
        )


async def _visible(session: AsyncSession, c: AnyContext, numbers: list[int]) -> list[WorkOrder]:
    query = select(WorkOrder).where(WorkOrder.id.in_(numbers))
    query = query.where(village_in_scope(WorkOrder.village, c.identity.villages))
    found = list(await session.scalars(query.order_by(WorkOrder.id)))
    if len(found) < len(set(numbers)):
        raise NotFoundError("there is no such work order")
    return found


def _order(o: WorkOrder, now: datetime) -> OrderView:
    return OrderView(
        id=o.id, village=o.village, camera=o.camera, title=o.title, state=o.state, severity=o.severity, vendor=o.vendor,
        assignee=o.assignee, created_at=o.created_at, respond_by=o.respond_by, mend_by=o.mend_by, mended_at=o.mended_at,
        closed_at=o.closed_at, reopened=o.reopened, reminded=o.reminded, cost=o.cost, warranty=o.warranty,
        late=o.state in orders.RUNNING and now > o.mend_by,
    )  # fmt: skip
