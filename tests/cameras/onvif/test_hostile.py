"""Hostile cameras: their replies must not harm the station or other cameras."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from cameras.onvif import encoder_settings, media, soap
from cameras.onvif.addresses import (
    insert_credentials,
    login_from_url,
    repair_http,
    repair_rtsp,
    repair_snapshot,
    replace_own_password,
)
from cameras.onvif.capture import redact_exchange
from cameras.onvif.client import SoapClient
from cameras.onvif.device import enabled_protocols, identify
from core.clock import SystemClock
from core.errors import CameraError, ProtocolError

CLOCK = SystemClock()
DEVICE_URL = "http://10.0.0.5:8899/onvif/device_service"


class Stage:
    """A hostile camera and a victim server that records every request."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.answer: Any = None
        self.url = self.victim = ""

    async def camera(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request, soap.parse(await request.read()).name)

    async def target(self, request: web.Request) -> web.Response:
        self.visits.append(request.path)
        return web.Response(text="secrets of the station")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made, runners = Stage(), []
    for host, handler, name in (("127.0.0.1", made.camera, "url"), ("127.0.0.2", made.target, "victim")):
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, 0).start()
        runners.append(runner)
        setattr(made, name, f"http://{host}:{runner.addresses[0][1]}/onvif/device_service")
    yield made
    for runner in runners:
        await runner.cleanup()


def _envelope(body: str) -> str:
    return f"<s:Envelope xmlns:s='x'><s:Body>{body}</s:Body></s:Envelope>"


async def test_a_redirection_is_not_followed(stage: Stage, http: aiohttp.ClientSession) -> None:
    async def answer(_: web.Request, __: str) -> web.Response:
        return web.Response(status=307, headers={"Location": stage.victim})

    stage.answer = answer
    with pytest.raises(CameraError):
        await identify(SoapClient(http, CLOCK, ("u", "p")), stage.url, CLOCK)
    assert stage.visits == []


async def test_told_addresses_lead_to_nobody_else(stage: Stage, http: aiohttp.ClientSession) -> None:
    async def answer(_: web.Request, name: str) -> web.Response:
        bodies = {
            "GetSystemDateAndTime": "<R/>",
            "GetDeviceInformation": "<R><Model>m</Model></R>",
            "GetServices": "<R><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace>"
            f"<XAddr>{stage.victim}</XAddr></Service></R>",
            "GetProfiles": "<R><Profiles token='t'/></R>",
            "GetStreamUri": "<R><MediaUri><Uri>rtsp://169.254.169.254/latest</Uri></MediaUri></R>",
            "GetSnapshotUri": f"<R><MediaUri><Uri>{stage.victim}</Uri></MediaUri></R>",
        }
        return web.Response(text=_envelope(bodies.get(name, "<R/>")))

    stage.answer = answer
    try:
        found = await identify(SoapClient(http, CLOCK, ("u", "p")), stage.url, CLOCK)
        for profile in found.profiles:
            assert urlsplit(profile.stream_url or "rtsp://127.0.0.1").hostname == "127.0.0.1"
            assert urlsplit(profile.snapshot_url or "http://127.0.0.1").hostname == "127.0.0.1"
    except CameraError:
        pass  # its media service has the victim's port, on which the camera's host does not listen
    assert stage.visits == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_body_that_unpacks_to_a_gigabyte_is_not_unpacked(
    stage: Stage, http: aiohttp.ClientSession, encoding: str
) -> None:
    async def answer(_: web.Request, __: str) -> web.Response:
        return web.Response(body=b"\x1f\x8b" + bytes(5000), headers={"Content-Encoding": encoding})

    stage.answer = answer
    with pytest.raises(CameraError):
        await identify(SoapClient(http, CLOCK), stage.url, CLOCK)


async def test_an_endless_body_is_left_after_a_megabyte(stage: Stage, http: aiohttp.ClientSession) -> None:
    sent = 0

    async def answer(request: web.Request, _name: str) -> web.StreamResponse:
        nonlocal sent
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            for _ in range(1000):
                await reply.write(bytes(1_000_000))
                sent += 1
        except (ConnectionError, asyncio.CancelledError):
            pass
        return reply

    stage.answer = answer
    with pytest.raises(CameraError, match="larger than 1 MB"):
        await identify(SoapClient(http, CLOCK), stage.url, CLOCK)
    assert sent < 50


