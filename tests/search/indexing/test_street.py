"""Streams with known people: queries by phrase, by picture and by place find the described people and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.tables import Camera
from cameras.virtual import scene
from cameras.virtual.clip import encode
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import UsageError
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from search.analysis import pipeline as worker
from search.indexing.indexer import Indexer
from search.query.co_occurrence import co_occurrences, travel
from search.query.filters import Filter, filter_of, query_of
from search.query.find import find
from search.query.phrases import parse
from search.query.similar import similar
from search.store import Sighting, SightingStore, camera_numbers
from search.vocabulary import Cls, Direction
from tests.health.frames import keyframes
from tests.search.fakes import FakeReader, InlinePool

TOWN = """
town: t
villages: [{code: east, name: 东村}, {code: west, name: 西村}]
cameras:
- {id: e1, name: 东村口, village: east, position: [121.50, 29.50], azimuth: 0, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
- {id: w1, name: 西村口, village: west, position: [121.51, 29.50], azimuth: 180, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
- {id: w2, name: 西村祠堂, village: west, position: [121.60, 29.50], streams: {main: {url: "rtsp://127.0.0.1/3"}}}
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")
SIZE = (960, 540)


@dataclass(frozen=True)
class Passer:
    """A person who passes a camera at a time (seconds after the start), and the colours of the clothes."""

    camera: str
    jacket: str
    trousers: str
    leftwards: bool
    at: float


# The person in red and black passes e1, and w1 twelve minutes later; blue passes w1, yellow passes w2.
PASSERS = (
    Passer("e1", "red", "black", False, 60),
    Passer("w1", "red", "black", False, 780),
    Passer("w1", "blue", "blue", True, 300),
    Passer("w2", "yellow", "black", True, 120),
)


def recorded(start_us: int, camera: str, seed: int) -> list[Keyframe]:
    """Return a camera's keyframes: an empty street, then a series for each passer."""
    pictures, times = [], list[int]()
    empty = scene.Street(seed, SIZE, walkers=[])
    for i in range(12):
        pictures.append(empty.frame(0, i))
        times.append(start_us + 2_000_000 * i)
    for passer in (p for p in PASSERS if p.camera == camera):
        view = scene.Street(
            seed, SIZE, [scene.Walker(passer.jacket, passer.trousers, 0.5, 0.92, 0.0, passer.leftwards)]
        )
        for i in range(14):
            pictures.append(view.frame(i / 14, i))
            times.append(start_us + int(passer.at * 1e6) + 1_500_000 * i)
    clip = keyframes(encode(pictures, fps=1, gop=1))
    order = sorted(range(len(clip)), key=lambda i: times[i])
    return [replace(clip[i], stream=f"{camera}/main", at_us=times[i]) for i in order]


class Station:
    def __init__(self, database: Database, store: SightingStore, now: datetime):
        self.database, self.store, self.now = database, store, now

    async def say(self, phrase: str, scope: list[str] | None = None) -> list[tuple[str, Sighting]]:
        """Return the result of a phrase: (camera, sighting), oldest first."""
        parsed = await asyncio.to_thread(parse, phrase, self.now, SHANGHAI, {"东村": "east", "西村": "west"}, {})
        assert not parsed.unknown
        return await self.ask(filter_of(parsed.chips), scope)

    async def ask(self, asked: Filter, scope: list[str] | None = None) -> list[tuple[str, Sighting]]:
        async with self.database.reading() as session:
            query = await query_of(session, asked, SHANGHAI, scope)
            places = await camera_numbers.places(session)
        found = await asyncio.to_thread(find, self.store, query, 200)
        return [(places[s.camera].camera, s) for s in reversed(found)]


@pytest.fixture
async def station(database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Station]:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        cameras = list(await session.scalars(select(Camera)))
    start = to_microseconds(clock.now())
    frames = await asyncio.to_thread(
        lambda: [f for i, c in enumerate(("e1", "w1", "w2")) for f in recorded(start, c, i + 4)]
    )
    settings = SearchSettings(detector="builtin")
    await asyncio.to_thread(worker.prepare, settings, tmp_path / "models")
    store, pool = SightingStore(tmp_path / "sightings"), InlinePool()
    indexer = Indexer(database, clock, store, pool, settings)  # type: ignore[arg-type]
    indexer._reader = FakeReader(frames)  # type: ignore[assignment]
    clock.advance(1000)
    before: Any = None
    while indexer.positions() != before:
        before = indexer.positions()
        await indexer.run_once(start - 1_000_000, urgent=None)
    assert len(cameras) == 3
    yield Station(database, store, datetime.fromtimestamp(start / 1e6, timezone.utc) + timedelta(hours=1))
    await asyncio.to_thread(store.close)


async def test_phrases_find_only_the_people_they_describe(station: Station) -> None:
    for phrase, cameras in (
        ("红衣男子", {"e1", "w1"}),
        ("red top, black trousers", {"e1", "w1"}),
        ("红衣黑裤 西村", {"w1"}),
        ("blue top", {"w1"}),
        ("黄衣女子", {"w2"}),
        ("yellow jacket", {"w2"}),
        ("绿衣男子", set()),
        ("purple coat", set()),
        ("红衣 东村", {"e1"}),
        ("red jacket last 30 minutes", set()),
        ("红衣 最近2小时", {"e1", "w1"}),
    ):
        found = await station.say(phrase)
        people = [(c, s) for c, s in found if s.cls in (Cls.person, Cls.rider, Cls.unknown) and s.detections > 1]
        assert {c for c, _ in people} == cameras, phrase


async def test_each_passer_is_one_sighting_with_time_and_direction(station: Station) -> None:
    start_ms = round((station.now - timedelta(hours=1)).timestamp() * 1000)
    for passer in PASSERS:
        found = [
            s for c, s in await station.ask(Filter(upper=[passer.jacket])) if c == passer.camera and s.detections >= 4
        ]
        mine = [s for s in found if abs(s.start_ms - start_ms - passer.at * 1000) < 15_000]
        assert len(mine) == 1, passer
        assert mine[0].direction in ((Direction.left, Direction.left_up, Direction.left_down) if passer.leftwards else
                                     (Direction.right, Direction.right_up, Direction.right_down)), passer  # fmt: skip


async def test_headings_use_the_azimuths_of_the_cameras(station: Station) -> None:
    """To the right is east if the camera points north, and west if it points south; w2's azimuth is unknown."""
    east = {c for c, s in await station.say("red jacket heading east") if s.detections >= 4}
    west = {c for c, s in await station.say("红衣男子往西") if s.detections >= 4}
    assert (east, west) == ({"e1"}, {"w1"})


async def test_similar_finds_the_person_on_the_other_camera(station: Station) -> None:
    ((_, here),) = [f for f in await station.ask(Filter(upper=["red"], cameras=["e1"])) if f[1].detections >= 4]
    vectors = await asyncio.to_thread(station.store.vectors, [here])
    async with station.database.reading() as session:
        places = await camera_numbers.places(session)
        everywhere = await query_of(session, Filter(), SHANGHAI, None)
        in_west = await query_of(session, Filter(villages=["west"]), SHANGHAI, None)
        of_west = await query_of(session, Filter(), SHANGHAI, ["west"])  # an officer of that village only
    ranked = await asyncio.to_thread(similar, station.store, vectors[here.id], here.embedder, everywhere, 50)
    assert ranked[0].sighting.id == here.id and ranked[0].similarity > 0.98
    for query in (in_west, of_west):
        others = await asyncio.to_thread(similar, station.store, vectors[here.id], here.embedder, query, 50)
        assert places[others[0].sighting.camera].camera == "w1" and others[0].sighting.upper == here.upper
        assert {places[m.sighting.camera].village for m in others} == {"west"}
        assert {m.sighting.id for m in others} == {
            m.sighting.id for m in ranked if places[m.sighting.camera].village == "west"
        }


async def test_co_occurrence_within_twenty_minutes(station: Station) -> None:
    async with station.database.reading() as session:
        here, there = [await query_of(session, Filter(villages=[v]), SHANGHAI, None) for v in ("east", "west")]
        profiles, places = await camera_numbers.profiles(session), await camera_numbers.places(session)
    met = await asyncio.to_thread(
        lambda: co_occurrences(station.store, [here, there], within_ms=20 * 60_000, min_similarity=0.7)
    )
    best = met[0]
    assert [places[s.camera].camera for s in best.sightings] == ["e1", "w1"] and {s.upper for s in best.sightings} == {
        4
    }
    assert (
        await asyncio.to_thread(
            lambda: co_occurrences(station.store, [here, there], within_ms=60_000, min_similarity=0.7)
        )
        == []
    )
    first, second = best.sightings
    way = travel(first, second, *(profiles[places[s.camera].camera]["position"] for s in best.sightings))
    assert way is not None and 900 < way.metres < 1050 and way.plausible  # one kilometre in twelve minutes
    assert travel(best.sightings[0], best.sightings[1], (121.5, 29.5), (121.6, 29.5)).plausible is False  # type: ignore[union-attr]
    with pytest.raises(UsageError):
        co_occurrences(station.store, [here])


async def test_too_many_named_cameras_are_refused(station: Station) -> None:
    with pytest.raises(UsageError, match="10000 cameras are named"):
        await station.ask(Filter(cameras=[f"c{i}" for i in range(10_000)]))
    assert {c for c, _ in await station.ask(Filter(cameras=[*(f"c{i}" for i in range(3000)), "w2"]))} == {"w2"}
    assert await station.ask(Filter(cameras=["nobody's"])) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"area": [(0, 0), (1, 1)]},
        {"area": [(0, 0), (1, 1), (0, 1), (1, 0)]},
        {"cls": ["ghost"]},
        {"upper": "plaid"},
        {"nightly": "25:00-05:00"},
        {"nightly": "05:00-05:00"},
        {"heading": "up"},
        {"start": "2026-11-21T08:00:00"},
        {"attributes": ["male"]},
        {"speeds": ["warp"]},
    ],
)
async def test_invalid_filters_are_refused(station: Station, asked: dict[str, Any]) -> None:
    with pytest.raises((UsageError, ValidationError)):
        await station.ask(Filter(**asked))


async def test_map_area_selects_its_cameras(station: Station) -> None:
    around_west = [(121.505, 29.4), (121.7, 29.4), (121.7, 29.6), (121.505, 29.6)]
    assert {c for c, _ in await station.ask(Filter(map_area=around_west))} == {"w1", "w2"}
    left_half = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]
    whole, half = await station.ask(Filter(cameras=["w2"])), await station.ask(Filter(cameras=["w2"], area=left_half))
    assert half and {s.id for _, s in half} <= {s.id for _, s in whole}
