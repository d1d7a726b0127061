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
from core.errors import ProtocolError
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import StreamStatus
from search.analysis import pipeline as worker
from search.indexing.indexer import Indexer, ReindexRange
from search.indexing.lag import lag
from search.query.find import Query, find
from search.store import Sighting, SightingStore, camera_numbers, ids, thumbnails, verify
from search.tables import IndexState
from search.vocabulary import Cls
from tests.health.frames import TOWN, keyframes

SETTINGS = SearchSettings(detector="builtin")


class Killed(BaseException):
    """The process ended here."""


class Inline:
    """Runs the worker's function in a thread; `bad`: times of keyframes that crash it."""

    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.die_after = 10**9
        self.calls = 0

    async def run(self, function: Any, memory: Any, frames: list[Keyframe]) -> Any:
        self.calls += 1
        if self.calls > self.die_after:
            raise Killed
        if any(f.at_us in self.bad for f in frames):
            raise ProtocolError("the picture crashed its decoder")
        # Copies through pickle, as a pipe does: changes by the worker are visible in its answer only.
        import pickle

        return await asyncio.to_thread(
            lambda: pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps((memory, frames))))))
        )


class Log:
    """The recording: keyframes of the stream."""

    def __init__(self, frames: list[Keyframe]):
        self.frames = frames

    async def keyframes(self, stream: str, start_us: int, end_us: int, limit: int) -> list[Keyframe]:
        return [f for f in self.frames if start_us <= f.at_us < end_us][:limit]


class Town:
    def __init__(self, database: Database, clock: ManualClock, folder: Path, frames: list[Keyframe]):
        self.database, self.clock, self.folder = database, clock, folder
        self.days, self.log, self.pool = SightingStore(folder), Log(frames), Inline()

    def indexer(self, again: ReindexRange | None = None, batch: int = 6) -> Indexer:
        """Return a new process's indexer."""
        settings = SETTINGS.model_copy(update={"batch": batch})
        made = Indexer(self.database, self.clock, self.days, self.pool, settings, again)  # type: ignore[arg-type]
        made._reader = self.log  # type: ignore[assignment]
        return made

    async def index_all(self, indexer: Indexer | None = None) -> None:
        one, before = indexer or self.indexer(), None
        start = self.log.frames[0].at_us - 1_000_000
        while one.positions() != before:
            before = one.positions()
            await one.run_once(start)

    async def found(self, **query: Any) -> list[Sighting]:
        return await asyncio.to_thread(find, self.days, Query(**query), 1000)


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
    await asyncio.to_thread(made.days.close)


async def test_indexing_gives_sightings_and_resumes_where_it_stopped(town: Town) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    seen = await town.found()
    people = [s for s in seen if s.cls == Cls.person]
    assert people and all(s.upper for s in people if s.score > 700)
    longest = max(seen, key=lambda s: s.looks)
    assert longest.looks >= 4 and longest.end_ms - longest.start_ms >= 6000
    picture = await asyncio.to_thread(
        thumbnails.read, town.days.place(ids.day_of(longest.start_ms)), longest.thumb, longest.thumb_size
    )
    assert picture[:2] == b"\xff\xd8"
    assert await asyncio.to_thread(verify.faults, town.days) == []
    assert await indexer.run_once() == 0 and await town.indexer().run_once() == 0  # no keyframe twice, in any process
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
    assert (state.position_us, state.keyframes) == (town.log.frames[-1].at_us, len(town.log.frames))
    assert state.detected <= state.decoded <= state.keyframes


@pytest.mark.parametrize("seed", range(4))
async def test_an_analyst_ended_at_any_batch_goes_on_with_the_same_sightings(town: Town, seed: int) -> None:
    """Killed and restarted repeatedly: each keyframe is analysed once, and an object in view stays one sighting."""
    rng = random.Random(seed)
    looked: list[int] = []
    original = Inline.run

    async def noting(self: Inline, function: Any, memory: Any, frames: list[Keyframe]) -> Any:
        result = await original(self, function, memory, frames)
        looked.extend(f.at_us for f in frames)
        return result

    town.pool.run = noting.__get__(town.pool)  # type: ignore[method-assign]
    while (await asyncio.to_thread(town.days.positions)).get("cam/main", 0) < town.log.frames[-1].at_us:
        town.pool.calls, town.pool.die_after = 0, rng.randrange(1, 3)
        try:
            await town.index_all(town.indexer(batch=rng.randrange(2, 7)))
        except Killed:
            continue
    assert looked == [f.at_us for f in town.log.frames]
    seen = await town.found()
    assert len({s.id for s in seen}) == len(seen)
    assert max(s.looks for s in seen) >= 4
    assert await asyncio.to_thread(verify.faults, town.days) == []


