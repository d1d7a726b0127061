"""Holes below a second are counted per hour."""

from __future__ import annotations

from datetime import timedelta

from core.clock import HOUR_US, ManualClock, to_microseconds
from core.database import Database
from nvr.archive.coverage import short_gaps
from nvr.archive.coverage.short_gaps import HourCounts
from nvr.archive.coverage.timeline import ArchiveLog, Timeline
from nvr.tables import GapCause


class NoLog:
    """A log that fails the test: nothing here is long enough to be a gap."""

    def add_gap(self, *args: object, **more: object) -> None:
        raise AssertionError(args)

    def end_gap(self, stream: str, end_us: int) -> None:
        raise AssertionError(stream)


def timeline(log: ArchiveLog | None = None) -> Timeline:
    return Timeline("c/main", log or NoLog())  # type: ignore[arg-type]


def miss(line: Timeline, times: int = 1) -> None:
    for n in range(times):
        line.report_missing(n * 1_000_000, n * 1_000_000 + 40_000, GapCause.PACKET_LOSS, fillable=False)


async def test_each_hole_is_counted_once_in_its_hour(either_database: Database, clock: ManualClock) -> None:
    """Also when a commit fails, a timeline is replaced, or another recorder continues the stream."""
    database, counts, line = either_database, HourCounts(), timeline()
    clock.advance((HOUR_US - to_microseconds(clock.now()) % HOUR_US) / 1e6)
    start = to_microseconds(clock.now())

    async def write(which: HourCounts, line: Timeline, *, fails: bool = False) -> None:
        class Broken(Exception):
            pass

        try:
            async with database.session() as session:
                await which.write(session, clock.now(), {"c/main": line, "d/main": timeline()})
                if fails:
                    raise Broken
        except Broken:
            return
        which.mark_stored()

    await write(counts, line)
    miss(line, 3)
    await write(counts, line, fails=True)
    await write(counts, line)
    await write(counts, line)
    clock.advance(3600)
    miss(line)
    await write(counts, line)
    replaced = timeline()
    miss(replaced, 2)
    await write(counts, replaced)
    other = timeline()
    miss(other)
    await write(HourCounts(), other)
    async with database.reading() as session:
        found = await short_gaps.between(session, ["c/main", "d/main"], start, start + HOUR_US)
        both = await short_gaps.between(session, ["c/main"], start, start + 2 * HOUR_US)
    assert found == {"c/main": (3, 120_000)} and both == {"c/main": (7, 280_000)}
    async with database.session() as session:
        await short_gaps.delete_before(session, to_microseconds(clock.now() + timedelta(minutes=1)))
        assert await short_gaps.between(session, ["c/main"], start, start + 2 * HOUR_US) == {"c/main": (4, 160_000)}
