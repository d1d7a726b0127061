"""Routes for cases, the watch list and alerts."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera
from cases.alerts import alerts
from cases.register import case_files
from cases.tables import Alert, Case, WatchSubject
from cases.watch import proposals
from core.accounts.permissions import Permission
from core.accounts.scope import village_in_scope
from core.clock import from_microseconds
from core.errors import NotFoundError, UsageError
from search.store import camera_numbers
from search.store.vectors import quantised
from web.api.search import sighting_of as seen_sighting
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.work.picture_files import picture, write

routes = RouteTable()

log = logging.getLogger(__name__)

MATCHER_SILENT_AFTER = timedelta(minutes=5)  # after this a look-back that the matcher has started counts as waiting
MIN_EXAMPLE_SIMILARITY = 0.6  # cosine from which a sighting counts as similar to the example


class CaseBody(BaseModel):
    number: str = Field(min_length=1, max_length=40)
    title: str = Field(min_length=1, max_length=120)
    village: str | None = None


class CaseView(BaseModel):
    id: int
    number: str
    title: str
    village: str | None
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None


class SubjectBody(BaseModel):
    case: int
    title: str = Field(min_length=1, max_length=120)
    cls: str
    upper: str | None = None
    lower: str | None = None
    villages: list[str] | None = Field(None, max_length=200, description="Null: the whole town")
    reason: str = Field(min_length=2, max_length=400)
    expires_at: datetime
    sighting: str | None = Field(None, max_length=20, description="Id of an example sighting, beside class and colours")


class DecisionBody(BaseModel):
    approve: bool
    auto_dispatch: bool = False


class EndBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)


class LookBackBody(BaseModel):
    hours: float = Field(gt=0, le=24)


class RenewBody(BaseModel):
    expires_at: datetime
    reason: str = Field(min_length=2, max_length=400)


class SubjectView(BaseModel):
    id: int
    case: int | None = Field(description="Null, and the reason empty, where the case is outside the account's villages")
    title: str
    cls: str
    upper: str | None
    lower: str | None
    villages: list[str] | None
    reason: str
    state: str = Field(description="proposed, active, expired, refused, ended")
    proposed_by: str
    approved_by: str | None
    expires_at: datetime
    auto_dispatch: bool
    by_picture: bool
    look_back_to: datetime | None = Field(description="Start of the pending look-back; null: none")
    look_back_waits: bool = Field(description="The matcher has not started the look-back, or has paused it for minutes")


class AlertView(BaseModel):
    id: int
    title: str
    cls: str
    upper: str | None
    lower: str | None
    camera: str
    camera_name: str
    village: str
    seen_at: datetime
    state: str
    acked_by: str | None
    acked_at: datetime | None
    answer: str | None
    note: str
    has_picture: bool = Field(description="False: the picture could not be stored, or was deleted by age")


class SeenBody(BaseModel):
    camera: str = Field(max_length=40)


class AlertQuery(BaseModel):
    before: int | None = None
    limit: int = Field(50, ge=1, le=200)


class AlertConfirmBody(BaseModel):
    send: bool


class AnswerBody(BaseModel):
    result: str
    note: str = Field("", max_length=400)


@routes.add("GET", "/api/cases", Permission.CASE_VIEW, reply=list[CaseView])
async def list_cases(c: Context) -> list[CaseView]:
    """The newest 200 cases."""
    query = select(Case).where(village_in_scope(Case.village, c.identity.villages)).order_by(Case.id.desc()).limit(200)
    async with c.services.database.reading() as session:
        return [_case(r) for r in await session.scalars(query)]


@routes.add("POST", "/api/cases", Permission.CASE_MANAGE, body=CaseBody, reply=CaseView)
async def open_case(c: Context[None, CaseBody]) -> CaseView:
    """Open a case of a village.

    Without a village the case belongs to the account's only village, or to the whole town.
    """
    now, who, body = c.services.clock.now(), c.identity, c.body
    async with c.services.database.session() as session:
        await registry.check_villages(session, [body.village] if body.village is not None else [], who.villages)
        return _case(
            await proposals.open_case(session, now, who.name, body.number, body.title, body.village, who.villages)
        )


@routes.add("POST", "/api/cases/{case}/close", Permission.CASE_MANAGE, body=EndBody, reply=CaseView)
async def close_case(c: Context[None, EndBody]) -> CaseView:
    """Close a case whose subjects are off the watch list.

    Holds that name the case end within 14 days unless they are renewed.
    """
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        return _case(await case_files.close(session, now, who.name, c.number("case"), c.body.reason, who.villages))


@routes.add("GET", "/api/watch", Permission.CASE_VIEW, reply=list[SubjectView])
async def list_watch(c: Context) -> list[SubjectView]:
    """Subjects of the watch list, newest first."""
    await c.audit_view("watch.list", "watch list")
    async with c.services.database.reading() as session:
        rows = await proposals.subjects(session, c.identity.villages)
        cases = set(await session.scalars(select(Case.id).where(village_in_scope(Case.village, c.identity.villages))))
    return [_subject(r, c, known_case=r.case in cases) for r in rows]


@routes.add("POST", "/api/watch", Permission.WATCH_PROPOSE, body=SubjectBody, reply=SubjectView)
async def propose_watch(c: Context[None, SubjectBody]) -> SubjectView:
    """Propose a subject for the watch list; a second person decides."""
    if c.body.expires_at.tzinfo is None:
        raise UsageError("times need a zone, like 2026-11-21T08:00:00+08:00")
    example = await _example(c, c.body.sighting) if c.body.sighting else None
    async with c.services.database.session() as session:
        values = c.body.model_dump(exclude={"sighting"})
        await registry.check_villages(session, c.body.villages or [], c.identity.villages)
        row = await proposals.propose(
            session, c.services.clock.now(), c.identity.name, **values, example=example, scope=c.identity.villages
        )
        return _subject(row, c)


async def _example(c: AnyContext, text: str) -> proposals.SubjectExample:
    """Return the example that a sighting gives: its vector and the model pack. Raises NotFoundError.

    Not found means: no vector, or outside the person's villages.
    """
    sighting, _ = await seen_sighting(c, text)
    found = await c.services.search_executor.run(c.services.sighting_store.vectors, [sighting])
    if sighting.id not in found:
        raise NotFoundError("this sighting has no vector to compare")
    async with c.services.database.reading() as session:
        pack = (await camera_numbers.packs(session)).get(sighting.embedder, "")
    return proposals.SubjectExample(quantised(found[sighting.id]).tobytes(), pack, MIN_EXAMPLE_SIMILARITY)


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
        return _subject(row, c)


@routes.add("POST", "/api/watch/{subject}/end", Permission.ALERT_CONFIRM, body=EndBody, reply=SubjectView)
async def end_watch(c: Context[None, EndBody]) -> SubjectView:
    """Take a subject off the watch list before it expires: it was found, or is no longer wanted."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        row = await proposals.end_subject(session, now, who.name, c.number("subject"), c.body.reason, who.villages)
        return _subject(row, c)


