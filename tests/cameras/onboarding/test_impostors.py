"""Devices that pretend to be a village's camera, and strangers: no camera is lost to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from cameras.discovery import unknown_devices, ws_discovery
from cameras.registry import findings
from cameras.registry.findings import FindingSubject
from cameras.states import FindingKind
from cameras.tables import DeviceSeen
from cameras.virtual.clip import LoopClip
from core.clock import SystemClock
from tests.cameras.virtual_village import (
    CLONE,
    LOCKING,
    NET,
    PLAIN,
    PORTS,
    VirtualVillage,
)


async def test_another_device_at_the_address_is_not_taken_for_the_camera(
    village: VirtualVillage, clip: LoopClip
) -> None:
    await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()
    await village.start([(1, 77, PLAIN), (2, 2, PLAIN)], clip)
    assert await village.survey_counts() == {"replaced": 1, "known": 1}
    failed = await village.identify()
    assert set(failed) == {"v-1"} and "another device" in failed["v-1"]
    camera = await village.camera("v-1")
    assert camera.device is not None and camera.device["serial"] == "a00001"
    assert await village.findings() == [("identity_changed", "v-1")]


async def test_a_thief_of_the_uuid_gets_no_video_and_no_password(village: VirtualVillage, clip: LoopClip) -> None:
    """A device with a camera's UUID at another address is asked once; if it refuses the credential, it is a clone."""
    crowd = await village.start([(1, 1, PLAIN), (2, 2, PLAIN)], clip)
    await village.survey_counts()
    await village.identify()
    crowd = await village.start([(9, 1, LOCKING), (2, 2, PLAIN)], clip)
    thief = crowd.members[0]
    thief.access_control.users = {"thief": ("x", "Administrator")}
    for _ in range(3):
        assert await village.survey_counts() == {"clone": 1, "known": 1}
    camera = await village.camera("v-1")
    assert camera.address == f"{NET}.1:{PORTS[0]}" and camera.refused_at is None
    assert ("clone", None) in await village.findings()
    assert thief.access_control.lockouts == 0


async def test_clones_are_told_apart_by_their_mac(village: VirtualVillage, clip: LoopClip) -> None:
    await village.start([(1, 1, CLONE), (2, 2, CLONE)], clip)
    await village.survey_counts()
    assert await village.identify() == {}
    assert await village.survey_counts() == {"known": 2}
    cameras = [await village.camera(f"v-{i}") for i in (1, 2)]
    devices: list[Any] = [c.device for c in cameras]
    assert devices[0]["serial"] == devices[1]["serial"] and devices[0]["macs"] != devices[1]["macs"]


async def test_a_forged_hello_gives_a_camera_no_identity(village: VirtualVillage, clip: LoopClip) -> None:
    """A datagram in the camera's name with another UUID: only the camera's own answer counts."""
    crowd = await village.start([(1, 1, PLAIN)], clip)  # v-2 does not answer
    forged = [
        ws_discovery.DiscoveredDevice(
            "feed-" + str(i), f"{NET}.{i}:{PORTS[0]}", f"http://{NET}.{i}:{PORTS[0]}/onvif/device_service", "", ""
        )
        for i in (1, 2)
    ]
    assert (await village.survey.match_and_store(forged)).counts == {"first": 2}
    assert (await village.camera("v-1")).endpoint == crowd.members[0].uuid, "it was asked itself, and said who it is"
    assert (await village.camera("v-2")).endpoint is None
    await village.identify()
    assert (await village.survey.match_and_store(forged)).counts == {"known": 1, "first": 1}
    assert (await village.camera("v-1")).endpoint == crowd.members[0].uuid
    assert ("identity_changed", "v-1") not in await village.findings()


async def test_strangers_are_forgotten(village: VirtualVillage, clip: LoopClip) -> None:
    """Old devices, and those beyond the limits per host and in all, are deleted; cameras and answering devices stay."""
    now = SystemClock().now()
    old, new = now - timedelta(days=31), now - timedelta(days=1)
    await village.start([(1, 1, PLAIN), (3, 3, PLAIN)], clip)
    await village.survey_counts()

    def row(address: str, seen: datetime, verdict: str = "new", camera: str | None = None) -> dict[str, Any]:
        return {
            "address": address,
            "endpoint": "u",
            "url": "http://h/x",
            "name": "",
            "hardware": "",
            "serial": "",
            "macs": [],
            "verdict": verdict,
            "camera": camera,
            "first_seen": old,
            "last_seen": seen,
        }

    rows = [row(f"10.1.{i}.1:80", old, "clone" if i % 2 else "moved", "v-1") for i in range(200)]
    rows += [row(f"10.2.0.1:{i}", new - timedelta(seconds=i)) for i in range(1, 61)]
    rows += [row(f"10.3.{i >> 8}.{i & 255}:80", new - timedelta(hours=1)) for i in range(unknown_devices.MAX_STRANGERS)]
    rows += [row("10.4.0.1:80", old, "known", "v-2")]
    async with village.database.session() as session:
        await session.execute(insert(DeviceSeen), rows)
        await findings.open_or_update(session, now, FindingKind.CLONE, FindingSubject(None, "10.1.1.1:80", None))
        await findings.open_or_update(
            session, now, FindingKind.UNKNOWN_DEVICE, FindingSubject(None, "10.2.0.1:1", None)
        )
    async with village.database.session() as session:
        gone = await unknown_devices.delete_expired(session, now)
        left = set(await session.scalars(select(DeviceSeen.address)))
        told = {f.address for f in await findings.list_open(session)}
    assert gone == 200 + 40 + 21 and len(left) == unknown_devices.MAX_STRANGERS + 2
    assert {a for a in left if a.startswith("10.2.")} == {f"10.2.0.1:{i}" for i in range(1, 21)}
    assert {f"{NET}.1:{PORTS[0]}", f"{NET}.3:{PORTS[0]}", "10.4.0.1:80"} <= left and not any(
        a.startswith("10.1.") for a in left
    )
    assert "10.1.1.1:80" not in told and {"10.2.0.1:1", f"{NET}.3:{PORTS[0]}"} <= told
