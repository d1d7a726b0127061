"""Two packs side by side, a new pack that replaces one, and best shots from the main stream."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cameras.registry import inventory, registry
from cameras.virtual.clip import encode
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import StorageError
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.playback.pictures import Picture
from search.analysis import pipeline as worker
from search.indexing.indexer import Indexer
from search.indexing.reembed import Reembedder
from search.models import ModelRegistry
from search.query.find import Query, find
from search.query.similar import similar
from search.store import SightingStore, camera_numbers, ids, thumbnails, vectors, verify
from search.vocabulary import Cls
from tests.conftest import MODELS, needs_footage, needs_models
from tests.health.frames import keyframes
from tests.search import handmade_networks
from tests.search.analysis.test_detectors import footage
from tests.search.fakes import FakeReader, InlinePool

TWO_STREAMS = """
town: t
villages: [{code: v, name: v}]
cameras: [{id: cam, name: c, village: v, streams: {main: {url: "rtsp://127.0.0.1/x"}, sub: {url: "rtsp://127.0.0.1/y"}}}]
"""


def coded(pictures: list[Picture], start_us: int, step_us: int, stream: str) -> list[Keyframe]:
    return [
        replace(f, stream=stream, at_us=start_us + i * step_us)
        for i, f in enumerate(keyframes(encode(pictures, fps=1, gop=1)))
    ]


async def indexed(
    database: Database, clock: ManualClock, folder: Path, frames: dict[str, list[Keyframe]], settings: SearchSettings
) -> tuple[SightingStore, Indexer]:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TWO_STREAMS), clock.now(), "test")
    store = SightingStore(folder / "sightings")
    indexer = Indexer(database, clock, store, InlinePool(), settings)  # type: ignore[arg-type]
    indexer._reader = FakeReader([f for stream in frames.values() for f in stream])  # type: ignore[assignment]
    before: Any = None
    while indexer.positions() != before:
        before = indexer.positions()
        await indexer.run_once(frames["cam/sub"][0].at_us - 1_000_000)
    return store, indexer


def red_quarter(i: int) -> Picture:
    picture = np.random.default_rng(i).integers(60, 90, (180, 320, 3), np.uint8)
    x, y = (i // 3) % 2 * 160, (i // 6) % 2 * 90
    picture[y + 4 : y + 86, x + 4 : x + 156] = (10, 10, 240)
    return np.asarray(picture, np.uint8)


async def test_new_pack_replaces_the_old_one_without_mixing_vectors(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ModelRegistry(tmp_path / "models")
    spec = {"task": "embed", "decoder": "vector", "classes": {}, "applies_to": ("person",), "id": "means"}
    await asyncio.to_thread(
        handmade_networks.write_pack, models.folder / "red-quarters@1", handmade_networks.red_quarters()
    )
    await asyncio.to_thread(
        lambda: handmade_networks.write_pack(
            models.folder / "means@1", handmade_networks.mean_colours(), rank=1, **spec
        )
    )
    settings = SearchSettings()
    await asyncio.to_thread(worker.prepare, settings, models.folder)
    start = to_microseconds(clock.now())
    frames = await asyncio.to_thread(lambda: coded([red_quarter(i) for i in range(24)], start, 30_000_000, "cam/sub"))
    clock.advance(2000)
    store, _ = await indexed(database, clock, tmp_path, {"cam/sub": frames}, settings)
    before = await asyncio.to_thread(find, store, Query(), 100)
    assert before and {s.cls for s in before} <= {Cls.person, Cls.rider}
    async with database.reading() as session:
        packs = {name: n for n, name in (await camera_numbers.packs(session)).items()}
    assert {s.embedder for s in before} == {packs["means@1"]}
    await asyncio.to_thread(
        lambda: handmade_networks.write_pack(
            models.folder / "means@2", handmade_networks.mean_colours(), rank=2, version="2", **spec
        )
    )
    await asyncio.to_thread(worker.prepare, settings, models.folder)
    new = Reembedder(database, store, InlinePool(), models, "auto")  # type: ignore[arg-type]
    assert await new.run_once(limit=2) == 2
    async with database.reading() as session:
        packs = {name: n for n, name in (await camera_numbers.packs(session)).items()}
    halfway = await asyncio.to_thread(find, store, Query(), 100)
    assert sorted({s.embedder for s in halfway}) == [packs["means@1"], packs["means@2"]]
    for s in halfway:
        mine = (await asyncio.to_thread(store.vectors, [s]))[s.id]
        found = await asyncio.to_thread(similar, store, mine, s.embedder, Query(), 100)
        assert found[0].sighting.id == s.id and {m.sighting.embedder for m in found} == {s.embedder}
    while await new.run_once(limit=2):
        pass
    after = await asyncio.to_thread(find, store, Query(), 100)
    assert [s.id for s in after] == [s.id for s in before] and {s.embedder for s in after} == {packs["means@2"]}
    assert await asyncio.to_thread(verify.problems, store) == []
    await asyncio.to_thread(
        lambda: handmade_networks.write_pack(
            models.folder / "means@3", handmade_networks.mean_colours(), rank=3, version="3", **spec
        )
    )
    assert await new.run_once() == 0  # the worker still has the old pack: its vectors are not stored as the new one's
    await asyncio.to_thread(worker.prepare, settings, models.folder)
    # Vectors that were not written are never recorded as done.
    monkeypatch.setattr(vectors, "append", lambda *a: [10_000 + i for i in range(len(a[3]))])
    with pytest.raises((StorageError, IndexError)):
        await new.run_once()
    assert {s.embedder for s in await asyncio.to_thread(find, store, Query(), 100)} == {packs["means@2"]}
    await asyncio.to_thread(store.close)


@pytest.mark.long
@needs_models
@needs_footage
async def test_best_shot_comes_from_the_main_stream(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    """The sub-stream finds the people; the main stream, with other keyframe times, shows them twice as large."""
    models = ModelRegistry(tmp_path / "models")
    await asyncio.to_thread(models.add, MODELS)
    settings = SearchSettings()
    await asyncio.to_thread(worker.prepare, settings, models.folder)
    start = to_microseconds(clock.now())

    def streams() -> dict[str, list[Keyframe]]:
        shots = footage("vtest_480x360.avi", 1, 400)
        small = [np.asarray(cv2.resize(p, (480, 360)), np.uint8) for p in shots[::10]]
        large = [np.asarray(cv2.resize(p, (960, 720), interpolation=cv2.INTER_CUBIC), np.uint8) for p in shots[4::10]]
        return {
            "cam/sub": coded(small, start, 1_000_000, "cam/sub"),
            "cam/main": coded(large, start + 400_000, 1_000_000, "cam/main"),
        }

    frames = await asyncio.to_thread(streams)
    clock.advance(200)
    heights = {}
    for name, given in (("both", frames), ("sub", {"cam/sub": frames["cam/sub"], "cam/main": []})):
        store, _ = await indexed(database, clock, tmp_path / name, given, settings)
        found = [s for s in await asyncio.to_thread(find, store, Query(), 100) if s.detections >= 5]
        sizes = []
        for s in found:
            content = await asyncio.to_thread(
                thumbnails.read, store.day_dir(ids.day_of(s.start_ms)), s.thumb, s.thumb_size
            )
            sizes.append(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[0])
        heights[name] = (len(found), float(np.median(sizes)))
        assert await asyncio.to_thread(verify.problems, store) == []
        await asyncio.to_thread(store.close)
    assert heights["both"][0] == heights["sub"][0] >= 5
    assert heights["both"][1] > 1.4 * heights["sub"][1]
