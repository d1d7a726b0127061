"""The formulae of the key figures, on intervals and on rows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, select

from cameras.registry import acceptance, inventory, registry
from cameras.tables import Camera, ClockSample
from core.clock import HOUR_US, ManualClock, to_microseconds
from core.database import Database
from core.intervals import intersect, length, merge, subtract
from health.checks import checklist
from health.faults.families import PICTURE_FAMILIES
from health.kpi import camera_days, figures
from health.kpi.camera_days import bounds
from health.tables import CameraDay, DailyFigures, Fault, Inspection, Maintenance, PatrolRound, WrittenDay
from nvr.archive.segment_index import Segment, append
from nvr.tables import Footage, Gap, ShortHole

spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: (float(min(p)), float(max(p)))), max_size=8
)


def _seconds(intervals: list[tuple[float, float]]) -> set[int]:
    return {s for a, b in intervals for s in range(int(a), int(b))}


@given(spans, spans)
def test_intervals_are_sets_of_seconds(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> None:
    assert length(first) == len(_seconds(first))
    assert _seconds(subtract(first, second)) == _seconds(first) - _seconds(second)
    assert _seconds(intersect(first, second)) == _seconds(first) & _seconds(second)
    assert all(a[1] < b[0] for a, b in zip(merge(first), merge(first)[1:], strict=False))


TOWN = """
town: t
villages: [{code: v, name: v}, {code: w, name: w}]
cameras:
  - {id: c-1, name: a, village: v, switch: s, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
  - {id: c-2, name: b, village: v, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
"""


def hourly(begin: int, over: int) -> list[Segment]:
    """Return segments of c-1's main stream of one hour each; a segment holds at most 71 minutes."""
    return [Segment("c-1/main", 1, at, min(at + HOUR_US, over), 1, 1, 1) for at in range(begin, over, HOUR_US)]


async def test_a_day_of_two_cameras(database: Database, clock: ManualClock) -> None:
    start = clock.now()
    end = start + timedelta(days=1)

    def hours(n: float) -> datetime:
        return start + timedelta(hours=n)

    def us(n: float) -> int:
        return to_microseconds(hours(n))

    def fault(camera: str, family: str, begin: float, over: float | None, severity: int = 1, detail: str = "") -> Fault:
        return Fault(
            camera=camera,
            village="v",
            family=family,
            state="closed" if over else "open",
            severity=severity,
            detail=detail,
            figures={},
            facts={},
            first_seen=hours(begin),
            opened_at=hours(begin + 0.1),
            closed_at=hours(over) if over else None,
            inspections=1,
            times=1,
        )

    def gap(camera: str, begin: float, over: float, cause: str) -> Gap:
        return Gap(stream=f"{camera}/main", start_us=us(begin), end_us=us(over), cause=cause)

    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), start, "test")
        cameras = (await session.scalars(select(Camera).order_by(Camera.id))).all()
        session.add_all(
            [
                ClockSample(camera="c-1", at=hours(1), offset=0.5, corrected=False),
                ClockSample(camera="c-2", at=hours(1), offset=30.0, corrected=False),
                fault("c-1", "unreachable", 2, 5),
                fault("c-1", "no_stream", 4, 6),  # overlaps the one before: counts once
                fault("", "uplink", 10, 12, detail="v"),  # takes both cameras down
                fault("", "uplink", 20, 21, detail="v/s"),  # one switch: c-1 only
                fault("c-2", "blurred", 3, None, severity=2),
                Maintenance(camera="c-1", village=None, start=hours(4), until=hours(6), reason="x", by="x"),
                gap("c-1", 2, 6, "unreachable"),
                gap("c-1", 10, 12, "unreachable"),
                gap("c-1", 13, 14, "recorder_down"),  # the camera's state is unknown
                gap("c-1", 14, 15, "packet_loss"),  # the camera was sending
                gap("c-1", 20, 21, "no_packets"),
                gap("c-2", -1, 24, "schedule"),
            ]
        )
        for begin, over in ((0, 2), (6, 10), (12, 13), (15, 20), (21, 24)):
            await append(session, hourly(us(begin), us(over)))
        session.add(PatrolRound(id=1, asked_at=start, asked_by="x", scope={}, cameras=2, inspected=1, faulty=0))
        await session.flush()
        for at in (0, 3, 6, 9):  # then patrol stopped: the last inspection counts for four hours
            session.add(
                Inspection(round=1, camera="c-2", at=hours(at), findings={}, unknown=[], figures={}, accepted=False)
            )
        await session.flush()
        told = await figures.of(session, cameras, start, end)
    # c-1: 22 h in use (2 h planned), offline 2…4, 10…12 and 20…21, unknown 13…14; c-2: 24 h, offline 10…12, unknown
    # 13…24.
    assert told.unknown == pytest.approx((1 + 11) / 46)
    assert told.online == pytest.approx((22 - 1 - 5 + 24 - 11 - 2) / (46 - 12))
    assert told.intact == 0.0 and told.not_judged == 1 and told.clock_right == 0.5  # c-1 was not inspected: no figure
    assert told.required_hours == 22 and told.recorded == pytest.approx(15 / 22)  # planned work is not required
    assert told.missing_hours == {"unreachable": 4, "recorder_down": 1, "packet_loss": 1, "no_packets": 1}
    assert told.mttr_hours == pytest.approx((3 + 2) / 2) and told.mtbf_days == pytest.approx(46 / 24 / 3)
    assert told.by_cause == {"unreachable": 1, "no_stream": 1, "uplink": 2, "blurred": 1}


