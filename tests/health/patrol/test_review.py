"""Manual review: blind, representative, with a measured miss rate."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.clock import ManualClock
from core.database import Database
from core.errors import NotFoundError, UsageError
from health.patrol import review
from health.tables import Fault
from health.vocabulary import FaultFamily, ReviewAnswer
from tests.health.test_orders import fault


@pytest.fixture
async def session(database: Database) -> AsyncSession:  # type: ignore[misc]
    async with database.session() as made:
        for v in ("v", "w"):
            made.add(Village(code=v, name=v, boundary=[], subnets=[], funding=[]))
        await made.flush()
        made.add_all(Camera(id=f"c-{i}", name=f"c{i}", village="v" if i < 90 else "w", profile={}) for i in range(100))
        yield made


async def test_a_review_has_all_flagged_cameras_and_some_normal_ones(session: AsyncSession, clock: ManualClock) -> None:
    flagged = {f"c-{i}" for i in range(7)}
    for camera in flagged:
        fault(session, clock.now(), camera)
    await session.flush()
    seen = await review.draw_cameras(session, "x", None, clock.now(), random.Random(1))
    names = [c.id for c in seen]
    assert flagged < set(names) and len(names) == 7 + 5
    assert names != sorted(names) and {
        c.village for c in await review.draw_cameras(session, "x", ["w"], clock.now(), random.Random(1))
    } == {"w"}
    await review.record_verdict(session, seen[0], ReviewAnswer.NORMAL, None, clock.now(), "x")
    await session.flush()
    assert seen[0].id not in {
        c.id for c in await review.draw_cameras(session, "x", None, clock.now(), random.Random(1))
    }


async def test_a_fault_reported_on_a_normal_camera_is_a_miss(session: AsyncSession, clock: ManualClock) -> None:
    camera = await review.camera_of(session, "c-50")
    for wrong in (None, FaultFamily.UPLINK):
        with pytest.raises(UsageError, match="name the fault family"):
            await review.record_verdict(session, camera, ReviewAnswer.FAULTY, wrong, clock.now(), "x")
    for i in range(60, 69):
        normal = await review.camera_of(session, f"c-{i}")
        await review.record_verdict(session, normal, ReviewAnswer.NORMAL, None, clock.now(), "x")
    opened = await review.record_verdict(session, camera, ReviewAnswer.FAULTY, FaultFamily.COVERED, clock.now(), "x")
    await session.flush()
    assert opened is not None and (opened.state, opened.family, opened.verdict) == ("open", "covered", "real")
    told = await review.miss_rate(session, clock.now() - timedelta(days=1))
    assert (
        (told.shown, told.missed, told.rate) == (10, 1, 0.1)
        and told.upper_bound is not None
        and 0.3 < told.upper_bound < 0.45
    )
    again = await review.record_verdict(session, camera, ReviewAnswer.FAULTY, FaultFamily.COVERED, clock.now(), "y")
    assert again is opened and len((await session.scalars(select(Fault))).all()) == 1
    with pytest.raises(NotFoundError):
        await review.camera_of(session, "none")


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_lies_above_the_share(pair: tuple[int, int]) -> None:
    hits, of = pair
    assert hits / of - 1e-9 <= review.wilson_upper(hits, of) <= 1.0
    assert review.wilson_upper(0, 59) < 0.05 < review.wilson_upper(0, 40)
