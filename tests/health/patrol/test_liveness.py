"""Learning never stops for good: suspicions end, whatever inspections find, leave clean or cannot judge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.settings import PatrolSettings
from health.faults import fault_log
from health.faults.families import FAMILIES, UNMISTAKABLE_RULE
from health.faults.state_machine import SUSPICION_LIFETIME_S, FaultState, Vote, advance, lapse
from health.patrol.learning import MAX_LEARNING, LearningCamera, learning_cameras
from health.picture.baseline import SETTLING_TIME
from health.tables import CameraBaseline, Inspection
from health.vocabulary import FaultFamily, FaultStatus, Light
from tests.conftest import open_database
from tests.health.patrol.camera_under_test import CLEAN, FOUND, HOUR, UNTESTABLE, CameraUnderTest, camera_on

DAYS = 3
LIFETIME = timedelta(seconds=SUSPICION_LIFETIME_S)
patterns = st.text(f"{FOUND}{CLEAN}{UNTESTABLE}", min_size=1, max_size=12)


@given(st.lists(st.sampled_from([FOUND, CLEAN, UNTESTABLE]), min_size=1, max_size=40), st.sampled_from(list(FAMILIES)))
@settings(max_examples=300, phases=[Phase.explicit, Phase.generate, Phase.shrink])
@example([FOUND, *UNTESTABLE * 20], "frozen")
def test_no_suspicion_outlives_a_day_in_sixty(pattern: Sequence[str], family: str) -> None:
    state, rule = FaultState(), FAMILIES[family].rule
    for hour, mark in zip(range(60 * 24), cycle(pattern), strict=False):
        at = hour * 3600.0
        if mark == UNTESTABLE:
            lapse(state, at)
        else:
            advance(state, rule, Vote(at, mark == FOUND, Light.DAY))
        assert state.status != FaultStatus.SUSPECT or at - state.suspected_at < SUSPICION_LIFETIME_S


@given(first=patterns, second=patterns)
@example(first=FOUND + UNTESTABLE * 11, second=CLEAN)  # neither confirmed nor cleared
@example(first="x.", second=".x")  # two families in turn, of which none gathers enough votes
@example(first="x.?", second="?x.")
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
async def test_learning_pauses_for_two_days_at_most_unless_a_fault_is_open(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str
) -> None:
    folder: Path = await asyncio.to_thread(tmp_path_factory.mktemp, "liveness")
    async with open_database(folder) as database:
        camera = await camera_on(database)
        begin, was_open = camera.clock.now(), list[bool]()
        for one, two, _ in zip(cycle(first), cycle(second), range(DAYS * 24), strict=False):
            await camera.look({FaultFamily.HAZE: one, FaultFamily.PARTIAL_OCCLUSION: two})
            now, faults = camera.clock.now(), await camera.faults()
            suspected = [f for f in faults if f.state == FaultStatus.SUSPECT]
            assert all(now - fault_log.suspected_at(f) <= LIFETIME + HOUR for f in suspected)
            was_open.append(any(fault_log.is_open(f) for f in faults))
        accepted = await camera.accepted_at()
    for hour in range(49, DAYS * 24):
        if any(was_open[hour - 49 : hour]):
            continue
        until = begin + HOUR * hour
        assert any(until - 49 * HOUR <= at <= until for at in accepted), (first, second, hour)


async def test_an_opened_fault_takes_back_what_was_learned_since_it_was_suspected(camera: CameraUnderTest) -> None:
    for _ in range(3):
        await camera.look({})
    before = await camera.accepted_at()
    suspected = camera.clock.now()
    for mark in "x.xx":
        await camera.look({FaultFamily.BLURRED: mark})
    (fault,) = await camera.faults()
    assert fault.state == FaultStatus.OPEN and fault_log.suspected_at(fault) == suspected
    assert await camera.accepted_at() == before
    async with camera.database.reading() as session:
        assert not (
            await session.scalars(select(Inspection).where(Inspection.anchor, Inspection.at >= suspected))
        ).all()


async def test_a_suspicion_that_nothing_can_judge_ends_after_a_day_and_is_learned(camera: CameraUnderTest) -> None:
    suspected = camera.clock.now()
    await camera.look({FaultFamily.FROZEN: FOUND})
    assert FAMILIES[FaultFamily.FROZEN].rule == UNMISTAKABLE_RULE
    for _ in range(24):
        await camera.look({FaultFamily.FROZEN: UNTESTABLE})
    (fault,) = await camera.faults()
    assert fault.state == FaultStatus.DISMISSED and fault.closed_at == suspected + LIFETIME
    accepted = await camera.accepted_at()
    assert accepted[0] == suspected and len(accepted) == 25
    async with camera.database.reading() as session:
        stored = await session.get_one(CameraBaseline, "c")
    assert stored.next_inspection_at is None and stored.pattern_pictures > 0


async def test_a_dismissed_suspicion_of_a_fault_that_was_real_teaches_nothing_of_that_fault(
    camera: CameraUnderTest,
) -> None:
    for mark in "xxxx....":
        await camera.look({FaultFamily.BLURRED: mark})
    (fault,) = await camera.faults()
    assert fault.state == FaultStatus.CLOSED
    real = {fault.first_seen + HOUR * i for i in range(4)}
    for mark in "x..":  # suspected again within the day in which it may reopen, and nothing
        await camera.look({FaultFamily.BLURRED: mark})
    assert not real & set(await camera.accepted_at())


async def test_cameras_that_learn_are_listed_with_their_end(camera: CameraUnderTest) -> None:
    settings, begin = PatrolSettings(), camera.clock.now()
    await camera.look({}, learned=4)
    expected = begin + timedelta(minutes=settings.interval_minutes) * (settings.learning_looks - 4) + SETTLING_TIME
    for scope, count in ((None, 1), (["v"], 1), (["w"], 0)):
        async with camera.database.reading() as session:
            found = await learning_cameras(session, scope, begin)
        assert (found.count, found.until, found.overdue) == (count, expected if count else None, [])
    async with camera.database.reading() as session:
        late = await learning_cameras(session, None, begin + MAX_LEARNING + HOUR)
    assert late.overdue == [LearningCamera("c", "C", "v", begin)] and late.overdue_count == 1
    await camera.look({})
    async with camera.database.reading() as session:
        assert (await learning_cameras(session, None, begin)).count == 0
