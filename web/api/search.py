"""Routes for searching sightings: phrases, filters, pages, counts, and an officer's judgements of results."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.accounts.permissions import Permission
from core.accounts.scope import village_in_scope
from core.audit import audit_trail
from core.clock import from_microseconds
from core.errors import NotFoundError, UsageError
from core.numbers import parse_whole_number
from search import vocabulary
from search.indexing.lag import lag
from search.query import phrases
from search.query.filters import Filter, filter_of, query_of
from search.query.find import Query, find, find_ids
from search.store import Sighting, camera_numbers, ids, thumbnails
from search.store.camera_numbers import CameraPlace
from search.store.rows import BOX_UNITS, unpack_path
from search.tables import Judgement
from search.vocabulary import Attribute, Cls, Colour, Direction, Speed, Tone
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.http import strict_input
from web.work import picture_files

routes = RouteTable()

BEST_OF = 5_000  # the best are chosen among this many newest sightings
COUNTED = 200_000


class SearchBody(Filter):
    order: str = Field("newest", pattern="^(newest|best)$")
    after: str | None = Field(None, max_length=40)
    limit: int = Field(48, ge=1, le=200)


class SightingView(BaseModel):
    id: str = Field(description="A 64-bit integer as text, because JavaScript numbers cannot hold it")
    at: datetime
    end: datetime
    best_at: datetime
    camera: str
    village: str
    cls: str
    score: float
    looks: int
    box: tuple[float, float, float, float]
    upper: list[str]
    lower: list[str]
    tone: list[str] = Field(description="Infra-red: how dark the upper and the lower part were")
    attributes: list[str]
    direction: str
    speed: str
    plate: str
    has_picture: bool = Field(description="False: deleted because it was not used (search.unmatched_days)")
    likeness: float | None = None
    verdict: str | None = None
    metres: float | None = None
    seconds: float | None = None
    plausible: bool | None = None


class SightingPage(BaseModel):
    rows: list[SightingView]
    next: str | None


class PathPoint(BaseModel):
    at: datetime
    x: float
    y: float
    h: float


class SightingFile(SightingView):
    path: list[PathPoint]
    detector: str


class WordsBody(BaseModel):
    phrase: str = Field(max_length=10_000)


class ChipView(BaseModel):
    kind: str
    value: str
    text: str


class WordsReply(BaseModel):
    chips: list[ChipView]
    unknown: list[str]
    filter: Filter


class CountsReply(BaseModel):
    total: int
    more: bool = Field(description="More sightings exist; only the newest were counted")
    by_time: dict[str, int]
    by_camera: dict[str, int]


class JudgementBody(BaseModel):
    verdict: str = Field(pattern="^(candidate|rejected|none)$")


class VocabularyReply(BaseModel):
    classes: list[str]
    colours: list[str]
    attributes: list[str]
    directions: list[str]
    speeds: list[str]
    detector: str
    missing_pack: bool
    behind_seconds: float = Field(description="How far the index is behind what is recorded")
    skipped_seconds: int = Field(description="Seconds of footage skipped for lack of time")


@routes.add("POST", "/api/search", Permission.SEARCH, body=SearchBody, reply=SightingPage)
async def search_sightings(c: Context[None, SearchBody]) -> SightingPage:
    """Sightings that match, newest or best first; needs a stated purpose."""
    body, reason = c.body, c.purpose
    async with c.services.database.session() as session:
        query = await scoped_query(c, session, body)
        # A later page belongs to the audit row of its search; an invented page key does not avoid the row.
        same = f"search.run {hashlib.sha256(body.model_dump_json(exclude={'after', 'limit'}).encode()).hexdigest()}"
        if body.after is None or not c.services.footage_grants.has_view_grant(c.identity.session, reason, same):
            await record(session, c, "search.run", body, reason)
    c.services.footage_grants.grant_views(c.identity.session, reason, same)
    rows, key = await c.services.search_executor.run(_page, c, query, body)
    return SightingPage(rows=await views(c, rows), next=key)


def _page(c: AnyContext, query: Query, body: SearchBody) -> tuple[list[Sighting], str | None]:
    days = c.services.sighting_store
    if body.order == "newest":
        rows = find(days, query, body.limit + 1, _key(body.after, 1)[0] if body.after else None)
        return rows[: body.limit], str(rows[body.limit - 1].id) if len(rows) > body.limit else None
    ranked = sorted(find(days, query, BEST_OF), key=lambda s: (-_rank(s), -s.id))
    if body.after:
        number, rank = _key(body.after, 2)
        ranked = [s for s in ranked if (-_rank(s), -s.id) > (-rank, -number)]
    last = ranked[body.limit - 1] if len(ranked) > body.limit else None
    return ranked[: body.limit], f"{last.id}-{_rank(last)}" if last else None


def _rank(s: Sighting) -> int:
    """Return how well an object was seen: detection score times number of observations (20 at most)."""
    return s.score * min(s.looks, 20)


def _key(text: str, parts: int) -> list[int]:
    found = text.split("-")
    numbers_of = [n for p in found if (n := sighting_number(p)) is not None]
    if not len(found) == len(numbers_of) == parts:
        raise UsageError("the page key (after) is invalid")
    return numbers_of


@routes.add("POST", "/api/search/words", Permission.SEARCH, body=WordsBody, reply=WordsReply)
async def understand_words(c: Context[None, WordsBody]) -> WordsReply:
    """The chips and the filter that a phrase means; searches nothing."""
    scope = c.identity.villages
    async with c.services.database.reading() as session:
        villages = {v.name: v.code for v in await session.scalars(select(Village)) if scope is None or v.code in scope}
        cameras = {k.name: k.id for k in await session.scalars(select(Camera)) if scope is None or k.village in scope}
    found = await c.services.search_executor.run(
        phrases.understand, c.body.phrase, c.services.clock.now(), c.services.zone, villages, cameras
    )
    chips = [ChipView(kind=k.kind, value=k.value, text=k.text) for k in found.chips]
    return WordsReply(chips=chips, unknown=list(found.unknown), filter=filter_of(found.chips))


@routes.add("POST", "/api/search/counts", Permission.SEARCH, body=Filter, reply=CountsReply)
async def count_sightings(c: Context[None, Filter]) -> CountsReply:
    """Numbers of matching sightings, by hour (or day) and by camera."""
    reason = c.purpose
    async with c.services.database.session() as session:
        query = await scoped_query(c, session, c.body)
        known = await camera_numbers.places(session)
        await record(session, c, "search.count", c.body, reason)
    found = await c.services.search_executor.run(all_numbers, c.services.sighting_store, query, COUNTED + 1)
    more, found = len(found) > COUNTED, found[:COUNTED]
    by_time, by_camera = await c.services.search_executor.run(_counted, found, c.services.zone)
    named = {known[n].camera: count for n, count in by_camera.most_common() if n in known}
    return CountsReply(total=len(found), more=more, by_time=dict(sorted(by_time.items())), by_camera=named)


def _counted(found: list[int], zone: ZoneInfo) -> tuple[Counter[str], Counter[int]]:
    span = (ids.milliseconds(found[0]) - ids.milliseconds(found[-1])) if found else 0
    form = "%Y-%m-%dT%H:00" if span <= 3 * ids.DAY_MS else "%Y-%m-%d"
    hours = Counter(ids.milliseconds(n) // 3_600_000 for n in found)
    by_time: Counter[str] = Counter()
    for hour, count in hours.items():
        by_time[from_microseconds(hour * 3_600_000_000).astimezone(zone).strftime(form)] += count
    return by_time, Counter(ids.camera_of(n) for n in found)


class PlaceView(BaseModel):
    camera: str
    name: str
    village: str
    position: tuple[float, float] | None
    azimuth: float | None


class MapReply(BaseModel):
    cameras: list[PlaceView]
    boundaries: dict[str, list[tuple[float, float]]] = Field(description="Village code to polygon, lon and lat")


@routes.add("GET", "/api/search/map", Permission.SEARCH, reply=MapReply)
async def search_map(c: Context) -> MapReply:
    """Positions of the cameras, for drawing an area on the map."""
    scope = c.identity.villages
    async with c.services.database.reading() as session:
        cameras = [k for k in await session.scalars(select(Camera)) if scope is None or k.village in scope]
        villages = [v for v in await session.scalars(select(Village)) if scope is None or v.code in scope]
    return MapReply(
        cameras=[
            PlaceView(
                camera=k.id,
                name=k.name,
                village=k.village,
                position=k.profile.get("position"),
                azimuth=k.profile.get("azimuth"),
            )
            for k in cameras
        ],
        boundaries={v.code: v.boundary for v in villages if len(v.boundary) > 2},
    )


@routes.add("GET", "/api/search/vocabulary", Permission.SEARCH, reply=VocabularyReply)
async def search_vocabulary(c: Context) -> VocabularyReply:
    """The vocabulary of the search, and the detector that analyses the pictures."""
    detector = await asyncio.to_thread(c.services.detector_name)
    async with c.services.database.reading() as session:
        behind = await lag(session)
    return VocabularyReply(
        classes=list(vocabulary.INCLUDED_CLASSES),
        colours=list(vocabulary.COLOURS),
        attributes=[a.name or "" for a in Attribute],
        directions=[d.name for d in Direction],
        speeds=[s.name for s in Speed],
        detector=detector,
        missing_pack=detector.startswith("builtin"),
        behind_seconds=round(behind.behind_seconds, 1),
        skipped_seconds=behind.skipped_seconds,
    )


@routes.add("GET", "/api/sightings/{sighting}", Permission.SEARCH, reply=SightingFile)
async def one_sighting(c: Context) -> SightingFile:
    """A sighting with its path through the picture; needs a stated purpose."""
    sighting = await _looked_at(c)
    async with c.services.database.reading() as session:
        packs = await camera_numbers.packs(session)
    path = [
        PathPoint(at=from_microseconds(p.at_ms * 1000), x=p.x / BOX_UNITS, y=p.y / BOX_UNITS, h=p.h / BOX_UNITS)
        for p in unpack_path(sighting.start_ms, sighting.path)
    ]
    (view,) = await views(c, [sighting])
    return SightingFile(**view.model_dump(), path=path, detector=packs.get(sighting.pack, ""))


@routes.add("GET", "/api/sightings/{sighting}/thumbnail", Permission.SEARCH, kind=ReplyKind.FILE)
async def sighting_thumbnail(c: Context) -> web.Response:
    """JPEG of a sighting; needs a stated purpose.

    The view belongs to the row of the search or list that returned the sighting, or gets a row of its own.
    """
    sighting = await _looked_at(c)
    body = await asyncio.to_thread(picture_of, c, sighting)
    return web.Response(body=body, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _looked_at(c: AnyContext) -> Sighting:
    sighting, place = await sighting_of(c, c.path("sighting"))
    at = from_microseconds(sighting.start_ms * 1000).isoformat()
    await c.audit_view(
        "sighting.view", place.camera, reason=c.purpose, key=f"sighting {sighting.id}", village=place.village, start=at,
        sighting=str(sighting.id),
    )  # fmt: skip
    return sighting


@routes.add("POST", "/api/sightings/{sighting}/judgement", Permission.SEARCH, body=JudgementBody, reply=SightingView)
async def judge_sighting(c: Context[None, JudgementBody]) -> SightingView:
    """Mark a sighting as candidate or rejected for the stated purpose; 'none' removes the mark."""
    reason = c.purpose[:200]
    sighting, place = await sighting_of(c, c.path("sighting"))
    verdict, now = c.body.verdict, c.services.clock.now()
    relative = f"candidates/{sighting.id}.jpg"
    if verdict == "candidate":
        await picture_files.write(c.services.data_dir, relative, await asyncio.to_thread(picture_of, c, sighting))
    async with c.services.database.session() as session:
        mine = select(Judgement).where(Judgement.reason == reason, Judgement.sighting == sighting.id)
        row = await session.scalar(mine)
        if row is not None and verdict == "none":
            await session.delete(row)
        elif verdict != "none":
            if row is None:
                row = Judgement(reason=reason, sighting=sighting.id, camera=place.camera, village=place.village)
                session.add(row)
            row.verdict, row.by, row.at = verdict, c.identity.name, now
            row.thumbnail = relative if verdict == "candidate" else ""
        await audit_trail.record(
            session, now, c.identity.name, "sighting.judge", str(sighting.id), reason=reason, verdict=verdict
        )
    (view,) = await views(c, [sighting])
    return view


@routes.add("GET", "/api/judgements", Permission.SEARCH, reply=SightingPage)
async def candidates(c: Context) -> SightingPage:
    """The candidates of the stated purpose, newest judgement first."""
    reason, scope = c.purpose[:200], c.identity.villages
    async with c.services.database.reading() as session:
        mine = Judgement.reason == reason, Judgement.verdict == "candidate", village_in_scope(Judgement.village, scope)
        wanted = list(
            await session.scalars(select(Judgement.sighting).where(*mine).order_by(Judgement.id.desc()).limit(200))
        )
    await c.audit_view("candidate.list", "candidates", reason=reason, key=f"candidate.list {reason}")
    found = await c.services.search_executor.run(c.services.sighting_store.many, wanted)
    return SightingPage(rows=await views(c, [found[n] for n in wanted if n in found]), next=None)


async def scoped_query(c: AnyContext, session: AsyncSession, body: Filter) -> Query:
    """Return the query, limited to the person's villages. Raises NotFoundError for a village outside them."""
    scope = c.identity.villages
    if scope is not None and any(v not in scope for v in body.villages):
        raise NotFoundError("there is no such village")
    return await query_of(session, body, c.services.zone, scope)


