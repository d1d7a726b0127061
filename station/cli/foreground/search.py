"""`minwang index` and `minwang search`: writing sightings, and finding them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypedDict
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera, Village
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import SystemClock, from_microseconds, to_microseconds
from core.database import Database
from core.errors import NotFoundError, UsageError
from core.host import system_user
from core.settings import Settings
from nvr.archive import segment_index
from nvr.playback.decode_pool import DecodePool
from search.analysis import pipeline
from search.analysis.detectors.load import load
from search.indexing.indexer import Indexer, ReindexRange
from search.models import ModelRegistry
from search.query import phrases
from search.query.filters import Filter, filter_of, heading_of, query_of
from search.query.find import find
from search.query.unseen import abilities, unseen
from search.store import Sighting, camera_numbers, upkeep, verify
from search.store.rows import BOX_UNITS
from search.vocabulary import ClassWord, Cls, Colour, ColourWord, Direction, word_of
from station.cli.base import parse_time_us


class IndexOptions(TypedDict):
    """The options of `minwang index`; times are ISO 8601, `camera` may hold several ids with commas between them."""

    start: str | None
    end: str | None
    camera: tuple[str, ...]
    pack: str | None
    verify: bool


class IndexFacts(TypedDict):
    """Sightings written, the detector (empty: nothing was indexed), and what is wrong in the sighting store."""

    sightings: int
    detector: str
    wrong: list[str]


class SearchOptions(TypedDict):
    """The options of `minwang search`; times are ISO 8601, `after` is the `next` of the page before."""

    words: tuple[str, ...]
    cls: tuple[str, ...]
    upper: str | None
    lower: str | None
    heading: str | None
    camera: tuple[str, ...]
    village: tuple[str, ...]
    start: str | None
    end: str | None
    limit: int
    after: str | None
    reason: str


class SightingFacts(TypedDict):
    """A sighting; times are ISO 8601, `box` is x, y, width, height as parts of the picture."""

    id: int
    at: str
    end: str
    camera: str
    cls: str
    score: float
    keyframes: int
    box: list[float]
    upper: list[str]
    lower: list[str]
    direction: str


class UnseenFacts(TypedDict):
    """A value that no installed pack can tell; `general`: the class to search for instead, or empty."""

    kind: str
    value: str
    general: str


class SearchFacts(TypedDict):
    """A page of sightings.

    `unknown`: the words that were not understood; `unseen`: what no installed model pack can tell; `next`: None on the
    last page.
    """

    asked: dict[str, JsonValue]
    unknown: list[str]
    unseen: list[UnseenFacts]
    rows: list[SightingFacts]
    next: str | None


async def index(database: Database, settings: Settings, options: IndexOptions) -> IndexFacts:
    """Index new footage, or reindex a range (`start`, `end`); with `verify` only check what is indexed."""
    if options["verify"]:
        return await _verify(settings)
    clock, packs = SystemClock(), upkeep.model_dir_of(settings)
    if options["pack"]:
        settings = settings.with_values({"search.detector": options["pack"]})
    detector = await asyncio.to_thread(load, settings.search, ModelRegistry(packs))
    days = await asyncio.to_thread(upkeep.sighting_store_of, settings)
    pool = DecodePool(settings.search.processes, 30.0, pipeline.prepare, (settings.search, packs))
    try:
        if options["start"]:
            again = ReindexRange(
                parse_time_us(options["start"]),
                parse_time_us(options["end"]) if options["end"] else to_microseconds(clock.now()),
                detector.name,
            )
            if again.start_us >= again.end_us:
                raise UsageError("--to must lie after --from")
            cameras = await _cameras(database, options["camera"])
            total = await Indexer(database, clock, days, pool, settings.search, again).reindex(cameras)
        else:
            total = await _index_new(database, Indexer(database, clock, days, pool, settings.search))
        wrong = await asyncio.to_thread(verify.problems, days)
        return {"sightings": total, "detector": detector.name, "wrong": wrong}
    finally:
        await pool.close()
        await asyncio.to_thread(days.close)


async def _verify(settings: Settings) -> IndexFacts:
    days = await asyncio.to_thread(upkeep.sighting_store_of, settings)
    try:
        return {"sightings": 0, "detector": "", "wrong": await asyncio.to_thread(verify.problems, days)}
    finally:
        await asyncio.to_thread(days.close)


async def _index_new(database: Database, indexer: Indexer) -> int:
    async with database.reading() as session:
        earliest = await segment_index.first_start(session)
    total = 0
    while True:
        before = indexer.positions()
        total += await indexer.run_once((earliest or 0) - 1_000_000, urgent=None)
        if indexer.positions() == before:
            return total


async def _cameras(database: Database, wanted: Sequence[str]) -> list[Camera]:
    async with database.reading() as session:
        found = await registry.cameras(session)
    names = {name for w in wanted for name in w.split(",")}
    if missing := names - {c.id for c in found}:
        raise NotFoundError(f"there is no camera {', '.join(sorted(missing))}")
    return [c for c in found if not names or c.id in names]


async def search(database: Database, settings: Settings, options: SearchOptions) -> SearchFacts:
    """Return a page of sightings; the search is recorded in the audit trail."""
    zone = await asyncio.to_thread(ZoneInfo, settings.station.timezone)
    clock, days = SystemClock(), await asyncio.to_thread(upkeep.sighting_store_of, settings)
    async with database.session() as session:
        asked, unknown = Filter(), list[str]()
        if options["words"]:
            villages = {v.name: v.code for v in await session.scalars(select(Village))}
            understood = await asyncio.to_thread(
                phrases.parse, " ".join(options["words"]), clock.now(), zone, villages, {}
            )
            asked, unknown = filter_of(understood.chips), list(understood.unknown)
        _add_options(asked, options)
        query = await query_of(session, asked, zone, None)
        known = await asyncio.to_thread(abilities, settings.search, ModelRegistry(upkeep.model_dir_of(settings)))
        what = asked.model_dump(mode="json", exclude_defaults=True)
        await audit_trail.record(
            session,
            clock.now(),
            system_user.actor(),
            AuditAction.SEARCH_RUN,
            "sightings",
            reason=options["reason"],
            query=what,
        )
        places = await camera_numbers.places(session)
    before = int(options["after"]) if options["after"] else None
    rows = await asyncio.to_thread(find, days, query, options["limit"] + 1, before)
    await asyncio.to_thread(days.close)
    shown = rows[: options["limit"]]
    return {
        "asked": what,
        "unknown": unknown,
        "unseen": [
            {"kind": u.kind, "value": u.value, "general": u.general} for u in (unseen(asked, known) if known else ())
        ],
        "rows": [_row(s, places) for s in shown],
        "next": str(shown[-1].id) if len(rows) > len(shown) else None,
    }


def _add_options(asked: Filter, options: SearchOptions) -> None:
    """Add the options to the filter of the words; of single values the option's counts. Raises UsageError."""
    asked.cameras += options["camera"]
    asked.villages += options["village"]
    asked.cls += [word_of(ClassWord, word, "class") for word in options["cls"]]
    if options["upper"]:
        asked.upper = [word_of(ColourWord, options["upper"], "colour")]
    if options["lower"]:
        asked.lower = [word_of(ColourWord, options["lower"], "colour")]
    if options["heading"]:
        asked.heading = heading_of(options["heading"])
    if options["start"]:
        asked.start = from_microseconds(parse_time_us(options["start"]))
    if options["end"]:
        asked.end = from_microseconds(parse_time_us(options["end"]))


def _row(s: Sighting, places: dict[int, camera_numbers.CameraPlace]) -> SightingFacts:
    place = places.get(s.camera)
    return {
        "id": s.id,
        "at": from_microseconds(s.start_ms * 1000).isoformat(timespec="milliseconds"),
        "end": from_microseconds(s.end_ms * 1000).isoformat(timespec="milliseconds"),
        "camera": place.camera if place else "?",
        "cls": Cls(s.cls).name,
        "score": s.score / 1000,
        "keyframes": s.detections,
        "box": [v / BOX_UNITS for v in (s.x, s.y, s.w, s.h)],
        "upper": [Colour(v).name for v in (s.upper, s.upper2) if v],
        "lower": [Colour(v).name for v in (s.lower, s.lower2) if v],
        "direction": Direction(s.direction).name,
    }
