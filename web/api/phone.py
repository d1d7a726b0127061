"""Routes for patrol officers' phones: whom to look out for, and reporting a broken camera from its pole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from cases.tables import WatchExample, WatchSubject
from cases.watch import examples, subjects
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.patrol import reports
from health.vocabulary import FaultFamily
from search.vocabulary import ClassWord, ColourWord
from web.api.fault_reports import store_picture
from web.framework.context import Context
from web.framework.routing import ReplyKind, RouteTable
from web.http.request_bodies import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS
from web.policy import visible_camera
from web.views.cases import class_word, colour_word
from web.work import picture_files

routes = RouteTable()

# What an officer at the pole can see is wrong.
SEEN_AT_THE_POLE = (FaultFamily.MOVED, FaultFamily.COVERED, FaultFamily.BLURRED, FaultFamily.UNREACHABLE)


class BriefingSubject(BaseModel):
    """Somebody who is looked for in the officer's villages: features only, neither case nor reason."""

    id: int
    title: str
    cls: ClassWord
    upper: ColourWord | None
    lower: ColourWord | None
    villages: list[str] | None = Field(description="Names of those of the officer's villages; null: the whole town")
    expires_at: datetime
    has_picture: bool


class PoleCamera(BaseModel):
    camera: str
    name: str
    village: str
    site: str
    families: list[FaultFamily] = Field(description="Faults that can be reported from a phone")


class PoleReportBody(BaseModel):
    camera: str = Field(max_length=40)
    family: FaultFamily
    note: str = Field("", max_length=400)


class PoleReport(BaseModel):
    fault: int
    camera: str


@routes.add("GET", "/api/briefing", Permission.ALERT_ANSWER, reply=list[BriefingSubject])
async def briefing(c: Context) -> list[BriefingSubject]:
    """The subjects of the watch list that are looked for now in the officer's villages, newest first."""
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        rows = [s for s in await subjects.newest(session, scope) if s.is_active(now)]
        names = {v.code: v.name for v in await lookup.villages(session, scope)}
        shown = await examples.of_subjects(session, [s.id for s in rows])
    await c.audit_view(AuditAction.WATCH_LIST, "briefing")
    return [_subject(s, names, _picture(shown.get(s.id, ()))) for s in rows]


@routes.add("GET", "/api/briefing/{subject}/picture", Permission.ALERT_ANSWER, kind=ReplyKind.FILE)
async def briefing_picture(c: Context) -> web.Response:
    """JPEG of an example of a subject that is looked for now; the subject itself is the reason in the audit row."""
    now = c.services.clock.now()
    async with c.services.database.reading() as session:
        row = await subjects.subject_of(session, c.number("subject"), c.identity.villages)
        shown = (await examples.of_subjects(session, [row.id])).get(row.id, ())
    if not row.is_active(now):
        raise NotFoundError("there is no such subject", ErrorCode.SUBJECT_NOT_FOUND)
    await c.audit_view(AuditAction.WATCH_PICTURE, str(row.id), reason=f"briefing, watch {row.id}")
    return await picture_files.picture(c.services.data_dir, _picture(shown))


@routes.add("GET", "/api/pole/{camera}", Permission.ALERT_ANSWER, reply=PoleCamera)
async def pole_camera(c: Context) -> PoleCamera:
    """The camera of a pole sign, so that the officer sees what he reports."""
    camera = await visible_camera(c)
    async with c.services.database.reading() as session:
        names = {v.code: v.name for v in await lookup.villages(session)}
    return PoleCamera(
        camera=camera.id, name=camera.name, village=names.get(camera.village, camera.village),
        site=camera.profile.get("site", ""), families=list(SEEN_AT_THE_POLE),
    )  # fmt: skip


@routes.add("POST", "/api/pole/report", Permission.ALERT_ANSWER, body=PoleReportBody, reply=PoleReport)
async def report_from_pole(c: Context[None, PoleReportBody]) -> PoleReport:
    """Report a fault of a camera of the officer's villages; it joins patrol's list and is judged like others."""
    body, now = c.body, c.services.clock.now()
    camera = await visible_camera(c, body.camera)
    picture = await store_picture(c, camera, None, now)
    async with c.services.database.session() as session:
        fault = await reports.report(
            session, now, c.identity.name, camera, body.family, body.note, picture, "reported at the pole",
            allowed=SEEN_AT_THE_POLE,
        )  # fmt: skip
        return PoleReport(fault=fault.id, camera=camera.id)


@routes.add("POST", "/api/pole/report/{fault}/photo", Permission.ALERT_ANSWER, reply=PoleReport)
async def add_pole_photo(c: Context) -> PoleReport:
    """Add a photo (a JPEG or PNG as the body) to an own report; it takes the place of the camera's picture."""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.reading() as session:
        fault = await reports.own_report(session, c.number("fault"), who.name, now, who.villages)
    content = await c.services.uploads.reencode(c.request, who.user_id, MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS)
    path = f"patrol/{fault.camera}/{now:%Y%m%dT%H%M%S%f}-photo.jpg"
    await picture_files.write(c.services.data_dir, path, content)
    async with c.services.database.session() as session:
        fault = await reports.own_report(session, fault.id, who.name, now, who.villages)
        await reports.add_photo(session, now, who.name, fault, path)
        return PoleReport(fault=fault.id, camera=fault.camera or "")


def _picture(shown: Sequence[WatchExample]) -> str:
    """Return the path of the first example whose picture is kept; empty: none."""
    return next((e.picture for e in shown if e.picture), "")


def _subject(s: WatchSubject, names: dict[str, str], picture: str) -> BriefingSubject:
    return BriefingSubject(
        id=s.id, title=s.title, cls=class_word(s.cls), upper=colour_word(s.upper), lower=colour_word(s.lower),
        villages=None if s.villages is None else [names[v] for v in s.villages if v in names],
        expires_at=s.expires_at, has_picture=bool(picture),
    )  # fmt: skip
