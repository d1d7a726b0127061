"""Routes for the watch list: propose, decide, renew, end, look back."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import registry
from cases.register import case_files
from cases.tables import SubjectState, WatchSubject
from cases.watch import expected, proposals, subjects
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.errors import NotFoundError
from search.query.similar import MIN_EXAMPLE_SIMILARITY
from search.store import camera_numbers
from search.store.vectors import quantise
from search.vocabulary import ClassWord, ColourWord
from web.api.cases import EndBody
from web.api.search_results import picture_of, sighting_vector
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, ReplyKind, RouteTable
from web.policy import view_reason, visible_sighting
from web.views.cases import CameraAlerts, ExpectedAlertsView, SubjectView, subject_view
from web.work import picture_files

routes = RouteTable()

log = logging.getLogger(__name__)

BUSIEST_CAMERAS = 5


class SubjectBody(BaseModel):
    case: int
    title: str = Field(min_length=1, max_length=120)
    cls: ClassWord
    upper: ColourWord | None = None
    lower: ColourWord | None = None
    villages: list[str] | None = Field(None, max_length=200, description="Null: the whole town")
    reason: str = Field(min_length=2, max_length=400)
    expires_at: datetime
    sighting: str | None = Field(None, max_length=20, description="Id of an example sighting, beside class and colours")


class DecisionBody(BaseModel):
    approve: bool
    auto_dispatch: bool = False


class LookBackBody(BaseModel):
    hours: float = Field(gt=0, le=24)


class RenewBody(BaseModel):
    expires_at: datetime
    reason: str = Field(min_length=2, max_length=400)


@routes.add("GET", "/api/watch", Permission.CASE_VIEW, reply=list[SubjectView])
async def list_watch(c: Context) -> list[SubjectView]:
    """Subjects of the watch list, newest first."""
    await c.audit_view(AuditAction.WATCH_LIST, "watch list")
    async with c.services.database.reading() as session:
        rows = await subjects.newest(session, c.identity.villages)
        known = await case_files.visible_numbers(session, c.identity.villages)
    return [_view(c, r, knows_case=r.case in known) for r in rows]


@routes.add("POST", "/api/watch", Permission.WATCH_PROPOSE, body=SubjectBody, reply=SubjectView)
async def propose_watch(c: Context[None, SubjectBody]) -> SubjectView:
    """Propose a subject for the watch list; a second person decides."""
    body, who = c.body, c.identity
    example = await _example(c, body.sighting) if body.sighting else None
    picture = await _keep_picture(c, body.sighting) if body.sighting else ""
    async with c.services.database.session() as session:
        await registry.check_villages(session, body.villages or [], who.villages)
        row = await proposals.propose(
            session, c.services.clock.now(), who.name, case=body.case, title=body.title, cls=body.cls,
            upper=body.upper, lower=body.lower, villages=body.villages, reason=body.reason, expires_at=body.expires_at,
            example=example, picture=picture, scope=who.villages,
        )  # fmt: skip
        return _view(c, row)


@routes.add("GET", "/api/watch/{subject}/picture", Permission.CASE_VIEW, kind=ReplyKind.FILE)
async def watch_picture(c: Context) -> web.Response:
    """JPEG of the subject's example, for accounts that see its case; needs a stated purpose once the subject is over.

    While it is proposed or looked for, its own number and case are the reason in the audit row.
    """
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        row = await subjects.subject_of(session, c.number("subject"), scope)
        case = (await case_files.case_of(session, row.case, scope)).number
    running = row.shown_state(now) in (SubjectState.PROPOSED, SubjectState.ACTIVE)
    why = view_reason(c, f"watch {row.id}, case {case}", running=running)
    await c.audit_view(AuditAction.WATCH_PICTURE, str(row.id), reason=why, case=case)
    return await picture_files.picture(c.services.data_dir, row.picture)


@routes.add("GET", "/api/watch/{subject}/expected", Permission.WATCH_APPROVE, reply=ExpectedAlertsView)
async def expected_alerts(c: Context) -> ExpectedAlertsView:
    """How many alerts the subject would have given in the last 24 hours, for whoever may decide about it."""
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        row = await proposals.for_decision(session, c.number("subject"), scope, "count its alerts")
        places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
    store = c.services.sighting_store
    found = await c.services.search_executor.run(expected.count, store, row, now, places, packs)
    await c.audit_view(AuditAction.WATCH_EXPECTED, str(row.id), reason=c.identity.purpose or row.reason)
    return ExpectedAlertsView(
        alerts=found.alerts.total(), sightings=found.sightings, since=found.since, complete=found.complete,
        observed=found.observed,
        by_camera=[CameraAlerts(camera=x, alerts=n) for x, n in found.alerts.most_common(BUSIEST_CAMERAS)],
    )  # fmt: skip


@routes.add("POST", "/api/watch/{subject}/decision", Permission.WATCH_APPROVE, body=DecisionBody, reply=SubjectView)
async def decide_watch(c: Context[None, DecisionBody]) -> SubjectView:
    """Approve or refuse a proposed subject."""
    async with c.services.database.session() as session:
        row = await proposals.approve(
            session,
            c.services.clock.now(),
            c.identity.name,
            c.number("subject"),
            yes=c.body.approve,
            auto_dispatch=c.body.auto_dispatch,
            scope=c.identity.villages,
        )
        return _view(c, row)


@routes.add("POST", "/api/watch/{subject}/end", Permission.ALERT_CONFIRM, body=EndBody, reply=SubjectView)
async def end_watch(c: Context[None, EndBody]) -> SubjectView:
    """Take a subject off the watch list before it expires: it was found, or is no longer wanted."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        row = await proposals.end_subject(session, now, who.name, c.number("subject"), c.body.reason, who.villages)
        return _view(c, row)


