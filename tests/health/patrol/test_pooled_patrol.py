"""A damage that patrol finds under names in turn opens one fault, and takes back what was learned meanwhile."""

from __future__ import annotations

from health.faults import fault_log
from health.vocabulary import FaultFamily as F
from health.vocabulary import FaultStatus
from tests.health.patrol.camera_under_test import FOUND, UNTESTABLE, CameraUnderTest


async def test_glare_that_is_haze_and_overexposure_in_turn_opens_once(camera: CameraUnderTest) -> None:
    for _ in range(4):
        await camera.look({})
    before, began = await camera.accepted_at(), camera.clock.now()
    for family in (F.HAZE, F.OVEREXPOSED, F.HAZE, F.OVEREXPOSED, F.HAZE):
        await camera.look({family: FOUND})
    opened = [f for f in await camera.faults() if fault_log.is_open(f)]
    assert [f.family for f in opened] == [F.HAZE] and fault_log.suspected_at(opened[0]) == began
    assert await camera.accepted_at() == before
    await camera.look({F.OVEREXPOSED: FOUND})
    assert len([f for f in await camera.faults() if fault_log.is_open(f)]) == 1, "one fault at a time is enough"


async def test_inspections_that_could_not_judge_are_no_clean_ones(camera: CameraUnderTest) -> None:
    blind = dict.fromkeys(F, UNTESTABLE)
    for family in (F.HAZE, F.MOVED, F.HAZE, F.MOVED):
        await camera.look({family: FOUND})
        await camera.look(blind)
    await camera.look({F.HAZE: FOUND})
    assert [f.family for f in await camera.faults() if f.state == FaultStatus.OPEN] == [F.HAZE]


async def test_a_day_of_single_findings_opens_nothing(camera: CameraUnderTest) -> None:
    for hour in range(24):
        await camera.look({(F.HAZE, F.MOVED, F.BLURRED)[hour // 3 % 3]: FOUND} if hour % 3 == 0 else {})
    assert not [f for f in await camera.faults() if fault_log.is_open(f)]
