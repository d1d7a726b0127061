"""Default passwords and vulnerable firmware are found without locking accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cameras.registry import firmware
from cameras.upkeep.default_password_audit import DEFAULT_LOGINS, DefaultPasswordAudit
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from core.errors import SettingsError
from tests.cameras.onboarding.test_onboarding import Village, village
from tests.conftest import ManualClock

__all__ = ["village"]


async def test_every_default_is_tried_and_nobody_is_locked_out(
    village: Village, clip: LoopClip, clock: ManualClock
) -> None:
    """The virtual camera locks all accounts after five wrong passwords in a row."""
    crowd = await village.start([(1, 1, VirtualMake("T", "A", "1", frozenset({"locks_out"}))), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.onboarding._http)
    for _ in range(len(DEFAULT_LOGINS)):
        assert (await audit.run_once()).open == []
        assert (await audit.run_once()).tried == 0, "once a week"
        clock.advance(timedelta(days=7, minutes=1).total_seconds())
    assert (await village.camera("v-1")).audited == len(DEFAULT_LOGINS)
    assert crowd.members[0].access_control.lockouts == 0 and (await village.camera("v-1")).refused_at is None


async def test_a_default_password_is_a_finding_until_it_is_changed(
    village: Village, clip: LoopClip, clock: ManualClock
) -> None:
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    users = crowd.members[0].access_control.users
    users[DEFAULT_LOGINS[0][0]] = (DEFAULT_LOGINS[0][1], "Administrator")
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.onboarding._http)
    assert (await audit.run_once()).open == ["v-1"]
    assert await village.findings() == [("default_password", "v-1")]
    del users[DEFAULT_LOGINS[0][0]]
    clock.advance(8 * 86400)
    assert (await audit.run_once()).open == []
    assert await village.findings() == []


async def test_a_camera_that_refuses_us_is_left_alone(village: Village, clip: LoopClip, clock: ManualClock) -> None:
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    crowd.members[0].access_control.users = {"minwang": ("changed", "Administrator")}
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.onboarding._http)
    for _ in range(5):
        await audit.run_once()
        clock.advance(8 * 86400)
    assert crowd.members[0].access_control.wrong_tries <= 1 and (await village.camera("v-1")).refused_at is not None


@pytest.mark.parametrize(
    ("device", "holes"),
    [
        ({"manufacturer": "HIKVISION", "firmware": "V5.5.53 build 180730"}, ["CVE-2021-36260"]),
        ({"manufacturer": "Hikvision", "firmware": "V5.4.0 build 160530"}, ["CVE-2017-7921", "CVE-2021-36260"]),
        ({"manufacturer": "Hikvision", "firmware": "V5.7.1 build 220801"}, []),
        ({"manufacturer": "Tianmu", "firmware": "V5.4.0 build 160530"}, []),
        ({"manufacturer": None, "firmware": None}, []),
    ],
)
def test_firmware_with_known_holes(device: dict[str, object], holes: list[str]) -> None:
    assert firmware.known_vulnerabilities(device, firmware.load()) == holes


def test_the_station_adds_its_own(tmp_path: Path) -> None:
    (tmp_path / firmware.STATION_LIST_NAME).write_text(
        "- {id: TM-1, manufacturer: tianmu, below: '5.7.2'}\n", encoding="utf-8"
    )
    assert firmware.known_vulnerabilities({"manufacturer": "Tianmu", "firmware": "5.7.1"}, firmware.load(tmp_path)) == [
        "TM-1"
    ]
    assert (
        firmware.known_vulnerabilities({"manufacturer": "Tianmu", "firmware": "5.7.2"}, firmware.load(tmp_path)) == []
    )
    (tmp_path / firmware.STATION_LIST_NAME).write_text("- {id: x}", encoding="utf-8")
    with pytest.raises(SettingsError, match="not a list of holes"):
        firmware.load(tmp_path)