@routes.add("POST", "/api/watch/{subject}/renew", Permission.WATCH_APPROVE, body=RenewBody, reply=SubjectView)
async def renew_watch(c: Context[None, RenewBody]) -> SubjectView:
    """Extend a subject's stay on the watch list, to at most 30 days from now."""
    now, who, until = c.services.clock.now(), c.identity, c.body.expires_at
    if until.tzinfo is None:
        raise UsageError("times need a zone, like 2026-11-21T08:00:00+08:00")
    async with c.services.database.session() as session:
        row = await proposals.renew(session, now, who.name, c.number("subject"), until, c.body.reason, who.villages)
        return _subject(row, c)


@routes.add("POST", "/api/watch/{subject}/look-back", Permission.ALERT_CONFIRM, body=LookBackBody)
async def look_back(c: Context[None, LookBackBody]) -> None:
    """Search for a subject among the sightings of the last hours as well.

    The request waits for the matcher (`look_back_waits`). What it finds becomes alerts that a person must confirm.
    """
    async with c.services.database.session() as session:
        await proposals.look_back(
            session, c.services.clock.now(), c.identity.name, c.number("subject"), c.body.hours, c.identity.villages
        )


@routes.add("POST", "/api/watch/{subject}/seen", Permission.ALERT_CONFIRM, body=SeenBody, reply=AlertView)
async def report_sighting(c: Context[None, SeenBody]) -> AlertView:
    """Report that a subject is on a camera now.

    The newest picture is kept with the alert, and the patrol officers are notified at once.
    """
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        camera = await session.get(Camera, c.body.camera)
    stream = registry.watched_stream(camera) if camera is not None else None
    if camera is None or not c.identity.sees_village(camera.village) or stream is None:
        raise NotFoundError(f"there is no recorded camera '{c.body.camera}'")
    frames = await c.services.reader.latest_keyframes(stream.id, 30.0, 1)
    if not frames:
        raise NotFoundError("this camera has no picture now")
    name = await _store_picture(
        c, f"alerts/{camera.id}/{now:%Y%m%dT%H%M%S%f}.jpg", await c.services.snapshots.jpeg(frames[-1], 640)
    )
    async with c.services.database.session() as session:
        alert = await proposals.raise_manual_alert(
            session, now, c.identity.name, c.number("subject"), camera, frames[-1].at_us, name, c.identity.villages
        )
        return _alert(alert, await session.get_one(WatchSubject, alert.subject), camera.name)


