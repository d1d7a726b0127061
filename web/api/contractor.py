"""Routes for a contractor's own work orders: what to repair by when, photos, and a small masked still.

A contractor gets no video and no other camera.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, NotFoundError
from health import order_queries, orders
from health.faults import fault_queries
from health.picture.masked_stills import masked
from health.tables import WorkOrder
from health.vocabulary import OrderState
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, ReplyKind, RouteTable
from web.http.request_bodies import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS
from web.views.orders import OwnOrder, Yuan, own_order_view
from web.work import picture_files

routes = RouteTable()

MAX_PHOTOS = 20  # per order


class ContractorStep(BaseModel):
    state: Literal[OrderState.WORKING, OrderState.PARTS, OrderState.VERIFYING, OrderState.REFUSED]
    text: str = Field("", max_length=400)
    cost: Yuan | None = None


class OwnCostBody(BaseModel):
    cost: Yuan


class PhotoReply(BaseModel):
    photo: int


@routes.add("GET", "/api/contractor/orders", Permission.ORDER_OWN, reply=list[OwnOrder])
async def own_orders(c: Context) -> list[OwnOrder]:
    """This company's orders: open ones, and those closed within 30 days."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        rows = await order_queries.of_vendor(session, _company(c), c.identity.villages, now)
        numbers = [o.id for o in rows]
        cameras = await lookup.cameras_by_id(session, [o.camera for o in rows])
        villages = {v.code: v.name for v in await lookup.villages(session)}
        photos = await order_queries.photos_by_order(session, numbers)
        with_still = await fault_queries.orders_with_picture(session, numbers)
    return [
        own_order_view(
            o,
            now,
            camera=cameras.get(o.camera or ""),
            villages=villages,
            photos=photos.get(o.id, []),
            with_still=with_still,
        )
        for o in rows
    ]


@routes.add("POST", "/api/contractor/orders/{order}/move", Permission.ORDER_OWN, body=ContractorStep, reply=Done)
async def own_step(c: Context[None, ContractorStep]) -> None:
    """Move an own order: work begun, waiting for parts, repaired, or refused with a reason.

    After "verifying", the station's own inspections decide whether the fault is gone.
    """
    async with c.services.database.session() as session:
        order = await _own(session, c)
        await orders.move(
            session, order.id, c.body.state, c.services.clock.now(), c.identity.name, text=c.body.text, cost=c.body.cost
        )


@routes.add("POST", "/api/contractor/orders/{order}/cost", Permission.ORDER_OWN, body=OwnCostBody, reply=Done)
async def own_cost(c: Context[None, OwnCostBody]) -> None:
    """Enter or correct the cost of an own order while the station still shows it."""
    async with c.services.database.session() as session:
        order = await _own(session, c)
        await orders.set_cost(session, order, c.body.cost, c.services.clock.now(), c.identity.name)


@routes.add("POST", "/api/contractor/orders/{order}/photo", Permission.ORDER_OWN, reply=PhotoReply)
async def add_photo(c: Context) -> PhotoReply:
    """Add a photo of the repair (a JPEG or PNG as the body); it is re-encoded without its metadata."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        order = await _own(session, c)
        photos = (await order_queries.photos_by_order(session, [order.id])).get(order.id, [])
    if len(photos) >= MAX_PHOTOS:
        raise ConflictError(
            f"an order can have at most {MAX_PHOTOS} photos", ErrorCode.TOO_MANY_PHOTOS, limit=MAX_PHOTOS
        )
    content = await c.services.uploads.reencode(c.request, c.identity.user_id, MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS)
    path = f"orders/{order.id}/{now:%Y%m%dT%H%M%S%f}.jpg"
    await picture_files.write(c.services.data_dir, path, content)
    async with c.services.database.session() as session:
        return PhotoReply(photo=await order_queries.add_photo(session, now, c.identity.name, order.id, path))


@routes.add("GET", "/api/contractor/orders/{order}/photos/{photo}", Permission.ORDER_OWN, kind=ReplyKind.FILE)
async def own_photo(c: Context) -> web.Response:
    """A photo of an own order."""
    async with c.services.database.reading() as session:
        order = await _own(session, c)
        photo = await order_queries.photo(session, order.id, c.number("photo"))
    await c.audit_view(
        AuditAction.ORDER_PHOTO_VIEW, str(order.id), reason=f"order {order.id}", village=order.village, order=order.id
    )
    return await picture_files.picture(c.services.data_dir, photo.path)


@routes.add("GET", "/api/contractor/orders/{order}/still", Permission.ORDER_OWN, kind=ReplyKind.FILE)
async def still(c: Context) -> web.Response:
    """The picture that shows the fault: 192 pixels wide, private areas covered. Every view leaves an audit row."""
    now = c.services.clock.now()
    async with c.services.database.session() as session:
        order = await _own(session, c)
        fault = await fault_queries.with_picture(session, order.id)
        camera = await session.get(Camera, fault.camera) if fault is not None else None
        if fault is None or camera is None:
            raise NotFoundError("there is no picture of this fault", ErrorCode.FAULT_PICTURE_MISSING)
        await audit_trail.record(
            session,
            now,
            c.identity.name,
            AuditAction.ORDER_STILL,
            str(order.id),
            reason=f"order {order.id}",
            camera=camera.id,
            village=camera.village,
            by_session=c.identity.session,
        )
        masks = camera.profile.get("masks") or []
    jpeg = await asyncio.to_thread(picture_files.read, c.services.data_dir, str(fault.picture))
    small = await c.services.decode_pool.run(masked, jpeg, masks)
    return web.Response(body=small, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _company(c: AnyContext) -> str:
    if not c.identity.vendor:
        raise ForbiddenError("this account has no company (vendor)", ErrorCode.ACCOUNT_HAS_NO_COMPANY)
    return c.identity.vendor


async def _own(session: AsyncSession, c: AnyContext) -> WorkOrder:
    """Return the order of the path, if it is the company's own and still shown. Raises NotFoundError."""
    now, scope = c.services.clock.now(), c.identity.villages
    return await order_queries.one_of_vendor(session, c.number("order"), _company(c), scope, now)
