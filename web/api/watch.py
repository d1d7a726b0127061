"""Routes for the watch list: preview, propose, decide, renew, change, end, look back."""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup, registry
from cases.register import case_files
from cases.tables import WatchSubject
from cases.watch import examples, expected, false_alarms, proposals, subjects, watched
from cases.watch.false_alarms import CameraRate
from cases.watch.proposals import MAX_THRESHOLD, MIN_THRESHOLD
from cases.watch.subject_words import SubjectWords, words_of
from cases.watch.watched import WatchedSubject
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from search.query.chips import ChipKind
from search.query.filters import CameraScope
from search.query.similar import MIN_EXAMPLE_SIMILARITY
from search.query.unseen import Unseen, unseen
from search.store import camera_numbers
from web.api.cases import EndBody
from web.api.search_results import record_query, sighting_views
from web.api.watch_examples import send_example
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, ReplyKind, RouteTable
from web.views.cases import SubjectView, subject_view
from web.views.search import unseen_view
from web.views.watch import CameraAlerts, ExpectedAlertsView

routes = RouteTable()

BUSIEST_CAMERAS = 5


class WantedBody(SubjectWords):
    """Whom to look for, and where."""

    villages: list[str] | None = Field(None, max_length=200, description="Null: the whole town")
    examples: list[int] = Field(
        default_factory=list, max_length=examples.MAX_EXAMPLES, description="Example pictures, chosen before"
    )
    threshold: float = Field(
        MIN_EXAMPLE_SIMILARITY, ge=MIN_THRESHOLD, le=MAX_THRESHOLD, description="Least cosine to one of the examples"
    )

    def words(self) -> SubjectWords:
        return SubjectWords.model_validate(self.restrictions())


class SubjectBody(WantedBody):
    case: int
    title: str = Field(min_length=1, max_length=120)
    reason: str = Field(min_length=2, max_length=400)
    expires_at: datetime


class ThresholdBody(BaseModel):
    threshold: float = Field(ge=MIN_THRESHOLD, le=MAX_THRESHOLD)


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
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        rows = await subjects.newest(session, scope)
        numbers = [r.id for r in rows]
        shown = await examples.of_subjects(session, numbers)
        judged: dict[int, list[CameraRate]] = {}
        for one in await false_alarms.rates(session, numbers, scope):
            judged.setdefault(one.subject, []).append(one)
        known = await case_files.visible_numbers(session, scope)
    return [
        subject_view(r, shown.get(r.id, ()), judged.get(r.id, ()), scope, now, knows_case=r.case in known) for r in rows
    ]


@routes.add("POST", "/api/watch/preview", Permission.WATCH_PROPOSE, body=WantedBody, reply=ExpectedAlertsView)
async def preview_watch(c: Context[None, WantedBody]) -> ExpectedAlertsView:
    """What a subject would have given in the last 24 hours, before it is proposed; needs a stated purpose."""
    body, reason, words = c.body, c.purpose, c.body.words()
    async with c.services.database.session() as session:
        await _check_places(c, session, body)
        shown = await examples.waiting(session, c.identity.name, body.examples)
        row = proposals.draft(words, body.villages, body.threshold)
        where = await watched.scope_of(session, [words])
        draft = watched.compiled(where, row, c.services.zone, shown)
        await record_query(session, c, AuditAction.WATCH_EXPECTED, body, reason)
    return await _expected(c, draft, where)


@routes.add("POST", "/api/watch", Permission.WATCH_PROPOSE, body=SubjectBody, reply=SubjectView)
async def propose_watch(c: Context[None, SubjectBody]) -> SubjectView:
    """Propose a subject for the watch list; a second person decides."""
    body, who, words = c.body, c.identity, c.body.words()
    never = [u.value for u in await _unseen(c, words) if u.kind in _NEVER_MATCHED]
    if never:
        raise UsageError(
            f"no installed model pack tells '{never[0]}', so nothing would ever match it",
            ErrorCode.SUBJECT_WORD_UNSEEN,
            value=never[0],
        )
    async with c.services.database.session() as session:
        await _check_places(c, session, body)
        row = await proposals.propose(
            session, c.services.clock.now(), who.name, case=body.case, title=body.title, words=words,
            villages=body.villages, reason=body.reason, expires_at=body.expires_at,
            shown=await examples.waiting(session, who.name, body.examples), threshold=body.threshold,
            scope=who.villages,
        )  # fmt: skip
        return await _view(c, session, row)


@routes.add("GET", "/api/watch/{subject}/picture", Permission.CASE_VIEW, kind=ReplyKind.FILE)
async def watch_picture(c: Context) -> web.Response:
    """JPEG of the subject's first example, as `GET /api/watch/examples/{example}`."""
    async with c.services.database.reading() as session:
        row = await subjects.subject_of(session, c.number("subject"), c.identity.villages)
        shown = (await examples.of_subjects(session, [row.id])).get(row.id)
    if not shown:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    return await send_example(c, shown[0])