async def test_names_stay_text(stage: Stage, http: aiohttp.ClientSession) -> None:
    evil = "&lt;script&gt;alert(1)&lt;/script&gt;'; DROP TABLE camera;--\u202e"

    async def answer(_: web.Request, name: str) -> web.Response:
        bodies = {
            "GetSystemDateAndTime": "<R/>",
            "GetDeviceInformation": f"<R><Model>{evil}</Model><SerialNumber>{'9' * 5000}</SerialNumber></R>",
            "GetProfiles": f"<R><Profiles token='t'><Name>{evil}</Name></Profiles></R>",
            "GetStreamUri": "<R><Uri>rtsp://h/a</Uri></R>",
        }
        return web.Response(text=_envelope(bodies.get(name, "<R/>")))

    stage.answer = answer
    found = await identify(SoapClient(http, CLOCK), stage.url, CLOCK)
    assert found.model.startswith("<script>") and len(found.serial) <= 80 and len(found.profiles[0].name) <= 80


async def test_a_thousand_profiles_are_not_believed(stage: Stage, http: aiohttp.ClientSession) -> None:
    calls = 0

    async def answer(_: web.Request, name: str) -> web.Response:
        nonlocal calls
        calls += 1
        profiles = "".join(f"<Profiles token='t{i}'/>" for i in range(1000))
        bodies = {"GetSystemDateAndTime": "<R/>", "GetDeviceInformation": "<R/>", "GetProfiles": f"<R>{profiles}</R>"}
        return web.Response(text=_envelope(bodies.get(name, "<R/>")))

    stage.answer = answer
    found = await identify(SoapClient(http, CLOCK), stage.url, CLOCK)
    assert len(found.profiles) <= 64 and calls < 150


def test_no_entity_is_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    text = f"{bomb}<Envelope><Body><R><N>&b;</N><F>&f;</F></R></Body></Envelope>"
    node = soap.parse(text.encode())
    assert node.text("N") in (None, "") and node.text("F") in (None, "")


ADDRESS_PARTS = st.text(alphabet=st.sampled_from("abc019.:/@?&=%[]{}#\\ \x00\n<>\"'村-_"), max_size=40)


@given(ADDRESS_PARTS, ADDRESS_PARTS, st.sampled_from(["http://", "rtsp://", "javascript:", "", "HTTP://", "rtsps://"]))
def test_repaired_addresses_always_lead_to_the_camera(a: str, b: str, scheme: str) -> None:
    found = f"{scheme}{a}/{b}"
    for repaired in (repair_http(found, DEVICE_URL), repair_rtsp(found, DEVICE_URL)):
        parts = urlsplit(insert_credentials(repaired, ("u", "p")))
        assert parts.hostname == "10.0.0.5" and parts.username is None
        assert parts.scheme in ("http", "https", "rtsp", "rtsps") and parts.port != 0
        assert not any(ord(c) < 33 for c in repaired)
    login_from_url(found)


@given(st.text(max_size=20).filter(lambda user: "\0" not in user), st.text(max_size=20))
def test_a_password_in_an_address_never_stays_there(user: str, password: str) -> None:
    from urllib.parse import quote

    secret = quote(password, safe="")
    if len(secret) < 4:
        return
    url = (
        f"rtsp://{quote(user, safe='')}:{secret}@192.168.1.9/live"
        f"?user={quote(user, safe='')}_password={secret}_channel=1"
    )
    assert repair_rtsp(url, DEVICE_URL) == "rtsp://10.0.0.5/live?user={user}_password={password}_channel=1"
    assert login_from_url(url) == (user, password)


