"""The hourly clock check: wrong clocks are set, and the value read afterwards counts."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cameras.tables import Camera, ClockSample, ModelQuirk
from cameras.upkeep.clock_sync import ClockRound, ClockSync
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras
from core.clock import SystemClock
from tests.cameras.virtual_village import VirtualVillage

PLAIN = MAKES[0]


def _make(*quirks: str, model: str = "Q-1") -> VirtualMake:
    return VirtualMake("Test", model, "1", frozenset(quirks))


async def _start(village: VirtualVillage, clip: LoopClip, *makes: VirtualMake) -> VirtualCameras:
    crowd = await village.start([(i, i, m) for i, m in enumerate(makes, 1)], clip)
    await village.identify()
    return crowd


async def run_clock_sync(village: VirtualVillage, *busy: str) -> ClockRound:
    return await ClockSync(village.database, SystemClock(), village.onboarding).run_once(busy)


async def test_a_wrong_clock_is_set_and_the_error_kept(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, PLAIN, PLAIN)
    crowd.members[0].clock_shift = -37.0
    done = await run_clock_sync(village)
    assert (done.asked, done.corrected, done.wrong, done.silent) == (2, ["v-1"], [], [])
    assert abs((await village.camera("v-1")).clock_offset or 99) < 2
    async with village.database.reading() as session:
        samples = (await session.scalars(select(ClockSample).where(ClockSample.camera == "v-1"))).all()
    assert [(round(s.offset, -1), s.corrected) for s in samples] == [(-40, True)]
    assert (await run_clock_sync(village)).corrected == []


async def test_a_clock_is_not_touched_while_the_card_is_read(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, PLAIN, PLAIN)
    crowd.members[0].clock_shift = -3700.0
    done = await run_clock_sync(village, "v-1")
    assert (done.corrected, done.wrong) == ([], ["v-1"])
    assert crowd.members[0].clock_shift == -3700.0
    assert await village.findings() == [("clock_wrong", "v-1")]
    assert (await run_clock_sync(village)).corrected == ["v-1"]
    assert await village.findings() == []


async def test_a_zone_mistake_is_told_as_one(village: VirtualVillage, clip: LoopClip) -> None:
    await _start(village, clip, _make("local_as_utc", "ignores_sets"), PLAIN)
    done = await run_clock_sync(village)
    assert done.wrong == ["v-1"]
    assert await village.findings() == [("clock_wrong", "v-1")] or await village.findings() == [("zone_wrong", "v-1")]


async def test_a_model_that_ignores_it_is_asked_once(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, _make("ignores_sets"), _make("ignores_sets"))
    for member in crowd.members:
        member.clock_shift = -400.0
    assert sorted((await run_clock_sync(village)).wrong) == ["v-1", "v-2"]
    async with village.database.reading() as session:
        (known,) = (await session.scalars(select(ModelQuirk))).all()
    assert (known.model, known.setting, known.outcome) == ("Q-1", "clock", "ignored")
    calls = sum(s.calls for s in crowd.services.values())
    await run_clock_sync(village)
    assert sum(s.calls for s in crowd.services.values()) - calls == 2, "the time is asked, nothing is set"
    assert await village.findings() == [("clock_wrong", "v-1"), ("clock_wrong", "v-2")]


async def test_a_silent_camera_is_told_with_its_reason(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, PLAIN, PLAIN)
    crowd.members[1].switch("dead", True)
    assert (await run_clock_sync(village)).silent == ["v-2"]
    assert "no ONVIF answer" in ((await village.camera("v-2")).problem or "")
    crowd.members[1].switch("dead", False)
    assert (await run_clock_sync(village)).silent == []
    assert (await village.camera("v-2")).problem is None


@pytest.mark.parametrize(
    "quirks", [["locks_out"], ["locks_out", "time_needs_login"], ["locks_out", "time_needs_login", "wsse_only"]]
)
async def test_hourly_looks_never_lock_a_camera_out(village: VirtualVillage, clip: LoopClip, quirks: list[str]) -> None:
    crowd = await _start(village, clip, _make(*quirks), PLAIN)
    crowd.members[0].access_control.users = {"minwang": ("changed", "Administrator")}
    crowd.members[0].clock_shift = -400.0
    for _ in range(6):
        await run_clock_sync(village)
    # If the password changed within CREDENTIAL_PROOF_S, a SOAP fault may refer to the operation only: one more request
    # checks.
    assert (
        crowd.members[0].access_control.wrong_tries <= 1 + ("wsse_only" in quirks)
        and crowd.members[0].access_control.lockouts == 0
    )
    assert (await village.camera("v-1")).refused_at is not None


async def test_a_refused_camera_is_still_asked_for_its_time(village: VirtualVillage, clip: LoopClip) -> None:
    """It is asked without a credential, because only the credential must not be used."""
    crowd = await _start(village, clip, PLAIN, PLAIN)
    async with village.database.session() as session:
        (await session.get_one(Camera, "v-1")).refused_at = SystemClock().now()
    crowd.members[0].clock_shift = -400.0
    done = await run_clock_sync(village)
    assert done.wrong == ["v-1"] and done.silent == [] and crowd.members[0].access_control.wrong_tries == 0
