"""Routes for a contractor's own work orders: what to repair by when, photos, and a small masked still.

A contractor gets no video and no other camera.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.accounts.permissions import Permission
from core.accounts.scope import village_in_scope
from core.audit import audit_trail
from core.errors import ConflictError, ForbiddenError, NotFoundError
from health import orders
from health.picture.masked_stills import masked
from health.tables import Fault, WorkOrder, WorkOrderPhoto
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.work.picture_files import picture, read, write

routes = RouteTable()

CLOSED_ORDERS_SHOWN = timedelta(days=30)
MAX_PHOTO_BYTES = 8_000_000
MAX_PHOTOS = 20  # per order


class OwnOrder(BaseModel):
    id: int
    title: str
    camera: str
    village: str
    place: str
    state: str
    severity: int
    respond_by: datetime
    mend_by: datetime
    closed_at: datetime | None
    reopened: int
    warranty: bool
    late: bool
    photos: list[int]
    has_still: bool


class ContractorStep(BaseModel):
    state: Literal["working", "parts", "verifying", "refused"]
    text: str = Field("", max_length=400)
    cost: float | None = Field(None, ge=0, le=1e7)


class PhotoReply(BaseModel):
    photo: int


@routes.add("GET", "/api/contractor/orders", Permission.ORDER_OWN, reply=list[OwnOrder])
async def own_orders(c: Context) -> list[OwnOrder]:
    """This company's orders: open ones, and those closed within 30 days."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        rows = (await session.scalars(_mine(c, now).order_by(WorkOrder.mend_by).limit(500))).all()
        cameras = {
            x.id: x for x in await session.scalars(select(Camera).where(Camera.id.in_([o.camera for o in rows])))
        }
        villages = {v.code: v.name for v in await session.scalars(select(Village))}
        numbers = [o.id for o in rows]
        photos: dict[int, list[int]] = {}
        for photo in await session.scalars(select(WorkOrderPhoto).where(WorkOrderPhoto.order.in_(numbers))):
            photos.setdefault(photo.order, []).append(photo.id)
        stills = set(
            await session.scalars(select(Fault.order).where(Fault.order.in_(numbers), Fault.picture.is_not(None)))
        )
    return [
        OwnOrder(
            id=o.id,
            title=o.title,
            camera=cameras[o.camera].name if o.camera in cameras else "",
            village=villages.get(o.village or "", ""),
            place=str(cameras[o.camera].profile.get("place") or "") if o.camera in cameras else "",
            state=o.state,
            severity=o.severity,
            respond_by=o.respond_by,
            mend_by=o.mend_by,
            closed_at=o.closed_at,
            reopened=o.reopened,
            warranty=o.warranty,
            late=o.state in orders.RUNNING and now > o.mend_by,
            photos=photos.get(o.id, []),
            has_still=o.id in stills,
        )
        for o in rows
    ]


@routes.add("POST", "/api/contractor/orders/{order}/move", Permission.ORDER_OWN, body=ContractorStep)
async def own_step(c: Context[None, ContractorStep]) -> None:
    """Move an own order: work begun, waiting for parts, repaired, or refused with a reason.

    After "verifying", the station's own inspections decide whether the fault is gone.
    """
    async with c.services.database.session() as session:
        order = await _own(session, c)
        await orders.move(
            session, order.id, c.body.state, c.services.clock.now(), c.identity.name, text=c.body.text, cost=c.body.cost
        )


@routes.add("POST", "/api/contractor/orders/{order}/photo", Permission.ORDER_OWN, reply=PhotoReply)
async def add_photo(c: Context) -> PhotoReply:
    """Add a photo of the repair (a JPEG or PNG as the body); it is re-encoded without its metadata."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        order = await _own(session, c)
        there = len((await session.scalars(select(WorkOrderPhoto.id).where(WorkOrderPhoto.order == order.id))).all())
    if there >= MAX_PHOTOS:
        raise ConflictError(f"an order can have at most {MAX_PHOTOS} photos")
    content = await c.services.uploads.reencode(c.request, c.identity.user_id, MAX_PHOTO_BYTES, 1600)
    name = f"orders/{order.id}/{now:%Y%m%dT%H%M%S%f}.jpg"
    await write(c.services.data_dir, name, content)
    async with c.services.database.session() as session:
        row = WorkOrderPhoto(order=order.id, at=now, by=c.identity.name, path=name)
        session.add(row)
        await session.flush()
        await audit_trail.record(session, now, c.identity.name, "order.photo", str(order.id), photo=row.id)
        return PhotoReply(photo=row.id)


@routes.add("GET", "/api/contractor/orders/{order}/photos/{photo}", Permission.ORDER_OWN, kind=ReplyKind.FILE)
async def own_photo(c: Context) -> web.Response:
    """A photo of an own order."""
    async with c.services.database.reading() as session:
        order = await _own(session, c)
        photo = await session.get(WorkOrderPhoto, c.number("photo"))
    if photo is None or photo.order != order.id:
        raise NotFoundError("there is no such photo")
    await c.audit_view(
        "order.photo_view", str(order.id), reason=f"order {order.id}", village=order.village, order=order.id
    )
    return await picture(c.services.data_dir, photo.path)


@routes.add("GET", "/api/contractor/orders/{order}/still", Permission.ORDER_OWN, kind=ReplyKind.FILE)
async def still(c: Context) -> web.Response:
    """The picture that shows the fault: 192 pixels wide, private areas covered. Every view leaves an audit row."""
    now = c.services.clock.now()
    async with c.services.database.session() as session:
        order = await _own(session, c)
        query = select(Fault).where(Fault.order == order.id, Fault.picture.is_not(None)).order_by(Fault.severity)
        fault = await session.scalar(query.limit(1))
        camera = await session.get(Camera, fault.camera) if fault is not None else None
        if fault is None or camera is None:
            raise NotFoundError("there is no picture of this fault")
        await audit_trail.record(
            session,
            now,
            c.identity.name,
            "order.still",
            str(order.id),
            reason=f"order {order.id}",
            camera=camera.id,
            village=camera.village,
            by_session=c.identity.session,
        )
        masks = camera.profile.get("masks") or []
    jpeg = await asyncio.to_thread(read, c.services.data_dir, str(fault.picture))
    made = await c.services.decode_pool.run(masked, jpeg, masks)
    return web.Response(body=made, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _company(c: AnyContext) -> str:
    if not c.identity.vendor:
        raise ForbiddenError("this account has no company (vendor)")
    return c.identity.vendor


def _mine(c: AnyContext, now: datetime) -> Select[WorkOrder]:
    """Select the orders that the company sees: open ones, and closed ones for 30 days."""
    recent = or_(WorkOrder.state.in_(orders.RUNNING), WorkOrder.closed_at > now - CLOSED_ORDERS_SHOWN)
    return select(WorkOrder).where(
        WorkOrder.vendor == _company(c), village_in_scope(WorkOrder.village, c.identity.villages), recent
    )


async def _own(session: AsyncSession, c: AnyContext) -> WorkOrder:
    order = await session.scalar(_mine(c, c.services.clock.now()).where(WorkOrder.id == c.number("order")))
    if order is None:
        raise NotFoundError("there is no such work order")
    return order