@routes.add("POST", "/api/watch/{subject}/renew", Permission.WATCH_APPROVE, body=RenewBody, reply=SubjectView)
async def renew_watch(c: Context[None, RenewBody]) -> SubjectView:
    """Extend a subject's stay on the watch list, to at most 30 days from now."""
    now, who, until = c.services.clock.now(), c.identity, c.body.expires_at
    async with c.services.database.session() as session:
        row = await proposals.renew(session, now, who.name, c.number("subject"), until, c.body.reason, who.villages)
        return _view(c, row)


@routes.add("POST", "/api/watch/{subject}/look-back", Permission.ALERT_CONFIRM, body=LookBackBody, reply=Done)
async def look_back(c: Context[None, LookBackBody]) -> None:
    """Search for a subject among the sightings of the last hours as well.

    The request waits for the matcher (`look_back_waits`). What it finds becomes alerts that a person must confirm.
    """
    async with c.services.database.session() as session:
        await proposals.look_back(
            session, c.services.clock.now(), c.identity.name, c.number("subject"), c.body.hours, c.identity.villages
        )


async def _example(c: AnyContext, text: str) -> proposals.SubjectExample:
    """Return the example that a sighting gives: its vector and the model pack. Raises NotFoundError.

    Not found means: no vector, or outside the person's villages.
    """
    sighting, vector = await sighting_vector(c, text)
    async with c.services.database.reading() as session:
        pack = (await camera_numbers.packs(session)).get(sighting.embedder, "")
    return proposals.SubjectExample(quantise(vector).tobytes(), pack, MIN_EXAMPLE_SIMILARITY)


async def _keep_picture(c: AnyContext, text: str) -> str:
    """Copy a sighting's picture, which is deleted with its day; return the path, empty where there is none."""
    sighting, _ = await visible_sighting(c, text)
    name = f"watch/{sighting.id}.jpg"
    try:
        await picture_files.write(c.services.data_dir, name, await asyncio.to_thread(picture_of, c, sighting))
    except (OSError, NotFoundError) as e:
        log.error("proposing a subject without its picture: %s", e)
        return ""
    return name


def _view(c: AnyContext, r: WatchSubject, *, knows_case: bool = True) -> SubjectView:
    return subject_view(r, c.identity.villages, c.services.clock.now(), knows_case=knows_case)
