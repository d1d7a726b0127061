"""Work orders and the day's register."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import audit
from core.errors import ConflictError, NotFoundError, UsageError
from core.permissions import Permission
from health import figures, orders
from health.tables import DailyRegister, WorkOrder, WorkOrderNote, WorkOrderPhoto
from reports import pdf
from reports.register import render
from web.api.health import visible
from web.files import picture
from web.routing import Context, route


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


class MoveBody(BaseModel):
    orders: list[int] = Field(min_length=1, max_length=500)
    state: str
    vendor: str = Field("", max_length=80)
    assignee: str = Field("", max_length=60)
    text: str = Field("", max_length=400)
    cost: float | None = Field(None, ge=0, le=1e7)
    into: int | None = None


class DayQuery(BaseModel):
    day: str | None = None


class DayView(BaseModel):
    day: str
    figures: dict[str, Any]
    signed_by: str | None
    signed_at: datetime | None
    digest: str | None


class SignBody(BaseModel):
    day: str
    remark: str = Field("", max_length=400)


@route("GET", "/api/orders", Permission.PATROL_VIEW, query=OrderQuery, reply=list[OrderView])
async def list_orders(c: Context) -> list[OrderView]:
    """Work orders, the newest first; those that run, unless a state is named."""
    states = [c.query.state] if c.query.state else list(orders.RUNNING)
    query = select(WorkOrder).where(WorkOrder.state.in_(states))
    if c.query.vendor is not None:
        query = query.where(WorkOrder.vendor == c.query.vendor)
    if c.query.before is not None:
        query = query.where(WorkOrder.id < c.query.before)
    if c.identity.villages is not None:
        query = query.where(WorkOrder.village.in_(c.identity.villages))
    async with c.services.database.reading() as session:
        rows = await session.scalars(query.order_by(WorkOrder.id.desc()).limit(c.query.limit))
        return [_order(o, c.services.clock.now()) for o in rows]


@route("GET", "/api/orders/{order}", Permission.PATROL_VIEW, reply=OrderFile)
async def order_file(c: Context) -> OrderFile:
    """One order and what happened to it."""
    async with c.services.database.reading() as session:
        (order,) = await _visible(session, c, [c.number("order")])
        notes = await session.scalars(
            select(WorkOrderNote).where(WorkOrderNote.order == order.id).order_by(WorkOrderNote.id).limit(500)
        )
        photos = list(await session.scalars(select(WorkOrderPhoto.id).where(WorkOrderPhoto.order == order.id)))
        told = [NoteView(at=n.at, by=n.by, step=n.step, text=n.text) for n in notes]
    return OrderFile(order=_order(order, c.services.clock.now()), notes=told, photos=photos)


@route("GET", "/api/orders/{order}/photos/{photo}", Permission.PATROL_VIEW, kind="file")
async def order_photo(c: Context) -> web.Response:
    """A photo that the contractor took of what was mended."""
    async with c.services.database.reading() as session:
        (order,) = await _visible(session, c, [c.number("order")])
        photo = await session.get(WorkOrderPhoto, c.number("photo"))
    if photo is None or photo.order != order.id:
        raise NotFoundError("there is no such photo")
    return await picture(c.services.data_dir, photo.path)


@route("POST", "/api/orders", Permission.PATROL_RUN, body=CreateBody, reply=list[OrderView])
async def create_orders(c: Context) -> list[OrderView]:
    """Orders for faults: one a camera, one for an up-link with all its cameras."""
    now, zone = c.services.clock.now(), c.services.zone
    wish = orders.Wish(c.body.vendor, c.body.assignee, c.body.text)
    async with c.services.database.session() as session:
        faults = await visible(session, c, c.body.faults)
        made = await orders.create(session, faults, now, c.identity.name, zone, wish)
        return [_order(o, now) for o in made]


@route("POST", "/api/orders/move", Permission.PATROL_RUN, body=MoveBody, reply=list[OrderView])
async def move_orders(c: Context) -> list[OrderView]:
    """A step of one or many orders: all of them or none."""
    now, body = c.services.clock.now(), c.body
    async with c.services.database.session() as session:
        wanted = await _visible(session, c, body.orders)
        moved = [
            await orders.move(
                session, o.id, body.state, now, c.identity.name, text=body.text, assignee=body.assignee, vendor=body.vendor,
                cost=body.cost, into=body.into,
            )
            for o in wanted
        ]  # fmt: skip
        return [_order(o, now) for o in moved]


@route("GET", "/api/patrol/day", Permission.PATROL_VIEW, query=DayQuery, reply=DayView)
async def day_register(c: Context) -> DayView:
    """The day's patrol as it was signed, or as it would be signed now."""
    return await _day(c, c.query.day)


