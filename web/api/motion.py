"""Routes for motion search: motion in a drawn region, read directly from the archive."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.states import StreamKind
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, UsageError
from core.ids import StreamId
from search.query.filters import Corner
from search.query.motion_search import MAX_RANGE_US, mask_of
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable
from web.framework.socket_revalidation import SessionLost, SocketSession
from web.policy import check_playback, visible_camera
from web.work.motion_jobs import MotionJob

routes = RouteTable()


class MotionBody(BaseModel):
    camera: str = Field(max_length=40)
    start: datetime
    end: datetime
    area: list[Corner] = Field(default_factory=list, max_length=200, description="Polygon, 0…1; empty: everywhere")


class MovedView(BaseModel):
    start: datetime
    end: datetime
    share: float
    box: tuple[float, float, float, float]


class MotionView(BaseModel):
    id: int
    camera: str
    done: float = Field(description="0…1")
    running: bool
    keyframes: int
    found: list[MovedView]
    more: bool
    problem: str


@routes.add("POST", "/api/search/motion", Permission.SEARCH, body=MotionBody, reply=MotionView)
async def begin_motion_search(c: Context[None, MotionBody]) -> MotionView:
    """Start a motion search in a region between two times; poll it by its number."""
    body, reason = c.body, c.purpose
    camera = await visible_camera(c, body.camera, with_retired=True)
    check_playback(c, body.start)
    start_us, end_us = to_microseconds(body.start), to_microseconds(body.end)
    if not start_us < end_us <= start_us + MAX_RANGE_US:
        raise UsageError("a motion search covers at most seven days", ErrorCode.MOTION_RANGE_TOO_LONG)
    mask = mask_of(body.area)
    stream = lookup.small_stream(camera)
    if StreamId(stream).kind == StreamKind.SUB and not await c.services.reader.gops(stream, start_us, end_us, 1):
        stream = f"{camera.id}/{StreamKind.MAIN}"  # the sub stream is kept for a few days only
    async with c.services.database.session() as session:
        what = body.model_dump(mode="json")
        await audit_trail.record(
            session,
            c.services.clock.now(),
            c.identity.name,
            AuditAction.SEARCH_QUERY_MOTION_SEARCH,
            camera.id,
            reason=reason,
            query=what,
        )
    owner = SocketSession(c, camera.id)

    async def check_access() -> None:
        try:
            await owner.revalidate_for_batch()
        except SessionLost as e:
            raise ForbiddenError(f"the search was ended: {e.reason}", ErrorCode.MOTION_SEARCH_ENDED) from e

    job = c.services.motion_jobs.begin(
        c.identity.user_id, c.identity.session, camera.id, stream, start_us, end_us, mask, check_access
    )
    return _view(job)


@routes.add("GET", "/api/search/motion/{number}", Permission.SEARCH, reply=MotionView)
async def motion_search(c: Context) -> MotionView:
    """Progress and results of a motion search of this session."""
    job = _mine(c)
    # The account's scope may have changed since the search began.
    await visible_camera(c, job.camera, with_retired=True)
    return _view(job)


@routes.add("DELETE", "/api/search/motion/{number}", Permission.SEARCH, reply=Done)
async def end_motion_search(c: Context) -> None:
    """End a motion search."""
    await c.services.motion_jobs.end(_mine(c))


def _mine(c: AnyContext) -> MotionJob:
    return c.services.motion_jobs.get(c.number("number"), c.identity.session)


def _view(job: MotionJob) -> MotionView:
    return MotionView(
        id=job.number,
        camera=job.camera,
        done=(job.until_us - job.start_us) / (job.end_us - job.start_us),
        running=job.ended is None,
        keyframes=job.keyframes,
        more=job.more,
        problem=job.problem,
        found=[
            MovedView(
                start=from_microseconds(m.start_ms * 1000),
                end=from_microseconds(m.end_ms * 1000),
                share=round(m.share, 4),
                box=m.box,
            )
            for m in job.found
        ],
    )