async def record(session: AsyncSession, c: AnyContext, action: str, body: BaseModel, reason: str, **more: str) -> None:
    """Write the audit row of a search: the filter, the person, the reason."""
    asked = body.model_dump(mode="json", exclude_defaults=True, exclude={"limit"})
    if len(asked.get("cameras", ())) > 50:
        asked["cameras"] = [*asked["cameras"][:50], f"and {len(asked['cameras']) - 50} more"]
    target = ",".join(asked.get("cls", ())) or "any"
    await audit_trail.record(
        session,
        c.services.clock.now(),
        c.identity.name,
        action,
        target,
        reason=reason,
        query=asked,
        by_session=c.identity.session,
        **more,
    )


def sighting_number(text: str) -> int | None:
    """Return a sighting's number (63 bits); None if the text is not one, or its time is out of range."""
    number = whole(text, 19)
    return (
        number
        if number is not None and ids.milliseconds(number) < strict_input.LATEST_TIME.timestamp() * 1000
        else None
    )


async def sighting_of(c: AnyContext, text: str) -> tuple[Sighting, CameraPlace]:
    """Return a sighting within the person's villages, and its camera's place. Raises NotFoundError."""
    number = sighting_number(text)
    sighting = None if number is None else await asyncio.to_thread(c.services.sighting_store.get, number)
    if sighting is None:
        raise NotFoundError("there is no such sighting")
    async with c.services.database.reading() as session:
        place = (await camera_numbers.places(session)).get(sighting.camera)
    if place is None or not c.identity.sees_village(place.village):
        raise NotFoundError("there is no such sighting")
    return sighting, place