SECRET = base64.b64encode(b"admin:geheim-123").decode()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1IjoxfQ.c2lnbmF0dXI"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("user=admin&password=geheim-123", "user={user}&password={password}"),
        ("usr=admin&pwd=geheim-123&ch=1", "usr={user}&pwd={password}&ch=1"),
        ("loginuse=admin&loginpas=geheim-123", "loginuse={user}&loginpas={password}"),  # spelling of other makes
        ("user=admin&pass=geheim-123", "user={user}&pass={password}"),
        ("usr=admin&psw=geheim-123", "usr={user}&psw={password}"),
        ("u=admin&p=geheim-123&c=1", "u={user}&p={password}&c=1"),
        ("account=admin&pw=geheim-123", "account={user}&pw={password}"),
        ("username=admin&passwort=geheim-123", "username={user}&passwort={password}"),
        ("userid=admin&userpwd=geheim-123", "userid={user}&userpwd={password}"),
        ("login=admin&passcode=geheim-123", "login={user}&passcode={password}"),
        ("user_name=admin&user_password=geheim-123", "user_name={user}&user_password={password}"),
        ("loginName=admin&loginPassWord=geheim-123", "loginName={user}&loginPassWord={password}"),
        ("usr=admin&pswd=geheim-123", "usr={user}&pswd={password}"),
        ("user=admin&secret=geheim-123", "user={user}&secret={password}"),
        ("user=admin;password1=geheim-123", "user={user};password1={password}"),
        ("p=1&c=2", "p=1&c=2"),
        ("u=1&p=2&user=admin&pwd=geheim-123", "u=1&p=2&user={user}&pwd={password}"),
        ("user=x&p=2&q=3", "user=x&p=2&q=3"),
        ("bypass=1&passive=2&c=3", "bypass=1&passive=2&c=3"),
        (f"authbasic={SECRET}", "authbasic={basic}"),
        (f"AuthBasic={SECRET}&x=1", "AuthBasic={basic}&x=1"),
        (f"auth={SECRET}", "auth={basic}"),
        (f"auth={SECRET.rstrip('=')}", "auth={basic}"),
        (f"x=1&token={JWT}", "x=1&token="),
        (f"access_token={JWT}", "access_token="),
        ("token=Profile_1&profiletoken=MainStream", "token=Profile_1&profiletoken=MainStream"),
        ("channel=1&authority=x", "channel=1&authority=x"),
    ],
)
def test_no_address_keeps_a_secret_and_no_capture_either(query: str, kept: str) -> None:
    """Both stream and snapshot addresses; `insert_credentials` restores credentials that the login can replace."""
    for host in ("192.168.1.9", "admin:geheim-123@192.168.1.9"):
        stream, snapshot = f"rtsp://{host}/live?{query}", f"http://{host}/snap.jpg?{query}"
        assert repair_rtsp(stream, DEVICE_URL) == f"rtsp://10.0.0.5/live?{kept}"
        assert repair_snapshot(snapshot, DEVICE_URL) == f"http://10.0.0.5/snap.jpg?{kept}"
        for secret in (SECRET, SECRET.rstrip("="), JWT, "geheim-123"):
            assert secret.encode() not in redact_exchange(f"<Uri>{snapshot}</Uri>{stream} '{stream}'".encode())
    assert repair_snapshot(f"snap.jpg?{query}", DEVICE_URL).endswith(kept)
    if "geheim" in query or SECRET.rstrip("=") in query:
        assert login_from_url(f"rtsp://h/?{query}") == ("admin", "geheim-123")
        assert unquote(insert_credentials(kept, ("admin", "geheim-123"))).rstrip("=") == query.rstrip("=")


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for body in (data, b"<Envelope><Body>" + data + b"</Body></Envelope>"):
        try:
            node = soap.parse(body)
        except ProtocolError:
            continue
        node.text("A/B")
        list(node.all("C"))
        soap.is_refusal(200, body)


def test_our_own_password_is_kept_under_no_name_and_in_no_path() -> None:
    login, asked = ("admin", "geheim-123/%"), media.MediaContext(DEVICE_URL, login=("admin", "geheim-123/%"))
    profile = media._profile(soap.parse(_envelope("<P token='p'/>").encode()), None, "{}")
    for url in (
        "rtsp://h/live/admin/geheim-123%2F%25/1",
        "http://h/x?mot=geheim-123/%25&q=1",
        "http://h/x?k=geheim-123/%",
    ):
        kept = asked.storable_address(url, profile)
        assert kept is not None and "{password}" in kept and "geheim" not in kept
        assert unquote(insert_credentials(kept, login)) == unquote(url)
    # A password this short could also be a name in the path, so it is not replaced.
    assert replace_own_password("rtsp://stream1/stream1", ("a", "stream1")) == "rtsp://stream1/stream1"


def test_told_values_fit_the_columns_that_keep_them() -> None:
    """Impossible addresses, rates, ports and logins are ignored; the identification goes on."""
    text = "<NetworkProtocols><Name>RTSP</Name><Enabled>true</Enabled><Port>{}</Port></NetworkProtocols>"
    for port in ("inf", "-Infinity", "nan", "1e999"):
        node = soap.parse(_envelope(f"<R>{text.format(port)}</R>").encode())
        assert enabled_protocols(node) == {}
    for rate, kept in (("4096", 4_096_000), ("9e6", None), ("inf", None), ("nan", None), ("-1", None)):
        encoder = (
            f"<V><RateControl><BitrateLimit>{rate}</BitrateLimit>"
            f"<FrameRateLimit>{rate}</FrameRateLimit></RateControl></V>"
        )
        profile = media._profile(soap.parse(_envelope(f"<P token='p'>{encoder}</P>").encode()), None, "{}")
        node = soap.parse(_envelope(encoder).encode())
        assert encoder_settings.read(node).bitrate == kept and profile.bitrate is None
    asked = media.MediaContext(DEVICE_URL)
    assert asked.storable_address("rtsp://h/" + "a" * 391, profile) and not asked.notes
    assert asked.storable_address("rtsp://h/" + "a" * 392, profile) is None and "401 characters" in asked.notes[0]
    for login in ("u" * 61 + ":geheim", "u:" + "p" * 201, "a%00b:geheim", "u:" + "%E6%9D%91" * 67):
        assert login_from_url(f"rtsp://{login}@10.0.0.1/") is None
    assert login_from_url("rtsp://admin:geheim@10.0.0.1/") == ("admin", "geheim")
