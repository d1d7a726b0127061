"""Routes for muting a subject on a camera for the rest of the day: proposals, and what an officer decides."""

from __future__ import annotations

from pydantic import BaseModel

from cases.tables import WatchMuting
from cases.watch import false_alarms
from core.accounts.permissions import Permission
from web.framework.context import Context
from web.framework.routing import Done, RouteTable
from web.views.watch import MutingView

routes = RouteTable()


class MutingBody(BaseModel):
    accept: bool


@routes.add("GET", "/api/watch/mutings", Permission.ALERT_CONFIRM, reply=list[MutingView])
async def list_mutings(c: Context) -> list[MutingView]:
    """Cameras on which a subject gave three false alarms today: proposed for muting, or muted until the day ends."""
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        rows = await false_alarms.current_mutings(session, now, scope)
    return [_view(m, title) for m, title in rows]


@routes.add("POST", "/api/watch/mutings/{muting}", Permission.ALERT_CONFIRM, body=MutingBody, reply=Done)
async def decide_muting(c: Context[None, MutingBody]) -> None:
    """Mute the subject on that camera until the day ends, or dismiss the proposal."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        await false_alarms.decide_muting(
            session, now, who.name, c.number("muting"), accept=c.body.accept, scope=who.villages
        )


def _view(m: WatchMuting, title: str) -> MutingView:
    return MutingView(
        id=m.id, subject=m.subject, title=title, camera=m.camera, village=m.village, false_alarms=m.false_alarms,
        state=m.state, decided_by=m.decided_by, ends_at=m.ends_at,
    )  # fmt: skip