def picture_of(c: AnyContext, sighting: Sighting) -> bytes:
    """Return the JPEG of a sighting. Blocking; call it from a thread. Raises NotFoundError."""
    try:
        return thumbnails.read(
            c.services.sighting_store.place(ids.day_of(sighting.start_ms)), sighting.thumb, sighting.thumb_size
        )
    except OSError as e:
        raise NotFoundError("this picture is no longer kept") from e


async def views(c: AnyContext, rows: list[Sighting]) -> list[SightingView]:
    """Return sightings as the console shows them, with the verdict under the stated purpose; grants their pictures."""
    if not rows:
        return []
    # The caller has written an audit row for this list.
    c.services.footage_grants.grant_views(c.identity.session, c.identity.purpose, *(f"sighting {s.id}" for s in rows))
    async with c.services.database.reading() as session:
        known = await camera_numbers.places(session)
        judged = select(Judgement.sighting, Judgement.verdict).where(
            Judgement.reason == c.identity.purpose[:200], Judgement.sighting.in_([s.id for s in rows])
        )
        verdicts = {row.sighting: row.verdict for row in await session.execute(judged)}
    return [view(s, known[s.camera], verdicts.get(s.id)) for s in rows if s.camera in known]


def view(s: Sighting, place: CameraPlace, verdict: str | None = None) -> SightingView:
    return SightingView(
        id=str(s.id),
        at=from_microseconds(s.start_ms * 1000),
        end=from_microseconds(s.end_ms * 1000),
        best_at=from_microseconds(s.best_ms * 1000),
        camera=place.camera,
        village=place.village,
        cls=Cls(s.cls).name,
        score=s.score / 1000,
        looks=s.looks,
        box=(s.x / BOX_UNITS, s.y / BOX_UNITS, s.w / BOX_UNITS, s.h / BOX_UNITS),
        upper=_colours(s.upper, s.upper2),
        lower=_colours(s.lower, s.lower2),
        tone=[Tone(t).name for t in divmod(s.tone, 4)] if s.tone else [],
        attributes=[a.name or "" for a in Attribute if s.attributes & a],
        direction=Direction(s.direction).name,
        speed=Speed(s.speed).name,
        plate=s.plate,
        verdict=verdict,
        has_picture=s.thumb >= 0,
    )


def _colours(*codes: int) -> list[str]:
    return [Colour(code).name for code in codes if code]
