"""The indexer over recorded keyframes: resumed, killed, run again, delayed, given keyframes that crash workers."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.tables import Camera
from cameras.virtual import scene
from cameras.virtual.clip import encode
from core import events
from core.clock import ManualClock, from_microseconds, to_microseconds
from core.database import Database
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import StreamStatus
from search.analysis import pipeline as worker
from search.analysis.tracking.learned_motion import pack
from search.indexing.indexer import Indexer, ReindexRange
from search.indexing.lag import lag
from search.query.find import Query, find
from search.store import Sighting, SightingStore, camera_memory, camera_numbers, ids, thumbnails, verify
from search.tables import IndexState
from search.vocabulary import Cls
from tests.health.frames import TOWN, keyframes
from tests.search.analysis.test_learned_motion import learned_motion
from tests.search.fakes import FakeReader, InlinePool, Killed

SETTINGS = SearchSettings(detector="builtin")


class Town:
    def __init__(self, database: Database, clock: ManualClock, folder: Path, frames: list[Keyframe]):
        self.database, self.clock, self.folder = database, clock, folder
        self.store, self.reader, self.pool = SightingStore(folder), FakeReader(frames), InlinePool()

    def indexer(self, reindex: ReindexRange | None = None, batch: int = 6) -> Indexer:
        """Return a new process's indexer."""
        settings = SETTINGS.model_copy(update={"batch": batch})
        made = Indexer(self.database, self.clock, self.store, self.pool, settings, reindex)  # type: ignore[arg-type]
        made._reader = self.reader  # type: ignore[assignment]
        return made

    async def index_all(self, indexer: Indexer | None = None) -> None:
        one, before = indexer or self.indexer(), None
        start = self.reader.frames[0].at_us - 1_000_000
        while one.positions() != before:
            before = one.positions()
            await one.run_once(start)

    async def found(self, **query: Any) -> list[Sighting]:
        return await asyncio.to_thread(find, self.store, Query(**query), 1000)


@pytest.fixture
async def town(database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Town]:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
    view = scene.Street(3, (640, 360))
    clip = await asyncio.to_thread(lambda: keyframes(encode([view.frame(i / 12, i) for i in range(30)], fps=1, gop=1)))
    start = to_microseconds(clock.now())
    frames = [
        Keyframe("cam/main", start + 2_000_000 * (i + 1), f.codec, f.configuration, f.data) for i, f in enumerate(clip)
    ]
    await asyncio.to_thread(worker.prepare, SETTINGS, tmp_path / "models")
    clock.advance(120)
    made = Town(database, clock, tmp_path / "sightings", frames)
    yield made
    await asyncio.to_thread(made.store.close)


async def test_indexing_resumes_at_its_position(town: Town) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    seen = await town.found()
    people = [s for s in seen if s.cls == Cls.person]
    assert people and all(s.upper for s in people if s.score > 700)
    longest = max(seen, key=lambda s: s.detections)
    assert longest.detections >= 4 and longest.end_ms - longest.start_ms >= 6000
    picture = await asyncio.to_thread(
        thumbnails.read, town.store.day_dir(ids.day_of(longest.start_ms)), longest.thumb, longest.thumb_size
    )
    assert picture[:2] == b"\xff\xd8"
    assert await asyncio.to_thread(verify.problems, town.store) == []
    assert await indexer.run_once() == 0 and await town.indexer().run_once() == 0  # no keyframe twice, in any process
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
    assert (state.position_us, state.keyframes) == (town.reader.frames[-1].at_us, len(town.reader.frames))
    assert state.detected <= state.decoded <= state.keyframes


@pytest.mark.parametrize("seed", range(4))
async def test_restarted_analyst_continues_the_same_sightings(town: Town, seed: int) -> None:
    """Killed and restarted repeatedly: each keyframe is analysed once, and an object in view stays one sighting."""
    rng = random.Random(seed)
    analysed: list[int] = []
    original = InlinePool.run

    async def noting(self: InlinePool, function: Any, state: Any, frames: list[Keyframe]) -> Any:
        result = await original(self, function, state, frames)
        analysed.extend(f.at_us for f in frames)
        return result

    town.pool.run = noting.__get__(town.pool)  # type: ignore[method-assign]
    while (await asyncio.to_thread(town.store.positions)).get("cam/main", 0) < town.reader.frames[-1].at_us:
        town.pool.calls, town.pool.die_after = 0, rng.randrange(1, 3)
        try:
            await town.index_all(town.indexer(batch=rng.randrange(2, 7)))
        except Killed:
            continue
    assert analysed == [f.at_us for f in town.reader.frames]
    seen = await town.found()
    assert len({s.id for s in seen}) == len(seen)
    assert max(s.detections for s in seen) >= 4
    assert await asyncio.to_thread(verify.problems, town.store) == []


