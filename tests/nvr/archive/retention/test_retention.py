"""Retention limited by holds and disks. Database rows only; tests.nvr.archive.recorded tests what it
does to files.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from cameras.tables import Camera, Village
from core.clock import DAY_US, HOUR_US, SECOND, ManualClock
from core.database import Database
from core.events import Event
from nvr.archive.retention import holds
from nvr.archive.retention import retention as retention_module
from nvr.archive.retention.retention import RECENTLY_CLOSED_US
from nvr.archive.segment_index import Segment
from nvr.clock.filing_periods import OPEN_END_US
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Footage, MisfiledRow, Volume, VolumeState
from tests.nvr.archive.retention_rows import (
    hold,
    hourly,
    now_us,
    remaining_files,
    retention_on_full_disk,
    store_segments,
)


@pytest.mark.parametrize("holders", [1, 3])
async def test_held_footage_that_is_the_oldest_blocks_nothing(
    holders: int, database: Database, clock: ManualClock, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "ROWS_PER_PASS", 5)
    old = now_us(clock) - 10 * DAY_US
    segments = [s for n in range(holders) for s in hourly(f"held{n}/main", old, 23)]
    await store_segments(database, [*segments, *hourly("free/main", old + 30 * HOUR_US, 12)], volume)
    for n in range(holders):
        await hold(database, clock, f"held{n}", old - HOUR_US, old + 100 * HOUR_US)
    clock.advance(1)
    assert await retention_on_full_disk(database, clock).run_once() == 10
    assert await remaining_files(database) == {**{f"held{n}/main": 23 for n in range(holders)}, "free/main": 2}


async def test_by_age_too_it_goes_on_behind_what_is_held(
    database: Database, clock: ManualClock, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "ROWS_PER_PASS", 5)
    old = now_us(clock) - 40 * DAY_US
    await store_segments(database, [*hourly("c/main", old, 40), *hourly("c/main", now_us(clock) - HOUR_US, 1)], volume)
    await hold(database, clock, "c", old + 90 * 60 * SECOND, old + 20 * HOUR_US)  # includes parts of hours
    retention = retention_on_full_disk(database, clock, min_free_bytes=0)
    for _ in range(5):
        await retention.run_once()
    held = [
        s for s in hourly("c/main", old, 40) if s.end_us > old + 90 * 60 * SECOND and s.start_us < old + 20 * HOUR_US
    ]
    assert await remaining_files(database) == {"c/main": len(held) + 1}


async def test_held_rows_are_not_read_again(database: Database, clock: ManualClock, volume: Path) -> None:
    old = now_us(clock) - 10 * DAY_US
    await store_segments(database, [*hourly("held/main", old, 200), *hourly("free/main", old + DAY_US, 100)], volume)
    await hold(database, clock, "held", old - HOUR_US, old + 300 * HOUR_US)
    retention = retention_on_full_disk(database, clock)
    await retention.guard.check()  # the first check reads the newest segment
    read: list[str] = []

    def count(row: Footage, _context: Any) -> None:
        read.append(row.stream)

    event.listen(Footage, "load", count)
    try:
        await retention.run_once()
    finally:
        event.remove(Footage, "load", count)
    assert "free/main" in read and "held/main" not in read


async def test_a_camera_whose_name_looks_like_another_s_pattern_is_not_held(
    database: Database, clock: ManualClock, volume: Path
) -> None:
    old = now_us(clock) - 10 * DAY_US
    await store_segments(database, hourly("axb/main", old, 4), volume)
    await hold(database, clock, "a_b", old - HOUR_US, old + 300 * HOUR_US)
    assert await retention_on_full_disk(database, clock).run_once() == 4


@pytest.mark.parametrize("by", ["age", "disk_full"])
async def test_a_hold_made_during_a_pass_is_seen_by_it(
    by: str, database: Database, clock: ManualClock, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = now_us(clock) - 40 * DAY_US
    await store_segments(database, hourly("c/main", old, 6), volume)
    async with database.session() as session:
        session.add(Village(code="v", name="V", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(Camera(id="c", village="v", name="C", address="192.0.2.1", profile={}))
    retention = retention_on_full_disk(
        database, clock, **({"min_free_bytes": 0} if by == "age" else {"main_days": 400})
    )
    delete, done = retention._delete, 0

    async def slowly(*arguments: Any) -> Sequence[Segment]:
        nonlocal done
        done += 1
        if done == 3:
            async with database.session() as session:
                await holds.add(
                    session, clock.now(), camera="c", start_us=old, end_us=old + DAY_US, owner="li", reason="A 1",
                    lasts=timedelta(days=30),
                )  # fmt: skip
        return await delete(*arguments)

    monkeypatch.setattr(retention, "_delete", slowly)
    assert await retention.run_once() == 2
    assert await remaining_files(database) == {"c/main": 4}


async def test_what_is_being_closed_is_left_alone(database: Database, clock: ManualClock, volume: Path) -> None:
    now = now_us(clock)
    ends = [
        now - RECENTLY_CLOSED_US - SECOND,
        now - RECENTLY_CLOSED_US + SECOND,
        now - SECOND,
        now + SECOND,
        now + 365 * DAY_US,
    ]
    await store_segments(
        database, [Segment(f"c{n}/main", 1, end - SECOND, end, SECOND, 1000, 5) for n, end in enumerate(ends)], volume
    )
    await retention_on_full_disk(database, clock).run_once()
    assert sorted(await remaining_files(database)) == ["c1/main", "c2/main", "c3/main"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.EACCES, errno.ESTALE])
async def test_a_volume_that_keeps_its_files_stops_no_other(
    number: int, database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    await asyncio.to_thread(lambda: (one.mkdir(), two.mkdir()))
    old = now_us(clock) - 40 * DAY_US
    newer = hourly("a/main", now_us(clock) - HOUR_US, 1)
    await store_segments(database, [*hourly("a/main", old, 3), *hourly("b/main", old, 3, volume=2), *newer], one, two)
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if one in self.parents:
            raise OSError(number, os.strerror(number))
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    retention = retention_on_full_disk(database, clock, min_free_bytes=0)
    assert await retention.run_once() == 3
    assert await remaining_files(database) == {"a/main": 4}
    await retention.run_once()
    assert caplog.text.count("footage cannot be deleted") == 1 and os.strerror(number) in caplog.text
    monkeypatch.setattr(Path, "unlink", real)
    assert await retention.run_once() == 3  # as soon as the disk lets the files go
    assert await remaining_files(database) == {"a/main": 1}


async def test_a_volume_that_is_not_mounted_loses_no_entry(
    database: Database, clock: ManualClock, volume: Path
) -> None:
    await store_segments(database, hourly("a/main", now_us(clock) - 40 * DAY_US, 3), volume)
    retention = retention_on_full_disk(database, clock)
    async with database.session() as session:
        row = await session.get_one(Volume, 1)
        row.total_bytes = 12_345  # differs from the file system at its path
    assert await retention.run_once() == 0
    async with database.session() as session:
        row = await session.get_one(Volume, 1)
        row.total_bytes, row.state = 0, VolumeState.MISSING
    assert await retention.run_once() == 0 and await remaining_files(database) == {"a/main": 3}


async def test_a_volume_that_hangs_holds_up_only_itself(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(retention_module, "DISK_CALL_TIMEOUT_S", 0.1)
    one, two = tmp_path / "one", tmp_path / "two"
    await asyncio.to_thread(lambda: (one.mkdir(), two.mkdir()))
    old = now_us(clock) - 4 * DAY_US
    await store_segments(database, [*hourly("a/main", old, 3), *hourly("b/main", old, 3, volume=2)], one, two)
    back = threading.Event()
    retention = retention_on_full_disk(database, clock, min_free_bytes=10_000)

    def free(path: Path) -> int:
        if path == one:
            back.wait(20)
        return 0

    retention.measure_free = free
    async with database.session() as session:
        session.add(Volume(number=9, identity="v9", path=str(tmp_path / "gone")))
    assert await retention.run_once() == 3
    assert await remaining_files(database) == {"a/main": 3}
    back.set()


@pytest.mark.parametrize(
    ("inodes", "deleted"), [((0, 1_000_000), 12), ((9_995, 1_000_000), 5), ((40, 1000), 10), (None, 0)]
)
async def test_free_inodes_count_like_free_bytes(
    inodes: tuple[int, int] | None, deleted: int, database: Database, clock: ManualClock, volume: Path
) -> None:
    await store_segments(database, hourly("a/main", now_us(clock) - 10 * DAY_US, 12), volume)
    retention = retention_on_full_disk(database, clock, min_free_bytes=0)
    retention.measure_inodes = lambda _: inodes
    assert await retention.run_once() == deleted
    async with database.reading() as session:
        told = [e.data["missing"] for e in await session.scalars(select(Event).where(Event.kind == "disk.low"))]
    assert told == (["inodes"] if deleted else [])


async def test_a_call_that_hangs_is_not_made_twice() -> None:
    import threading

    calls, back, entered = DiskCalls(0.05), threading.Event(), []

    def hang() -> int:
        entered.append(1)
        back.wait(5)
        return 1

    with pytest.raises(TimeoutError, match="does not answer within"):
        await calls.run("nfs", hang)
    with pytest.raises(TimeoutError, match="has not returned yet"):
        await calls.run("nfs", hang)
    assert await calls.run("other", lambda: 2) == 2 and entered == [1]
    back.set()
    await asyncio.sleep(0.05)
    assert await calls.run("nfs", lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await calls.run("nfs", lambda: 1 // 0)


async def test_what_was_filed_too_early_makes_room_last_and_blocks_nothing(
    database: Database, clock: ManualClock, volume: Path
) -> None:
    old = now_us(clock) - 20 * DAY_US
    await store_segments(
        database,
        [
            *hourly("wrong/main", old - 400 * DAY_US, 4),
            *hourly("slightly/main", old, 2),
            *hourly("c/main", old + HOUR_US * 5, 2),
        ],
        volume,
    )
    async with database.session() as session:
        session.add(MisfiledRow(start_us=0, end_us=old + DAY_US, offset_us=120 * SECOND))
        session.add(MisfiledRow(start_us=old - 401 * DAY_US, end_us=old - 300 * DAY_US, offset_us=410 * DAY_US))
        session.add(MisfiledRow(start_us=old + 10 * DAY_US, end_us=OPEN_END_US, offset_us=0))
    retention = retention_on_full_disk(database, clock, min_free_bytes=3_000)
    assert await retention.run_once() == 3
    assert await remaining_files(database) == {"wrong/main": 4, "c/main": 1}
    assert await retention.run_once() == 3 and await remaining_files(database) == {"wrong/main": 2}


async def test_a_volume_that_refuses_by_age_is_asked_for_no_room(
    database: Database, clock: ManualClock, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_segments(database, hourly("c/main", now_us(clock) - 40 * DAY_US, 2), volume)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert await retention_on_full_disk(database, clock).run_once() == 0
