"""The formulae of the key figures, on intervals and on rows."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.tables import Camera, ClockSample
from core.clock import HOUR_US, ManualClock, to_microseconds
from core.database import Database
from core.intervals import intersect, length, merge, subtract
from health.kpi import figures
from health.kpi.camera_days import bounds
from health.tables import Fault, Inspection, Maintenance, PatrolRound
from nvr.archive.segment_index import Segment, append
from nvr.tables import Gap
from tests.health.kpi.town_rows import TOWN, hourly, village_of_two

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
        for camera in cameras:
            camera.seen_at = hours(20)
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


async def test_silence_of_the_recorder_is_never_a_good_figure(database: Database, clock: ManualClock) -> None:
    """No footage, no gap, no inspection: not online, not recorded, not intact, and not offline either."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    start, end = bounds(date(2026, 10, 2), zone)
    await village_of_two(database, clock, start - timedelta(days=1))
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
