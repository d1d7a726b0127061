from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from sqlalchemy import select

from cameras import inventory, registry
from cameras.virtual import scene
from cameras.virtual.clip import encode
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import DetectorError, ProtocolError, UsageError
from core.settings import SearchSettings
from nvr.reader import Keyframe
from search import worker
from search.colours import NAMES, is_monochrome, person_colours
from search.detectors import load
from search.detectors.builtin import BuiltinDetector
from search.indexer import Indexer, rewind
from search.query import Query, find
from search.tables import IndexPosition, Sighting
from tests.conftest import FOOTAGE, MODELS, needs_footage, needs_models
from tests.health.frames import TOWN, keyframes, street

PVB = MODELS / "person-vehicle-bike-detection-2004" / "FP16-INT8" / "person-vehicle-bike-detection-2004.xml"
CROSSROAD = (
    MODELS / "person-vehicle-bike-detection-crossroad-1016" / "FP16-INT8" / "person-vehicle-bike-detection-crossroad-1016.xml"
)


def footage(name: str, step: int, count: int) -> list[Any]:
    with av.open(str(FOOTAGE / name)) as container:
        frames = [f.to_ndarray(format="bgr24") for i, f in enumerate(container.decode(video=0)) if i % step == 0]
    return frames[:count]


def test_the_built_in_detector_finds_walkers_and_nothing_in_an_empty_street() -> None:
    detector = BuiltinDetector()
    view = scene.Street(3, (640, 360))
    found = [d for i in range(12) for d in detector.detect("a", view.frame(i / 12, i))]
    assert sum(d.cls == "person" for d in found) >= 5
    assert all(d.x >= 0 and d.x + d.w <= 1.0001 and d.h > 0.2 for d in found if d.cls == "person")
    empty = scene.Street(3, (640, 360), walkers=[])
    assert [d for i in range(12) for d in detector.detect("b", empty.frame(i / 12, i))] == []


def test_backgrounds_of_cameras_are_kept_apart() -> None:
    detector = BuiltinDetector()
    one, two = scene.Street(3, (640, 360), walkers=[]), scene.Street(9, (640, 360), walkers=[])
    found = [d for i in range(8) for name, view in (("a", one), ("b", two)) for d in detector.detect(name, view.frame(0, i))]
    assert found == []


@pytest.mark.parametrize("name", ["red", "blue", "green", "yellow", "black", "white"])
def test_jackets_are_named(name: str) -> None:
    view = scene.Street(2, (1280, 720), [scene.Walker(name, "black", 0.5, 0.92, 0.0, False)])
    picture = view.frame(0.5, 0)
    crop = picture[int(720 * 0.42) : int(720 * 0.92), 580:700]
    upper, lower = person_colours(crop)
    assert upper[0] == name
    assert "black" in lower


