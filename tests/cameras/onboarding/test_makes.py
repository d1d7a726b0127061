"""Every virtual make, with all its quirks, is identified correctly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from cameras.onvif import camera_clock
from cameras.onvif.camera_clock import read_camera_time, set_ntp, set_time
from cameras.onvif.client import SoapClient
from cameras.onvif.device import identify
from cameras.onvif.namespaces import DEVICE, EVENTS, MEDIA, MEDIA2
from cameras.onvif.soap import NotPermitted, SoapFault
from cameras.virtual.clip import LoopClip
from cameras.virtual.device import QUIRKS, Device
from cameras.virtual.makes import MAKES, VirtualMake
from cameras.virtual.virtual_cameras import VirtualCameras, create_device
from core.clock import SystemClock
from core.errors import CameraRefused, ProtocolError
from core.network.authenticator import PlainPasswordLogin
from nvr.rtsp.client import open_session
from tests.ports import free_port

LOGIN = ("minwang", "geheim-123")
CLOCK = SystemClock()
PORTS = (free_port(), free_port())


@pytest.fixture
async def crowd(clip: LoopClip) -> AsyncIterator[VirtualCameras]:
    made = VirtualCameras(
        [create_device(i, make, clip, f"127.77.0.{i + 1}", LOGIN, PORTS) for i, make in enumerate(MAKES)]
    )
    await made.start(None)
    yield made
    await made.stop()


def test_every_quirk_has_a_make() -> None:
    assert set(QUIRKS) == {q for m in MAKES for q in m.quirks}


@pytest.mark.parametrize("number", range(len(MAKES)), ids=[m.model for m in MAKES])
async def test_each_make_is_read_to_the_truth(number: int, crowd: VirtualCameras, http: aiohttp.ClientSession) -> None:
    device = crowd.members[number]
    client = SoapClient(http, CLOCK, LOGIN)
    found = await identify(client, device.service, CLOCK)
    assert (found.manufacturer, found.model, found.serial) == (
        device.manufacturer,
        device.model,
        device.announced_serial,
    )
    assert [(p.token, p.codec, p.width, p.height) for p in found.profiles] == [
        (t, e.codec, e.width, e.height) for t, e in device.encoders.items()
    ]
    assert found.macs == ([] if "no_mac" in device.quirks else [device.mac.replace("-", ":")])
    assert found.scope("hardware") == device.model
    assert (found.mode == "none") == ("open_access" in device.quirks)
    assert (found.services.get(EVENTS) is not None) and (MEDIA in found.services or MEDIA2 in found.services)
    if "rtsp_password" in device.quirks or "rtsp_query_password" in device.quirks:
        assert found.embedded_login == LOGIN
    assert not any(LOGIN[1] in repr(p) for p in found.profiles)
    await _plays(found.profiles[0].stream_url or "", device)
    assert device.access_control.lockouts == 0
    assert device.access_control.wrong_tries == 0


async def _plays(url: str, device: Device) -> None:
    assert f"rtsp://{device.host}" in url
    clear = "rtsp_query_password" in device.quirks  # its record would contain allow_clear_password
    login = PlainPasswordLogin(LOGIN) if clear else LOGIN
    session = await open_session(url.replace(f"{device.host}/", f"{device.host}:{PORTS[1]}/"), login)
    assert "{" not in session.url, "a password that belongs into the address is put in at the last moment"
    assert ("password=" in url) == (f"password={LOGIN[1]}" in session.url)
    session.sock.close()


def _alone(make: VirtualMake, clip: LoopClip) -> VirtualCameras:
    return VirtualCameras([create_device(0, make, clip, "127.77.1.1", LOGIN, PORTS)])


@pytest.fixture
async def alone(clip: LoopClip, request: pytest.FixtureRequest) -> AsyncIterator[VirtualCameras]:
    """Start one camera with the quirks given as parameter."""
    made = _alone(VirtualMake("Test", "T-1", "1", frozenset(request.param)), clip)
    await made.start(None)
    yield made
    await made.stop()


@pytest.mark.parametrize(
    ("alone", "offset"),
    [
        (["local_as_utc"], 8 * 3600),
        (["local_time_only"], 0),
        (["date_before_time"], 0),
        (["year_1970"], -56 * 365.25 * 86400),
        (["time_needs_login"], 0),
        (["overflow_time"], None),
    ],
    indirect=["alone"],
)
async def test_clocks_are_read_as_they_are(
    alone: VirtualCameras, offset: float | None, http: aiohttp.ClientSession
) -> None:
    told = await read_camera_time(SoapClient(http, CLOCK, LOGIN), alone.members[0].service, CLOCK)
    assert told.offset == (None if offset is None else pytest.approx(offset, abs=1.5))
    assert told.zone_mistake == (offset == 8 * 3600)


@pytest.mark.parametrize("alone", [[], ["refuses_zone"], ["set_resets_zone"], ["odd_zone"]], indirect=True)
async def test_a_clock_is_set_and_read_back(alone: VirtualCameras, http: aiohttp.ClientSession) -> None:
    device, client = alone.members[0], SoapClient(http, CLOCK, LOGIN)
    device.clock_shift = -400.0
    before = await read_camera_time(client, device.service, CLOCK)
    after = await set_time(client, device.service, CLOCK, before)
    assert before.offset == pytest.approx(-400, abs=1.5) and after.offset == pytest.approx(0, abs=1.5)


@pytest.mark.parametrize("alone", [["ignores_sets"]], indirect=True)
async def test_a_success_that_changes_nothing_is_noticed(alone: VirtualCameras, http: aiohttp.ClientSession) -> None:
    device, client = alone.members[0], SoapClient(http, CLOCK, LOGIN)
    device.clock_shift = -400.0
    after = await set_time(client, device.service, CLOCK, await read_camera_time(client, device.service, CLOCK))
    assert after.offset == pytest.approx(-400, abs=1.5)
    assert not await set_ntp(client, device.service, "10.0.0.1")


@pytest.mark.parametrize("alone", [[]], indirect=True)
async def test_the_time_server_is_set(alone: VirtualCameras, http: aiohttp.ClientSession) -> None:
    assert await set_ntp(SoapClient(http, CLOCK, LOGIN), alone.members[0].service, "10.0.0.1")
    assert alone.members[0].ntp == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("server", "element"),
    [("10.0.0.1", "IPv4Address"), ("fd00::1", "IPv6Address"), ("time.lan", "DNSname"), ("10.0.0", "DNSname")],
)
def test_a_time_server_is_named_by_its_kind(server: str, element: str) -> None:
    assert camera_clock._ntp_type(server)[1] == element


LOCKING = [
    ["locks_out"],
    ["locks_out", "wsse_only"],
    ["locks_out", "wsse_only", "refuses_in_200"],
    ["locks_out", "short_nonce"],
]


@pytest.mark.parametrize("alone", LOCKING, indirect=True)
async def test_a_wrong_password_is_sent_once(alone: VirtualCameras, http: aiohttp.ClientSession) -> None:
    device, client = alone.members[0], SoapClient(http, CLOCK, ("minwang", "wrong"))
    for _ in range(10):
        with pytest.raises(CameraRefused):
            await identify(client, device.service, CLOCK)
    assert device.access_control.wrong_tries == 1 and client.refused


@pytest.mark.parametrize("alone", LOCKING, indirect=True)
async def test_the_right_password_never_looks_like_a_wrong_one(
    alone: VirtualCameras, http: aiohttp.ClientSession
) -> None:
    device, client = alone.members[0], SoapClient(http, CLOCK, LOGIN)
    for _ in range(6):
        await identify(client, device.service, CLOCK)
    assert device.access_control.wrong_tries == device.access_control.lockouts == 0


@pytest.mark.parametrize("alone", [["wsse_only", "small_window"]], indirect=True)
@pytest.mark.parametrize("shift", [-86400.0 * 30, 3600.0])
async def test_tokens_carry_the_time_of_the_camera(
    alone: VirtualCameras, shift: float, http: aiohttp.ClientSession
) -> None:
    alone.members[0].clock_shift = shift
    found = await identify(SoapClient(http, CLOCK, LOGIN), alone.members[0].service, CLOCK)
    assert found.mode == "wsse" and found.clock_offset == pytest.approx(shift, abs=1.5)


@pytest.mark.parametrize("alone", [[]], indirect=True)
async def test_a_no_to_one_operation_is_no_no_to_the_credential(
    alone: VirtualCameras, http: aiohttp.ClientSession
) -> None:
    service, client = alone.members[0].service, SoapClient(http, CLOCK, LOGIN)
    await client.call(service, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    with pytest.raises(SoapFault) as fault:
        await client.call(service, f'<GetWarpFactor xmlns="{DEVICE}"/>')
    assert "ActionNotSupported" in fault.value.codes and not isinstance(fault.value, NotPermitted)
    assert not client.refused


@pytest.mark.parametrize("alone", [["refuses_zone", "odd_zone"]], indirect=True)
async def test_a_camera_that_takes_no_zone_is_told(alone: VirtualCameras, http: aiohttp.ClientSession) -> None:
    client, service = SoapClient(http, CLOCK, LOGIN), alone.members[0].service
    with pytest.raises(ProtocolError, match="InvalidTimeZone"):
        await set_time(client, service, CLOCK, await read_camera_time(client, service, CLOCK))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("CST-8", 8),
        ("UTC-8", 8),
        ("GMT-08:00", 8),
        ("+08:00", 8),
        ("CST-8:00:00", 8),
        ("UTC", 0),
        ("EST5EDT,M3.2.0", -5),
        ("Morocco", None),
    ],
)
def test_zones_as_cameras_write_them(text: str, hours: int | None) -> None:
    found = camera_clock.zone_offset(text)
    assert (found.total_seconds() / 3600 if found is not None else None) == hours
