"""Retention limited by holds, disks and clocks. Database rows only; test_archive_log tests what it does to files."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from cameras.tables import Camera, Village
from core.audit import audit_trail
from core.clock import DAY_US, HOUR_US, SECOND, ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, UsageError
from core.events import Event
from core.settings import RetentionSettings
from nvr.archive import holds, retention_clock, segment_index
from nvr.archive import retention as retention_module
from nvr.archive.retention import RECENTLY_CLOSED_US, Retention
from nvr.archive.retention_clock import RetentionClock
from nvr.archive.segment_index import Segment
from nvr.clock.filing_periods import OPEN_END_US
from nvr.clock.plausibility import ClockSnapshot
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Footage, Gap, Hold, MisfiledRow, Volume


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "v").mkdir()
    return tmp_path / "v"


def hourly(stream: str, first_us: int, hours: int, volume: int = 1, size: int = 1000) -> list[Segment]:
    starts = [first_us // HOUR_US * HOUR_US + n * HOUR_US for n in range(hours)]
    return [Segment(stream, volume, s, s + 60 * SECOND, 60 * SECOND, size, 10) for s in starts]


async def store_segments(database: Database, segments: Iterable[Segment], *volumes: Path) -> None:
    async with database.session() as session:
        session.add_all(Volume(number=n, identity=f"v{n}", path=str(p)) for n, p in enumerate(volumes, 1))
        await session.flush()
        await segment_index.append(session, list(segments))


async def hold(
    database: Database, clock: ManualClock, camera: str, start_us: int, end_us: int, days: float = 60
) -> None:
    async with database.session() as session:
        now = clock.now()
        session.add(
            Hold(
                camera=camera, start_us=start_us, end_us=end_us, owner="case", reason="A", created_at=now,
                expires_at=now + timedelta(days=days),
            )
        )  # fmt: skip


async def remaining_files(database: Database) -> dict[str, int]:
    found: dict[str, int] = {}
    async with database.reading() as session:
        for row in await session.scalars(select(Footage)):
            found[row.stream] = found.get(row.stream, 0) + len(segment_index.segments_of(row))
    return found


def retention_on_full_disk(database: Database, clock: ManualClock, **changes: Any) -> Retention:
    made = Retention(database, clock, RetentionSettings(**{"min_free_bytes": 10_000, **changes}))
    made.measure_free = lambda _: 0
    made.measure_inodes = lambda _: None
    return made


def now_us(clock: ManualClock) -> int:
    return to_microseconds(clock.now())


# ------------------------------------------------------------------------------------------------- holds


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


# ------------------------------------------------------------------------------------------------- disks


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

    async def slowly(*arguments: Any) -> list[Segment]:
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


async def test_a_step_of_the_clock_ends_no_hold(database: Database, clocks: SettableClocks) -> None:
    """Even if a time service confirms the step: a hold lasts a number of days, not until the date of some clock."""
    await retention_with_clocks(database, clocks).run_once()
    await hold(database, clocks.clock, "c", 0, 2**62, days=5)
    clocks.off_us, clocks.ntp = 2 * DAY_US, True
    for _ in range(13):
        clocks.clock.advance(60)
        await retention_with_clocks(database, clocks).run_once()
    assert await kinds(database) == ["retention.suspended", "retention.resumed"]
    tight = retention_with_clocks(database, clocks)
    tight.measure_free = lambda _: -10_000
    clocks.clock.advance(4 * 86_400)  # by its date the hold is over
    assert await tight.run_once() == 0
    clocks.clock.advance(86_400)
    assert await tight.run_once() > 0


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
        row.total_bytes, row.state = 0, "missing"
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


# ------------------------------------------------------------------------------------------------- clocks


class SettableClocks:
    """A wall clock that can be set, and an uptime that cannot."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.off_us, self.boot, self.ntp = clock, 0, "boot", False

    def read(self, _: Any) -> ClockSnapshot:
        uptime = int(self.clock.monotonic() * SECOND)
        return ClockSnapshot(now_us(self.clock) + self.off_us, uptime, self.boot, self.ntp)


@pytest.fixture
async def clocks(database: Database, clock: ManualClock, volume: Path) -> SettableClocks:
    """Return the clocks of a station with 30 days of recordings."""
    segments = hourly("c/main", now_us(clock) - 30 * DAY_US, 30 * 24 - 1)
    now = now_us(clock)
    await store_segments(
        database,
        [*segments[::24], Segment("c/main", 1, now - 60 * SECOND, now - SECOND, 59 * SECOND, 1000, 10)],
        volume,
    )
    return SettableClocks(clock)


def retention_with_clocks(database: Database, clocks: SettableClocks) -> Retention:
    guard = RetentionClock(database, clocks.clock, 31, clocks.read)
    made = Retention(database, clocks.clock, RetentionSettings(min_free_bytes=0), guard)
    made.measure_inodes = lambda _: None
    return made


async def kinds(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(select(Event.kind).order_by(Event.id)))


@pytest.mark.parametrize("days", [1.5, 40, 400, 3650, -1, -40, -15_000])
async def test_a_step_of_the_clock_deletes_nothing(days: float, database: Database, clocks: SettableClocks) -> None:
    before = await remaining_files(database)
    clocks.clock.advance(3600)
    assert await retention_with_clocks(database, clocks).run_once() == 0
    clocks.off_us = int(days * DAY_US)
    for _ in range(3):
        clocks.clock.advance(60)
        assert await retention_with_clocks(database, clocks).run_once() == 0  # each time as after a restart
    assert await remaining_files(database) == before
    assert await kinds(database) == ["retention.suspended"]
    clocks.off_us = 0
    clocks.clock.advance(60)
    assert await retention_with_clocks(database, clocks).run_once() == 0
    assert await kinds(database) == ["retention.suspended", "retention.resumed"]
    clocks.clock.advance(2 * 86_400)
    assert await retention_with_clocks(database, clocks).run_once() > 0  # time continues, and so does retention


