"""Routes for the manual review: a person judges pictures without seeing the machine's verdict."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel

from cameras.states import StreamKind
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from health.faults.families import PICTURE_FAMILIES
from health.patrol import review
from health.vocabulary import FaultFamily, ReviewAnswer
from web.framework.context import Context
from web.framework.routing import RouteTable

routes = RouteTable()

DAYS = 30


class Stop(BaseModel):
    camera: str
    name: str
    village: str


class ReviewView(BaseModel):
    stops: list[Stop]
    families: list[FaultFamily]
    shown: int
    missed: int
    rate: float | None
    most: float | None


class ReviewVerdictBody(BaseModel):
    camera: str
    verdict: ReviewAnswer
    family: FaultFamily | Literal[""] = ""


class ReviewVerdictReply(BaseModel):
    fault: int | None


@routes.add("GET", "/api/patrol/review", Permission.PATROL_RUN, reply=ReviewView)
async def draw(c: Context) -> ReviewView:
    """Draw a review, with the machine's miss rate from the reviews of the last 30 days; needs a stated purpose."""
    now, purpose = c.services.clock.now(), c.purpose
    async with c.services.database.reading() as session:
        stops = await review.draw_cameras(session, c.identity.name, c.identity.villages, now, random.Random())
        told = await review.miss_rate(session, now - timedelta(days=DAYS), c.identity.villages)
    opens = [f"snapshot.view {x.id}/{kind}" for x in stops for kind in StreamKind]
    await c.audit_view(
        AuditAction.REVIEW_DRAW,
        "review",
        reason=purpose,
        key=f"review.draw {now.isoformat()}",
        opens=opens,
        cameras=[x.id for x in stops],
    )
    return ReviewView(
        stops=[Stop(camera=x.id, name=x.name, village=x.village) for x in stops], families=list(PICTURE_FAMILIES),
        shown=told.shown, missed=told.missed, rate=told.rate, most=told.upper_bound,
    )  # fmt: skip


@routes.add("POST", "/api/patrol/review", Permission.PATROL_RUN, body=ReviewVerdictBody, reply=ReviewVerdictReply)
async def judge_camera(c: Context[None, ReviewVerdictBody]) -> ReviewVerdictReply:
    """Give a verdict on one camera of the review."""
    async with c.services.database.session() as session:
        camera = await review.camera_of(session, c.body.camera)
        if not c.identity.sees_village(camera.village):
            raise NotFoundError(f"camera '{c.body.camera}' not found", ErrorCode.CAMERA_NOT_FOUND, camera=c.body.camera)
        fault = await review.record_verdict(
            session, camera, c.body.verdict, c.body.family or None, c.services.clock.now(), c.identity.name
        )
    return ReviewVerdictReply(fault=fault.id if fault else None)
