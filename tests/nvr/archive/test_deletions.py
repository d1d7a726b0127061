"""What retention deleted is kept with its hashes and compared with what was recorded."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.clock import DAY_US, HOUR_US, SECOND, ManualClock
from core.database import Database
from core.settings import RetentionSettings
from nvr.archive import deletions, segment_index
from nvr.archive.retention.retention import Retention
from nvr.archive.segment_index import Segment
from nvr.tables import DeletionRun, FootageDeletion, Hold
from tests.nvr.archive.retention_rows import hold, remaining_files, store_segments

START = 1_780_000_000 * SECOND // DAY_US * DAY_US  # more than a month before the tests' clock


def recorded(count: int, volume: int = 1, begin: int = START, every: int = 60 * SECOND) -> list[Segment]:
    return [
        Segment(
            "c/main",
            volume,
            at,
            at + every,
            every,
            1000 + n,
            10,
            sha256=hashlib.sha256(f"{volume} {at}".encode()).digest(),
        )
        for n, at in enumerate(range(begin, begin + count * every, every))
    ]


async def told(database: Database, day: str) -> FootageDeletion:
    async with database.reading() as session:
        (row,) = await deletions.of_day(session, ["c/main", "c/sub"], day)
        return row


async def test_a_day_that_went_by_age_is_one_row_that_fits_what_was_recorded(
    either_database: Database, clock: ManualClock, volume: Path
) -> None:
    """A hold on one hour of it is released later; the row stays as small as before, and a changed file is reported."""
    database = either_database
    segments = recorded(24 * 12, every=300 * SECOND)
    await store_segments(database, segments, volume)
    await hold(database, clock, "c", START + 5 * HOUR_US, START + 6 * HOUR_US, days=1)
    retention = Retention(database, clock, RetentionSettings(min_free_bytes=1))
    retention.measure_free, retention.measure_inodes = lambda _: 2**40, lambda _: None
    while await retention.run_once():
        continue
    day = deletions.day_of(START)
    row = await told(database, day)
    assert (
        await remaining_files(database) == {"c/main": 12}
        and row.files == 23 * 12
        and row.bytes == sum(s.size for s in segments if not START + 5 * HOUR_US <= s.start_us < START + 6 * HOUR_US)
    )
    there = {s.start_us for s in segments if START + 5 * HOUR_US <= s.start_us < START + 6 * HOUR_US}
    assert len(row.runs) == 1 and deletions.differences(row.runs, segments, there) == ""
    async with database.session() as session:
        (await session.scalars(select(Hold))).one().released_at = clock.now()
    clock.advance(60)
    while await retention.run_once():
        continue
    row = await told(database, day)
    assert await remaining_files(database) == {} and row.files == 24 * 12 and len(row.runs) == 2
    assert row.first_at == clock.now() - timedelta(minutes=1) and row.last_at == clock.now()
    assert deletions.differences(row.runs, segments) == ""
    other = [*segments[:-1], replace(segments[-1], sha256=bytes(31) + b"x")]
    assert "differ from the recorded ones" in deletions.differences(row.runs, other)
    assert "were recorded" in deletions.differences(row.runs, segments[:-1])
    async with database.session() as session:
        await deletions.delete_old_rows(session, START + (deletions.KEPT_DAYS - 1) * DAY_US)
    assert (await told(database, day)).files == 24 * 12
    async with database.session() as session:
        await deletions.delete_old_rows(session, START + (deletions.KEPT_DAYS + 1) * DAY_US)
    async with database.reading() as session:
        assert await deletions.of_day(session, ["c/main"], day) == []


async def test_files_that_a_disk_would_not_let_go_are_told_once(
    database: Database, clock: ManualClock, volume: Path
) -> None:
    segments = recorded(3)
    await store_segments(database, segments, volume)
    blocked = segment_index.path_of({1: volume}, segments[1])
    await asyncio.to_thread(blocked.mkdir, parents=True)  # a folder cannot be unlinked
    retention = Retention(database, clock, RetentionSettings(min_free_bytes=1))
    retention.measure_free, retention.measure_inodes = lambda _: 2**40, lambda _: None
    for _ in range(2):
        await retention.run_once()
    await asyncio.to_thread(blocked.rmdir)
    await retention.run_once()
    row = await told(database, deletions.day_of(START))
    assert await remaining_files(database) == {} and row.files == 3 and deletions.differences(row.runs, segments) == ""


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4), st.integers(1, 12), st.booleans())
def test_what_holds_kept_longer_fits_wherever_it_lay(bounds: list[int], batch: int, last_first: bool) -> None:
    segments, (a, b, c, d) = recorded(12), sorted(bounds)
    held = [segments[a:b], segments[c:d]]
    order = [
        *segments[:a],
        *segments[b:c],
        *segments[d:],
        *(s for part in (held[::-1] if last_first else held) for s in part),
    ]
    runs: list[DeletionRun] = []
    for at in range(0, 12, batch):
        runs = deletions.extend_runs(runs, order[at : at + batch])
    assert sum(r["files"] for r in runs) == 12 and deletions.differences(runs, segments) == ""


def test_a_day_of_many_runs_stays_small_and_volumes_are_apart() -> None:
    runs: list[DeletionRun] = []
    for segment in reversed(recorded(500)):
        runs = deletions.extend_runs(runs, [segment])
    assert len(runs) == deletions.MAX_RUNS and sum(r["files"] for r in runs) == 500
    two = [*recorded(6), *recorded(6, volume=2, begin=START + 30 * SECOND)]
    runs = deletions.extend_runs(deletions.extend_runs([], two[:3]), two[3:])
    assert [r["volume"] for r in runs] == [1, 2] and deletions.differences(runs, two) == ""


@pytest.mark.parametrize("unhashed", [0, 2])
def test_files_without_a_hash_are_counted(unhashed: int) -> None:
    segments = [replace(s, sha256=segment_index.NO_HASH) if n < unhashed else s for n, s in enumerate(recorded(4))]
    (run,) = deletions.extend_runs([], segments)
    assert run["unhashed"] == unhashed