async def test_a_step_over_a_restart_is_a_step(database: Database, clocks: SettableClocks) -> None:
    await retention_with_clocks(database, clocks).run_once()
    clocks.boot, clocks.off_us = "another", 40 * DAY_US
    assert await retention_with_clocks(database, clocks).run_once() == 0
    async with database.reading() as session:
        told = await retention_clock.report(session)
    assert told.suspended and "40 days ahead" in told.sentence and "--confirm" in told.remedy


async def test_a_person_confirms_with_a_trail(database: Database, clocks: SettableClocks) -> None:
    retention = retention_with_clocks(database, clocks)
    await retention.run_once()
    with pytest.raises(ConflictError):
        async with database.session() as session:
            await retention_clock.confirm(session, clocks.clock.now(), "li", "radio")
    clocks.clock.advance(60)
    clocks.off_us = 40 * DAY_US
    await retention.run_once()
    with pytest.raises(UsageError):
        async with database.session() as session:
            await retention_clock.confirm(session, clocks.clock.now(), "li", " ")
    async with database.session() as session:
        await retention_clock.confirm(session, clocks.clock.now(), "li", "compared with the radio")
    clocks.clock.advance(60)
    assert await retention.run_once() > 0
    async with database.reading() as session:
        trail = [
            (a.actor, a.action)
            for a in await session.scalars(select(audit_trail.AuditRow).order_by(audit_trail.AuditRow.id))
        ]
    assert trail == [("system", "retention.suspended"), ("li", "retention.confirm")]


async def test_while_the_time_is_not_known_no_hold_is_over_and_no_gap_too_old(
    database: Database, clocks: SettableClocks
) -> None:
    await hold(database, clocks.clock, "c", 0, 2**62, days=5)
    async with database.session() as session:
        session.add(Gap(stream="c/main", start_us=1, end_us=now_us(clocks.clock), cause="unreachable", detail=""))
    await retention_with_clocks(database, clocks).run_once()
    clocks.off_us = 900 * DAY_US
    clocks.clock = ManualClock(clocks.clock.now() + timedelta(days=900))  # the time that the rest of the station sees
    clocks.off_us = 0
    clocks.boot = "another"
    tight = retention_with_clocks(database, clocks)
    tight.measure_free = lambda _: -10_000
    assert await tight.run_once() == 0
    async with database.reading() as session:
        assert len((await session.scalars(select(Gap))).all()) == 1


async def test_a_full_disk_still_makes_room_while_the_time_is_not_known(
    database: Database, clocks: SettableClocks
) -> None:
    await retention_with_clocks(database, clocks).run_once()
    clocks.off_us = -400 * DAY_US
    clocks.clock.advance(60)
    retention = retention_with_clocks(database, clocks)
    retention.measure_free = lambda _: -2_500
    assert await retention.run_once() == 3


async def test_what_was_filed_too_early_is_as_young_as_it_is(database: Database, clocks: SettableClocks) -> None:
    await retention_with_clocks(database, clocks).run_once()
    clocks.off_us = -now_us(clocks.clock)  # started without its battery: 1970
    for _ in range(5):
        clocks.clock.advance(60)
        await retention_with_clocks(database, clocks).run_once()
    wrong = now_us(clocks.clock) + clocks.off_us
    async with database.session() as session:
        await segment_index.append(
            session, [Segment("c/main", 1, wrong - 120 * SECOND, wrong - 60 * SECOND, 60 * SECOND, 1000, 5)]
        )
    clocks.off_us = 0
    clocks.clock.advance(60)
    before = await remaining_files(database)
    assert await retention_with_clocks(database, clocks).run_once() == 0 and await remaining_files(database) == before
    async with database.reading() as session:
        found = (await session.scalars(select(MisfiledRow))).all()
    assert any(abs(row.offset_us - now_us(clocks.clock)) < DAY_US for row in found)
    clocks.clock.advance(32 * 86_400)
    await retention_with_clocks(database, clocks).run_once()
    assert await remaining_files(database) == {}


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


async def test_before_the_first_look_nothing_is_promised(database: Database) -> None:
    async with database.reading() as session:
        told = await retention_clock.report(session)
    assert told.clock is None and "not been checked" in told.sentence


async def test_while_the_clock_is_behind_what_it_files_is_not_taken_for_the_oldest(
    database: Database, clock: ManualClock, volume: Path
) -> None:
    """A full disk frees the oldest recordings; after a start without a clock, those would be today's."""
    await store_segments(database, hourly("old/main", now_us(clock) - 3 * HOUR_US, 3), volume)
    clocks = SettableClocks(clock)
    await retention_with_clocks(database, clocks).run_once()
    clocks.off_us = -60 * DAY_US
    clock.advance(60)
    await retention_with_clocks(database, clocks).run_once()
    clock.advance(3 * 3600)
    wrong = now_us(clock) - 60 * DAY_US - HOUR_US
    async with database.session() as session:
        await segment_index.append(session, [Segment("new/main", 1, wrong, wrong + SECOND, SECOND, 1000, 1)])
    tight = retention_with_clocks(database, clocks)
    tight.measure_free = lambda _: -2_500
    assert await tight.run_once() == 3 and await remaining_files(database) == {"new/main": 1}
    assert await tight.run_once() == 1  # better than nothing
