"""A month of sightings: the cost of queries warm and cold, of writing at the same time, and of similarity among all of
them.

The month is made of one day: SQL copies its rows to every other day with the cameras permuted, so that each day has its
own file with its own indexes. Vectors: sign bits of all sightings; the full vectors are in a sparse file, complete only
for what is searched for.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import Figure
from search.query.find import Query, find
from search.query.similar import similar
from search.store import Sighting, SightingStore, ids
from search.store.rows import NAMES, Point, pack_path
from search.store.sighting_store import Batch
from search.store.vectors import DIMENSION, append, open_shard
from search.vocabulary import Cls

FIRST_MS = ids.day_start("20260501")
CAMERAS, DAYS = 2252, 31
CLASSES = {
    Cls.person: 0.42,
    Cls.rider: 0.13,
    Cls.car: 0.18,
    Cls.vehicle: 0.08,
    Cls.van: 0.05,
    Cls.truck: 0.05,
    Cls.two_wheeler: 0.05,
    Cls.dog: 0.03,
    Cls.unknown: 0.01,
}
# Colours of clothes as they occur: much black and blue, little purple.
COLOURS = (0.02, 0.24, 0.17, 0.13, 0.08, 0.03, 0.03, 0.04, 0.02, 0.14, 0.03, 0.04, 0.03)
PERSON = (int(Cls.person), int(Cls.rider))
DAY_US = ids.DAY_MS * 1000


def rows_of_a_day(count: int, seed: int = 1) -> list[tuple[object, ...]]:
    """Return rows in the table's column order, busy by day and quiet at night, unevenly spread over the cameras."""
    rng = np.random.default_rng(seed)
    hours = np.array([1, 1, 1, 1, 1, 2, 4, 7, 7, 6, 6, 6, 6, 5, 5, 6, 7, 8, 8, 6, 5, 4, 2, 1], float)
    hour = (rng.choice(24, count, p=hours / hours.sum()) - 8) % 24  # local hours, UTC days
    at = hour * 3_600_000 + rng.integers(0, 3_600_000, count)
    weight = 1 / np.arange(1, CAMERAS + 1) ** 0.4
    camera = rng.choice(CAMERAS, count, p=weight / weight.sum())
    number = np.unique((FIRST_MS + at) << ids.TIME_SHIFT | camera << ids.CAMERA_SHIFT | rng.integers(0, 512, count))
    n = len(number)
    cls = rng.choice([int(c) for c in CLASSES], n, p=list(CLASSES.values()))
    share = np.array(COLOURS) / sum(COLOURS)
    colours = [rng.choice(13, n, p=share) for _ in range(4)]
    for first, second in ((0, 1), (2, 3)):
        colours[second][(rng.random(n) < 0.5) | (colours[second] == colours[first])] = 0
    dwell = rng.exponential(9_000, n).astype(np.int64)
    path = pack_path([Point(0, 100 * i, 5000, 1500) for i in range(4)])
    made = zip(
        number.tolist(),
        cls.tolist(),
        *(c.tolist() for c in colours),
        dwell.tolist(),
        rng.integers(0, 9, n).tolist(),
        rng.integers(0, 64, n).tolist(),
        strict=True,
    )
    return [
        (i, (i >> 21) + d, i >> 21, i >> 9 & 4095, c, 800, 4, u, u2 or None, w, w2 or None, 60, 60, 0, k, 127,
         way, 1, 4000, 3000, 400, 1500, 1 << (k % 60), path, "",
         1, 2, j, j * 4000, 4000)
        for j, (i, c, u, u2, w, w2, d, way, k) in enumerate(made)
    ]  # fmt: skip


def make(folder: Path, total: int) -> int:
    """Write the month if it does not exist yet; returns the number of rows."""
    a_day = total // DAYS
    store = SightingStore(folder)
    names = [ids.day_of(FIRST_MS + n * ids.DAY_MS) for n in range(DAYS)]
    first = store.day_dir(names[0]) / "rows.db"
    if not first.exists():
        _day_of(
            store,
            names[0],
            lambda c: c.executemany(
                f"INSERT INTO sighting VALUES ({','.join('?' * len(NAMES))})", rows_of_a_day(a_day)
            ),
        )
    missing = [(n, name) for n, name in enumerate(names) if not (store.day_dir(name) / "rows.db").exists()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda d: _moved(store, first, *d), missing))
    store.close()
    with sqlite3.connect(first) as connection:
        return int(connection.execute("SELECT count(*) FROM sighting").fetchone()[0]) * DAYS


