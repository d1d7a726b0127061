"""The ONVIF client with our virtual camera, hostile servers and recorded replies of real cameras."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from onvif import ONVIFCamera

from cameras.discovery import ws_discovery
from cameras.onvif import connector, soap
from cameras.onvif.addresses import repair_rtsp
from cameras.onvif.camera_clock import read_datetime
from cameras.onvif.client import SoapClient, http_session
from cameras.onvif.device import identify
from cameras.onvif.namespaces import DEVICE
from cameras.states import AuthMode
from cameras.virtual.clip import LoopClip
from cameras.virtual.device import Device
from cameras.virtual.discovery_answer import DiscoveryAnswer
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount
from core.clock import SystemClock
from core.errors import CameraRefused, CameraUnreachable, ProtocolError
from core.network.connect_limiter import ConnectLimiter, for_person
from tests.conftest import ONVIF_REPLIES

LOGIN = ("minwang", "geheim-123")
Serve = Callable[[web.Application], Awaitable[int]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(app: web.Application) -> int:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def device(clip: LoopClip, serve: Serve) -> Device:
    mounts = {p: Mount(f"/{p}", {"healthy": clip}, login=LOGIN) for p in ("main", "sub")}
    made = Device("cam", "0c0001", "127.0.0.1", 0, 8554, mounts, {"main": (1280, 720), "sub": (640, 360)}, LOGIN)
    made.http_port = await serve(OnvifService(made).application())
    return made


async def test_identify_reads_identity_clock_and_streams(device: Device, http: aiohttp.ClientSession) -> None:
    clock = SystemClock()
    identity = await identify(SoapClient(http, clock, LOGIN), device.service, clock)
    assert (identity.manufacturer, identity.model, identity.serial) == ("Minwang", "Virtual-1", "0c0001")
    assert identity.clock_offset == pytest.approx(0, abs=1.5)
    assert [p.token for p in identity.profiles] == ["main", "sub"]
    # The camera reports 0.0.0.0; the host that answered replaces it.
    assert identity.profiles[0].stream_url == "rtsp://127.0.0.1:8554/main"
    assert (identity.profiles[0].width, identity.profiles[0].height) == (1280, 720)


async def test_the_snapshot_address_gives_a_picture_to_who_may(device: Device, http: aiohttp.ClientSession) -> None:
    clock = SystemClock()
    url = (await identify(SoapClient(http, clock, LOGIN), device.service, clock)).profiles[0].snapshot_url
    assert url is not None
    async with http.get(url) as refused:
        assert refused.status == 401
    async with http.get(url, middlewares=(aiohttp.DigestAuthMiddleware(*LOGIN),)) as reply:
        assert (reply.status, (await reply.read())[:2]) == (200, b"\xff\xd8")


async def test_wrong_clock_is_measured_and_does_not_stop_us(device: Device, http: aiohttp.ClientSession) -> None:
    device.switch("clock_wrong", True)
    clock = SystemClock()
    identity = await identify(SoapClient(http, clock, LOGIN), device.service, clock)
    assert identity.clock_offset == pytest.approx(3600, abs=1.5)


async def test_username_token_is_skew_corrected(device: Device, http: aiohttp.ClientSession) -> None:
    device.switch("clock_wrong", True)
    client = SoapClient(http, SystemClock(), LOGIN)
    client.mode = AuthMode.WSSE
    with pytest.raises(CameraRefused):
        await client.call(device.service, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    client = SoapClient(http, SystemClock(), LOGIN)
    client.mode, client.clock_offset = AuthMode.WSSE, 3600.0
    assert (await client.call(device.service, f'<GetDeviceInformation xmlns="{DEVICE}"/>')).text("Model") == "Virtual-1"


async def test_one_refusal_stops_every_further_use(device: Device, http: aiohttp.ClientSession) -> None:
    client, clock = SoapClient(http, SystemClock(), ("minwang", "wrong")), SystemClock()
    for _ in range(2):
        with pytest.raises(CameraRefused):
            await identify(client, device.service, clock)
    assert client.refused


async def test_the_independent_client_understands_the_virtual_camera(device: Device) -> None:
    camera = ONVIFCamera("127.0.0.1", device.http_port, *LOGIN)
    try:
        await camera.update_xaddrs()
        info = await (await camera.create_devicemgmt_service()).GetDeviceInformation()
        media = await camera.create_media_service()
        profiles = await media.GetProfiles()
        stream = {
            "StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
            "ProfileToken": profiles[0].token,
        }
        uri = await media.GetStreamUri(stream)
    finally:
        await camera.close()
    assert info.Manufacturer == "Minwang"
    assert profiles[0].VideoEncoderConfiguration.Resolution.Width == 1280
    assert uri.Uri.endswith("/main")


# onvif-zeep-async reads its WSDL documents from disk in the event loop.
test_the_independent_client_understands_the_virtual_camera.pytestmark = [pytest.mark.usefixtures("allow_blocking")]  # type: ignore[attr-defined]


@pytest.fixture
def allow_blocking(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html><body>Welcome to IPCamera</body></html>", ProtocolError),
        (b"", ProtocolError),
        (b"\x00\xff\xfe garbage", ProtocolError),
        (b"<Envelope><Body/></Envelope>", ProtocolError),
        (b"x" * 2_000_000, ProtocolError),
    ],
)
async def test_hostile_answers_become_one_error(
    body: bytes, error: type[Exception], serve: Serve, http: aiohttp.ClientSession
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/html")

    app = web.Application()
    app.router.add_post("/onvif/device_service", answer)
    port = await serve(app)
    with pytest.raises(error):
        await identify(
            SoapClient(http, SystemClock(), LOGIN), f"http://127.0.0.1:{port}/onvif/device_service", SystemClock()
        )


async def test_a_camera_that_closes_at_once_is_unreachable(http: aiohttp.ClientSession) -> None:
    async def slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(CameraUnreachable):
        await identify(SoapClient(http, SystemClock(), None), f"http://127.0.0.1:{port}/x", SystemClock())
    server.close()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<s:Envelope xmlns:s='a'><s:Body><x:R xmlns:x='odd'><Name>村口</Name></x:R></s:Body></s:Envelope>", "村口"),
        ("\ufeff  <?xml version='1.0'?><Envelope><Header/><Body><R><Junk/><Name> a </Name></R></Body></Envelope>", "a"),
        ("<Envelope><Body><R><Name>rtsp://h/a?x=1&y=2</Name></R></Body></Envelope>", "rtsp://h/a?x=1&y=2"),
        ("<!DOCTYPE r [<!ENTITY e 'boom'>]><Envelope><Body><R><Name>&e;</Name></R></Body></Envelope>", None),
    ],
)
def test_tolerant_reading(text: str, name: str | None) -> None:
    assert soap.parse(text.encode()).text("Name") == name


def test_gbk_without_declaration_is_read() -> None:
    assert (
        soap.parse("<Envelope><Body><R><Name>村口</Name></R></Body></Envelope>".encode("gb18030")).text("Name")
        == "村口"
    )


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        soap.parse(data)
    ws_discovery.read_answer(data, "127.0.0.1")


@pytest.mark.skipif(not ONVIF_REPLIES.is_dir(), reason=f"recorded replies are not here: {ONVIF_REPLIES} is missing")
@pytest.mark.parametrize("maker", ["axis", "hikvision", "hikvision-fixed"])
def test_recorded_replies_of_real_cameras(maker: str) -> None:
    folder = ONVIF_REPLIES / maker
    info = soap.parse((folder / "core" / "GetDeviceInformation.Response.xml").read_bytes())
    assert info.text("SerialNumber") and info.text("Model")
    clock = soap.parse((folder / "core" / "GetSystemDateAndTime.Response.xml").read_bytes()).get(
        "SystemDateAndTime/UTCDateTime"
    )
    assert clock is not None and read_datetime(clock) is not None
    uri = soap.parse((folder / "media" / "GetStreamUri.Response.xml").read_bytes()).text("MediaUri/Uri")
    assert uri is not None
    repaired = repair_rtsp(uri, "http://10.9.8.7/onvif/device_service")
    assert repaired.startswith("rtsp://10.9.8.7")


@pytest.mark.skipif(not ONVIF_REPLIES.is_dir(), reason=f"recorded replies are not here: {ONVIF_REPLIES} is missing")
def test_every_recorded_reply_is_read_or_refused_cleanly() -> None:
    files = sorted(ONVIF_REPLIES.rglob("*.Response.xml"))
    assert len(files) > 100
    read = 0
    for path in files:
        try:
            read += soap.parse(path.read_bytes()).name != ""
        except ProtocolError:
            continue
    assert read > 0.95 * len(files)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("rtsp://0.0.0.0/live", "rtsp://10.0.0.5/live"),
        ("rtsp://admin:pw@192.168.1.88:554/ch1?a=1&b=2", "rtsp://10.0.0.5/ch1?a=1&b=2"),
        ("rtsp://192.168.1.88:80:554/ch1", "rtsp://10.0.0.5/ch1"),
        ("rtsp://127.0.0.1:8554/x", "rtsp://10.0.0.5:8554/x"),
    ],
)
def test_rtsp_addresses_are_repaired(found: str, wanted: str) -> None:
    assert repair_rtsp(found, "http://10.0.0.5:8899/onvif/device_service") == wanted


async def test_discovery_by_multicast_and_by_unicast(clip: LoopClip) -> None:
    main = {"main": Mount("/main", {"healthy": clip})}
    devices = [
        Device(
            f"cam-{i}",
            f"0d{i:04x}",
            f"127.0.9.{i}",
            8899,
            8554,
            main,
            {"main": (320, 180)},
        )
        for i in (1, 2, 3)
    ]
    answer = await DiscoveryAnswer.start(devices)
    try:
        devices[2].switch("dead", True)
        by_group = await ws_discovery.multicast(["127.0.0.1"], 0.6)
        by_sweep = await ws_discovery.sweep(["127.0.9.0/29"], 0.6)
    finally:
        answer.close()
    wanted = {"127.0.9.1:8899", "127.0.9.2:8899"}
    assert {d.address for d in by_group if d.address.startswith("127.0.9.")} == wanted
    assert {d.address for d in by_sweep} == wanted


async def test_a_huge_subnet_is_refused() -> None:
    with pytest.raises(Exception, match="at most 4096"):
        await ws_discovery.sweep(["10.0.0.0/8"])


def test_read_datetime_survives_nonsense() -> None:
    body = (
        "<Time><Second>16</Second><Minute>61</Minute><Hour>0</Hour></Time>"
        "<Date><Year>2026</Year><Month>1</Month><Day>1</Day></Date>"
    )
    node = soap.parse(f"<Envelope><Body><R>{body}</R></Body></Envelope>".encode())
    assert read_datetime(node) is None


async def test_each_new_connection_takes_a_place_in_the_budget(device: Device) -> None:
    """A reused keep-alive connection takes no slot."""
    places = list[str]()

    class Counting(ConnectLimiter):
        @asynccontextmanager
        async def attempt(self, url: str) -> AsyncIterator[None]:
            places.append(url)
            yield

    async with http_session(Counting(SystemClock(), 1, 1)) as limited:
        client = SoapClient(limited, SystemClock(), LOGIN)
        for _ in range(3):
            await client.call(
                f"http://{device.host}:{device.http_port}/onvif/device_service",
                f'<GetSystemDateAndTime xmlns="{DEVICE}"/>',
                authenticate=False,
            )
    assert len(places) == 1


async def test_waiting_for_a_place_is_not_the_camera_s_time(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """While unreachable cameras hold the subnet's slots, a call waits; its timeout starts when it gets a slot."""

    class Busy(ConnectLimiter):
        @asynccontextmanager
        async def attempt(self, url: str) -> AsyncIterator[None]:
            await asyncio.sleep(0.4)
            yield

    address, ask = (
        f"http://{device.host}:{device.http_port}/onvif/device_service",
        f'<GetSystemDateAndTime xmlns="{DEVICE}"/>',
    )
    async with http_session(Busy(SystemClock(), 1, 1)) as limited:
        for lenient in (False, True):
            client = SoapClient(limited, SystemClock(), LOGIN)
            client._transport.is_lenient = lenient
            await client.call(address, ask, authenticate=False, seconds=0.3)
        monkeypatch.setattr(connector, "INTERACTIVE_SLOT_WAIT_S", 0.1)
        with for_person(), pytest.raises(CameraUnreachable, match="the station is connecting"):
            await client.call(address, ask, authenticate=False, seconds=0.3)
        await client.call(address, ask, authenticate=False, seconds=0.3)
        monkeypatch.setattr(connector, "SLOT_WAIT_S", 0.1)
        with pytest.raises(CameraUnreachable, match="the station is connecting"):
            await client.call(address, ask, authenticate=False, seconds=0.3)


async def test_a_camera_has_its_time_once_it_is_connected() -> None:
    talking = list[asyncio.StreamWriter]()
    silent = await asyncio.start_server(lambda r, w: talking.append(w), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
    async with http_session(ConnectLimiter(SystemClock(), 100, 1)) as limited:
        with pytest.raises(CameraUnreachable, match="timed out"):
            await SoapClient(limited, SystemClock()).call(url, f'<GetName xmlns="{DEVICE}"/>', seconds=0.2)
    silent.close()
    for writer in talking:
        writer.close()
        await writer.wait_closed()
