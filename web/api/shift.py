"""Routes for the duty desk: who has the shift, what changed in it, taking it over, notes (journey O1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts import notices
from cases.shifts import decisions, handover, shift_log
from cases.shifts.handover import Excerpt
from cases.shifts.shift_log import Officer
from cases.units import reachability
from cases.units.reachability import UnreachableOfficer
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.errors import SettingsError
from core.notify import configuration
from core.notify.vocabulary import ChannelKind
from core.settings import Settings
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.views.shift import DecisionsView, HandoverView, OnDutyView, ShiftNoteView, ShiftView, note_view, shift_view

routes = RouteTable()

MAX_NOTE = 1000


class ChangesOf(StrEnum):
    """Whose changes are listed: of the present shift, or of the one before it too."""

    CURRENT = "current"
    PREVIOUS = "previous"


class HandoverQuery(BaseModel):
    changes: ChangesOf = ChangesOf.CURRENT


class TakeOverBody(BaseModel):
    seen: int | None = Field(description="Number of the shift that was shown as the present one; null: none")
    note: str = Field("", max_length=MAX_NOTE)


class NoteBody(BaseModel):
    text: str = Field(min_length=1, max_length=MAX_NOTE)


@routes.add("GET", "/api/shift", Permission.PATROL_VIEW, query=HandoverQuery, reply=HandoverView)
async def handover_of_the_shift(c: Context[HandoverQuery]) -> HandoverView:
    """The present and the previous shift, what changed in it, and what waits for a decision."""
    now, scope = c.services.clock.now(), c.identity.villages
    await c.audit_view(AuditAction.SHIFT_VIEW, "handover")
    kinds = await asyncio.to_thread(_channels_of_alerts, c.services.settings)
    async with c.services.database.reading() as session:
        current, previous = await shift_log.last_two(session)
        notes = await shift_log.notes(session, [s.id for s in (current, previous) if s is not None])
        begin = previous if c.query.changes is ChangesOf.PREVIOUS and previous is not None else current
        since = handover.looked_back_to(begin.since if begin is not None else None, now)
        station = await handover.station_handover(session, c.services.settings.retention, scope, since, now)
        town = scope is None
        views = [None if s is None else shift_view(s, notes.get(s.id, ()), town=town) for s in (current, previous)]
        return HandoverView(
            current=views[0],
            previous=views[1],
            may_take_over=town and c.identity.may(Permission.PATROL_RUN),
            changes_since=since,
            station=station,
            alerts=await decisions.open_alerts(session, scope, now) if c.identity.may(Permission.ALERT_VIEW) else None,
            unreachable=await _unreachable(c, session, kinds) if c.identity.may(Permission.ALERT_VIEW) else None,
            decisions=await _decisions(c, session),
            holds_ending=(
                await decisions.ending_holds(session, scope, now) if c.identity.may(Permission.CASE_VIEW) else None
            ),
        )


def _channels_of_alerts(settings: Settings) -> list[ChannelKind]:
    """Return the channels of alerts that the station has; none where it cannot use its file. Blocking."""
    try:
        described = configuration.load_if_there(settings.notify.channels).channels
    except SettingsError:
        return []
    return [kind for kind in notices.ESCALATION if kind in described]


async def _unreachable(
    c: AnyContext, session: AsyncSession, kinds: Sequence[ChannelKind]
) -> Excerpt[UnreachableOfficer]:
    now, scope = c.services.clock.now(), c.identity.villages
    found = await reachability.unreachable_on_duty(session, now, scope, kinds)
    return Excerpt(len(found), found[: handover.SHOWN])


async def _decisions(c: AnyContext, session: AsyncSession) -> DecisionsView:
    now, scope = c.services.clock.now(), c.identity.villages
    may_see = c.identity.may(Permission.CASE_VIEW)
    return DecisionsView(
        proposals=await decisions.proposals(session, scope, now) if may_see else None,
        acceptances=await decisions.acceptances(session, scope),
        moves=await decisions.moves(session, scope),
    )


@routes.add("GET", "/api/shift/current", Permission.PATROL_VIEW, reply=OnDutyView)
async def on_duty(c: Context) -> OnDutyView:
    """Who has the duty desk now."""
    async with c.services.database.reading() as session:
        current, _ = await shift_log.last_two(session)
    return OnDutyView(shift=None if current is None else shift_view(current, town=c.identity.villages is None))


@routes.add("POST", "/api/shift/take-over", Permission.PATROL_RUN, body=TakeOverBody, reply=ShiftView)
async def take_over(c: Context[None, TakeOverBody]) -> ShiftView:
    """Sign the take-over of the shift. Refused if somebody else signed meanwhile. States no purpose."""
    async with c.services.database.session() as session:
        row = await shift_log.take_over(session, c.services.clock.now(), _officer(c), c.body.seen, c.body.note)
    return shift_view(row, town=True)


@routes.add("POST", "/api/shift/note", Permission.PATROL_RUN, body=NoteBody, reply=ShiftNoteView)
async def add_note(c: Context[None, NoteBody]) -> ShiftNoteView:
    """Add a note to the present shift, for the next officer."""
    async with c.services.database.session() as session:
        row = await shift_log.add_note(session, c.services.clock.now(), _officer(c), c.body.text)
    return note_view(row)


def _officer(c: AnyContext) -> Officer:
    who = c.identity
    return Officer(who.name, who.display_name or who.name, who.villages)