async def test_a_day_s_register_lists_its_faults_and_who_was_not_looked_at(
    database: Database, clock: ManualClock
) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        session.add(PatrolRound(id=1, asked_at=clock.now(), asked_by="x", scope={}, cameras=2, inspected=1, faulty=0))
        for village, family, camera in (
            ("v", "uplink", ""),
            ("w", "uplink", ""),
            (None, "volume", ""),
            ("v", "black", "c-1"),
        ):
            session.add(
                Fault(
                    camera=camera,
                    village=village,
                    family=family,
                    state="open",
                    severity=1,
                    figures={},
                    facts={},
                    inspections=1,
                    first_seen=clock.now(),
                    opened_at=clock.now(),
                )
            )
        await session.flush()
        session.add(
            Inspection(round=1, camera="c-1", at=clock.now(), findings={}, unknown=[], figures={}, accepted=False)
        )
        await session.flush()
        midnight = clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        now = clock.now() + timedelta(hours=1)
        town, some = [await figures.day(session, scope, midnight, now) for scope in (None, ["v"])]
    for day in (town, some):
        assert (day["cameras"], day["looked"], day["not_looked"]) == (2, 1, ["c-2"])
    # An account of some villages sees its cameras' and up-links' faults, not another village's and not the station's.
    assert [(f["family"], f["village"]) for f in some["faults"]] == [("uplink", "v"), ("black", "v")]
    assert [f["village"] for f in town["faults"]] == ["v", "w", None, "v"]