@routes.add("GET", "/api/watch/{subject}/expected", Permission.WATCH_APPROVE, reply=ExpectedAlertsView)
async def expected_alerts(c: Context) -> ExpectedAlertsView:
    """What the subject would have given in the last 24 hours, for whoever may decide about it."""
    async with c.services.database.reading() as session:
        row = await proposals.for_decision(session, c.number("subject"), c.identity.villages, "count its alerts")
        where = await watched.scope_of(session, [words_of(row)])
        shown = (await examples.of_subjects(session, [row.id])).get(row.id, ())
        draft = watched.compiled(where, row, c.services.zone, shown)
    await c.audit_view(AuditAction.WATCH_EXPECTED, str(row.id), reason=c.identity.purpose or row.reason)
    return await _expected(c, draft, where)


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
        return await _view(c, session, row)


@routes.add("POST", "/api/watch/{subject}/end", Permission.ALERT_CONFIRM, body=EndBody, reply=SubjectView)
async def end_watch(c: Context[None, EndBody]) -> SubjectView:
    """Take a subject off the watch list before it expires: it was found, or is no longer wanted."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        row = await proposals.end_subject(session, now, who.name, c.number("subject"), c.body.reason, who.villages)
        return await _view(c, session, row)


@routes.add("POST", "/api/watch/{subject}/renew", Permission.WATCH_APPROVE, body=RenewBody, reply=SubjectView)
async def renew_watch(c: Context[None, RenewBody]) -> SubjectView:
    """Extend a subject's stay on the watch list, to at most 30 days from now."""
    now, who, until = c.services.clock.now(), c.identity, c.body.expires_at
    async with c.services.database.session() as session:
        row = await proposals.renew(session, now, who.name, c.number("subject"), until, c.body.reason, who.villages)
        return await _view(c, session, row)


@routes.add("POST", "/api/watch/{subject}/threshold", Permission.ALERT_CONFIRM, body=ThresholdBody, reply=SubjectView)
async def set_threshold(c: Context[None, ThresholdBody]) -> SubjectView:
    """Change how alike a sighting must be to an example. Raising it restricts; lowering it needs an approver."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        row = await proposals.set_threshold(
            session, now, who.name, c.number("subject"), c.body.threshold,
            approver=who.may(Permission.WATCH_APPROVE), scope=who.villages,
        )  # fmt: skip
        return await _view(c, session, row)


@routes.add("POST", "/api/watch/{subject}/look-back", Permission.ALERT_CONFIRM, body=LookBackBody, reply=Done)
async def look_back(c: Context[None, LookBackBody]) -> None:
    """Search for a subject among the sightings of the last hours as well.

    The request waits for the matcher (`look_back_waits`). What it finds becomes alerts that a person must confirm.
    """
    async with c.services.database.session() as session:
        await proposals.look_back(
            session, c.services.clock.now(), c.identity.name, c.number("subject"), c.body.hours, c.identity.villages
        )


# Words that would let a subject match nothing at all; a class that is not told finds what is told more generally.
_NEVER_MATCHED = (ChipKind.ATTRIBUTE, ChipKind.LACKING, ChipKind.PLATE)


async def _unseen(c: AnyContext, words: SubjectWords) -> list[Unseen]:
    known = await asyncio.to_thread(c.services.search_abilities)
    return [] if known is None else list(unseen(words.as_filter(), known))


async def _check_places(c: AnyContext, session: AsyncSession, body: WantedBody) -> None:
    """Raise for villages and cameras outside the account's scope, in the words of what does not exist."""
    scope = c.identity.villages
    proposals.check_scope(body.villages, scope)
    await registry.check_villages(session, body.villages or [], scope)
    if body.cameras:
        known = {k.id for k in await lookup.all_cameras(session, scope)}
        if outside := [k for k in body.cameras if k not in known]:
            raise NotFoundError("there is no such camera", ErrorCode.CAMERA_NOT_FOUND, camera=outside[0])


async def _expected(c: AnyContext, draft: WatchedSubject, where: CameraScope) -> ExpectedAlertsView:
    """Count what a subject would have given; its pictures only under a stated purpose."""
    async with c.services.database.reading() as session:
        packs = await camera_numbers.packs(session)
    store, now = c.services.sighting_store, c.services.clock.now()
    found = await c.services.search_executor.run(expected.count, store, draft, now, where.places, packs)
    may_look = bool(c.identity.purpose) and c.identity.may(Permission.SEARCH)
    words = words_of(draft.subject)
    return ExpectedAlertsView(
        alerts=found.alerts.total(), per_day=found.per_day(now), sightings=found.sightings, since=found.since,
        complete=found.complete, observed=found.observed, cameras=found.cameras,
        without_azimuth=watched.without_azimuth(draft, where) if words.heading else 0,
        by_camera=[CameraAlerts(camera=x, alerts=n) for x, n in found.alerts.most_common(BUSIEST_CAMERAS)],
        newest=await sighting_views(c, found.newest) if may_look else [],
        unseen=[unseen_view(u) for u in await _unseen(c, words)],
    )  # fmt: skip


async def _view(c: AnyContext, session: AsyncSession, r: WatchSubject) -> SubjectView:
    shown = (await examples.of_subjects(session, [r.id])).get(r.id, ())
    judged = await false_alarms.rates(session, [r.id], c.identity.villages)
    return subject_view(r, shown, judged, c.identity.villages, c.services.clock.now())
