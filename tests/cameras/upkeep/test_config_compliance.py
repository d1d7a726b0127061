"""Policies and accounts: settings are written and read back, on cameras that obey, ignore, round or refuse a Set."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cameras.registry import findings
from cameras.states import FindingKind
from cameras.tables import Camera, CameraChange, Credential, ModelQuirk, Policy
from cameras.upkeep.config_compliance import ComplianceResult, ConfigCompliance, SettingState
from cameras.upkeep.credential_rotation import ACCOUNT_NAMES, CredentialRotation, random_password
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras
from core.clock import SystemClock
from core.errors import CameraError
from core.events import Event
from tests.cameras.virtual_village import LOGIN, NET, VirtualVillage

RULES = {
    "ntp": "10.0.0.1", "discoverable": False, "shut": ["TELNET"], "name_in_picture": True, "time_in_picture": True,
    "main": {"bitrate": 1_024_000, "gop_seconds": 2.0}, "sub": {"bitrate": 512_000},
}  # fmt: skip


async def _start(
    village: VirtualVillage, clip: LoopClip, *quirks: str, rules: dict[str, object] | None = None
) -> VirtualCameras:
    make = VirtualMake("Test", "P-1", "1", frozenset(quirks))
    crowd = await village.start([(1, 1, make), (2, 2, make)], clip)
    for member in crowd.members:
        member.protocols["TELNET"] = (True, 23)
    assert await village.identify() == {}
    async with village.database.session() as session:
        session.add(Policy(name="street", rules=RULES if rules is None else rules))
        for camera in await session.scalars(select(Camera)):
            camera.profile = {**camera.profile, "policy": "street"}
    return crowd


async def run_compliance(village: VirtualVillage, *only: str, write: bool = True) -> dict[str, ComplianceResult]:
    done = await ConfigCompliance(village.database, SystemClock(), village.onboarding).run_once(
        only or None, write=write
    )
    return {r.camera: r for r in done}


MEDIA = [[], ["media2_only"], ["media1_without_encoder"], ["restarts_stream"], ["wsse_only"]]


@pytest.mark.parametrize("quirks", MEDIA, ids=lambda q: "+".join(q) or "plain")
async def test_every_setting_is_written_and_read_back(
    village: VirtualVillage, clip: LoopClip, quirks: list[str]
) -> None:
    crowd = await _start(village, clip, *quirks)
    device = crowd.members[0]
    result = (await run_compliance(village))["v-1"]
    assert result.problem == "" and not result.of(SettingState.REFUSED, SettingState.IGNORED, SettingState.DRIFT)
    assert device.ntp == ["10.0.0.1"] and not device.discoverable and device.protocols["TELNET"][0] is False
    assert (device.encoders["main"].bitrate, device.encoders["main"].gop) == (1024, 2 * device.encoders["main"].fps)
    assert device.encoders["sub"].bitrate == 512
    if "media2_only" not in quirks:
        assert "V 1" in device.osd.values() and "time" in device.osd
    again = (await run_compliance(village))["v-1"]
    assert {d.state for d in again.results} == {"ok"}
    async with village.database.reading() as session:
        fields = set(await session.scalars(select(CameraChange.field).where(CameraChange.camera == "v-1")))
    assert {"policy.ntp", "policy.encoder main"} <= fields
    assert await village.findings() == []


async def test_looking_writes_nothing_and_tells_what_drifted(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip)
    result = (await run_compliance(village, write=False))["v-1"]
    assert "ntp" in result.of(SettingState.DRIFT) and crowd.members[0].ntp == [] and crowd.members[0].discoverable
    assert await village.findings() == [("drift", "v-1"), ("drift", "v-2")]
    await run_compliance(village)
    assert await village.findings() == []


async def test_a_policy_that_does_not_enforce_only_tells(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, rules={**RULES, "enforce": False})
    assert "ntp" in (await run_compliance(village))["v-1"].of(SettingState.DRIFT) and crowd.members[0].ntp == []


async def test_a_model_that_ignores_is_not_asked_twice(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, "ignores_sets")
    first = (await run_compliance(village, "v-1"))["v-1"]
    assert {"ntp", "discoverable", "shut TELNET", "encoder main"} <= set(first.of(SettingState.IGNORED))
    calls = crowd.services[f"{NET}.2"].calls
    second = (await run_compliance(village, "v-2"))["v-2"]
    assert set(second.of(SettingState.UNSUPPORTED)) >= {"ntp", "discoverable", "encoder main"} and not second.of(
        SettingState.IGNORED, SettingState.SET
    )
    assert crowd.services[f"{NET}.2"].calls - calls <= len(second.results) + 2, "it was read, and nothing was written"
    # A setting that is not tried again still differs from the policy: the finding stays open.
    third = (await run_compliance(village, "v-1"))["v-1"]
    assert set(third.of(SettingState.UNSUPPORTED)) == set(second.of(SettingState.UNSUPPORTED))
    assert await village.findings() == [("drift", "v-1"), ("drift", "v-2")]


async def test_what_a_person_accepts_is_told_again_only_where_it_changes(
    village: VirtualVillage, clip: LoopClip
) -> None:
    await _start(village, clip, "ignores_encoder", rules={"main": {"bitrate": 64_000}})
    await run_compliance(village, "v-1")
    async with village.database.session() as session:
        (row,) = await findings.list_open(session)
        await findings.accept(session, row.id, SystemClock().now(), "an officer", "this model cannot do it")
    await run_compliance(village, "v-1")
    assert await village.findings() == []
    async with village.database.session() as session:
        closed = (await session.scalars(select(Event).where(Event.kind == "finding.closed"))).all()
        assert [e.camera for e in closed] == ["v-1"], "open consoles learn that a person accepted it"
        about = findings.FindingSubject("v-1", "", "v")
        assert await findings.is_accepted(session, FindingKind.DRIFT, about, settings=["encoder main"])
        assert not await findings.is_accepted(session, FindingKind.DRIFT, about, settings=["encoder main", "ntp"])


async def test_a_value_that_is_rounded_is_taken_and_remembered(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, "rounds", rules={"main": {"bitrate": 1_500_000, "gop_seconds": 1.6}})
    assert (await run_compliance(village, "v-1"))["v-1"].of(SettingState.ROUNDED) == ["encoder main"]
    assert crowd.members[0].encoders["main"].bitrate in (1024, 2048)
    assert (await run_compliance(village, "v-1"))["v-1"].of(SettingState.KNOWN) == ["encoder main"]
    async with village.database.reading() as session:
        (note,) = (await session.scalars(select(ModelQuirk))).all()
    assert note.outcome == "rounded"
    assert await village.findings() == []


async def test_an_encoder_that_keeps_its_own_is_told(village: VirtualVillage, clip: LoopClip) -> None:
    await _start(village, clip, "ignores_encoder", rules={"main": {"bitrate": 64_000}})
    assert (await run_compliance(village, "v-1"))["v-1"].of(SettingState.IGNORED) == ["encoder main"]
    assert await village.findings() == [("drift", "v-1")]


def test_passwords_are_long_random_and_harmless() -> None:
    made = {random_password() for _ in range(200)}
    assert len(made) == 200 and all(len(p) == 16 and not set(p) & set('&<>"%:@/ ') for p in made)


async def test_accounts_take_turns_and_never_leave_us_outside(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip)
    users = crowd.members[0].access_control.users
    rotation = CredentialRotation(
        village.database, village.vault, SystemClock(), village.onboarding, village.http, village.folder
    )
    first = await rotation.rotate("v-1", "admin")
    assert first == ACCOUNT_NAMES[0] and set(users) == {LOGIN[0], ACCOUNT_NAMES[0]}
    secret = users[ACCOUNT_NAMES[0]][0]
    second = await rotation.rotate("v-1", "admin")
    assert second == ACCOUNT_NAMES[1] and set(users) == {LOGIN[0], *ACCOUNT_NAMES}, (
        "the former one stays until the next turn"
    )
    third = await rotation.rotate("v-1", "admin")
    assert third == ACCOUNT_NAMES[0] and users[ACCOUNT_NAMES[0]][0] != secret
    assert await village.identify() == {} and crowd.members[0].access_control.wrong_tries == 0
    async with village.database.reading() as session:
        credential = await session.get_one(Credential, "camera-v-1")
        camera = await session.get_one(Camera, "v-2")
    assert credential.username == ACCOUNT_NAMES[0] and users[ACCOUNT_NAMES[0]][0] not in (credential.sealed or "")
    assert camera.credential == "village", "the other camera has its own affairs"


async def test_an_account_that_is_only_promised_is_not_used(village: VirtualVillage, clip: LoopClip) -> None:
    crowd = await _start(village, clip, "ignores_sets")
    rotation = CredentialRotation(
        village.database, village.vault, SystemClock(), village.onboarding, village.http, village.folder
    )
    with pytest.raises(CameraError, match="created no account"):
        await rotation.rotate("v-1", "admin")
    assert (await village.camera("v-1")).credential == "village" and crowd.members[0].access_control.wrong_tries == 0
