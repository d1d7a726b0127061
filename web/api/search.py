"""Routes for searching sightings: phrases, filters, pages, counts, the map, and the vocabulary."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from core.clock import from_microseconds
from core.error_codes import ErrorCode
from core.errors import UsageError
from search.indexing.lag import lag
from search.query import phrases
from search.query.chips import ChipKind
from search.query.filters import Filter, filter_of
from search.query.find import Query, find, find_ids
from search.query.unseen import unseen
from search.store import Sighting, camera_numbers, ids
from search.vocabulary import AttributeWord, ClassWord, ColourWord, DirectionWord, SpeedWord
from web.api.search_results import record_query, sighting_views
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable
from web.policy import scoped_query, sighting_number
from web.views.search import UnseenView, unseen_view
from web.views.sightings import SightingPage

routes = RouteTable()

BEST_CANDIDATES = 5_000  # the best are chosen among this many newest sightings
MAX_COUNTED = 200_000  # sightings


class SearchOrder(StrEnum):
    NEWEST = "newest"
    BEST = "best"


class SearchBody(Filter):
    order: SearchOrder = SearchOrder.NEWEST
    after: str | None = Field(None, max_length=40)
    limit: int = Field(48, ge=1, le=200)


class WordsBody(BaseModel):
    phrase: str = Field(max_length=10_000)


class ChipView(BaseModel):
    kind: ChipKind
    value: str
    text: str


class WordsReply(BaseModel):
    chips: list[ChipView]
    unknown: list[str]
    unseen: list[UnseenView] = Field(description="Understood, but no installed model pack tells it")
    filter: Filter


class CountsReply(BaseModel):
    total: int
    more: bool = Field(description="More sightings exist; only the newest were counted")
    by_time: dict[str, int]
    by_camera: dict[str, int]


class VocabularyReply(BaseModel):
    classes: list[ClassWord]
    colours: list[ColourWord]
    attributes: list[AttributeWord]
    directions: list[DirectionWord]
    speeds: list[SpeedWord]
    detector: str
    missing_pack: bool
    behind_seconds: float | None = Field(
        description="How far the index is behind what is recorded; null: unknown, nothing recorded is indexed"
    )
    skipped_seconds: int = Field(description="Seconds of footage skipped for lack of time")


class PlaceView(BaseModel):
    camera: str
    name: str
    village: str
    position: tuple[float, float] | None
    azimuth: float | None


class MapReply(BaseModel):
    cameras: list[PlaceView]
    boundaries: dict[str, list[tuple[float, float]]] = Field(description="Village code to polygon, lon and lat")


@routes.add("POST", "/api/search", Permission.SEARCH, body=SearchBody, reply=SightingPage)
async def search_sightings(c: Context[None, SearchBody]) -> SightingPage:
    """Sightings that match, newest or best first; needs a stated purpose."""
    body, reason = c.body, c.purpose
    async with c.services.database.session() as session:
        query = await scoped_query(c, session, body)
        # A later page belongs to the audit row of its search; an invented page key does not avoid the row.
        same = f"search.run {hashlib.sha256(body.model_dump_json(exclude={'after', 'limit'}).encode()).hexdigest()}"
        if body.after is None or not c.services.footage_grants.has_view_grant(c.identity.session, reason, same):
            await record_query(session, c, AuditAction.SEARCH_RUN, body, reason)
    c.services.footage_grants.grant_views(c.identity.session, reason, same)
    rows, key = await c.services.search_executor.run(_page, c, query, body)
    return SightingPage(rows=await sighting_views(c, rows), next=key)


def _page(c: AnyContext, query: Query, body: SearchBody) -> tuple[list[Sighting], str | None]:
    store = c.services.sighting_store
    if body.order == "newest":
        rows = find(store, query, body.limit + 1, _key(body.after, 1)[0] if body.after else None)
        return rows[: body.limit], str(rows[body.limit - 1].id) if len(rows) > body.limit else None
    ranked = sorted(find(store, query, BEST_CANDIDATES), key=lambda s: (-_rank(s), -s.id))
    if body.after:
        number, rank = _key(body.after, 2)
        ranked = [s for s in ranked if (-_rank(s), -s.id) > (-rank, -number)]
    last = ranked[body.limit - 1] if len(ranked) > body.limit else None
    return ranked[: body.limit], f"{last.id}-{_rank(last)}" if last else None


def _rank(s: Sighting) -> int:
    """Return how well an object was seen: detection score times number of observations (20 at most)."""
    return s.score * min(s.detections, 20)


def _key(text: str, parts: int) -> list[int]:
    found = text.split("-")
    numbers_of = [n for p in found if (n := sighting_number(p)) is not None]
    if not len(found) == len(numbers_of) == parts:
        raise UsageError("the page key (after) is invalid", ErrorCode.PAGE_KEY_INVALID)
    return numbers_of


@routes.add("POST", "/api/search/words", Permission.SEARCH, body=WordsBody, reply=WordsReply)
async def understand_words(c: Context[None, WordsBody]) -> WordsReply:
    """The chips and the filter that a phrase means; searches nothing."""
    scope = c.identity.villages
    async with c.services.database.reading() as session:
        villages = {v.name: v.code for v in await lookup.villages(session, scope)}
        cameras = {k.name: k.id for k in await lookup.all_cameras(session, scope)}
    found = await c.services.search_executor.run(
        phrases.parse, c.body.phrase, c.services.clock.now(), c.services.zone, villages, cameras
    )
    chips = [ChipView(kind=k.kind, value=k.value, text=k.text) for k in found.chips]
    asked = filter_of(found.chips)
    known = await asyncio.to_thread(c.services.search_abilities)
    blind = [] if known is None else list(unseen(asked, known))
    return WordsReply(
        chips=chips,
        unknown=list(found.unknown),
        unseen=[unseen_view(u) for u in blind],
        filter=asked,
    )


@routes.add("POST", "/api/search/counts", Permission.SEARCH, body=Filter, reply=CountsReply)
async def count_sightings(c: Context[None, Filter]) -> CountsReply:
    """Numbers of matching sightings, by hour (or day) and by camera."""
    reason = c.purpose
    async with c.services.database.session() as session:
        query = await scoped_query(c, session, c.body)
        known = await camera_numbers.places(session)
        await record_query(session, c, AuditAction.SEARCH_COUNT, c.body, reason)
    found = await c.services.search_executor.run(find_ids, c.services.sighting_store, query, MAX_COUNTED + 1)
    more, found = len(found) > MAX_COUNTED, found[:MAX_COUNTED]
    by_time, by_camera = await c.services.search_executor.run(_count_by_time_and_camera, found, c.services.zone)
    named = {known[n].camera: count for n, count in by_camera.most_common() if n in known}
    return CountsReply(total=len(found), more=more, by_time=dict(sorted(by_time.items())), by_camera=named)


def _count_by_time_and_camera(found: list[int], zone: ZoneInfo) -> tuple[Counter[str], Counter[int]]:
    span = (ids.milliseconds(found[0]) - ids.milliseconds(found[-1])) if found else 0
    form = "%Y-%m-%dT%H:00" if span <= 3 * ids.DAY_MS else "%Y-%m-%d"
    hours = Counter(ids.milliseconds(n) // 3_600_000 for n in found)
    by_time: Counter[str] = Counter()
    for hour, count in hours.items():
        by_time[from_microseconds(hour * 3_600_000_000).astimezone(zone).strftime(form)] += count
    return by_time, Counter(ids.camera_of(n) for n in found)


@routes.add("GET", "/api/search/map", Permission.SEARCH, reply=MapReply)
async def search_map(c: Context) -> MapReply:
    """Positions of the cameras, for drawing an area on the map."""
    scope = c.identity.villages
    async with c.services.database.reading() as session:
        cameras = await lookup.all_cameras(session, scope)
        villages = await lookup.villages(session, scope)
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
        classes=list(ClassWord),
        colours=list(ColourWord),
        attributes=list(AttributeWord),
        directions=list(DirectionWord),
        speeds=list(SpeedWord),
        detector=detector,
        missing_pack=detector.startswith("builtin"),
        behind_seconds=None if behind.behind_seconds is None else round(behind.behind_seconds, 1),
        skipped_seconds=behind.skipped_seconds,
    )
