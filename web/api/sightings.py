"""Routes for single sightings: file, picture, an officer's judgement; and the candidates of a purpose."""

from __future__ import annotations

import asyncio

from aiohttp import web
from pydantic import BaseModel

from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.clock import from_microseconds
from search.query import judgements
from search.query.judgements import MAX_REASON_CHARACTERS
from search.store import Sighting, camera_numbers
from search.tables import SightingVerdict
from web.api.search_results import picture_of, sighting_views
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import visible_sighting
from web.views.sightings import SightingFile, SightingPage, SightingView, path_points
from web.work import picture_files

routes = RouteTable()


class JudgementBody(BaseModel):
    verdict: SightingVerdict


@routes.add("GET", "/api/sightings/{sighting}", Permission.SEARCH, reply=SightingFile)
async def one_sighting(c: Context) -> SightingFile:
    """A sighting with its path through the picture; needs a stated purpose."""
    sighting = await _audited_sighting(c)
    async with c.services.database.reading() as session:
        packs = await camera_numbers.packs(session)
    (view,) = await sighting_views(c, [sighting])
    return SightingFile(**dict(view), path=path_points(sighting), detector=packs.get(sighting.pack, ""))


@routes.add("GET", "/api/sightings/{sighting}/thumbnail", Permission.SEARCH, kind=ReplyKind.FILE)
async def sighting_thumbnail(c: Context) -> web.Response:
    """JPEG of a sighting; needs a stated purpose.

    The view belongs to the row of the search or list that returned the sighting, or gets a row of its own.
    """
    sighting = await _audited_sighting(c)
    body = await asyncio.to_thread(picture_of, c, sighting)
    return web.Response(body=body, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


@routes.add("POST", "/api/sightings/{sighting}/judgement", Permission.SEARCH, body=JudgementBody, reply=SightingView)
async def judge_sighting(c: Context[None, JudgementBody]) -> SightingView:
    """Mark a sighting as candidate or rejected for the stated purpose; 'none' removes the mark."""
    purpose, verdict = c.purpose, c.body.verdict
    sighting, place = await visible_sighting(c, c.path("sighting"))
    relative = f"candidates/{sighting.id}.jpg"
    if verdict is SightingVerdict.CANDIDATE:
        await picture_files.write(c.services.data_dir, relative, await asyncio.to_thread(picture_of, c, sighting))
    async with c.services.database.session() as session:
        await judgements.judge(
            session,
            c.services.clock.now(),
            c.identity.name,
            purpose=purpose,
            sighting=sighting.id,
            place=place,
            verdict=verdict,
            thumbnail=relative,
        )
    (view,) = await sighting_views(c, [sighting])
    return view


@routes.add("GET", "/api/judgements", Permission.SEARCH, reply=SightingPage)
async def candidates(c: Context) -> SightingPage:
    """The candidates of the stated purpose, newest judgement first."""
    reason = c.purpose[:MAX_REASON_CHARACTERS]
    async with c.services.database.reading() as session:
        wanted = await judgements.candidates(session, reason, c.identity.villages)
    await c.audit_view(AuditAction.CANDIDATE_LIST, "candidates", reason=reason, key=f"candidate.list {reason}")
    found = await c.services.search_executor.run(c.services.sighting_store.many, wanted)
    return SightingPage(rows=await sighting_views(c, [found[n] for n in wanted if n in found]), next=None)


async def _audited_sighting(c: AnyContext) -> Sighting:
    """Return the sighting of the path, after recording its view. Raises PurposeRequired, NotFoundError."""
    sighting, place = await visible_sighting(c, c.path("sighting"))
    at = from_microseconds(sighting.start_ms * 1000).isoformat()
    await c.audit_view(
        AuditAction.SIGHTING_VIEW, place.camera, reason=c.purpose, key=f"sighting {sighting.id}",
        village=place.village, start=at, sighting=str(sighting.id),
    )  # fmt: skip
    return sighting
