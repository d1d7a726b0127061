"""Search over sightings."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from core import audit
from core.clock import from_microseconds, to_microseconds
from core.errors import NotFoundError, UsageError
from core.permissions import Permission
from search.query import Query, find
from search.tables import Sighting
from web.files import picture
from web.routing import Context, route


class SearchQuery(BaseModel):
    start: datetime | None = None
    end: datetime | None = None
    camera: str | None = None
    village: str | None = None
    cls: str | None = None
    upper: str | None = None
    lower: str | None = None
    after: str | None = None
    limit: int = Field(48, ge=1, le=200)


class SightingView(BaseModel):
    id: int
    at: datetime
    camera: str
    village: str
    cls: str
    score: float
    box: tuple[float, float, float, float]
    upper: list[str]
    lower: list[str]


class SightingPage(BaseModel):
    rows: list[SightingView]
    next: str | None


@route("GET", "/api/sightings", Permission.SEARCH, query=SearchQuery, reply=SightingPage)
async def search_sightings(c: Context) -> SightingPage:
    """Sightings, newest first; needs a stated purpose."""
    q = c.query
    for moment in (q.start, q.end):
        if moment is not None and moment.tzinfo is None:
            raise UsageError("times need a zone, like 2026-11-21T08:00:00+08:00")
    query = Query(
        start_us=to_microseconds(q.start) if q.start else None, end_us=to_microseconds(q.end) if q.end else None,
        cameras=[q.camera] if q.camera else None, villages=_villages(c, q.village),
        cls=q.cls or None, upper=q.upper or None, lower=q.lower or None,
    )  # fmt: skip
    reason = c.purpose
    async with c.services.database.session() as session:
        rows, key = await find(session, query, q.limit, q.after)
        if q.after is None:
            what = q.model_dump(mode="json", exclude_none=True, exclude={"limit"})
            await audit.record(
                session, c.services.clock.now(), c.identity.name, "search.run", q.cls or "any", reason=reason, query=what
            )
    return SightingPage(rows=[_view(r) for r in rows], next=key)


@route("GET", "/api/sightings/{sighting}/thumbnail", Permission.SEARCH, kind="file")
async def sighting_thumbnail(c: Context) -> web.Response:
    """JPEG of what was seen."""
    async with c.services.database.reading() as session:
        row = await session.get(Sighting, c.number("sighting"))
    if row is None or not c.identity.sees_village(row.village):
        raise NotFoundError("there is no such sighting")
    return await picture(c.services.data_dir, row.thumbnail)


def _villages(c: Context, wanted: str | None) -> list[str] | None:
    """The asked village within the person's scope."""
    scope = c.identity.villages
    if wanted is None:
        return None if scope is None else list(scope)
    if not c.identity.sees_village(wanted):
        raise NotFoundError("there is no such village")
    return [wanted]


def _view(r: Sighting) -> SightingView:
    return SightingView(
        id=r.id, at=from_microseconds(r.at_us), camera=r.camera, village=r.village, cls=r.cls, score=round(r.score, 3),
        box=(r.x, r.y, r.w, r.h), upper=[n for n in r.upper.split(",") if n], lower=[n for n in r.lower.split(",") if n],
    )  # fmt: skip
