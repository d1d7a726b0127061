"""Routes for work orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from health import order_queries, orders, vendors
from health.faults import fault_queries
from health.order_queries import OrderFilter
from health.tables import WorkOrder
from health.vocabulary import OrderState
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import view_reason
from web.views.orders import OrderFile, OrderView, Yuan, note_view, order_fault_view, order_view
from web.work.picture_files import picture

routes = RouteTable()


class OrderQuery(BaseModel):
    state: OrderState | None = None
    over: bool = Field(False, description="Closed and merged orders instead of the open ones")
    vendor: str | None = None
    village: str | None = None
    camera: str | None = None
    start: datetime | None = Field(None, description="Created at or after this time")
    end: datetime | None = Field(None, description="Created before this time")
    text: str | None = Field(None, max_length=80, description="Part of title, company or assignee")
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class CreateBody(BaseModel):
    faults: list[int] = Field(min_length=1, max_length=500)
    vendor: str = Field("", max_length=80)
    assignee: str = Field("", max_length=60)
    text: str = Field("", max_length=400)


class OrderMoveBody(BaseModel):
    orders: list[int] = Field(min_length=1, max_length=500)
    state: OrderState
    vendor: str = Field("", max_length=80)
    assignee: str = Field("", max_length=60)
    text: str = Field("", max_length=400)
    cost: Yuan | None = None
    into: int | None = None


class CostBody(BaseModel):
    cost: Yuan
    text: str = Field("", max_length=400, description="Why it is entered now or corrected")


@routes.add("GET", "/api/orders", Permission.PATROL_VIEW, query=OrderQuery, reply=list[OrderView])
async def list_orders(c: Context[OrderQuery]) -> list[OrderView]:
    """Work orders, newest first; the open ones unless `state` or `over` says otherwise."""
    q = c.query
    wanted = OrderFilter(q.state, q.over, q.vendor, q.village, q.camera, q.start, q.end, q.text)
    async with c.services.database.reading() as session:
        rows = await order_queries.page(session, c.identity.villages, wanted, before=q.before, limit=q.limit)
        return await _views(c, session, rows)


@routes.add("GET", "/api/orders/{order}", Permission.PATROL_VIEW, reply=OrderFile)
async def order_file(c: Context) -> OrderFile:
    """One work order with its notes, photos and faults."""
    async with c.services.database.reading() as session:
        (order,) = await order_queries.by_numbers(session, [c.number("order")], c.identity.villages)
        notes = await order_queries.notes(session, order.id)
        photos = (await order_queries.photos_by_order(session, [order.id])).get(order.id, [])
        faults = await order_queries.faults_of(session, order.id)
        (view,) = await _views(c, session, [order])
    return OrderFile(
        order=view,
        notes=[note_view(n) for n in notes],
        photos=photos if c.identity.may(Permission.LIVE_VIEW) else [],
        faults=[order_fault_view(f) for f in faults],
    )


@routes.add("GET", "/api/orders/{order}/photos/{photo}", Permission.LIVE_VIEW, kind=ReplyKind.FILE)
async def order_photo(c: Context) -> web.Response:
    """A photo that the contractor took of the repair; needs a stated purpose once the order is closed.

    While the order is open, the order itself is the reason in the audit row.
    """
    async with c.services.database.reading() as session:
        (order,) = await order_queries.by_numbers(session, [c.number("order")], c.identity.villages)
        photo = await order_queries.photo(session, order.id, c.number("photo"))
    why = view_reason(c, f"order {order.id}", running=order.state in orders.RUNNING)
    await c.audit_view(AuditAction.ORDER_PHOTO_VIEW, str(order.id), reason=why, village=order.village, order=order.id)
    return await picture(c.services.data_dir, photo.path)


@routes.add("POST", "/api/orders", Permission.PATROL_RUN, body=CreateBody, reply=list[OrderView])
async def create_orders(c: Context[None, CreateBody]) -> list[OrderView]:
    """Create orders for faults: one per camera, and one for an up-link with all its cameras."""
    now, zone = c.services.clock.now(), c.services.zone
    request = orders.OrderRequest(c.body.vendor, c.body.assignee, c.body.text)
    async with c.services.database.session() as session:
        await vendors.check_listed(session, c.body.vendor)
        faults = await fault_queries.by_numbers(session, c.body.faults, c.identity.villages)
        created = await orders.create(session, faults, now, c.identity.name, zone, request)
        return await _views(c, session, created)


@routes.add("POST", "/api/orders/move", Permission.PATROL_RUN, body=OrderMoveBody, reply=list[OrderView])
async def move_orders(c: Context[None, OrderMoveBody]) -> list[OrderView]:
    """Move one or several orders to another state; all of them or none. "assigned" names a company of the list."""
    now, body = c.services.clock.now(), c.body
    async with c.services.database.session() as session:
        await vendors.check_listed(session, body.vendor)
        wanted = await order_queries.by_numbers(session, body.orders, c.identity.villages)
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
        return await _views(c, session, moved)


@routes.add("POST", "/api/orders/{order}/cost", Permission.PATROL_RUN, body=CostBody, reply=OrderView)
async def set_order_cost(c: Context[None, CostBody]) -> OrderView:
    """Enter or correct the cost of a repair, also of a closed order."""
    async with c.services.database.session() as session:
        (order,) = await order_queries.by_numbers(session, [c.number("order")], c.identity.villages)
        now = c.services.clock.now()
        await orders.set_cost(session, order, c.body.cost, now, c.identity.name, c.body.text)
        (view,) = await _views(c, session, [order])
        return view


async def _views(c: AnyContext, session: AsyncSession, rows: Sequence[WorkOrder]) -> list[OrderView]:
    cameras = await lookup.cameras_by_id(session, [o.camera for o in rows])
    now, watched = c.services.clock.now(), timedelta(minutes=c.services.settings.orders.verification_minutes)
    return [order_view(o, now, cameras.get(o.camera or ""), watched) for o in rows]