async def test_restarted_analyst_knows_the_ground_and_the_traffic(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.indexing.indexer.MEMORY_STEP_US", 10_000_000)
    await town.index_all()
    (path,) = await asyncio.to_thread(lambda: list((town.folder / "memory").iterdir()))
    road, number, at_ms = learned_motion(), int(path.name), town.reader.frames[-1].at_us // 1000
    await asyncio.to_thread(camera_memory.write, town.folder, number, pack(road, at_ms))
    again = town.indexer()
    await again.run_once()
    tracker = again._streams["cam/main"].state.tracker
    assert tracker.learned_motion(at_ms) == pack(road, at_ms)


async def test_crash_between_thumbnail_and_row_leaves_only_unused_bytes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = SightingStore.write, list[str]()

    def write(self: SightingStore, day: str, batches: Any) -> None:
        if any(b.new for b in batches) and len(failed) < 3:
            failed.append(day)
            raise OSError("the power went")
        real(self, day, batches)

    monkeypatch.setattr(SightingStore, "write", write)
    while (await asyncio.to_thread(town.store.positions)).get("cam/main", 0) < town.reader.frames[-1].at_us:
        try:
            await town.index_all(town.indexer())
        except OSError:
            continue
    assert len(failed) == 3
    seen = await town.found()
    assert seen and len({s.id for s in seen}) == len(seen)
    assert await asyncio.to_thread(verify.problems, town.store) == []


async def test_reindexing_replaces_a_period(town: Town) -> None:
    await town.index_all()
    before = await town.found()
    live = (await asyncio.to_thread(town.store.positions))["cam/main"]
    frames = town.reader.frames
    reindex = ReindexRange(frames[0].at_us - 1_000_000, frames[-1].at_us + 1_000_000, "builtin@1")
    async with town.database.reading() as session:
        cameras = list(await session.scalars(select(Camera)))
    for _ in range(2):
        assert await town.indexer(reindex).reindex(cameras) > 0
        after = await town.found()
        assert [(s.id, s.cls, s.detections) for s in after] == [(s.id, s.cls, s.detections) for s in before]
    # the live position is unchanged, and that of the second run is deleted
    assert await asyncio.to_thread(town.store.positions) == {"cam/main": live}
    assert await asyncio.to_thread(verify.problems, town.store) == []


async def test_bad_keyframe_is_skipped_and_bad_stream_is_quarantined(town: Town) -> None:
    town.pool.bad = {town.reader.frames[3].at_us}
    await town.index_all()
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
        assert (state.keyframes, state.undecodable, state.crashes) == (len(town.reader.frames), 1, 0)
    assert await town.found()
    later = [replace(f, at_us=f.at_us + 3_600_000_000) for f in town.reader.frames]
    town.reader.frames += later
    town.pool.bad = {f.at_us for f in later}
    town.clock.advance(3600)
    indexer = town.indexer()
    for _ in range(4):
        await indexer.run_once()
    assert await indexer.run_once() == 0
    async with town.database.reading() as session:
        kinds = [e.kind for e in await session.scalars(select(events.Event))]
    assert kinds.count("stream.quarantined") == 1


async def test_corrupt_keyframes_are_counted(town: Town) -> None:
    rng = random.Random(1)
    for i in (2, 5, 9):
        data = bytearray(town.reader.frames[i].data)
        for _ in range(200):
            data[rng.randrange(8, len(data))] = rng.randrange(256)
        town.reader.frames[i] = replace(town.reader.frames[i], data=bytes(data[: len(data) // 2]))
    town.reader.frames[12] = replace(town.reader.frames[12], data=b"")
    await town.index_all()
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
    assert state.undecodable >= 1 and state.keyframes == len(town.reader.frames)


async def test_quiet_camera_is_skipped_when_indexing_lags(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    indexed = indexer._streams["cam/main"]
    indexed.state.gop_size_gate.quiet, indexed.state.gop_size_gate.active = [0.1] * 50, [2.0]
    indexed.state.tracker.tracks = []
    town.clock.advance(3600)
    await indexer.run_once(urgent=["v"])
    assert indexed.skipped == 0  # the watch list looks for somebody there
    await indexer.run_once()
    now_us = to_microseconds(town.clock.now())
    assert now_us - indexed.position_us == 60_000_000
    assert "indexing lags behind" in caplog.text
    town.reader.frames.append(replace(town.reader.frames[-1], at_us=now_us - 10_000_000))
    await indexer.run_once()
    async with town.database.reading() as session:
        assert (await session.get_one(IndexState, "cam/main")).skipped > 3000


async def test_lag_of_recorded_streams(town: Town) -> None:
    await town.index_all()
    newest = town.reader.frames[-1].at_us
    async with town.database.session() as session:
        assert (await lag(session)).behind_seconds is None  # no stream is being recorded
        last = from_microseconds(newest + 90_000_000)
        session.add(
            StreamStatus(
                stream="cam/main",
                worker="r-0",
                state="recording",
                engine="native",
                last_picture=last,
                at=last,
                since=last,
            )
        )
    async with town.database.session() as session:
        assert (await lag(session)).behind_seconds == 90
        (await session.get_one(IndexState, "cam/main")).crashes = 2
        found = await lag(session)
    assert (found.behind_seconds, found.quarantined) == (None, 1)


async def test_moved_camera_leaves_its_sightings_in_the_old_village(town: Town) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    before = await town.found()
    async with town.database.session() as session:
        await registry.apply(
            session,
            inventory.parse(TOWN.replace("village: v", "village: w").replace("code: v", "code: w")),
            town.clock.now(),
            "t",
            confirm_retiring=True,
        )
    shift = town.reader.frames[-1].at_us - town.reader.frames[0].at_us + 2_000_000
    town.reader.frames += [replace(f, at_us=f.at_us + shift) for f in town.reader.frames]
    town.clock.advance(shift / 1e6)
    await town.index_all(indexer)
    async with town.database.reading() as session:
        places = await camera_numbers.places(session)
    old, new = [frozenset(n for n, p in places.items() if p.village == v) for v in ("v", "w")]
    assert {p.village for p in places.values()} == {"v", "w"} and old and new
    assert [s.id for s in await town.found(cameras=old)] == [s.id for s in before]
    assert await town.found(cameras=new)


async def test_killed_worker_process_loses_no_keyframe(town: Town, tmp_path: Path) -> None:
    pool = DecodePool(1, 60.0, worker.prepare, (SETTINGS, tmp_path / "models"))
    state = worker.AnalysisState.new(1)
    try:
        analysis = await pool.run(worker.analyse, state, town.reader.frames[:3])
        assert analysis.counts.keyframes == 3 and state.decoded == 0 and analysis.state.decoded == 3
        (process,) = pool.processes()
        os.kill(process, signal.SIGKILL)
        assert (await pool.run(worker.analyse, analysis.state, town.reader.frames[3:5])).state.decoded == 5
    finally:
        await pool.close()


def test_large_picture_with_tiny_objects(tmp_path: Path) -> None:
    worker.prepare(SETTINGS, tmp_path / "models")
    rng = np.random.default_rng(1)
    base = rng.integers(90, 150, (2160, 3840, 3), np.uint8)
    frames = []
    for i in range(6):
        picture = base.copy()
        picture[1000:1003, 400 * i : 400 * i + 2] = 255
        picture[200:203, 3000:3003] = 0
        frames.append(picture)
    clip = keyframes(encode(frames, fps=1, gop=1))
    analysis = worker.analyse(
        worker.AnalysisState.new(1),
        [replace(f, at_us=1_780_000_000_000_000 + i * 2_000_000) for i, f in enumerate(clip)],
    )
    assert analysis.counts.keyframes == 6 and analysis.counts.undecodable == 0
