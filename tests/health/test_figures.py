"""The figures' formulae, on intervals and on rows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from cameras import inventory, registry
from cameras.tables import Camera
from core.clock import ManualClock
from core.database import Database
from health import figures
from health.figures import joined, length, without
from health.tables import DailyFigures, Fault, Look, Maintenance, PatrolRound
from nvr.tables import Gap

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: (float(min(p)), float(max(p)))), max_size=8)


def _seconds(intervals: list[tuple[float, float]]) -> set[int]:
    return {s for a, b in intervals for s in range(int(a), int(b))}


@given(spans, spans)
def test_intervals_are_sets_of_seconds(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> None:
    assert length(first) == len(_seconds(first))
    assert _seconds(without(first, second)) == _seconds(first) - _seconds(second)
    assert all(a[1] < b[0] for a, b in zip(joined(first), joined(first)[1:], strict=False))


TOWN = """
town: t
villages: [{code: v, name: v}, {code: w, name: w}]
cameras:
  - {id: c-1, name: a, village: v, switch: s, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
  - {id: c-2, name: b, village: v, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
"""


async def test_a_day_of_two_cameras(database: Database, clock: ManualClock) -> None:
    start = clock.now()
    end = start + timedelta(days=1)

    def hours(n: float) -> object:
        return start + timedelta(hours=n)

    def fault(camera: str, family: str, begin: float, over: float | None, severity: int = 1, detail: str = "") -> Fault:
        return Fault(
            camera=camera, village="v", family=family, state="closed" if over else "open", severity=severity, detail=detail, figures={},
            facts={}, first_seen=hours(begin), opened_at=hours(begin + 0.1), closed_at=hours(over) if over else None, looks=1, times=1,
        )  # fmt: skip

    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), start, "test")
        cameras = (await session.scalars(select(Camera).order_by(Camera.id))).all()
        cameras[0].clock_offset, cameras[1].clock_offset = 0.5, 30.0
        session.add_all(
            [
                fault("c-1", "unreachable", 2, 5),
                fault("c-1", "no_stream", 4, 6),  # overlaps: counted once
                fault("", "uplink", 10, 12, detail="v"),  # takes both along
                fault("", "uplink", 20, 21, detail="v/s"),  # one switch: c-1 alone
                fault("c-2", "blurred", 3, None, severity=2),
                Maintenance(camera="c-1", village=None, start=hours(4), until=hours(6), reason="x", by="x"),
                Gap(
                    stream="c-1/main",
                    start_us=int(start.timestamp() * 1e6),
                    end_us=int(start.timestamp() * 1e6) + 3600_000_000,
                    cause="no_packets",
                ),
                Gap(
                    stream="c-2/main",
                    start_us=int(start.timestamp() * 1e6),
                    end_us=int(end.timestamp() * 1e6),
                    cause="schedule",
                ),
            ]
        )
        session.add(PatrolRound(id=1, asked_at=start, asked_by="x", scope={}, cameras=2, looked=1, faulty=0))
        await session.flush()
        session.add(Look(round=1, camera="c-1", at=hours(1), findings={}, untestable=[], figures={}, light="", accepted=False))
        await session.flush()
        told = await figures.of(session, cameras, start, end)
        day = await figures.day(session, cameras, start, end)
    # c-1: 22 h required (2 h planned), down 2…4, 10…12, 20…21; c-2: 24 h, down 10…12.
    assert told.online == pytest.approx((22 - 5 + 24 - 2) / 46)
    assert told.intact == 0.5 and told.clock_right == 0.5
    assert told.recorded == pytest.approx(23 / 24)  # what was planned not to be recorded is not required
    assert told.mttr_hours == pytest.approx((3 + 2) / 2) and told.mtbf_days == pytest.approx(2 / 3)
    assert told.by_cause == {"unreachable": 1, "no_stream": 1, "uplink": 2, "blurred": 1}
    assert (day["cameras"], day["looked"], day["not_looked"]) == (2, 1, ["c-2"]) and len(day["faults"]) == 5


async def test_nothing_is_judged_where_nothing_is(database: Database, clock: ManualClock) -> None:
    async with database.reading() as session:
        told = await figures.of(session, [], clock.now(), clock.now() + timedelta(days=1))
    assert (told.online, told.intact, told.recorded, told.mttr_hours, told.mtbf_days) == (None, None, None, None, None)


async def test_days_that_are_over_are_kept_once_by_whom_they_concern(database: Database, clock: ManualClock) -> None:
    """Three days of looks: each written once, by the local day; a controller that was off catches up."""
    zone = await asyncio.to_thread(ZoneInfo, "Asia/Shanghai")
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        for name, vendor in (("c-1", "Ning Hai"), ("c-2", "Tianmu")):
            camera = await session.get_one(Camera, name)
            camera.profile = {**camera.profile, "maintainer": vendor, "sponsor": "Mill"}
        session.add(PatrolRound(id=1, asked_at=clock.now(), asked_by="x", scope={}, cameras=1, looked=1, faulty=0))
        await session.flush()
        session.add(Look(round=1, camera="c-1", at=clock.now(), findings={}, untestable=[], figures={}, accepted=False))
    for days, rows in ((0.3, 0), (1, 5), (0, 0), (2, 10)):
        clock.advance(days * 86400)
        async with database.session() as session:
            assert await figures.keep_days(session, clock.now(), zone) == rows
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
