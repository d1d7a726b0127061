"""Routes for the shell of the console: the tree of villages and cameras, and the figures of its status bar."""

from __future__ import annotations

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from cameras.registry import acceptance, lookup
from cases.alerts import alerts
from cases.watch import subjects
from core import events
from core.accounts.permissions import Permission
from health import camera_states, order_queries
from health.camera_states import CameraState
from health.faults import fault_queries
from web.framework.context import Context
from web.framework.routing import RouteTable
from web.views.tree import Tree, tree_view

routes = RouteTable()


class RecordingSummary(BaseModel):
    recorded: int = Field(description="Cameras whose main stream is recorded now")
    total: int = Field(description="Cameras in use")
    unknown: int = Field(description="Cameras of which nobody reports anything; never counted as recorded")
    faults: int = Field(description="Open faults, those of villages and switches included")


class Summary(BaseModel):
    position: int = Field(description="Follow /api/events after this id")
    counts: dict[CameraState, int] = Field(description="Number of cameras in each state that occurs")
    recording: RecordingSummary
    open_alerts: int | None = Field(description="Alerts on which somebody must act; null: not for this account")
    watch_proposals: int | None = Field(description="Subjects waiting for approval; null: not for this account")
    acceptances: int | None = Field(description="Cameras waiting for the second signature; null: not for this account")
    open_orders: int | None = Field(description="Work orders that run; null: not for this account")
    late_orders: int | None = Field(description="Of these, past the time to repair; null: not for this account")


@routes.add("GET", "/api/tree", Permission.CAMERA_VIEW, reply=Tree)
async def tree(c: Context) -> Tree | web.Response:
    """Villages with their cameras and the announced state of each; 304 for the version named in If-None-Match.

    A page loads it once and then follows the events `camera.state` after `position`: `states` (camera → state),
    `gone` (cameras taken out of use), `counts` (state → cameras of the village) and `recorded`. It loads the tree again
    after `inventory.applied`, `camera.changed` and `events.skipped`.
    """
    scope = c.identity.villages
    async with c.services.database.reading() as session:
        position = await events.last_id(session)
        villages = await lookup.villages(session, scope)
        cameras = await lookup.camera_summaries(session, scope)
        states = await camera_states.stored_states(session, scope)
        faults = await fault_queries.open_families(session)
    view = tree_view(villages, cameras, states, faults, position)
    tag = f'"{view.version}"'
    headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: "no-store"}
    if tag in [t.strip().removeprefix("W/") for t in c.request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")]:
        return web.Response(status=304, headers=headers)
    return web.Response(text=view.model_dump_json(), content_type="application/json", headers=headers)


@routes.add("GET", "/api/summary", Permission.CAMERA_VIEW, reply=Summary)
async def summary(c: Context) -> Summary:
    """What the status bar shows: recording, open faults, and what waits for this account."""
    scope, now, may = c.identity.villages, c.services.clock.now(), c.identity.may
    async with c.services.database.reading() as session:
        position = await events.last_id(session)
        in_use = await lookup.cameras_per_village(session)
        states = await camera_states.stored_states(session, scope)
        faults = sum(n for village, _, _, n in await fault_queries.open_counts(session) if _sees(c, village))
        orders = await order_queries.open_and_late(session, scope, now) if may(Permission.PATROL_VIEW) else None
        open_alerts = await alerts.count_running(session, scope) if may(Permission.ALERT_VIEW) else None
        proposals = await subjects.count_proposed(session, scope, now) if may(Permission.WATCH_APPROVE) else None
        waiting = await acceptance.count_waiting(session, scope) if may(Permission.CAMERA_ACCEPT) else None
    total = sum(n for village, n in in_use.items() if _sees(c, village))
    counts = dict.fromkeys(CameraState, 0)
    for judged in states.values():
        counts[judged.state] += 1
    counts[CameraState.UNKNOWN] += max(total - len(states), 0)
    return Summary(
        position=position,
        counts={state: n for state, n in counts.items() if n},
        recording=RecordingSummary(
            recorded=sum(j.recorded for j in states.values()),
            total=total,
            unknown=counts[CameraState.UNKNOWN],
            faults=faults,
        ),
        open_alerts=open_alerts,
        watch_proposals=proposals,
        acceptances=waiting,
        open_orders=orders[0] if orders else None,
        late_orders=orders[1] if orders else None,
    )


def _sees(c: Context, village: str | None) -> bool:
    return c.identity.sees_village(village)
