"""The sighting store against a plain list, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, time, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point as ShapelyPoint
from shapely import Polygon

from search.query.find import Query, find, find_ids, spans_of
from search.query.similar import by_faiss, by_numpy
from search.store import Sighting, SightingStore, ids, sighting_store, thumbnails
from search.store.rows import BOX_UNITS, MAX_PATH_POINTS, SIGHTING, Point, pack_path, unpack_path
from search.store.sighting_store import Batch
from search.vocabulary import Cls
from tests.search.sightings import START_MS, many, sighting

TOWN = many(1500)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def fill(store: SightingStore, rows: list[Sighting]) -> None:
    for day in sorted({ids.day_of(s.start_ms) for s in rows}):
        of_day = [s for s in rows if ids.day_of(s.start_ms) == day]
        store.write(day, [Batch("cam/main", 1, new=of_day)])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SightingStore]:
    url = ""
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql")
        url = asyncio.run(_new_database(address))
    store = SightingStore(tmp_path_factory.mktemp("days"), url)
    fill(store, TOWN)
    yield store
    store.close()


async def _new_database(address: str) -> str:
    name = "sightings_test"
    engine = sa.create_engine(address.format("template1"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return address.format(name)


def fits(s: Sighting, q: Query) -> bool:
    """The reference implementation of a query."""
    at_us = s.start_ms * 1000
    if (q.start_us is not None and at_us < q.start_us) or (q.end_us is not None and at_us >= q.end_us):
        return False
    if q.nightly is not None:
        local, (begin, end) = datetime.fromtimestamp(s.start_ms / 1000, q.zone).time(), q.nightly
        if not (begin <= local < end if begin < end else local >= begin or local < end):
            return False
    if (q.cameras is not None and s.camera not in q.cameras) or (q.classes and s.cls not in q.classes):
        return False
    wanted = [(q.upper, (s.upper, s.upper2)), (q.lower, (s.lower, s.lower2))]
    hits = [bool(set(w) & set(seen)) for w, seen in wanted if w]
    both_second = bool(q.upper and q.lower) and s.upper not in q.upper and s.lower not in q.lower
    if hits and not ((all(hits) and not both_second) or (q.infrared and s.tone > 0)):
        return False
    excluded = [(q.not_upper, s.upper), (q.not_lower, s.lower)]
    if any(w and seen in (0, *w) for w, seen in excluded) and not (q.infrared and s.tone > 0):
        return False
    if q.area and not Polygon(q.area).intersects(ShapelyPoint(*_foot(s))):
        return False
    return (
        s.attributes & q.attributes == q.attributes
        and (not q.directions or s.direction in q.directions)
        and (not q.speeds or s.speed in q.speeds)
        and s.end_ms - s.start_ms >= q.min_dwell_ms
        and q.min_height * BOX_UNITS <= s.h <= q.max_height * BOX_UNITS
        and s.score >= q.min_score * 1000
    )


def _foot(s: Sighting) -> tuple[float, float]:
    (point,) = unpack_path(s.start_ms, s.path)
    return point.x / BOX_UNITS, point.y / BOX_UNITS


moments = st.none() | st.integers(START_MS - 10_000_000, START_MS + 4 * ids.DAY_MS).map(lambda ms: ms * 1000)
hours = st.integers(0, 23).map(lambda h: time(h, 30))
queries = st.builds(
    Query,
    start_us=moments,
    end_us=moments,
    nightly=st.none() | st.tuples(hours, hours).filter(lambda p: p[0] != p[1]),
    zone=st.just(SHANGHAI),
    cameras=st.none() | st.frozensets(st.integers(0, 14), max_size=12),
    classes=st.lists(st.sampled_from([1, 2, 6, 10, 13]), unique=True, max_size=3).map(tuple),
    upper=st.lists(st.integers(1, 5), unique=True, max_size=2).map(tuple),
    lower=st.lists(st.integers(1, 5), unique=True, max_size=2).map(tuple),
    not_upper=st.sampled_from([(), (), (2,), (1, 3)]),
    not_lower=st.sampled_from([(), (), (), (4,)]),
    infrared=st.booleans(),
    attributes=st.sampled_from([0, 0, 0, 1, 6]),
    directions=st.lists(st.integers(0, 8), unique=True, max_size=4).map(tuple),
    speeds=st.sampled_from([(), (), (1, 2)]),
    min_dwell_ms=st.sampled_from([0, 0, 20_000]),
    min_height=st.sampled_from([0.0, 0.0, 0.2]),
    max_height=st.sampled_from([1.0, 0.5]),
    area=st.sampled_from([(), (), ((0.1, 0.1), (0.6, 0.2), (0.4, 0.9))]),
    min_score=st.sampled_from([0.0, 0.0, 0.6]),
)


@settings(deadline=None, max_examples=120)
@given(query=queries, few=st.booleans(), page=st.integers(1, 60))
def test_find_matches_the_reference_page_by_page(town: SightingStore, query: Query, few: bool, page: int) -> None:
    if not few and query.cameras:  # takes the other index path, for many cameras
        query = replace(query, cameras=query.cameras | frozenset(range(100, 400)))
    expected = sorted((s.id for s in TOWN if fits(s, query)), reverse=True)
    assert find_ids(town, query) == expected
    found: list[int] = []
    before: int | None = None
    for _ in range(8):
        rows = find(town, query, page, before)
        found += [s.id for s in rows]
        if len(rows) < page:
            break
        before = rows[-1].id
    assert found == expected[: len(found)] and len(found) in (len(expected), 8 * page)


def test_rows_come_back_as_they_were_written(town: SightingStore) -> None:
    some = {s.id: s for s in TOWN[:50]}
    assert town.many(some) == some
    assert town.get(TOWN[7].id) == TOWN[7]
    assert town.get(TOWN[7].id + 1) is None and town.get(-5) is None and town.get(2**63) is None


def test_drop_deletes_a_day_completely(town: SightingStore) -> None:
    at = START_MS + 40 * ids.DAY_MS
    day = ids.day_of(at)
    thumbnails.append(town.day_dir(day), [b"\xff\xd8one"])
    town.write(day, [Batch("a/main", 5, new=[sighting(at)], pending=[ids.compose(at, 1, 0)])])
    assert town.days(at, at + 1) == [day] and town.pending(10) and town.positions()["a/main"] == 5
    town.drop(day)
    assert town.days(at, at + 1) == [] and town.pending(10) == [] and "a/main" not in town.positions()
    assert town.get(ids.compose(at, 1, 0)) is None
    assert not town.day_dir(day).exists() and not list(town.folder.glob("*.gone"))
    town.write(day, [Batch("a/main", 6, new=[sighting(at)])])  # the day can be created again
    assert town.get(ids.compose(at, 1, 0)) is not None
    town.drop(day)


def test_drop_by_another_process_is_noticed(tmp_path: Path) -> None:
    with closing(SightingStore(tmp_path)) as mine, closing(SightingStore(tmp_path)) as other:
        fill(mine, [sighting()])
        assert other.get(sighting().id) is not None
        mine.drop(ids.day_of(START_MS))
        assert other.get(sighting().id) is None and find(other, Query()) == []


def test_batch_with_replace_deletes_the_range_first(town: SightingStore) -> None:
    at = START_MS + 50 * ids.DAY_MS
    day = ids.day_of(at)
    old = [sighting(at + n * 1000, camera) for n in range(10) for camera in (1, 2)]
    town.write(day, [Batch("a/main", 1, new=old)])
    better = [sighting(at + n * 1000, 1, cls=int(Cls.rider)) for n in range(2, 5)]
    town.write(day, [Batch("a/main", 2, new=better, replace=(1, at + 2000, at + 5000))])
    window = Query(start_us=at * 1000, end_us=(at + 60_000) * 1000)
    assert len(find(town, window, 100)) == 20
    assert len(find(town, replace(window, classes=(int(Cls.rider),)), 100)) == 3
    town.drop(day)


def test_changed_sightings_and_pending_entries(town: SightingStore) -> None:
    at = START_MS + 60 * ids.DAY_MS
    day, made = ids.day_of(at), sighting(at)
    town.write(day, [Batch("a/main", 1, new=[made], pending=[made.id])])
    grown = replace(made, end_ms=made.end_ms + 9000, upper=4, upper2=2, detections=7)
    town.write(day, [Batch("a/main", 2, changed=[grown], pending=[made.id])])
    assert town.get(made.id) == grown
    pending = town.pending(10)
    assert [f[2] for f in pending] == [made.id, made.id]
    town.acknowledge(pending[:1])
    assert len(town.pending(10)) == 1
    town.drop(day)


def test_pending_entries_of_all_days_are_returned(town: SightingStore) -> None:
    """Also of days before the three newest ones, as after a long outage of the matcher."""
    made = [sighting(START_MS + (70 + n) * ids.DAY_MS) for n in range(6)]
    for s in made:
        town.write(ids.day_of(s.start_ms), [Batch("a/main", 1, new=[s], pending=[s.id])])
    found = town.pending(10)
    assert [n for _, _, n in found] == [s.id for s in made]
    assert town.pending(2) == found[:2]
    town.acknowledge(found)
    assert town.pending(10) == []
    oldest = ids.day_of(made[0].start_ms)
    town.write(oldest, [Batch("a/main", 2, pending=[made[0].id])])  # a reader that is days behind
    again = town.pending(10)
    assert [n for _, _, n in again] == [made[0].id]
    town.drop(oldest)
    town.acknowledge(again)  # the day was deleted meanwhile
    for s in made[1:]:
        town.drop(ids.day_of(s.start_ms))
    assert town.pending(10) == []


def test_pending_entries_of_another_process_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [sighting(START_MS + n * ids.DAY_MS) for n in range(5)]
    with closing(SightingStore(tmp_path)) as mine, closing(SightingStore(tmp_path)) as other:
        fill(other, made)
        assert mine.pending(10) == []
        other.write(ids.day_of(START_MS), [Batch("a/main", 2, pending=[made[0].id])])
        monkeypatch.setattr(sighting_store, "RECHECK_PENDING_S", 0.0)
        assert [n for _, _, n in mine.pending(10)] == [made[0].id]


def test_nightly_ranges_follow_clock_changes() -> None:
    """22:00 to 05:00 has six hours in the night of the change to summer time and eight in that of the change back."""
    berlin = ZoneInfo("Europe/Berlin")
    for month, day, hours_ in ((3, 28, 6), (10, 24, 8), (11, 10, 7)):
        query = Query(nightly=(time(22), time(5)), zone=berlin)
        evening = datetime(2026, month, day, 12, tzinfo=berlin)
        utc_days = [ids.day_of(int(evening.timestamp() * 1000) + n * ids.DAY_MS) for n in (0, 1)]
        spans = [s for d in utc_days for s in spans_of(query, d)]
        noon = int(evening.timestamp() * 1000)
        length = sum(
            min(s.end_ms, noon + ids.DAY_MS) - s.start_ms
            for s in spans
            if s.start_ms >= noon and s.start_ms < noon + 20 * 3_600_000
        )
        assert length == hours_ * 3_600_000, month


@given(st.integers(0, 2**42 - 1), st.integers(0, 4095), st.integers(0, 511))
def test_ids_contain_time_and_camera(at_ms: int, camera: int, count: int) -> None:
    number = ids.compose(at_ms, camera, count)
    assert number < 2**63 and (ids.milliseconds(number), ids.camera_of(number)) == (at_ms, camera)
    assert ids.first_at(at_ms) <= number < ids.first_at(at_ms + 1)


@given(st.lists(st.tuples(st.integers(0, 10**7), *[st.integers(0, 10_000)] * 3), max_size=300))
def test_packed_paths_keep_their_ends(points: list[tuple[int, int, int, int]]) -> None:
    path = sorted(Point(START_MS + p[0], *p[1:]) for p in points)
    back = unpack_path(START_MS if not path else path[0].at_ms, pack_path(path))
    assert len(back) <= MAX_PATH_POINTS and set(back) <= set(path)
    if path:
        assert (back[0], back[-1]) == (path[0], path[-1])


def test_thumbnails_are_read_back(tmp_path: Path) -> None:
    pictures = [b"one", b"three", b"seventeen"]
    places = thumbnails.append(tmp_path, pictures[:1]) + thumbnails.append(tmp_path, pictures[1:])
    assert [thumbnails.read(tmp_path, *p) for p in places] == pictures
    for offset, size in ((0, 10**9), (10**12, 5), (-1, 3), (0, 0), (10, 30)):
        with pytest.raises(FileNotFoundError):
            thumbnails.read(tmp_path, offset, size)


def _write_for_ever(folder: Path, started: object) -> None:
    store = SightingStore(folder)
    position = store.positions().get("a/main", 0)
    while True:
        n = position + 1
        made = sighting(START_MS + n, 1)
        store.write(ids.day_of(START_MS), [Batch("a/main", n, new=[made], pending=[made.id])])
        position = n
        started.set()  # type: ignore[attr-defined]


def test_killed_writer_neither_skips_nor_duplicates(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for round_ in range(6):
        started = context.Event()
        process = context.Process(target=_write_for_ever, args=(tmp_path, started))
        process.start()
        assert started.wait(20)
        process.join(0.01 * round_)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    store = SightingStore(tmp_path)
    position = store.positions()["a/main"]
    rows = store.run(ids.day_of(START_MS), sa.select(SIGHTING.c.id).order_by(SIGHTING.c.id))
    assert [ids.milliseconds(r[0]) for r in rows] == [START_MS + n for n in range(1, position + 1)]
    store.close()


def test_station_zone_differs_from_utc() -> None:
    assert datetime(2026, 1, 1, tzinfo=timezone.utc).astimezone(SHANGHAI).hour == 8


def test_faiss_and_numpy_find_the_same_neighbours() -> None:
    rng = np.random.default_rng(1)
    bits, wanted = rng.integers(0, 256, (5000, 32), np.uint8), rng.integers(0, 256, (1, 32), np.uint8)
    one, two = by_faiss(bits, wanted, 40), by_numpy(bits, wanted, 40)
    assert sorted(one[0].tolist()) == sorted(two[0].tolist())
    assert all(int(np.bitwise_count(bits[p] ^ wanted[0]).sum()) == d for d, p in zip(*two, strict=True))
    assert len(by_numpy(bits[:7], wanted, 7)[1]) == 7


def test_plates_are_found_by_a_part_a_beginning_and_an_end(tmp_path: Path) -> None:
    store = SightingStore(tmp_path / "days")
    plates = ("浙B12668", "浙B66812", "京A12345", "")
    made = [sighting(START_MS + i * 1000, cls=int(Cls.car), plate=plate) for i, plate in enumerate(plates)]
    fill(store, made)
    for asked, found in (
        ("668", {"浙B12668", "浙B66812"}),
        ("*668", {"浙B12668"}),
        ("浙B*", {"浙B12668", "浙B66812"}),
        ("京A12345", {"京A12345"}),
        ("%", set()),
    ):
        assert {s.plate for s in find(store, Query(plate=asked))} == found, asked
    assert len(find(store, Query(plate="*"))) == len(plates)
    store.close()