async def test_the_register_of_a_past_day_is_of_the_cameras_that_were_in_use_on_it(
    database: Database, clock: ManualClock
) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 5), zone)
    elsewhere = TOWN.replace("id: c-2, name: b, village: v", "id: c-2, name: b, village: w")
    new = elsewhere + '  - {id: c-3, name: c, village: v, streams: {main: {url: "rtsp://127.0.0.1/3"}}}\n'
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), start - timedelta(days=9), "test")
        await registry.retire(session, ["c-1"], end + timedelta(hours=1), "x", retired=True)
        await registry.apply(session, inventory.parse(new), end + timedelta(hours=2), "test", confirm_retiring=True)
        session.add(
            Fault(
                camera="c-1", village="v", family="black", state="closed", severity=1, figures={}, facts={},
                inspections=1,
                first_seen=start, opened_at=start + timedelta(hours=1), closed_at=end + timedelta(hours=1),
            )
        )  # fmt: skip
    now = end + timedelta(days=3)
    async with database.reading() as session:
        then = await figures.day(session, None, start, now)
        v, w = [await figures.day(session, [scope], start, now) for scope in ("v", "w")]
        late = await figures.day(session, None, start + timedelta(days=2), now)
    # c-1 was retired later, c-2 moved to another village later, c-3 is new.
    assert (
        then["cameras"] == 2
        and then["not_looked"] == ["c-1", "c-2"]
        and [f["camera"] for f in then["faults"]] == ["c-1"]
    )
    assert (v["not_looked"], w["not_looked"]) == (["c-1", "c-2"], [])
    assert late["not_looked"] == ["c-2", "c-3"] and late["faults"] == []


async def _village(database: Database, clock: ManualClock, since: datetime, **profile: object) -> None:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), since, "test")
        camera = await session.get_one(Camera, "c-1")
        camera.profile = {**camera.profile, **profile}


async def test_a_perfect_month_stays_perfect_while_retention_deletes_it(database: Database, clock: ManualClock) -> None:
    """A written day is not computed again.

    Footage deleted by retention counts as recorded, also if a day is written late.
    """
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, _ = bounds(date(2026, 10, 1), zone)
    await _village(database, clock, start)

    async def recorded(day: date) -> list[CameraDay]:
        async with database.reading() as session:
            camera = await session.get_one(Camera, "c-1")
            return await figures.period(session, [camera], day, day, zone, start + timedelta(days=60))

    first, second = date(2026, 10, 1), date(2026, 10, 2)
    begin = to_microseconds(start)
    async with database.session() as session:
        await append(session, hourly(begin, begin + 48 * HOUR_US))
    assert await figures.write_day(database, first, zone, start + timedelta(days=1, hours=1)) > 0
    async with database.session() as session:  # as retention does (nvr.archive.retention._extend_retention_gap)
        await session.execute(delete(Footage))
        session.add(Gap(stream="c-1/main", start_us=begin, end_us=begin + 48 * HOUR_US, cause="retention"))
    assert await figures.write_day(database, first, zone, start + timedelta(days=40)) == 0  # not again
    assert await figures.write_day(database, second, zone, start + timedelta(days=40)) > 0
    async with database.session() as session:
        await session.execute(delete(Gap))  # retention deletes gap rows after 400 days
    for day, reconstructed in ((first, False), (second, True)):
        (row,) = await recorded(day)
        assert (row.required, row.recorded, row.unknown, row.missing) == (86400, 86400, 0, {})
        assert row.reconstructed is reconstructed


@pytest.mark.parametrize("first", ["noted", "typed", "withdrawn"])
async def test_a_later_acceptance_takes_no_hours_from_the_day(
    first: str, database: Database, clock: ManualClock
) -> None:
    """Down from 8 to 14 h, accepted again at 15 h: the six hours count.

    Changes of the camera's file in between do not matter.
    """
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 5), zone)
    long_ago, down, up, anew = (start + timedelta(hours=n) for n in (-240, 8, 14, 15))
    await _village(database, clock, long_ago, legal_class="9", responsible="x")
    facts = {"places": list(acceptance.PROHIBITED_PLACES), "masks": "none_needed", "picture": "p", "sign_photo": "s"}
    async with database.session() as session:
        camera = await session.get_one(Camera, "c-1")
        camera.acceptance = facts
        if first == "typed":  # from before acceptances had a history
            camera.accepted_at = long_ago
        else:
            await acceptance.propose(session, camera, long_ago, "a")
            await acceptance.confirm(session, camera, long_ago, "b")
        await append(session, hourly(to_microseconds(long_ago), to_microseconds(down)))
        await append(session, hourly(to_microseconds(up), to_microseconds(end)))
        session.add(
            Gap(stream="c-1/main", start_us=to_microseconds(down), end_us=to_microseconds(up), cause="unreachable")
        )
        await session.flush()
        acceptance.store_facts(session, camera, {"masks": "in_camera"}, anew, "a")
        assert camera.accepted_at is None
        if first != "withdrawn":
            await acceptance.propose(session, camera, anew, "a")
            await acceptance.confirm(session, camera, anew, "b")
        await session.flush()
        (row,) = await camera_days.of_interval(session, [camera], start, end)
    assert (row.service, row.offline, row.missing) == (86400, 6 * 3600, {"unreachable": 6 * 3600})