def _moved(store: SightingStore, first: Path, n: int, name: str) -> None:
    """Write the first day's rows n days later, on other cameras."""
    shift = n * ids.DAY_MS
    moved = f"((camera + {n * 97}) % {CAMERAS})"
    columns = {
        "id": f"((id >> 21) + {shift}) << 21 | {moved} << 9 | (id & 511)",
        "end_ms": f"end_ms + {shift}",
        "best_ms": f"best_ms + {shift}",
        "camera": moved,
    }
    chosen = ", ".join(columns.get(c, c) for c in NAMES)

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("ATTACH ? AS source", (str(first),))
        connection.execute(f"INSERT INTO main.sighting SELECT {chosen} FROM source.sighting ORDER BY 1")

    _day_of(store, name, fill)


def _day_of(store: SightingStore, name: str, fill: Callable[[sqlite3.Connection], object]) -> None:
    """Write a day's file as the store does; creates its indexes after its rows, for speed."""
    place = store.day_dir(name)
    shutil.rmtree(place, ignore_errors=True)
    making = SightingStore(store.folder / f"making-{name}")
    making.write(name, [Batch("x", 1)])
    making.close()
    connection = sqlite3.connect(making.day_dir(name) / "rows.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'sighting_%'"
    ).fetchall()
    for name_of, _ in indexes:
        connection.execute(f"DROP INDEX {name_of}")
    fill(connection)
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    making.day_dir(name).rename(place)
    shutil.rmtree(making.folder)


def questions(seed: int, count: int) -> list[Query]:
    """Return queries as officers make them: villages and hours of a day, of a week, nights of a month, one camera, the
    whole town, rare and frequent.
    """
    rng = np.random.default_rng(seed)

    def village(many: int = 1) -> frozenset[int]:
        first = [int(rng.integers(0, 22)) for _ in range(many)]
        return frozenset(c for v in first for c in range(v * 102, min(CAMERAS, v * 102 + 102)))

    def colour() -> tuple[int]:
        return (int(rng.choice(np.arange(1, 13), p=np.array(COLOURS[1:]) / sum(COLOURS[1:]))),)

    found: list[Query] = []
    for i in range(count):
        day = int(rng.integers(0, DAYS))
        start = FIRST_MS * 1000 + day * DAY_US
        evening = replace(Query(), start_us=start + 10 * 3_600_000_000, end_us=start + 15 * 3_600_000_000)
        rider = (int(Cls.rider), int(Cls.ebike), int(Cls.two_wheeler))
        found.append([
            replace(evening, cameras=village(2), classes=rider, upper=colour(), lower=colour()),
            replace(evening, cameras=village(2), classes=PERSON, upper=colour()),
            Query(cameras=village(2), classes=rider, upper=colour(), lower=colour()),
            Query(classes=PERSON, upper=colour(), lower=colour()),
            Query(classes=(int(Cls.car), int(Cls.vehicle)), upper=colour(), cameras=village()),
            Query(start_us=start, end_us=start + 7 * DAY_US, classes=PERSON, lower=colour(), cameras=village(3)),
            Query(cameras=frozenset([int(rng.integers(0, CAMERAS))]), classes=PERSON, upper=colour(), lower=colour()),
            Query(classes=(int(Cls.dog), int(Cls.animal))),
            Query(classes=PERSON, upper=(10,), lower=(8,), cameras=village()),
            Query(classes=PERSON, upper=colour(), attributes=3, directions=(1, 2)),
        ][i % 10])  # fmt: skip
    return found