@route("POST", "/api/patrol/day/sign", Permission.PATROL_RUN, body=SignBody, reply=DayView)
async def sign_day(c: Context) -> DayView:
    """Sign the day's register, also for a day without faults. What was signed is not changed any more."""
    now = c.services.clock.now()
    if c.identity.villages is not None:
        raise UsageError("the register is signed by somebody who sees the whole town")
    view = await _day(c, c.body.day)
    if view.signed_by is not None:
        raise ConflictError(f"{view.day} was signed by {view.signed_by}")
    digest = hashlib.sha256(json.dumps(view.figures, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    async with c.services.database.session() as session:
        session.add(
            DailyRegister(
                day=view.day, figures=view.figures, digest=digest, signed_by=c.identity.name, signed_at=now,
                remark=c.body.remark,
            )
        )  # fmt: skip
        await audit.record(session, now, c.identity.name, "patrol.sign", view.day, digest=digest)
    return view.model_copy(update={"signed_by": c.identity.name, "signed_at": now, "digest": digest})


@route("GET", "/register/{day}", Permission.PATROL_VIEW, kind="page")
async def register_page(c: Context) -> web.Response:
    """The register as a page to print (A4)."""
    return web.Response(text=await _register(c), content_type="text/html", headers={"Cache-Control": "no-store"})


@route("GET", "/register/{day}/pdf", Permission.PATROL_VIEW, kind="file")
async def register_pdf(c: Context) -> web.Response:
    """The register as PDF, made of the same page."""
    content = await asyncio.to_thread(pdf.made, await _register(c))
    name = f"register-{c.path('day')}.pdf"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def _register(c: Context) -> str:
    view = await _day(c, c.path("day"))
    async with c.services.database.reading() as session:
        names = {x.id: x.name for x in await session.scalars(select(Camera))}
    return await asyncio.to_thread(render, view.model_dump(), names, c.services.settings.station.name, c.services.zone)


async def _day(c: Context, text: str | None) -> DayView:
    zone, now = c.services.zone, c.services.clock.now()
    try:
        start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone) if text else now.astimezone(zone)
    except ValueError as e:
        raise UsageError(f"'{text}' is not a day; write it like 2026-11-21") from e
    start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if start > now:
        raise UsageError("that day has not begun")
    day = start.strftime("%Y-%m-%d")
    async with c.services.database.reading() as session:
        signed = await session.get(DailyRegister, day)
        # Who sees some villages gets their figures; what was signed is the whole town's.
        if signed is not None and c.identity.villages is None:
            return DayView(
                day=day, figures=signed.figures, signed_by=signed.signed_by, signed_at=signed.signed_at, digest=signed.digest
            )
        cameras = [
            x
            for x in await session.scalars(select(Camera).where(Camera.retired.is_(False)))
            if c.identity.sees_village(x.village)
        ]
        told = await figures.day(session, cameras, start, now)
    return DayView(day=day, figures=told, signed_by=None, signed_at=None, digest=None)


async def _visible(session: AsyncSession, c: Context, numbers: list[int]) -> list[WorkOrder]:
    query = select(WorkOrder).where(WorkOrder.id.in_(numbers))
    if c.identity.villages is not None:
        query = query.where(WorkOrder.village.in_(c.identity.villages))
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
