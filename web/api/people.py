"""Names of persons, so that pages show who did something by name instead of by account."""

from __future__ import annotations

from pydantic import BaseModel, Field

from core.accounts.permissions import Permission
from web.framework.context import AnyContext
from web.framework.routing import RouteTable

routes = RouteTable()


class PersonView(BaseModel):
    name: str = Field(description="Account, as rows of other answers name it")
    display_name: str


@routes.add("GET", "/api/people", Permission.PATROL_VIEW, reply=list[PersonView])
async def people(c: AnyContext) -> list[PersonView]:
    """Name of each account that shares a village with one's own, also of disabled ones: what they did remains."""
    own = c.identity.villages
    return [
        PersonView(name=u.name, display_name=u.display_name)
        for u in await c.services.accounts.list_users()
        if own is None or u.villages is None or not set(own).isdisjoint(u.villages)
    ]