def run(folder: Path, total: int, quick: bool) -> list[Figure]:
    began = time.perf_counter()
    count = make(folder, total)
    made_in = time.perf_counter() - began
    store = SightingStore(folder)
    size = sum(p.stat().st_size for p in folder.rglob("rows.db"))
    asked = questions(1, 20 if quick else 200)
    for q in asked[:20]:
        find(store, q)
    warm = _timed(store, asked)
    cold = [_cold(store, q) for q in questions(2, 10 if quick else 20)]
    p95 = _p95(warm)
    written = insertion(store, questions(3, 50), 2 if quick else 20)
    store.close()
    by_kind = [statistics.median(warm[i::10]) for i in range(10)]
    return [
        Figure("sightings, 31 days, 2,252 cameras", count, ""),
        Figure("made in", round(made_in), "s"),
        Figure("bytes a sighting, indexes included", round(size / count), "B"),
        Figure("attribute questions, first page, warm: median", round(statistics.median(warm), 1), "ms"),
        Figure("p95", round(p95, 1), "ms", "< 100", p95 < 100),
        Figure("longest", round(max(warm), 1), "ms"),
        Figure("slowest kind of question, median", round(max(by_kind), 1), "ms"),
        Figure(
            "cold (page cache emptied of the day files), p95",
            round(_p95(cold) / 1000, 2),
            "s",
            "< 3",
            _p95(cold) < 3000,
        ),
        *written,
    ]


