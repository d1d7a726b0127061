"""Onboarding a village's cameras over the API: discovery, identification, adoption, acceptance, PTZ."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cameras.registry import registry
from cameras.tables import Camera
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES
from cameras.virtual.virtual_cameras import VirtualCameras, create_device
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.secrets import KEY_FILE, Vault
from core.settings import Settings
from tests.ports import free_port, require_free
from tests.waiting import eventually
from tests.web.calls import get, grey_jpeg, post
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose

LOGIN = ("minwang", "geheim-123")
PLAIN, DOME = MAKES[0], next(m for m in MAKES if m.dome)
PLACES = ["guest_rooms", "dormitories", "baths_toilets", "changing_rooms", "private_rooms"]


@pytest.fixture
async def crowd(
    clip: LoopClip, database: Database, station_settings: Settings, sign_in: SignIn
) -> AsyncIterator[VirtualCameras]:
    """wj-01 is a plain camera, wj-02 a dome, and the device at 127.0.1.9 is unknown."""
    makes = {1: PLAIN, 2: DOME, 9: PLAIN}
    made = VirtualCameras(
        [create_device(n, m, clip, f"127.0.1.{n}", LOGIN, (8899, free_port())) for n, m in makes.items()]
    )
    for number in makes:
        require_free(f"127.0.1.{number}", 8899)
    await made.start()
    vault = await asyncio.to_thread(Vault.open_or_create, station_settings.data.dir / KEY_FILE)
    async with database.session() as session:
        await registry.set_password(session, vault, "village", LOGIN[1], SystemClock().now(), "test")
    yield made
    await made.stop()


async def finished(client: Client) -> Any:
    async def view_when_done() -> Any:
        view = await get(client, "/api/onboarding")
        return None if view["work"]["running"] else view

    return await eventually(view_when_done, 30)


async def identified(admin: Client) -> Any:
    await post(admin, "/api/onboarding/survey")
    await finished(admin)
    await post(admin, "/api/onboarding/identify", {"village": "wangjia"})
    return await finished(admin)


async def test_a_village_is_surveyed_and_identified(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin = await sign_in(Role.ADMINISTRATOR)
    view = await identified(admin)
    cameras = {c["id"]: c for c in view["cameras"]}
    assert cameras["wj-01"]["make"] == "Tianmu TM-2M" and cameras["wj-01"]["marks"][:3] == "ooo"
    assert cameras["wj-03"]["marks"][0] == "x" and "no ONVIF answer" in cameras["wj-03"]["failed"]["reachable"]
    assert [d["address"] for d in view["devices"]] == ["127.0.1.9:8899"] and view["devices"][0]["village"] == "wangjia"
    assert [f["kind"] for f in await get(admin, "/api/findings")] == ["unknown_device"]
    history = await get(admin, "/api/cameras/wj-01/history")
    assert "device.serial" in {h["field"] for h in history}


async def test_only_one_onboarding_job_runs(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin = await sign_in(Role.ADMINISTRATOR)
    await post(admin, "/api/onboarding/survey")
    assert "still running" in (await post(admin, "/api/onboarding/survey", status=409))["message"]
    await finished(admin)


async def test_an_unknown_device_is_adopted(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin = await sign_in(Role.ADMINISTRATOR)
    await identified(admin)
    body = {"address": "127.0.1.9:8899", "village": "wangjia", "name": "新点位", "credential": "village"}
    assert await post(admin, "/api/onboarding/adopt", body) == {"id": "wangjia-001"}
    await post(admin, "/api/onboarding/adopt", body | {"address": "127.0.1.99:8899"}, 404)
    view = await identified(admin)
    assert view["devices"] == [] and await get(admin, "/api/findings") == []
    assert next(c for c in view["cameras"] if c["id"] == "wangjia-001")["make"] == "Tianmu TM-2M"


async def test_a_finding_is_accepted_with_a_reason(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin, auditor = await sign_in(Role.ADMINISTRATOR), await sign_in(Role.AUDITOR)
    await identified(admin)
    (finding,) = await get(admin, "/api/findings")
    await post(admin, f"/api/findings/{finding['id']}/accept", {"reason": ""}, 422)
    await post(admin, f"/api/findings/{finding['id']}/accept", {"reason": "镇水利站的流量计"})
    assert await get(admin, "/api/findings") == []
    rows = (await get(auditor, "/api/audit"))["rows"]
    assert any(r["action"] == "finding.accept" and r["reason"] == "镇水利站的流量计" for r in rows)


async def test_acceptance_needs_complete_checks(crowd: VirtualCameras, sign_in: SignIn, database: Database) -> None:
    admin, officer = await sign_in(Role.ADMINISTRATOR), await sign_in(Role.VIDEO_OFFICER)
    await identified(admin)
    reply = await post(officer, "/api/onboarding/accept", {"cameras": ["wj-01", "no-such"]})
    assert reply["accepted"] == [] and set(reply["lacking"]["wj-01"]) >= {
        "streams",
        "field_of_view",
        "sign_photo",
        "legal_class",
    }
    body = {"places": PLACES, "masks": "none_needed", "legal_class": "7.1", "responsible": "王村长"}
    view = await post(officer, "/api/cameras/wj-01/acceptance", body)
    assert view["missing"] == ["field_of_view", "sign_photo"]
    await post(officer, "/api/cameras/wj-01/acceptance", {"places": ["moon"]}, 422)
    await post(officer, "/api/cameras/wj-01/acceptance", {"legal_class": "8"}, 422)
    async with database.reading() as session:
        camera = await session.get_one(Camera, "wj-01")
    assert camera.profile["responsible"] == "王村长" and camera.accepted_at is None


async def test_the_sign_photo_is_reencoded(crowd: VirtualCameras, sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    photo = grey_jpeg(400, 300)
    secret = b"GPS 29.47 121.43"
    with_metadata = photo[:2] + b"\xff\xe1" + (len(secret) + 2).to_bytes(2, "big") + secret + photo[2:]
    reply = await officer.post("/api/cameras/wj-01/sign", data=with_metadata, headers=HEADERS)
    assert reply.status == 200 and "sign_photo" not in (await reply.json())["missing"]
    await state_purpose(officer)
    kept = await officer.get("/api/cameras/wj-01/acceptance/sign")
    content = await kept.read()
    assert content[:2] == b"\xff\xd8" and secret not in content
    for bad in (b"", b"not a picture", b"\x89PNG" + bytes(100)):
        assert (await officer.post("/api/cameras/wj-01/sign", data=bad, headers=HEADERS)).status == 400
    assert (
        await officer.post("/api/cameras/wj-01/sign", data=io.BytesIO(bytes(9_000_000)), headers=HEADERS)
    ).status == 413


async def test_ptz_control_is_exclusive(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin, officer, other = (
        await sign_in(Role.ADMINISTRATOR),
        await sign_in(Role.VIDEO_OFFICER),
        await sign_in(Role.INVESTIGATOR),
    )
    await identified(admin)
    await state_purpose(officer)
    await state_purpose(other)
    await post(officer, "/api/cameras/wj-02/ptz/move", {"pan": 0.5})
    assert "controls this camera" in (await post(other, "/api/cameras/wj-02/ptz/move", {"pan": -0.5}, 409))["message"]
    await post(officer, "/api/cameras/wj-02/ptz/stop")
    kept = await post(officer, "/api/cameras/wj-02/ptz/keep", {"name": "守望"})
    view = await get(officer, "/api/cameras/wj-02/ptz")
    assert view["presets"] == [kept] and view["holder"] == "video_officer-all"
    await post(officer, "/api/cameras/wj-02/ptz/move", {"pan": 3}, 422)
    await post(officer, "/api/cameras/wj-01/ptz/move", {"pan": 0.5}, 404)
    tree = await get(officer, "/api/tree")
    assert {c["id"]: c["kind"] for v in tree["villages"] for c in v["cameras"]}["wj-02"] == "dome"


async def test_onboarding_is_limited_to_the_scope(crowd: VirtualCameras, sign_in: SignIn) -> None:
    admin, officer = await sign_in(Role.ADMINISTRATOR), await sign_in(Role.VIDEO_OFFICER, ["youjia"])
    await identified(admin)
    view = await get(officer, "/api/onboarding")
    assert {c["village"] for c in view["cameras"]} == {"youjia"} and view["devices"] == []
    assert await get(officer, "/api/findings") == []
    for path in ("/api/cameras/wj-01/history", "/api/cameras/wj-02/ptz", "/api/onboarding?village=wangjia"):
        assert (await officer.get(path)).status == 404
    assert (await post(officer, "/api/onboarding/accept", {"cameras": ["wj-01"]})) == {"accepted": [], "lacking": {}}
    local = await sign_in(Role.ADMINISTRATOR, ["youjia"])
    await post(local, "/api/onboarding/survey", status=403)
