"""Retention by a clock that is stepped or wrong: nothing is deleted before the time is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import audit_trail
from core.clock import DAY_US, HOUR_US, SECOND, ManualClock
from core.database import Database
from core.errors import ConflictError, UsageError
from core.events import Event
from core.settings import RetentionSettings
from nvr.archive import segment_index
from nvr.archive.retention import retention_clock
from nvr.archive.retention.retention import Retention
from nvr.archive.retention.retention_clock import RetentionClock
from nvr.archive.segment_index import Segment
from nvr.clock.plausibility import ClockSnapshot
from nvr.tables import Gap, MisfiledRow
from tests.nvr.archive.retention_rows import hold, hourly, now_us, remaining_files, store_segments


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