def test_infra_red_pictures_claim_no_colour() -> None:
    grey = cv2.cvtColor(cv2.cvtColor(street(1)[0], cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert is_monochrome(np.asarray(grey, np.uint8))
    assert not is_monochrome(street(1)[0])


@needs_models
@needs_footage
@pytest.mark.parametrize("model", [PVB, CROSSROAD])
def test_openvino_pack_finds_the_people_of_real_footage(model: Path) -> None:
    """Against the ground truth of PETS S2L1: precision and recall at IoU 0.4."""
    import csv

    detector = load(SearchSettings(detector="openvino", model=model))
    truth: dict[int, list[tuple[float, ...]]] = {}
    with (FOOTAGE / "vtest_480x360.boxes.csv").open() as f:
        for row in csv.DictReader(f):
            box = tuple(float(row[k]) * 0.625 for k in ("x", "y", "w", "h"))
            truth.setdefault(int(row["frame"]), []).append(box)
    hits = found = wanted = 0
    with av.open(str(FOOTAGE / "vtest_480x360.avi")) as container:
        for i, frame in enumerate(container.decode(video=0), 1):
            if i not in truth:
                continue
            picture = frame.to_ndarray(format="bgr24")
            boxes = [(d.x * 480, d.y * 360, d.w * 480, d.h * 360) for d in detector.detect("v", picture) if d.cls == "person"]
            found += len(boxes)
            wanted += len(truth[i])
            hits += sum(any(iou(t, b) >= 0.4 for b in boxes) for t in truth[i])
    assert wanted == 73
    assert hits / wanted > 0.8
    assert hits / found > 0.85


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0.0, w) * max(0.0, h)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


@needs_models
@needs_footage
def test_openvino_pack_tells_classes_apart() -> None:
    detector = load(SearchSettings(detector="openvino", model=PVB))
    seen = {d.cls for p in footage("person-bicycle-car-detection.mp4", 20, 40) for d in detector.detect("x", p)}
    assert {"person", "vehicle"} <= seen


@needs_footage
def test_the_built_in_detector_sees_people_move_in_real_footage() -> None:
    detector = BuiltinDetector()
    found = [d for p in footage("one-by-one-person-detection.mp4", 12, 90) for d in detector.detect("x", p)]
    assert len(found) > 10
    assert any(d.cls == "person" for d in found)


def test_ultralytics_adapter(tmp_path: Path) -> None:
    """An untrained network through the real library: the adapter, not the weights, is tested."""
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("the ultralytics extra is not installed (MINWANG_EXTRAS=ultralytics)")
    from search.detectors import ultralytics_yolo

    ultralytics_yolo._tame()
    from ultralytics import YOLO

    weights = tmp_path / "tiny.pt"
    YOLO("yolo11n.yaml").save(str(weights))
    detector = load(SearchSettings(detector="ultralytics", model=weights, threshold=0.0001))
    found = detector.detect("x", street(1)[0])
    assert detector.name == "ultralytics-tiny"
    assert all(0 <= d.x <= 1 and d.w > 0 and d.cls for d in found)


def test_missing_models_are_one_sentence(tmp_path: Path) -> None:
    for kind in ("openvino", "ultralytics"):
        with pytest.raises(DetectorError, match="no such"):
            load(SearchSettings(detector=kind, model=tmp_path / "no.xml"))  # type: ignore[arg-type]
        with pytest.raises(DetectorError, match=r"search\.model"):
            load(SearchSettings(detector=kind))  # type: ignore[arg-type]
    (tmp_path / "bad.xml").write_text("<net/>")
    (tmp_path / "classes.json").write_text('["person"]')
    with pytest.raises(DetectorError, match="cannot load"):
        load(SearchSettings(detector="openvino", model=tmp_path / "bad.xml"))


class Inline:
    """Runs the worker's function in a thread; `fail` stands for a crash of the process."""

    fail = False

    async def run(self, function: Any, *args: Any) -> Any:
        if self.fail:
            raise ProtocolError("the picture crashed its decoder")
        return await asyncio.to_thread(function, *args)


class Log:
    def __init__(self, frames: list[Keyframe]):
        self.frames = frames

    async def keyframes(self, stream: str, start_us: int, end_us: int, limit: int) -> list[Keyframe]:
        return [f for f in self.frames if start_us <= f.at_us < end_us][:limit]


async def indexer_with(database: Database, clock: ManualClock, tmp_path: Path) -> tuple[Indexer, Log, Inline]:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
    start = to_microseconds(clock.now())
    view = scene.Street(3, (640, 360))
    frames = keyframes(await asyncio.to_thread(encode, [view.frame(i / 12, i) for i in range(24)], fps=1, gop=1))
    log = Log(
        [Keyframe("cam/main", start + 2_000_000 * (i + 1), f.codec, f.configuration, f.data) for i, f in enumerate(frames)]
    )
    pool = Inline()
    await asyncio.to_thread(worker.prepare, SearchSettings())
    indexer = Indexer(database, clock, tmp_path, pool)  # type: ignore[arg-type]
    indexer._reader = log  # type: ignore[assignment]
    clock.advance(60)
    return indexer, log, pool


async def count(database: Database) -> int:
    async with database.reading() as session:
        return len((await session.scalars(select(Sighting))).all())


async def test_indexing_resumes_where_it_stopped_and_can_be_rewound(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    indexer, log, _ = await indexer_with(database, clock, tmp_path)
    start = log.frames[0].at_us - 1_000_000
    while await position(database) < log.frames[-1].at_us:
        await indexer.run_once(start)
    total = await count(database)
    assert total >= 8
    assert await indexer.run_once(start) == 0  # nothing twice
    assert await count(database) == total
    async with database.reading() as session:
        row = (await session.scalars(select(Sighting).where(Sighting.cls == "person"))).first()
    assert row is not None and row.village == "v" and row.upper
    assert (await asyncio.to_thread((tmp_path / row.thumbnail).read_bytes))[:2] == b"\xff\xd8"
    await rewind(database, start)
    await indexer.run_once()
    assert await count(database) > total


async def position(database: Database) -> int:
    async with database.reading() as session:
        row = await session.get(IndexPosition, "cam/main")
    return row.position_us if row else 0


async def test_a_stream_that_crashes_the_worker_twice_is_left_alone(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    indexer, log, pool = await indexer_with(database, clock, tmp_path)
    pool.fail = True
    start = log.frames[0].at_us - 1_000_000
    for _ in range(4):
        await indexer.run_once(start)
    pool.fail = False
    assert await indexer.run_once(start) == 0
    async with database.reading() as session:
        from core.events import Event

        kinds = [e.kind for e in await session.scalars(select(Event))]
    assert kinds.count("stream.quarantined") == 1


async def fill(database: Database, rows: int) -> None:
    async with database.session() as session:
        for i in range(rows):
            session.add(
                Sighting(
                    at_us=1000 + i // 3, camera=f"c{i % 4}", stream=f"c{i % 4}/main", village=f"v{i % 2}", cls="person" if i % 5 else "vehicle",
                    score=0.5, x=0, y=0, w=0.1, h=0.1, upper=",red,blue," if i % 7 == 0 else ",black,", lower="", thumbnail="t", detector="d",
                )
            )  # fmt: skip


async def test_pages_cover_everything_once_newest_first(database: Database) -> None:
    await fill(database, 100)
    seen: list[Sighting] = []
    key = None
    while True:
        async with database.reading() as session:
            rows, key = await find(session, Query(), limit=7, after=key)
        seen += rows
        if key is None:
            break
    assert len({s.id for s in seen}) == len(seen) == 100
    assert [(s.at_us, s.id) for s in seen] == sorted(((s.at_us, s.id) for s in seen), reverse=True)


async def test_filters(database: Database) -> None:
    await fill(database, 100)
    async with database.reading() as session:
        red, _ = await find(session, Query(upper="red"), 100)
        blue, _ = await find(session, Query(upper="blue"), 100)
        vehicles, _ = await find(session, Query(cls="vehicle", villages=["v0"], cameras=["c0", "c2"]), 100)
        window, _ = await find(session, Query(start_us=1010, end_us=1012), 100)
    assert len(red) == len(blue) == 15
    assert {(s.cls, s.village) for s in vehicles} == {("vehicle", "v0")}
    assert len(window) == 6


@pytest.mark.parametrize("query", [Query(cls="ghost"), Query(upper="plaid")])
async def test_unknown_words_are_refused(query: Query, database: Database) -> None:
    async with database.reading() as session:
        with pytest.raises(UsageError, match="there is no"):
            await find(session, query)


async def test_a_bad_page_key_is_refused(database: Database) -> None:
    async with database.reading() as session:
        with pytest.raises(UsageError, match="page key"):
            await find(session, Query(), after="1; DROP TABLE sighting")


def test_twelve_names() -> None:
    assert len(NAMES) == 12
