"""A camera gets an own account before it is used, if the inventory requires it and the model supports it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from cameras.registry.inventory_entries import Inventory
from cameras.registry.registry import apply, export
from cameras.states import FindingKind
from cameras.tables import Camera, Credential
from cameras.tables import Village as VillageRow
from cameras.upkeep.credential_rotation import ACCOUNT_NAMES, CredentialRotation
from cameras.upkeep.rotation_claims import AccountClaimed
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.errors import CameraRefused, CameraUnreachable
from core.tasks import spawn
from health.checks import checklist
from nvr.recorder import stream_status
from nvr.recorder.reconcile import desired
from nvr.rtsp.client import check_credential
from nvr.tables import StreamStatus
from tests.cameras.virtual_village import LOGIN, NET, PORTS, VirtualVillage

UTC = ZoneInfo("UTC")


def create_rotation(village: VirtualVillage) -> CredentialRotation:
    """Create the rotation as the controller does."""

    async def tried(url: str, login: tuple[str, str]) -> None:
        await check_credential(url.replace(f"{NET}.1/", f"{NET}.1:{PORTS[1]}/"), login)

    made = CredentialRotation(
        village.database, village.vault, SystemClock(), village.onboarding, village.http, village.folder, tried
    )
    village.onboarding.on_identified = made.create_first_account
    return made


async def start(
    village: VirtualVillage, clip: LoopClip, quirks: Sequence[str] = (), *, own_account: bool = True
) -> VirtualCameras:
    make = VirtualMake("Test", "P-1", "1", frozenset(quirks))
    crowd = await village.start([(1, 1, make), (2, 2, make)], clip)
    async with village.database.session() as session:
        (await session.get_one(VillageRow, "v")).own_account = own_account
        await session.execute(update(Camera).where(Camera.id == "v-2").values(profile={"own_account": False}))
    return crowd


async def recorded(village: VirtualVillage) -> set[str]:
    async with village.database.reading() as session:
        found = await desired(session, village.vault, "native", now=SystemClock().now(), zone=UTC)
    return {s.id for s in found.specs}


async def credential_item(village: VirtualVillage, number: str = "v-1") -> tuple[str, str]:
    async with village.database.reading() as session:
        camera = await session.get_one(Camera, number)
        listed = (await checklist.checklists(session, [camera], SystemClock().now()))[number]
    return next((i.state, i.detail) for i in listed if i.name == "credential")


@pytest.mark.parametrize("quirks", [[], ["short_passwords"], ["needs_sign"], ["wsse_only"], ["locks_out"]])
async def test_it_is_made_before_the_camera_is_used(village: VirtualVillage, clip: LoopClip, quirks: list[str]) -> None:
    crowd = await start(village, clip, quirks)
    assert await village.identify() == {}  # without the rotation, as if it had not run yet
    assert await recorded(village) == {"v-2/main", "v-2/sub"} and await credential_item(village) == (
        "todo",
        "own_account",
    )
    rotation = create_rotation(village)
    async with village.database.session() as session:
        await session.execute(update(Camera).values(device=None))
    assert await village.identify() == {}
    assert "v-1/main" in await recorded(village) and await credential_item(village) == ("ok", "")
    users, camera = crowd.members[0].access_control.users, await village.camera("v-1")
    assert (camera.credential, camera.account_state) == ("camera-v-1", "own") and set(users) == {
        LOGIN[0],
        ACCOUNT_NAMES[0],
    }
    assert set(crowd.members[1].access_control.users) == {LOGIN[0]} and crowd.members[0].access_control.wrong_tries == 0
    async with village.database.reading() as session:
        sealed = await session.get_one(Credential, "camera-v-1")
        (row,) = (await session.scalars(select(AuditRow).where(AuditRow.action == "camera.account"))).all()
    secret = users[ACCOUNT_NAMES[0]][0]
    assert (
        len(secret) >= 12
        and secret not in (sealed.sealed or "")
        and (row.object, row.data) == ("v-1", {"user": ACCOUNT_NAMES[0]})
    )
    await rotation.create_first_accounts()
    assert await rotation.run_once() == [] and users[ACCOUNT_NAMES[0]][0] == secret, "once"


BAD = {
    "user_limit": "TooManyUsers", "ignores_users": "created no account", "cuts_passwords": "refuses it",
    "rtsp_own_users": "refuses it",
}  # fmt: skip


@pytest.mark.parametrize("quirk", BAD)
async def test_a_camera_that_takes_none_is_used_and_told(village: VirtualVillage, clip: LoopClip, quirk: str) -> None:
    crowd = await start(village, clip, [quirk])
    rotation = create_rotation(village)
    assert await village.identify() == {}
    camera, users = await village.camera("v-1"), crowd.members[0].access_control.users
    assert (camera.credential, camera.account_state) == ("village", "failed") and BAD[quirk] in (
        camera.account_problem or ""
    )
    assert set(users) == {LOGIN[0]}, "what is not let in is taken away"
    assert "v-1/main" in await recorded(village)
    state, detail = await credential_item(village)
    assert state == "failed" and detail.startswith("no_own_account: ") and BAD[quirk] in detail
    assert camera.refused_at is None and await village.identify() == {}
    assert await rotation.run_once() == [] and (await village.camera("v-1")).account_state == "failed"
    crowd.members[0].quirks = frozenset()
    if quirk != "rtsp_own_users":  # its RTSP server has a separate list of accounts
        assert await rotation.run_once() == ["v-1"], "a new firmware can"
        assert await credential_item(village) == ("ok", "")
    async with village.database.session() as session:  # a person decides that it gets none
        (await session.get_one(Camera, "v-1")).profile = {"own_account": False}
    assert await credential_item(village) == ("ok", "")


async def test_what_is_in_use_is_not_stopped_for_it(village: VirtualVillage, clip: LoopClip) -> None:
    """The setting is added later: recording continues, and the camera gets its account at the next run."""
    await start(village, clip, own_account=False)
    assert await village.identify() == {}
    now = SystemClock().now()
    async with village.database.session() as session:
        session.add(StreamStatus(stream="v-1/main", worker="r", state="recording", engine="native", at=now, since=now))
        (await session.get_one(VillageRow, "v")).own_account = True
    assert "v-1/main" in await recorded(village) and stream_status.state_of(None, now) == "unknown"
    await create_rotation(village).create_first_accounts()
    assert (await village.camera("v-1")).account_state == "own" and (await village.camera("v-2")).account_state is None


async def test_a_stream_that_cannot_be_tried_keeps_the_account_in_use(village: VirtualVillage, clip: LoopClip) -> None:
    await start(village, clip)
    rotation = create_rotation(village)

    async def silent(_url: str, _login: tuple[str, str]) -> None:
        raise CameraUnreachable("no answer")

    rotation._try_stream = silent
    assert await village.identify() == {}
    camera = await village.camera("v-1")
    assert (camera.credential, camera.account_state, camera.account_problem) == ("village", "failed", "no answer")


async def test_one_turn_at_a_time(village: VirtualVillage, clip: LoopClip) -> None:
    """The onboarding callback, periodic runs and the command line compete for one camera; only one rotates it.

    A refused attempt does not delete an account that another process uses.
    """
    crowd = await start(village, clip)
    assert await village.identify() == {}
    slow, other, tries, tried = create_rotation(village), create_rotation(village), asyncio.Event(), asyncio.Event()

    async def refused(_url: str, _login: tuple[str, str]) -> None:
        tries.set()
        await tried.wait()
        raise CameraRefused

    slow._try_stream = refused
    turn = spawn(slow.create_first_account("v-1"))
    await tries.wait()
    with pytest.raises(AccountClaimed):
        await other.rotate("v-1", "command line")
    await other.create_first_account("v-1")
    await other.create_first_accounts()
    assert (await village.camera("v-1")).account_state is None and crowd.members[0].access_control.wrong_tries == 0
    tried.set()
    await turn
    assert (await village.camera("v-1")).account_state == "failed" and set(crowd.members[0].access_control.users) == {
        LOGIN[0]
    }
    assert await other.run_once() == ["v-1"] and (await village.camera("v-1")).account_state == "own"


async def test_an_account_that_is_in_use_by_now_is_not_taken_away(village: VirtualVillage, clip: LoopClip) -> None:
    """Two machines do not share claims: the account that the vault holds stays on the camera."""
    crowd = await start(village, clip)
    assert await village.identify() == {}
    rotation, other = create_rotation(village), create_rotation(village)
    other._folder = await asyncio.to_thread(lambda: (village.folder / "other").mkdir() or village.folder / "other")

    async def overtaken(_url: str, _login: tuple[str, str]) -> None:
        assert await other.rotate("v-1", "command line") == ACCOUNT_NAMES[0]
        raise CameraRefused

    rotation._try_stream = overtaken
    await rotation.create_first_accounts()
    camera = await village.camera("v-1")
    assert (camera.credential, camera.account_state, camera.account_problem) == ("camera-v-1", "own", None)
    assert ACCOUNT_NAMES[0] in crowd.members[0].access_control.users and await village.identify() == {}


async def test_the_delivered_account_stays_told(village: VirtualVillage, clip: LoopClip) -> None:
    """Our own account is an addition: a default password that opened the camera still opens it."""
    await start(village, clip)
    assert await village.identify() == {}
    await village.onboarding.set_finding(await village.camera("v-1"), FindingKind.DEFAULT_PASSWORD, user=LOGIN[0])
    await create_rotation(village).create_first_accounts()
    assert (await village.camera("v-1")).account_state == "own" and await village.findings() == [
        ("default_password", "v-1")
    ]


async def test_a_camera_without_onvif_is_recorded_once_that_is_known(village: VirtualVillage, clip: LoopClip) -> None:
    await start(village, clip)
    await village.stop()
    async with village.database.session() as session:
        row = await session.get_one(Camera, "v-1")
        row.streams[0].url, row.streams[0].from_inventory = f"rtsp://{NET}.1/main", True
    assert "v-1/main" not in await recorded(village)
    assert set(await village.identify()) == {"v-1", "v-2"}
    assert "v-1/main" in await recorded(village)


async def test_the_inventory_says_it(village: VirtualVillage) -> None:
    async with village.database.session() as session:
        before = await export(session, "t")
    villages = [v.model_copy(update={"own_account": True}) for v in before.villages]
    cameras = [c.model_copy(update={"own_account": False if c.id == "v-2" else None}) for c in before.cameras]
    wanted = Inventory.model_validate(before.model_copy(update={"villages": villages, "cameras": cameras}).model_dump())
    async with village.database.session() as session:
        await apply(session, wanted, SystemClock().now(), "test")
        assert (await session.get_one(VillageRow, "v")).own_account
        assert (await session.get_one(Camera, "v-2")).profile["own_account"] is False
        after = await export(session, "t")
    assert after.villages[0].own_account and [c.own_account for c in after.cameras] == [None, False]
