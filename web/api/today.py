"""Route for the table of the page Today (今日): one row for each village."""

from __future__ import annotations

from aiohttp import web

from core.accounts.permissions import Permission
from reports.today import TownToday
from web.framework.context import Context
from web.framework.routing import RouteTable

routes = RouteTable()


@routes.add("GET", "/api/today/villages", Permission.PATROL_VIEW, reply=TownToday)
async def villages_today(c: Context) -> web.Response:
    """Each village's cameras, open faults, rates of today and the last days, and last patrol; at most a minute old."""
    body = await c.services.today_tables.json(
        c.services.database, c.identity.villages, c.services.clock.now(), c.services.zone
    )
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})