@routes.add("GET", "/api/alerts", Permission.ALERT_VIEW, query=AlertQuery, reply=list[AlertView])
async def list_alerts(c: Context[AlertQuery]) -> list[AlertView]:
    """Alerts, newest first; patrol officers see only those that were dispatched."""
    async with c.services.database.reading() as session:
        rows = await alerts.recent(session, c.identity.villages, _states(c), c.query.before, c.query.limit)
        found = await session.execute(select(Camera.id, Camera.name).where(Camera.id.in_({a.camera for a, _ in rows})))
        names = {row.id: row.name for row in found}
    await c.audit_view("alert.list", "alerts", key=f"alert.list {c.query.before or ''}")
    return [_alert(a, s, names.get(a.camera, a.camera)) for a, s in rows]


@routes.add("POST", "/api/alerts/{alert}/confirm", Permission.ALERT_CONFIRM, body=AlertConfirmBody)
async def confirm_alert(c: Context[None, AlertConfirmBody]) -> None:
    """Dispatch an alert to the patrol officers, or reject it."""
    async with c.services.database.session() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages)
        await alerts.confirm(session, c.services.clock.now(), c.identity.name, alert, yes=c.body.send)


@routes.add("POST", "/api/alerts/{alert}/ack", Permission.ALERT_ANSWER)
async def acknowledge_alert(c: Context) -> None:
    """Take an alert: the officer is on the way."""
    async with c.services.database.session() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, _states(c))
        await alerts.acknowledge(session, c.services.clock.now(), c.identity.name, alert)


@routes.add("POST", "/api/alerts/{alert}/answer", Permission.ALERT_ANSWER, body=AnswerBody)
async def answer_alert(c: Context[None, AnswerBody]) -> None:
    """Report the result of an alert."""
    async with c.services.database.session() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, _states(c))
        await alerts.answer(session, c.services.clock.now(), c.identity.name, alert, c.body.result, c.body.note)


@routes.add("GET", "/api/alerts/{alert}/thumbnail", Permission.ALERT_VIEW, kind=ReplyKind.FILE)
async def alert_thumbnail(c: Context) -> web.Response:
    """JPEG of what was seen; needs a stated purpose once the alert is answered or rejected.

    While the alert is open, its own number and case are the reason in the audit row.
    """
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), c.identity.villages, _states(c))
        case = await alerts.case_of(session, alert)
    why = c.view_reason(f"alert {alert.id}, case {case}", running=alert.state in alerts.RUNNING)
    await c.audit_view(
        "alert.view", str(alert.id), reason=why, village=alert.village, camera=alert.camera, alert=alert.id, case=case
    )
    return await picture(c.services.data_dir, alert.thumbnail)


async def _store_picture(c: AnyContext, name: str, content: bytes) -> str:
    """Store a picture and return its name; empty if it cannot be written.

    The patrol officers are notified without a picture as well.
    """
    try:
        await write(c.services.data_dir, name, content)
    except OSError as e:
        log.error("dispatching an alert without its picture; writing it failed: %s", e)
        return ""
    return name


def _states(c: AnyContext) -> tuple[str, ...] | None:
    """Return the states of the alerts that an account sees: patrol officers only those that were dispatched."""
    return None if c.identity.may(Permission.ALERT_CONFIRM) else alerts.SENT


def _case(r: Case) -> CaseView:
    return CaseView(
        id=r.id, number=r.number, title=r.title, village=r.village, opened_at=r.opened_at, opened_by=r.opened_by,
        closed_at=r.closed_at, closed_by=r.closed_by,
    )  # fmt: skip


def _subject(r: WatchSubject, c: AnyContext, *, known_case: bool = True) -> SubjectView:
    """Return the subject as an account sees it.

    Of a subject that is also looked for in other villages, the account sees its own villages only.
    """
    mine, expired = c.identity.villages, r.state in ("active", "proposed") and r.expires_at <= c.services.clock.now()
    asked = r.look_back_to if r.state == "active" and not expired else None
    idle = r.looked_back_at is None or c.services.clock.now() - r.looked_back_at > MATCHER_SILENT_AFTER
    villages = r.villages if r.villages is None or mine is None else [v for v in r.villages if v in mine]
    return SubjectView(
        id=r.id,
        case=r.case if known_case else None,
        title=r.title,
        cls=r.cls,
        upper=r.upper,
        lower=r.lower,
        villages=villages,
        reason=r.reason if known_case else "",
        state="expired" if expired else r.state,
        proposed_by=r.proposed_by,
        approved_by=r.approved_by,
        expires_at=r.expires_at,
        auto_dispatch=bool(r.auto_dispatch),
        by_picture=r.vector is not None,
        look_back_to=asked,
        look_back_waits=asked is not None and idle,
    )


def _alert(a: Alert, s: WatchSubject, camera_name: str) -> AlertView:
    return AlertView(
        id=a.id,
        title=s.title,
        cls=s.cls,
        upper=s.upper,
        lower=s.lower,
        camera=a.camera,
        camera_name=camera_name,
        village=a.village,
        seen_at=from_microseconds(a.at_us),
        state=a.state,
        acked_by=a.acked_by,
        acked_at=a.acked_at,
        answer=a.answer,
        note=a.note,
        has_picture=bool(a.thumbnail),
    )
