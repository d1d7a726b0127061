"""Routes for the example pictures of subjects: choose one from a sighting, a recorded picture or a file; see it."""

from __future__ import annotations

import asyncio
import logging
import secrets

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.states import StreamKind
from cases.register import case_files
from cases.tables import ExampleSource, SubjectState, WatchExample, WatchSubject
from cases.watch import examples, subjects
from cases.watch.examples import ExampleLooks
from core.accounts.permissions import Permission
from core.accounts.scope import overlaps
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import to_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from search.query.example import AppearanceExample
from search.store import camera_numbers
from search.store.vectors import quantise
from search.vocabulary import Cls
from web.api.examples import BoxQuery, example_from_frame, example_from_upload
from web.api.search_results import picture_of, sighting_vector
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, ReplyKind, RouteTable
from web.http import strict_input
from web.policy import view_reason
from web.views.watch import ExampleView, example_view
from web.work import picture_files

routes = RouteTable()

log = logging.getLogger(__name__)


class ExampleBody(BaseModel):
    """Either a sighting, or a camera with a time and a box (x, y, w, h as fractions of the picture)."""

    sighting: str | None = Field(None, max_length=20)
    camera: str | None = Field(None, max_length=40)
    kind: StreamKind = StreamKind.MAIN
    at_us: int | None = Field(None, ge=0, lt=to_microseconds(strict_input.LATEST_TIME))
    box: tuple[float, float, float, float] | None = None


@routes.add("POST", "/api/watch/examples", Permission.WATCH_PROPOSE, body=ExampleBody, reply=ExampleView)
async def choose_example(c: Context[None, ExampleBody]) -> ExampleView:
    """Keep a sighting, or a box on a recorded picture, as an example for a proposal of this account within a day."""
    body = c.body
    if body.sighting is not None:
        sighting, vector = await sighting_vector(c, body.sighting)
        async with c.services.database.reading() as session:
            pack = (await camera_numbers.packs(session)).get(sighting.embedder, "")
        looks = ExampleLooks(Cls(sighting.cls).name, quantise(vector).tobytes(), pack)
        try:
            content = await asyncio.to_thread(picture_of, c, sighting)
        except NotFoundError:
            content = b""
        return await _keep(c, ExampleSource.SIGHTING, looks, content, of=body.sighting)
    if body.camera is None or body.at_us is None or body.box is None:
        raise UsageError("name a sighting, or a camera with a moment and a box", ErrorCode.EXAMPLE_REQUIRED)
    made = await example_from_frame(c, body.camera, body.kind, body.at_us, body.box)
    return await _keep(c, ExampleSource.FRAME, _looks(made), made.thumbnail, of=f"{body.camera} {body.at_us}")


@routes.add("POST", "/api/watch/examples/picture", Permission.WATCH_PROPOSE, query=BoxQuery, reply=ExampleView)
async def upload_example(c: Context[BoxQuery]) -> ExampleView:
    """Keep the picture in the request's body as an example: the box, or what is largest in it; at most 12 MB."""
    made = await example_from_upload(c, c.query.box())
    return await _keep(c, ExampleSource.UPLOAD, _looks(made), made.thumbnail, of="an uploaded picture")


@routes.add("DELETE", "/api/watch/examples/{example}", Permission.WATCH_PROPOSE, reply=Done)
async def withdraw_example(c: Context) -> None:
    """Remove an example of one's own that belongs to no proposal yet."""
    async with c.services.database.session() as session:
        await examples.withdraw(session, c.identity.name, c.number("example"))


@routes.add("GET", "/api/watch/examples/{example}", Permission.CASE_VIEW, kind=ReplyKind.FILE)
async def example_picture(c: Context) -> web.Response:
    """JPEG of an example, for whoever chose it and for accounts that see its subject's case.

    Needs a stated purpose once the subject is over; before that its own number and case are the reason in the audit
    row.
    """
    async with c.services.database.reading() as session:
        row = await session.get(WatchExample, c.number("example"))
        subject = await session.get(WatchSubject, row.subject) if row is not None and row.subject is not None else None
    outside = subject is not None and not overlaps(c.identity.villages, subject.villages)
    if row is None or outside or (subject is None and row.added_by != c.identity.name):
        raise NotFoundError("there is no such picture", ErrorCode.EXAMPLE_NOT_FOUND)
    return await send_example(c, row)


async def send_example(c: AnyContext, row: WatchExample) -> web.Response:
    """Answer with an example's picture after its audit row. Raises NotFoundError outside the account's villages."""
    now, scope = c.services.clock.now(), c.identity.villages
    if row.subject is None:
        await c.audit_view(AuditAction.WATCH_PICTURE, f"example {row.id}", reason="chosen for a proposal")
        return await picture_files.picture(c.services.data_dir, row.picture)
    try:
        async with c.services.database.reading() as session:
            subject = await subjects.subject_of(session, row.subject, scope)
            case = (await case_files.case_of(session, subject.case, scope)).number
    except NotFoundError as e:  # of another village: in the words of what does not exist
        raise NotFoundError("there is no such picture", ErrorCode.EXAMPLE_NOT_FOUND) from e
    running = subject.shown_state(now) in (SubjectState.PROPOSED, SubjectState.ACTIVE)
    why = view_reason(c, f"watch {subject.id}, case {case}", running=running)
    await c.audit_view(AuditAction.WATCH_PICTURE, str(subject.id), reason=why, case=case)
    return await picture_files.picture(c.services.data_dir, row.picture)


def _looks(made: AppearanceExample) -> ExampleLooks:
    return ExampleLooks(Cls(made.cls).name, quantise(made.vector).tobytes(), made.embedder)


async def _keep(c: AnyContext, source: ExampleSource, looks: ExampleLooks, content: bytes, of: str) -> ExampleView:
    """Write the example's own copy of its picture: a sighting's is deleted with its day."""
    name = f"watch/{secrets.token_hex(12)}.jpg" if content else ""
    try:
        if name:
            await picture_files.write(c.services.data_dir, name, content)
    except OSError as e:
        log.error("keeping an example without its picture: %s", e)
        name = ""
    now, who = c.services.clock.now(), c.identity
    async with c.services.database.session() as session:
        row = await examples.choose(session, now, who.name, source, looks, name)
        await audit_trail.record(
            session, now, who.name, AuditAction.WATCH_EXAMPLE, str(row.id), reason=who.purpose, of=of,
            by_session=who.session,
        )  # fmt: skip
        return example_view(row)