@pytest.mark.parametrize(
    ("profile", "accepted", "required"),
    [
        ({}, None, 18),  # since its first recording, exactly
        ({"in_use_since": "2026-09-01"}, None, 18),  # stated earlier, but there are no facts from then
        ({"in_use_since": "2026-10-02"}, None, 0),
        ({}, 12, 12),  # accepted at noon
        ({"in_use_since": "2026-10-01"}, 12, 18),
    ],
)
async def test_hours_before_commissioning_are_not_required(
    database: Database, clock: ManualClock, profile: dict[str, str], accepted: int | None, required: float
) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await _village(database, clock, start, **profile)
    async with database.session() as session:
        camera = await session.get_one(Camera, "c-1")
        camera.accepted_at = start + timedelta(hours=accepted) if accepted else None
        begin = to_microseconds(start) + 6 * HOUR_US
        await append(session, hourly(begin, begin + 18 * HOUR_US))
    async with database.reading() as session:
        camera = await session.get_one(Camera, "c-1")
        rows = await camera_days.of_interval(session, [camera], start, end)
    assert sum(r.required for r in rows) == required * 3600
    assert all(r.recorded == r.required and not r.unknown for r in rows)


async def test_hours_after_retirement_are_not_required(database: Database, clock: ManualClock) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await _village(database, clock, start)
    async with database.session() as session:
        begin = to_microseconds(start)
        await append(session, hourly(begin, begin + 8 * HOUR_US))
        await registry.retire(session, ["c-1"], start + timedelta(hours=8), "x", retired=True)
        await registry.retire(session, ["c-1"], start + timedelta(hours=20), "x", retired=False)
        await registry.retire(session, ["c-1"], start + timedelta(hours=22), "x", retired=True)
    async with database.reading() as session:
        camera = await session.get_one(Camera, "c-1")
        (row,) = await camera_days.of_interval(session, [camera], start, end)
        assert await camera_days.of_interval(session, [camera], end, end + timedelta(days=1)) == []
    assert (row.service, row.required, row.recorded) == (10 * 3600, 10 * 3600, 8 * 3600)
    assert row.missing == {"unaccounted": 2 * 3600} and row.unknown == 2 * 3600