def _timed(store: SightingStore, asked: Sequence[Query]) -> list[float]:
    took = []
    for q in asked:
        began = time.perf_counter()
        find(store, q, 50)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _cold(store: SightingStore, q: Query) -> float:
    """Time a query with no page of any day's file in memory, and no file open."""
    store.close()
    for path in store.folder.rglob("rows.db"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    return _timed(store, [q])[0]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def _ask(folder: Path, asked: Sequence[Query], stop: Any, answered: Any) -> None:
    store = SightingStore(folder)
    while not stop.is_set():
        find(store, asked[answered.value % len(asked)])
        answered.value += 1


def insertion(store: SightingStore, asked: Sequence[Query], seconds: float) -> list[Figure]:
    """Write rows to a new day in batches of 500, while another process queries."""
    day = ids.day_of(FIRST_MS + (DAYS + 2) * ids.DAY_MS)
    start, context = FIRST_MS + (DAYS + 2) * ids.DAY_MS, multiprocessing.get_context("spawn")
    stop, answered = context.Event(), context.Value("q", 0)
    asking = context.Process(target=_ask, args=(store.folder, list(asked), stop, answered))
    asking.start()
    while not answered.value:
        time.sleep(0.05)
    before = answered.value
    path, rng = pack_path([Point(0, 100 * i, 5000, 1500) for i in range(4)]), np.random.default_rng(1)
    shape = rng.integers(0, 13, (500, 4))
    written, began, fresh = 0, time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        rows = [
            Sighting(
                ids.compose(start + written + i, (written + i) % CAMERAS, 0),
                start + written + i + 4000,
                start,
                (written + i) % CAMERAS,
                1,
                800,
                upper=int(u),
                upper2=int(u2),
                lower=int(w),
                lower2=int(w2),
                path=path,
                cells=1,
            )
            for i, (u, u2, w, w2) in enumerate(shape)
        ]
        store.write(day, [Batch("cam/sub", written + 1, new=rows, pending=[r.id for r in rows[:50]])])
        written, fresh = written + len(rows), fresh + 50
    took = time.perf_counter() - began
    stop.set()
    asking.join()
    store.drop(day)
    rate = written / took
    return [
        Figure("sightings written while questions are asked", round(rate), "a second", "≥ 20000", rate >= 20_000),
        Figure("questions answered meanwhile", round((answered.value - before) / took, 1), "a second"),
    ]


def likeness(folder: Path, quick: bool) -> list[Figure]:
    """Search by similarity among all vectors of the month, and in two villages for five hours."""
    store = SightingStore(folder)
    names = store.days()
    rng = np.random.default_rng(5)
    if not (store.day_dir(names[0]) / "vectors-2.bits").exists():
        for name in names:
            _vectors(store, name, rng)
    target = rng.standard_normal(DIMENSION).astype(np.float32)
    target /= np.linalg.norm(target)
    start = FIRST_MS * 1000 + 12 * DAY_US + 10 * 3_600_000_000
    villages = Query(start_us=start, end_us=start + 5 * 3_600_000_000, cameras=frozenset(range(204)))
    similar(store, target, 2, Query(), 50)
    whole, narrow = list[float](), list[float]()
    for _ in range(3 if quick else 10):
        for query, took in ((Query(), whole), (villages, narrow)):
            began = time.perf_counter()
            similar(store, target, 2, query, 50)
            took.append((time.perf_counter() - began) * 1000)
    count = sum(len(s.ids) for n in names if (s := open_shard(store.day_dir(n), 2)) is not None)
    memory = _peak_gigabytes()
    bits = sum(p.stat().st_size for p in folder.rglob("vectors-2.bits")) / 1e9
    store.close()
    return [
        Figure("vectors of the month", count, ""),
        Figure(
            "similar to this, 2 villages × 5 h",
            round(statistics.median(narrow), 1),
            "ms",
            "< 50",
            statistics.median(narrow) < 50,
        ),
        Figure(
            "among all of the month", round(statistics.median(whole), 1), "ms", "< 500", statistics.median(whole) < 500
        ),
        Figure("memory of the process at most, mapped pages included", round(memory, 2), "GB", "≤ 4", memory <= 4),
        Figure("signs of all vectors", round(bits, 2), "GB"),
        *identities(folder, 20_000 if quick else 1_000_000),
    ]


def _peak_gigabytes() -> float:
    """Return the peak memory of this program alone: getrusage would include the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1e6


def _vectors(store: SightingStore, name: str, rng: np.random.Generator) -> None:
    """Write random sign bits for every sighting of the day, in its order; the full vectors are a hole in the file."""
    place = store.day_dir(name)
    with sqlite3.connect(place / "rows.db") as connection:
        numbers = np.fromiter((r[0] for r in connection.execute("SELECT id FROM sighting ORDER BY id")), np.int64)
    append(place, 2, "bench@1", [int(numbers[0])], np.full((1, DIMENSION), 1 / 16, np.float32))
    for kind, body in (
        ("ids", numbers.tobytes()),
        ("bits", rng.integers(0, 256, (len(numbers), 32), np.uint8).tobytes()),
    ):
        with (place / f"vectors-2.{kind}").open("r+b") as f:
            f.seek(64)
            f.write(body)
    os.truncate(place / "vectors-2.i8", 64 + len(numbers) * DIMENSION)


def identities(folder: Path, count: int) -> list[Figure]:
    """Measure the recall of an identity among `count` full vectors (20 each, cosine about .68), also with a filter."""
    place, rng = folder / "identities", np.random.default_rng(7)
    shutil.rmtree(place, ignore_errors=True)
    store, people = SightingStore(place), count // 20
    centres = rng.standard_normal((people, DIMENSION)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows: list[Sighting] = []
    day = ids.day_of(FIRST_MS)
    for n in range(20):
        noise = rng.standard_normal((people, DIMENSION)).astype(np.float32) * np.float32(0.686 / 16)
        vectors = centres + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        numbers = [ids.compose(FIRST_MS + n * 4_000_000 + i % 4_000_000, i % 200, n) for i in range(people)]
        places = append(store.day_dir(day), 2, "bench@1", numbers, vectors)
        rows += [
            Sighting(m, m >> 21, m >> 21, i % 200, 1, 800, upper=1 + i % 12, embedder=2, vector=p)
            for i, (m, p) in enumerate(zip(numbers, places, strict=True))
        ]
    for at in range(0, len(rows), 20_000):
        store.write(day, [Batch("x", 1, new=rows[at : at + 20_000])])
    queries = rng.integers(0, people, 60)
    recall = {"all": 0, "filtered": 0, "exact": 0}
    for who in queries:
        mine = {m.sighting.id for m in similar(store, centres[who], 2, Query(), 100) if _is(m.sighting, who)}
        colour = Query(cameras=frozenset(range(200)), upper=(1 + int(who) % 12,))
        filtered = {m.sighting.id for m in similar(store, centres[who], 2, colour, 100) if _is(m.sighting, who)}
        recall["all"], recall["filtered"] = recall["all"] + len(mine), recall["filtered"] + len(filtered)
    store.close()
    shutil.rmtree(place)
    shares = {k: v / (20 * len(queries)) for k, v in recall.items()}
    kept = shares["filtered"] >= shares["all"]
    return [
        Figure(f"recall of the same identity among {count:,} vectors", round(shares["all"], 3), ""),
        Figure("the same with a filter", round(shares["filtered"], 3), "", "not lower", kept),
    ]


def _is(s: Sighting, who: int) -> bool:
    return (ids.milliseconds(s.id) - FIRST_MS) % 4_000_000 == who % 4_000_000 and s.camera == who % 200
