"""The analyst, as a separate process, is killed at random moments while it indexes: each keyframe is indexed once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cameras.registry import inventory, registry
from cameras.virtual.clip import encode
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.settings import SearchSettings
from nvr.archive.reader import Keyframe
from search.analysis import pipeline as worker
from search.indexing.indexer import Indexer
from search.query.find import Query, find
from search.store import SightingStore, verify
from tests.health.frames import TOWN, keyframes
from tests.postgres import AUDIT_KEY
from tests.search import handmade_networks
from tests.search.fakes import FakeReader

COUNT = 240


def recorded(start_us: int) -> list[Keyframe]:
    """Return keyframes of a red object that moves from quarter to quarter, so that every keyframe has motion."""
    pictures = []
    for i in range(8):
        picture = np.random.default_rng(i).integers(60, 90, (90, 160, 3), np.uint8)
        x, y = i % 2 * 80, i // 2 % 2 * 45
        picture[y + 2 : y + 43, x + 2 : x + 78] = (10, 10, 240)
        pictures.append(np.asarray(picture, np.uint8))
    clip = keyframes(encode(pictures, fps=1, gop=1))
    return [replace(clip[i % 8], at_us=start_us + 2_000_000 * (i + 1)) for i in range(COUNT)]


class SlowPool:
    """Runs the worker's function in this process with a delay, so that a kill can hit any step."""

    async def run(self, function: Any, *args: Any) -> Any:
        await asyncio.sleep(0.004)
        return await asyncio.to_thread(function, *args)


def analyst(url: str, folder: Path, frames: list[Keyframe], now_seconds: float, started: Any) -> None:
    worker.SWEEP_MS = 0  # every keyframe is analysed, whatever the gates learned before the kill
    settings = SearchSettings(batch=3)
    worker.prepare(settings, folder / "models")

    async def index() -> None:
        database, clock = Database(url, AUDIT_KEY), ManualClock()
        clock.advance(now_seconds)
        indexer = Indexer(database, clock, SightingStore(folder / "sightings"), SlowPool(), settings)  # type: ignore[arg-type]
        indexer._reader = FakeReader(frames)  # type: ignore[assignment]
        started.set()
        before: Any = None
        while indexer.positions() != before:
            before = indexer.positions()
            await indexer.run_once(frames[0].at_us - 1_000_000)
        await database.close()

    asyncio.run(index())


@pytest.mark.long
async def test_killed_analyst_neither_skips_nor_duplicates(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
    await asyncio.to_thread(
        handmade_networks.write_pack, tmp_path / "models" / "red-quarters@1", handmade_networks.red_quarters()
    )
    frames = await asyncio.to_thread(recorded, to_microseconds(clock.now()))
    monkeypatch.setattr(worker, "SWEEP_MS", 0)
    await asyncio.to_thread(worker.prepare, SearchSettings(), tmp_path / "models")
    whole = await asyncio.to_thread(worker.analyse, worker.AnalysisState.new(1), frames)
    kills = await asyncio.to_thread(_until_done, database.url, tmp_path, frames)
    assert kills >= 3
    store = SightingStore(tmp_path / "sightings")
    seen = await asyncio.to_thread(find, store, Query(), 1000)
    assert (await asyncio.to_thread(store.positions))["cam/main"] == frames[-1].at_us
    assert len({s.id for s in seen}) == len(seen)
    # The content of a keyframe depends on nothing else here: each counts as often as in one uninterrupted run, that is
    # once.
    assert whole.counts.detected == COUNT and sum(s.detections for s in seen) == sum(t.detections for t in whole.tracks)
    assert await asyncio.to_thread(verify.problems, store) == []
    await asyncio.to_thread(store.close)


def _until_done(url: str, folder: Path, frames: list[Keyframe]) -> int:
    rng, context, kills = random.Random(7), multiprocessing.get_context("spawn"), 0
    while True:
        started = context.Event()
        process = context.Process(target=analyst, args=(url, folder, frames, 2.0 * COUNT + 60, started))
        process.start()
        assert started.wait(60)
        time.sleep(rng.uniform(0.02, 0.35))
        if kills >= 6 or not process.is_alive():
            process.join(60)
            assert process.exitcode == 0
            return kills
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