async def test_holes_below_a_second_are_told_by_day_and_change_no_rate(database: Database, clock: ManualClock) -> None:
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await _village(database, clock, start)
    begin = to_microseconds(start)
    async with database.session() as session:
        await append(session, hourly(begin, begin + 24 * HOUR_US))
        hours = ((begin - 1, 50), (begin, 3), (begin + 23 * HOUR_US, 4), (begin + 24 * HOUR_US, 50))
        session.add_all(ShortHole(stream="c-1/main", hour=at // HOUR_US, holes=n, us=n * 100_000) for at, n in hours)
        session.add(ShortHole(stream="c-1/sub", hour=begin // HOUR_US, holes=99, us=99))
    assert await figures.write_day(database, start.date(), zone, end + timedelta(hours=1)) > 0
    async with database.reading() as session:
        (row,) = (await session.scalars(select(CameraDay))).all()
        day = await figures.day(session, None, start, end + timedelta(days=1))
        kept = await session.get_one(DailyFigures, ("2026-10-01", "town", ""))
    assert (row.short_holes, row.short_hole_seconds, row.recorded) == (7, 0.7, row.required)
    assert (day["short_holes"], day["short_hole_seconds"], day["recorded"]) == (7, 0.7, 1.0)
    assert kept.figures["short_holes"] == 7
    assert await figures.write_day(database, date(2026, 10, 2), zone, end + timedelta(days=30)) >= 0
    async with database.reading() as session:  # written a month later: whether holes were counted is unknown
        late = await session.get(CameraDay, ("2026-10-02", "c-1"))
    assert late is None or late.short_holes == 50


async def test_a_day_reads_its_own_gaps_and_not_all_that_are_kept(database: Database, clock: ManualClock) -> None:
    """Of 400 days of gaps, a day reads only those that touch it, and finds the first with an index seek."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 1), zone)
    await _village(database, clock, start)
    first = to_microseconds(start - timedelta(days=390))
    starts = [first + day * 24 * HOUR_US for day in range(391)]
    async with database.session() as session:
        session.add_all(
            Gap(stream=f"c-{n}/main", start_us=at, end_us=at + HOUR_US, cause="no_packets")
            for at in starts
            for n in (1, 2)
        )
        session.add(Gap(stream="c-1/main", start_us=to_microseconds(end) - HOUR_US, end_us=None, cause="unreachable"))
    read: list[int] = []
    plans: list[str] = []
    sqlite = database.engine.dialect.name == "sqlite"

    def count(gap: Gap, _: object) -> None:
        read.append(gap.id)

    def explain(connection: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        # PostgreSQL chooses plans by its statistics
        if sqlite and "gap" in statement and statement.startswith("SELECT"):
            with contextlib.closing(connection.connection.cursor()) as other:
                other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in other.fetchall() if " gap " in row[3])

    event.listen(database.engine.sync_engine, "before_cursor_execute", explain)
    event.listen(Gap, "load", count)
    async with database.reading() as session:
        cameras = (await session.scalars(select(Camera).order_by(Camera.id))).all()
        one, two = await camera_days.of_interval(session, cameras, start, end)
        assert await camera_days.first_fact(session) == start - timedelta(days=390)
    event.remove(database.engine.sync_engine, "before_cursor_execute", explain)
    event.remove(Gap, "load", count)
    assert (
        one.missing == {"no_packets": 3600, "unreachable": 3600, "unaccounted": 22 * 3600} and two.required == 24 * 3600
    )
    assert len(read) == 3
    if sqlite:
        assert plans and all("stream=? AND end_us" in plan for plan in plans), plans


async def test_silence_of_the_recorder_is_never_a_good_figure(database: Database, clock: ManualClock) -> None:
    """No footage, no gap, no inspection: not online, not recorded, not intact, and not offline either."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 2), zone)
    await _village(database, clock, start - timedelta(days=1))
    async with database.session() as session:
        begin = to_microseconds(start) - 5 * HOUR_US
        await append(session, [Segment("c-1/main", 1, begin, begin + HOUR_US, 1, 1, 1)])
    async with database.reading() as session:
        cameras = (await session.scalars(select(Camera))).all()
        told = await figures.of(session, cameras, start, end)
    assert (told.online, told.intact, told.recorded, told.unknown, told.clock_right) == (None, None, 0.0, 1.0, None)


async def test_nothing_is_judged_where_nothing_is(database: Database, clock: ManualClock) -> None:
    async with database.reading() as session:
        told = await figures.of(session, [], clock.now(), clock.now() + timedelta(days=1))
    assert (told.online, told.intact, told.recorded, told.mttr_hours, told.mtbf_days) == (None, None, None, None, None)


async def test_days_that_are_over_are_kept_once_by_whom_they_concern(database: Database, clock: ManualClock) -> None:
    """Three days of inspections: each written once, by the local day; a controller that was off catches up."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        for name, vendor in (("c-1", "Ning Hai"), ("c-2", "Tianmu")):
            camera = await session.get_one(Camera, name)
            camera.profile = {**camera.profile, "maintainer": vendor, "sponsor": "Mill"}
        session.add(PatrolRound(id=1, asked_at=clock.now(), asked_by="x", scope={}, cameras=1, inspected=1, faulty=0))
        await session.flush()
        for camera in ("c-1", "c-2"):
            session.add(
                Inspection(round=1, camera=camera, at=clock.now(), findings={}, unknown=[], figures={}, accepted=False)
            )
    for days, rows in ((0.3, 0), (1, 5), (0, 0), (2, 10)):
        clock.advance(days * 86400)
        assert await figures.write_past_days(database, clock.now(), zone) == rows
    async with database.reading() as session:
        kept = (await session.scalars(select(DailyFigures).order_by(DailyFigures.day))).all()
    assert {(k.kind, k.name) for k in kept} == {
        ("town", ""),
        ("village", "v"),
        ("vendor", "Ning Hai"),
        ("vendor", "Tianmu"),
        ("sponsor", "Mill"),
    }
    assert len({k.day for k in kept}) == 3 and kept[0].figures["cameras"] in (1, 2)


async def test_days_without_a_camera_in_use_are_written_once_and_hold_nothing_up(
    either_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial long ago, then more days without any camera in use than one call writes."""
    monkeypatch.setattr(figures, "MAX_DAYS_PER_RUN", 4)
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, _ = bounds(date(2026, 10, 1), zone)
    await _village(either_database, clock, start, in_use_since="2026-10-10")
    begin = to_microseconds(start)
    async with either_database.session() as session:
        for day in (0, 10):
            at = begin + day * 24 * HOUR_US
            session.add(Gap(stream="c-1/main", start_us=at, end_us=at + HOUR_US, cause="unreachable"))
    now = start + timedelta(days=11, hours=1)  # the 12th
    written = [await figures.write_past_days(either_database, now, zone) for _ in range(4)]
    assert written[:2] == [4, 4] and written[2] > 3 and written[3] == 0  # an empty day has only the town's figures
    async with either_database.reading() as session:
        assert set(await session.scalars(select(CameraDay.day))) == {"2026-10-10", "2026-10-11"}
        kept = (await session.execute(select(WrittenDay.day, WrittenDay.cameras).order_by(WrittenDay.day))).all()
    assert [tuple(k) for k in kept] == [(f"2026-10-{n:02}", int(n >= 10)) for n in range(1, 12)]


async def test_a_round_of_another_village_changes_no_acceptance(either_database: Database, clock: ManualClock) -> None:
    """The camera's own last inspection judges its picture, unless a newer round of the whole town left it out."""

    async def walked(villages: list[str], *cameras: str, unknown: Sequence[str] = ()) -> dict[str, str]:
        clock.advance(60)
        now = clock.now()
        async with either_database.session() as session:
            scope = {"villages": villages} if villages else {}
            patrol = PatrolRound(asked_at=now, asked_by="x", started_at=now, finished_at=now, scope=scope)
            session.add(patrol)
            await session.flush()
            for name in cameras:
                session.add(
                    Inspection(
                        round=patrol.id,
                        camera=name,
                        at=now,
                        findings={},
                        unknown=[*unknown],
                        figures={},
                        accepted=False,
                    )
                )
        async with either_database.reading() as session:
            lists = await checklist.checklists(
                session, (await session.scalars(select(Camera).order_by(Camera.id))).all(), now
            )
        return {name: next(i.state for i in items if i.name == "picture") for name, items in lists.items()}

    await _village(either_database, clock, clock.now())
    assert await walked([], "c-1") == {"c-1": "ok", "c-2": "todo"}
    assert await walked(["w"]) == {"c-1": "ok", "c-2": "todo"}
    assert await walked(["v"], "c-2") == {"c-1": "ok", "c-2": "ok"}
    assert await walked([], "c-2") == {"c-1": "todo", "c-2": "ok"}
    assert await walked(["v"], "c-1", unknown=sorted(PICTURE_FAMILIES)) == {"c-1": "todo", "c-2": "ok"}