async def test_a_crash_between_picture_and_row_leaves_unused_bytes_only(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = SightingStore.write, list[str]()

    def write(self: SightingStore, day: str, batches: Any) -> None:
        if any(b.new for b in batches) and len(failed) < 3:
            failed.append(day)
            raise OSError("the power went")
        real(self, day, batches)

    monkeypatch.setattr(SightingStore, "write", write)
    while (await asyncio.to_thread(town.days.positions)).get("cam/main", 0) < town.log.frames[-1].at_us:
        try:
            await town.index_all(town.indexer())
        except OSError:
            continue
    assert len(failed) == 3
    seen = await town.found()
    assert seen and len({s.id for s in seen}) == len(seen)
    assert await asyncio.to_thread(verify.faults, town.days) == []


async def test_a_stretch_is_read_once_more_and_replaced(town: Town) -> None:
    await town.index_all()
    before = await town.found()
    live = (await asyncio.to_thread(town.days.positions))["cam/main"]
    frames = town.log.frames
    again = ReindexRange(frames[0].at_us - 1_000_000, frames[-1].at_us + 1_000_000, "builtin@1")
    async with town.database.reading() as session:
        cameras = list(await session.scalars(select(Camera)))
    for _ in range(2):
        assert await town.indexer(again).again(cameras) > 0
        after = await town.found()
        assert [(s.id, s.cls, s.looks) for s in after] == [(s.id, s.cls, s.looks) for s in before]
    # the live position is unchanged, and that of the second run is deleted
    assert await asyncio.to_thread(town.days.positions) == {"cam/main": live}
    assert await asyncio.to_thread(verify.faults, town.days) == []


async def test_one_bad_keyframe_costs_itself_and_a_bad_stream_is_left_alone(town: Town) -> None:
    town.pool.bad = {town.log.frames[3].at_us}
    await town.index_all()
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
        assert (state.keyframes, state.undecodable, state.strikes) == (len(town.log.frames), 1, 0)
    assert await town.found()
    later = [replace(f, at_us=f.at_us + 3_600_000_000) for f in town.log.frames]
    town.log.frames += later
    town.pool.bad = {f.at_us for f in later}
    town.clock.advance(3600)
    indexer = town.indexer()
    for _ in range(4):
        await indexer.run_once()
    assert await indexer.run_once() == 0
    async with town.database.reading() as session:
        kinds = [e.kind for e in await session.scalars(select(events.Event))]
    assert kinds.count("stream.quarantined") == 1


async def test_corrupt_keyframes_are_counted_and_nothing_else(town: Town) -> None:
    rng = random.Random(1)
    for i in (2, 5, 9):
        data = bytearray(town.log.frames[i].data)
        for _ in range(200):
            data[rng.randrange(8, len(data))] = rng.randrange(256)
        town.log.frames[i] = replace(town.log.frames[i], data=bytes(data[: len(data) // 2]))
    town.log.frames[12] = replace(town.log.frames[12], data=b"")
    await town.index_all()
    async with town.database.reading() as session:
        state = await session.get_one(IndexState, "cam/main")
    assert state.undecodable >= 1 and state.keyframes == len(town.log.frames)


async def test_behind_too_far_a_quiet_camera_is_passed_over_and_it_is_said(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    reading = indexer._readings["cam/main"]
    reading.memory.sizes.quiet, reading.memory.sizes.active = [0.1] * 50, [2.0]
    reading.memory.tracker.tracks = []
    town.clock.advance(3600)
    await indexer.run_once(urgent=["v"])
    assert reading.skipped == 0  # the watch list looks for somebody there
    await indexer.run_once()
    now_us = to_microseconds(town.clock.now())
    assert now_us - reading.position_us == 60_000_000
    assert "passed over" in caplog.text
    town.log.frames.append(replace(town.log.frames[-1], at_us=now_us - 10_000_000))
    await indexer.run_once()
    async with town.database.reading() as session:
        assert (await session.get_one(IndexState, "cam/main")).skipped > 3000


async def test_how_far_behind_is_said(town: Town) -> None:
    await town.index_all()
    newest = town.log.frames[-1].at_us
    async with town.database.session() as session:
        assert (await lag(session)).behind_seconds == 0  # no stream is being recorded
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
        (await session.get_one(IndexState, "cam/main")).strikes = 2
        found = await lag(session)
    assert (found.behind_seconds, found.quarantined) == (0, 1)


async def test_a_camera_that_moves_to_another_village_leaves_its_past_there(town: Town) -> None:
    indexer = town.indexer()
    await town.index_all(indexer)
    before = await town.found()
    async with town.database.session() as session:
        await registry.apply(
            session,
            inventory.parse(TOWN.replace("village: v", "village: w").replace("code: v", "code: w")),
            town.clock.now(),
            "t",
            really=True,
        )
    shift = town.log.frames[-1].at_us - town.log.frames[0].at_us + 2_000_000
    town.log.frames += [replace(f, at_us=f.at_us + shift) for f in town.log.frames]
    town.clock.advance(shift / 1e6)
    await town.index_all(indexer)
    async with town.database.reading() as session:
        places = await camera_numbers.places(session)
    old, new = [frozenset(n for n, p in places.items() if p.village == v) for v in ("v", "w")]
    assert {p.village for p in places.values()} == {"v", "w"} and old and new
    assert [s.id for s in await town.found(cameras=old)] == [s.id for s in before]
    assert await town.found(cameras=new)


async def test_a_detector_process_that_is_killed_costs_no_look(town: Town, tmp_path: Path) -> None:
    pool = DecodePool(1, 60.0, worker.prepare, (SETTINGS, tmp_path / "models"))
    memory = worker.AnalysisState.new(1)
    try:
        looked = await pool.run(worker.analyse, memory, town.log.frames[:3])
        assert looked.counts.keyframes == 3 and memory.looks == 0 and looked.memory.looks == 3
        (process,) = pool.processes()
        os.kill(process, signal.SIGKILL)
        assert (await pool.run(worker.analyse, looked.memory, town.log.frames[3:5])).memory.looks == 5
    finally:
        await pool.close()


def test_a_large_picture_and_a_person_of_three_pixels(tmp_path: Path) -> None:
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
    looked = worker.analyse(
        worker.AnalysisState.new(1),
        [replace(f, at_us=1_780_000_000_000_000 + i * 2_000_000) for i, f in enumerate(clip)],
    )
    assert looked.counts.keyframes == 6 and looked.counts.undecodable == 0
