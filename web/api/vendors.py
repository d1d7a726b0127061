"""Routes for the list of maintenance companies with their contacts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from core.accounts.permissions import Permission
from core.error_codes import ErrorCode
from core.errors import ForbiddenError
from health import vendors
from web.framework.context import Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()


class VendorBody(BaseModel):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    contact: str = Field("", max_length=60, description="Person to call")
    phone: str = Field("", max_length=40, pattern=r"^[0-9+() -]*$")
    note: str = Field("", max_length=400)
    active: bool = True


class VendorView(BaseModel):
    name: str
    contact: str
    phone: str
    note: str
    active: bool = Field(description="It may get new orders")
    cameras: int = Field(description="Cameras that it maintains, in the account's villages")
    open_orders: int = Field(description="Its open orders, in the account's villages")
    account: bool = Field(description="A contractor's account belongs to it, so it sees its orders")


@routes.add("GET", "/api/vendors", Permission.PATROL_VIEW, reply=list[VendorView])
async def list_vendors(c: Context) -> list[VendorView]:
    """Companies that orders may name, with their contacts."""
    async with c.services.database.reading() as session:
        found = await vendors.listed(session, c.identity.villages)
    return [VendorView(**asdict(v)) for v in found]


@routes.add("POST", "/api/vendors", Permission.PATROL_RUN, body=VendorBody, reply=Done)
async def save_vendor(c: Context[None, VendorBody]) -> None:
    """Add a company or change its contacts; the list is the whole town's. Audited."""
    if c.identity.villages is not None:
        raise ForbiddenError(
            "only an account of the whole town may change the list of companies", ErrorCode.TOWN_ACCOUNT_REQUIRED
        )
    now, body = c.services.clock.now(), c.body
    async with c.services.database.session() as session:
        await vendors.save(
            session, now, c.identity.name, body.name, contact=body.contact, phone=body.phone, note=body.note,
            active=body.active,
        )  # fmt: skip
