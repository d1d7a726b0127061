"""Default passwords and vulnerable firmware are found without locking accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cameras.records import DeviceRecord
from cameras.registry import firmware, registry
from cameras.tables import Camera
from cameras.upkeep.default_password_audit import DEFAULT_LOGINS, DefaultPasswordAudit
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES, VirtualMake
from core.clock import ManualClock
from core.errors import SettingsError
from tests.cameras.virtual_village import VirtualVillage


async def test_every_default_is_tried_and_nobody_is_locked_out(
    village: VirtualVillage, clip: LoopClip, clock: ManualClock
) -> None:
    """The virtual camera locks all accounts after five wrong passwords in a row."""
    crowd = await village.start([(1, 1, VirtualMake("T", "A", "1", frozenset({"locks_out"}))), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.http)
    for _ in range(len(DEFAULT_LOGINS)):
        assert (await audit.run_once()).open == []
        assert (await audit.run_once()).tried == 0, "once a week"
        clock.advance(timedelta(days=7, minutes=1).total_seconds())
    assert (await village.camera("v-1")).audited == len(DEFAULT_LOGINS)
    assert crowd.members[0].access_control.lockouts == 0 and (await village.camera("v-1")).refused_at is None


async def test_a_default_password_is_a_finding_until_it_is_changed(
    village: VirtualVillage, clip: LoopClip, clock: ManualClock
) -> None:
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    users = crowd.members[0].access_control.users
    users[DEFAULT_LOGINS[0][0]] = (DEFAULT_LOGINS[0][1], "Administrator")
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.http)
    assert (await audit.run_once()).open == ["v-1"]
    assert await village.findings() == [("default_password", "v-1")]
    del users[DEFAULT_LOGINS[0][0]]
    clock.advance(8 * 86400)
    assert (await audit.run_once()).open == []
    assert await village.findings() == []


async def test_a_camera_that_refuses_us_is_left_alone(
    village: VirtualVillage, clip: LoopClip, clock: ManualClock
) -> None:
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    crowd.members[0].access_control.users = {"minwang": ("changed", "Administrator")}
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.http)
    for _ in range(5):
        await audit.run_once()
        clock.advance(8 * 86400)
    assert crowd.members[0].access_control.wrong_tries <= 1 and (await village.camera("v-1")).refused_at is not None


async def test_skipped_cameras_do_not_keep_the_others_from_their_turn(
    village: VirtualVillage, clip: LoopClip, clock: ManualClock
) -> None:
    """Silent cameras used to sort first in every run: enough of them used up the limit for ever."""
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    crowd.members[0].switch("dead", True)
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.http)
    tried = []
    for _ in range(3):
        tried.append((await audit.run_once(limit=1)).tried)
        clock.advance(3600)
    assert tried == [0, 1, 0] and (await village.camera("v-2")).audited == 1
    crowd.members[0].switch("dead", False)
    assert (await audit.run_once(limit=1)).tried == 1 and (await village.camera("v-1")).audited == 1


async def test_a_default_password_of_our_own_is_a_finding(
    village: VirtualVillage, clip: LoopClip, clock: ManualClock
) -> None:
    """The station uses the delivered account: it used to skip the camera for ever instead of reporting it."""
    crowd = await village.start([(1, 1, MAKES[0]), (2, 2, MAKES[0])], clip)
    user, password = DEFAULT_LOGINS[2]
    for member in crowd.members:
        member.access_control.users = {user: (password, "Administrator")}
    async with village.database.session() as session:
        await registry.seal_login(session, village.vault, "village", user, password)
    assert await village.identify() == {}
    audit = DefaultPasswordAudit(village.database, clock, village.onboarding, village.http)
    assert sorted((await audit.run_once()).open) == ["v-1", "v-2"]
    assert await village.findings() == [("default_password", "v-1"), ("default_password", "v-2")]
    assert all(member.access_control.wrong_tries == 0 for member in crowd.members)
    crowd.members[0].access_control.users = {"minwang": ("geheim-123", "Administrator")}
    async with village.database.session() as session:
        await registry.seal_login(session, village.vault, "camera-v-1", "minwang", "geheim-123")
        (await session.get_one(Camera, "v-1")).credential = "camera-v-1"
    clock.advance(8 * 86400)
    assert (await audit.run_once()).open == ["v-2"]
    assert await village.findings() == [("default_password", "v-2")]


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
def test_firmware_with_known_holes(device: DeviceRecord, holes: list[str]) -> None:
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
    with pytest.raises(SettingsError, match="not a list of vulnerabilities"):
        firmware.load(tmp_path)
