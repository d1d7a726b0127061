"""Routes for search by picture (a box on a frame, an uploaded picture, a sighting), and for co-occurrence."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from cameras.states import StreamKind
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.clock import to_microseconds
from core.error_codes import ErrorCode
from core.errors import UsageError
from search.query.co_occurrence import CoOccurrence, co_occurrences, travel
from search.query.filters import Filter
from search.query.find import Query
from search.query.similar import MIN_EXAMPLE_SIMILARITY, SimilarityMatch, similar
from search.store import Sighting, camera_numbers
from search.store.vectors import Floats
from web.api.examples import BoxQuery, example_from_frame, example_from_upload
from web.api.search_results import record_query, sighting_vector, sighting_views
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.http import strict_input
from web.policy import scoped_query
from web.views.sightings import SightingView

routes = RouteTable()

MAX_RESULTS = 100


class SimilarBody(BaseModel):
    """Either a sighting, or a camera with a time and a box (x, y, w, h as fractions of the picture)."""

    filter: Filter = Field(default_factory=Filter)
    sighting: str | None = Field(None, max_length=20)
    camera: str | None = Field(None, max_length=40)
    kind: StreamKind = StreamKind.MAIN
    at_us: int | None = Field(None, ge=0, lt=to_microseconds(strict_input.LATEST_TIME))
    box: tuple[float, float, float, float] | None = None
    limit: int = Field(48, ge=1, le=MAX_RESULTS)
    by_travel: bool = Field(False, description="List sightings last that are too far away to be reached in the time")


class PictureQuery(BoxQuery):
    filter: str = Field("{}", max_length=8000, description="A filter as JSON")
    limit: int = Field(48, ge=1, le=MAX_RESULTS)


class SimilarReply(BaseModel):
    rows: list[SightingView]
    same: float = Field(description="Similarity from which it is probably the same object")
    embedder: str


class TogetherBody(BaseModel):
    filters: list[Filter] = Field(min_length=2, max_length=5)
    within_seconds: float | None = Field(None, ge=0, le=7 * 86_400)
    likeness: float | None = Field(None, ge=0, le=1)
    limit: int = Field(30, ge=1, le=MAX_RESULTS)


class MeetingView(BaseModel):
    sightings: list[SightingView]
    likeness: float


@routes.add("POST", "/api/search/similar", Permission.SEARCH, body=SimilarBody, reply=SimilarReply)
async def search_similar(c: Context[None, SimilarBody]) -> SimilarReply:
    """Sightings that look like a sighting, or like the content of a box on a recorded picture."""
    body, reason = c.body, c.purpose
    origin: Sighting | None = None
    if body.sighting is not None:
        origin, vector = await sighting_vector(c, body.sighting)
        pack, same = origin.embedder, MIN_EXAMPLE_SIMILARITY
        name = await _pack_name(c, pack)
    else:
        if body.camera is None or body.at_us is None or body.box is None:
            raise UsageError("name a sighting, or a camera with a moment and a box", ErrorCode.EXAMPLE_REQUIRED)
        made = await example_from_frame(c, body.camera, body.kind, body.at_us, body.box)
        vector, name, same = made.vector, made.embedder, made.same
        pack = await _pack_number(c, name)
    query = await _audited_query(
        c, body.filter, reason, AuditAction.SEARCH_QUERY_SIMILAR, of=body.sighting or f"{body.camera} {body.at_us}"
    )
    rows = await _ranked(c, vector, pack, query, body.limit + 1)
    matches = [m for m in rows if origin is None or m.sighting.id != origin.id][: body.limit]
    return SimilarReply(rows=await _with_travel(c, matches, origin, by_travel=body.by_travel), same=same, embedder=name)


@routes.add("POST", "/api/search/similar/picture", Permission.SEARCH, query=PictureQuery, reply=SimilarReply)
async def search_by_picture(c: Context[PictureQuery]) -> SimilarReply:
    """Sightings that look like the content of an uploaded picture (the request's body); the picture is not kept."""
    q, reason = c.query, c.purpose
    made = await example_from_upload(c, q.box())
    try:
        asked = Filter.model_validate(strict_input.parse_json(q.filter.encode()))
        strict_input.check_model(asked)
    except (UsageError, ValidationError) as e:
        raise UsageError("the filter is invalid", ErrorCode.FILTER_INVALID) from e
    query = await _audited_query(c, asked, reason, AuditAction.SEARCH_QUERY_SIMILAR, of="an uploaded picture")
    rows = await _ranked(c, made.vector, await _pack_number(c, made.embedder), query, q.limit)
    return SimilarReply(rows=await _with_travel(c, rows, None, by_travel=False), same=made.same, embedder=made.embedder)


@routes.add("POST", "/api/search/together", Permission.SEARCH, body=TogetherBody, reply=list[MeetingView])
async def search_co_occurrence(c: Context[None, TogetherBody]) -> list[MeetingView]:
    """Objects that match the first filter and were also seen by all other filters, near in time or at any time."""
    body, reason = c.body, c.purpose
    questions: list[Query] = []
    for asked in body.filters:
        questions.append(
            await _audited_query(
                c, asked, reason, AuditAction.SEARCH_QUERY_CO_OCCURRENCE, of=f"{len(body.filters)} places"
            )
        )
    within = round(body.within_seconds * 1000) if body.within_seconds is not None else None
    same = body.likeness if body.likeness is not None else MIN_EXAMPLE_SIMILARITY
    found: list[CoOccurrence] = await c.services.search_executor.run(
        lambda: co_occurrences(
            c.services.sighting_store, questions, within_ms=within, min_similarity=same, limit=body.limit
        )
    )
    return [
        MeetingView(sightings=await sighting_views(c, list(m.sightings)), likeness=round(m.similarity, 3))
        for m in found
    ]


async def _audited_query(c: AnyContext, asked: Filter, reason: str, action: AuditAction, of: str) -> Query:
    async with c.services.database.session() as session:
        query = await scoped_query(c, session, asked)
        await record_query(session, c, action, asked, reason, of=of)
    return query


async def _ranked(c: AnyContext, vector: Floats, pack: int, query: Query, limit: int) -> list[SimilarityMatch]:
    return await c.services.search_executor.run(
        similar, c.services.sighting_store, np.asarray(vector, np.float32), pack, query, limit
    )


async def _pack_name(c: AnyContext, number: int) -> str:
    async with c.services.database.reading() as session:
        return (await camera_numbers.packs(session)).get(number, "")


async def _pack_number(c: AnyContext, name: str) -> int:
    async with c.services.database.session() as session:
        return await camera_numbers.of_pack(session, name)


async def _with_travel(
    c: AnyContext, matches: list[SimilarityMatch], origin: Sighting | None, *, by_travel: bool
) -> list[SightingView]:
    shown = {v.id: v for v in await sighting_views(c, [m.sighting for m in matches])}
    positions = await _positions(c) if origin is not None else {}
    found: list[SightingView] = []
    for match in matches:
        row = shown.get(str(match.sighting.id))
        if row is None:
            continue
        row.likeness = round(match.similarity, 3)
        if origin is not None:
            way = travel(origin, match.sighting, positions.get(origin.camera), positions.get(match.sighting.camera))
            if way is not None:
                row.metres, row.seconds, row.plausible = way.metres, way.seconds, way.plausible
        found.append(row)
    return sorted(found, key=lambda r: r.plausible is False) if by_travel else found


async def _positions(c: AnyContext) -> dict[int, tuple[float, float]]:
    """Return longitude and latitude by camera number, where they are known."""
    async with c.services.database.reading() as session:
        known = await camera_numbers.places(session)
        profiles = await camera_numbers.profiles(session)
    return {
        number: (float(position[0]), float(position[1]))
        for number, place in known.items()
        if (position := profiles.get(place.camera, {}).get("position"))
    }
