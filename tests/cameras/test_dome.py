"""PTZ control of a virtual dome by two operators."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cameras import ptz
from cameras.onvif import wsdl_requests
from cameras.onvif.client import SoapClient
from cameras.onvif.namespaces import DEVICE, MEDIA, PTZ
from cameras.ptz import PtzControl
from cameras.tables import Camera
from cameras.virtual.clip import LoopClip
from cameras.virtual.makes import MAKES
from cameras.virtual.onvif_service import OnvifService
from core.clock import SystemClock
from core.errors import CameraUnreachable, ConflictError, NotFoundError, UsageError
from tests.cameras.virtual_village import VirtualVillage

DOME = next(m for m in MAKES if m.dome)


async def _dome(
    village: VirtualVillage, clip: LoopClip, guard_seconds: float = 60.0
) -> tuple[PtzControl, Camera, OnvifService]:
    crowd = await village.start([(1, 1, DOME), (2, 2, MAKES[0])], clip)
    assert await village.identify() == {}
    control = PtzControl(SystemClock(), village.onboarding, guard_seconds)
    return control, await village.camera("v-1"), crowd.services["127.78.0.1"]


async def _until(true: object, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def test_it_turns_while_it_is_held_and_stops_by_itself(village: VirtualVillage, clip: LoopClip) -> None:
    control, camera, service = await _dome(village, clip)
    await control.move(camera, "li", 0.5, -0.2, 0.1)
    assert service.ptz.moving
    pan, tilt, _ = service.ptz.position()
    await _until(lambda: service.ptz.position()[0] > pan and service.ptz.position()[1] < tilt)
    await _until(lambda: not service.ptz.moving)
    await control.close()


async def test_two_officers_do_not_fight(village: VirtualVillage, clip: LoopClip) -> None:
    control, camera, service = await _dome(village, clip)
    await control.move(camera, "li", 0.5, 0, 0)
    with pytest.raises(ConflictError, match="li controls this camera"):
        await control.move(camera, "wang", -0.5, 0, 0)
    await control.stop(camera, "li")
    assert not service.ptz.moving
    with pytest.raises(ConflictError, match="li controls"):
        await control.home(camera, "wang")
    held = control._leases["v-1"]
    held.expires = 0.0  # the lease expires
    await control.move(camera, "wang", -0.5, 0, 0)
    assert control.lease_holder("v-1") is not None and control.lease_holder("v-1")[0] == "wang"  # type: ignore[index]
    await control.close()


async def test_presets_and_the_guard_position(village: VirtualVillage, clip: LoopClip) -> None:
    control, camera, service = await _dome(village, clip, guard_seconds=0.6)
    service.device.ptz.presets["g"] = ("守望", 12.0, 3.0, 1.0)
    service.device.ptz.pan = 40.0
    token = await control.save_preset(camera, "li", "桥头")
    assert [(p.name, p.token) for p in await control.presets(camera)] == [("守望", "g"), ("桥头", token)]
    service.device.ptz.pan = -90.0
    await control.goto(camera, "li", token)
    assert service.ptz.position()[0] == 40.0
    with pytest.raises(NotFoundError):
        await control.goto(camera, "li", "nowhere")
    await _until(lambda: service.ptz.position()[0] == 12.0)
    assert control.lease_holder("v-1") is None
    await control.close()


async def test_bad_speeds_and_fixed_cameras_are_refused(village: VirtualVillage, clip: LoopClip) -> None:
    control, camera, _ = await _dome(village, clip)
    with pytest.raises(UsageError):
        await control.move(camera, "li", 2.0, 0, 0)
    with pytest.raises(NotFoundError, match="has no PTZ"):
        await control.move(await village.camera("v-2"), "li", 0.1, 0, 0)
    await control.close()


async def test_what_turns_is_stopped_when_the_console_ends(village: VirtualVillage, clip: LoopClip) -> None:
    control, camera, service = await _dome(village, clip)
    await control.move(camera, "li", 0.5, 0, 0)
    await control.close()
    assert not service.ptz.moving
    with pytest.raises(ConflictError, match="shutting down"):
        await control.move(camera, "li", 0.5, 0, 0)


async def test_the_end_of_the_console_waits_for_no_dead_dome(
    village: VirtualVillage, clip: LoopClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, camera, _ = await _dome(village, clip)
    await control.move(camera, "li", 0.5, 0, 0)

    async def silence(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ptz, "CLOSE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(wsdl_requests, "call", silence)
    async with asyncio.timeout(1):
        await control.close()


async def test_a_move_whose_answer_is_lost_is_stopped(
    village: VirtualVillage, clip: LoopClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, camera, service = await _dome(village, clip)
    call = wsdl_requests.call

    async def lost(client: SoapClient, url: str, namespace: str, operation: str, **arguments: Any) -> object:
        answer = await call(client, url, namespace, operation, **arguments)
        if operation == "ContinuousMove":
            raise CameraUnreachable("no ONVIF answer: timed out")
        return answer

    monkeypatch.setattr(ptz, "MOVE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(wsdl_requests, "call", lost)
    with pytest.raises(CameraUnreachable):
        await control.move(camera, "li", 0.5, 0, 0)
    assert service.ptz.moving
    await _until(lambda: not service.ptz.moving)
    await control.close()


def test_requests_are_written_by_the_schema() -> None:
    body = wsdl_requests.request(PTZ, "ContinuousMove", ProfileToken="a&b", Velocity={"PanTilt": {"x": 0.5, "y": 0}})
    assert body.startswith("<ContinuousMove") and f'xmlns="{PTZ}"' in body and "a&amp;b" in body and 'x="0.5"' in body
    users = [{"Username": "u", "Password": "p", "UserLevel": "Operator"}]
    assert "<CreateUsers" in wsdl_requests.request(DEVICE, "CreateUsers", User=users)
    assert "<GetOSDs" in wsdl_requests.request(MEDIA, "GetOSDs")
