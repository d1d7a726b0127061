"""ffmpeg's relay: cameras that redirect elsewhere, request the password in clear, or send ambiguous replies."""

from __future__ import annotations

import asyncio
import time

import pytest

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount
from cameras.virtual.sdp import describe
from core.clock import SystemClock
from core.errors import ClearPasswordRequested, RedirectRefused, TransportDeclined
from core.network.authenticator import PlainPasswordLogin
from core.tasks import end, spawn
from nvr.clock.station_clock import StationClock
from nvr.media.samples import StreamCounters
from nvr.recorder import rtsp_relay
from nvr.recorder.ffmpeg_engine import FfmpegEngine
from nvr.recorder.relay_addresses import MAX_NAMED
from nvr.recorder.rtsp_relay import relay
from nvr.streams import StreamSpec
from tests.nvr.conftest import LOGIN, eventually
from tests.nvr.recorder.digests import BASIC, DIGEST, in_clear
from tests.nvr.recorder.test_ffmpeg_engine import Sink, error_of, recorded
from tests.nvr.rtsp.test_storm_guard import MOVED, answering
from tests.nvr.scripted_camera import Request, Response, scripted_camera

CURIOUS = 'RTSP/1.0 401 No\r\nCSeq: {cseq}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'


@pytest.mark.parametrize("login", [LOGIN, PlainPasswordLogin(LOGIN), None])
@pytest.mark.parametrize("status", ["301 Moved", "302 Moved", "303 See", "307 Moved"])
async def test_ffmpeg_is_led_nowhere(clip: LoopClip, login: tuple[str, str] | None, status: str) -> None:
    """Redirects to another host, and to another service of this machine."""
    async with answering("127.0.0.2", CURIOUS) as (thief, asked):
        for where in (
            f"rtsp://127.0.0.2:{thief}/x",
            f"http://127.0.0.1:{thief}/x",
            f"rtsp://{LOGIN[0]}:x@127.0.0.1:{thief}/",
        ):
            for method in ("OPTIONS", "DESCRIBE", "SETUP"):
                led = Response(status, {"Location": where})
                async with scripted_camera(clip, lambda r, m=method, a=led: a if r.method == m else None) as camera:  # type: ignore[misc]
                    assert type(await error_of(camera.url, login)) is RedirectRefused
    assert not asked


async def test_a_redirection_on_the_same_host_is_followed(rtsp_camera: tuple[Mount, str]) -> None:
    async with answering("127.0.0.1", MOVED.format(rtsp_camera[1])) as (port, _):
        await recorded(f"rtsp://127.0.0.1:{port}/x")


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP"])
async def test_a_redirection_in_the_middle_is_followed_with_what_was_asked(clip: LoopClip, method: str) -> None:
    """OPTIONS is answered here, the description is on another port of the camera."""
    async with scripted_camera(clip, lambda r: None) as there:
        led = Response("302 Moved", {"Location": there.url})
        async with scripted_camera(clip, lambda r: led if r.method == method else None) as here:
            await recorded(here.url)
    assert here.methods[-1] == method and there.methods[0] == method and "OPTIONS" in here.methods


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
async def test_who_offers_digest_first_and_basic_later_is_told_nothing(clip: LoopClip, method: str) -> None:
    """Our dialogue saw Digest first; ffmpeg on its own would answer to Basic."""
    asked: list[str] = []

    def script(request: Request) -> Response | None:
        asked.append(request.method)
        if "authorization" not in request.headers:
            return Response("401 No", DIGEST)
        return Response("401 No", BASIC) if request.method == method else None

    for login in (LOGIN, PlainPasswordLogin(LOGIN)):
        async with scripted_camera(clip, script) as camera:
            assert type(await error_of(camera.url, login)) is ClearPasswordRequested
            assert method in camera.methods and not in_clear(camera.requests)


async def test_who_asks_for_basic_is_told_where_the_file_allows_it(clip: LoopClip) -> None:
    def script(request: Request) -> Response | None:
        return None if request.headers.get("authorization", "").startswith("Basic ") else Response("401 No", BASIC)

    async with scripted_camera(clip, script) as camera:
        assert type(await error_of(camera.url)) is ClearPasswordRequested and not in_clear(camera.requests)
        await recorded(camera.url, PlainPasswordLogin(LOGIN))


async def test_a_keep_alive_is_no_way_to_the_password(clip: LoopClip) -> None:
    """While playing, the camera refuses, requests Basic and redirects; it is still recorded."""
    answers = [
        Response("401 No", BASIC),
        Response("302 Moved", {"Location": "rtsp://127.0.0.2:9/x"}),
        Response("401 No", DIGEST),
    ]
    plays = False

    def script(request: Request) -> Response | None:
        nonlocal plays
        if request.method == "PLAY":
            plays = True
        if request.method == "SETUP":
            return Response(headers={"Session": "1;timeout=2", "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        return answers[len(kept()) % 3] if plays and request.method in ("GET_PARAMETER", "OPTIONS") else None

    def kept() -> list[Request]:
        return [r for r in camera.requests if plays and r.method in ("GET_PARAMETER", "OPTIONS")][1:]

    engine, sink = FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None), Sink()
    async with scripted_camera(clip, script) as camera:
        recording = spawn(
            engine.record(StreamSpec("c/main", camera.url, LOGIN), sink, StreamCounters(), lambda _: None)  # type: ignore[arg-type]
        )
        await eventually(lambda: len(kept()) > 4 or recording.done(), 20)
        runs = len(sink.runs)
        await eventually(lambda: len(sink.runs) > runs + 2 or recording.done())
        assert not recording.done() and not in_clear(camera.requests)
        await end(recording)
        await eventually(lambda: "TEARDOWN" in camera.methods)


HIDDEN = "RTSP/1.0 302 Moved\r\nCSeq: 3\r\nLocation: rtsp://127.0.0.2:{}/x\r\n\r\n"


@pytest.mark.parametrize("place", ["body", "frame", "behind", "field"])
async def test_a_redirection_in_another_reply_is_none(clip: LoopClip, place: str) -> None:
    """Text inside a body or frame that another parser could take for a reply."""
    async with answering("127.0.0.2", CURIOUS) as (thief, asked):
        hidden = HIDDEN.format(thief)
        frame = (b"$\x09" + len(hidden).to_bytes(2, "big")).decode("latin-1") + hidden

        def script(request: Request) -> Response | None:
            if request.method != "DESCRIBE":
                return None
            if place == "field":
                return Response("404 No", {"Content-Base": f"x\r\r{hidden}"})
            return Response("404 No", {}, {"body": f"v=0\r\n\r\n{hidden}", "frame": frame, "behind": hidden}[place])

        def sdp(text: str) -> str:
            return text

        async with scripted_camera(clip, script, sdp=sdp) as camera:
            await error_of(camera.url)
    assert not asked


async def test_who_does_not_know_the_path_gets_nothing(clip: LoopClip) -> None:
    """Every process on the machine may connect to the loopback interface."""
    async with scripted_camera(clip, lambda r: None) as camera, relay(camera.url, LOGIN) as way:
        port = int(way.address.split(":")[2].split("/")[0])
        for first in (
            f"DESCRIBE rtsp://127.0.0.1:{port}/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            "$\0\0\0",
            "GET / HTTP/1.1\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first.encode())
            assert await reader.read() == b""
            writer.close()
        assert camera.requests == [] and way.error is None
        assert LOGIN[1] not in way.address and "cam" not in way.address


async def test_rtsp_in_http_is_not_spoken() -> None:
    assert type(await error_of("rtsp://127.0.0.1:9/x?http")) is TransportDeclined


@pytest.mark.parametrize("url", ["rtsp://h/a", "rtsp://h/a/", "rtsp://h:8554/a?channel=1&subtype=0"])
async def test_addresses_of_tracks_are_what_ffmpeg_would_make_of_the_camera_s(url: str) -> None:
    async with relay(url, None) as way:
        names = way.addresses
        assert names.to_camera(way.address) == url
        joint = "" if url.endswith("/") else "/"  # libavformat/rtsp.c inserts one
        assert names.to_camera(f"{way.address}{joint}trackID=1") == f"{url}{joint}trackID=1"
        assert names.to_camera("rtsp://h/told/by/the/camera") == "rtsp://h/told/by/the/camera"
        # A camera's address is restored exactly, whatever ffmpeg appends to it.
        for told in (url, f"{url}/", "rtsp://u:geheim@h/a/", "rtsp://h/b?password=geheim", f"{url}&password=geheim"):
            name = names.to_ffmpeg(told)
            joint = "" if told.endswith("/") else "/"
            assert name.startswith("rtsp://127.0.0.1:") and "geheim" not in name and name == names.to_ffmpeg(told)
            assert names.to_camera(name + joint + "trackID=1") == told + joint + "trackID=1"
            assert names.to_camera(name).removesuffix("/") == told.removesuffix("/")
            names.note_set_up(name + joint + "trackID=1")
            info = names.info_for_ffmpeg(f"url={told}{joint}trackID=1;seq=5;rtptime=9;geheim, url={told}2")
            assert (
                info.startswith(f"url={name}{joint}trackID=1;seq=5;rtptime=9,url=rtsp://127.0.0.1:")
                and "geheim" not in info
            )


async def test_names_of_a_camera_s_addresses_end() -> None:
    async with relay("rtsp://h/a", None) as way:
        body = "\r\n".join(f"a=control:rtsp://h/{n}" for n in range(1000)).encode()
        told = way.addresses.description_for_ffmpeg(body)
        assert (
            b"rtsp://h/" not in told
            and told.count(b"~") == MAX_NAMED
            and way.addresses.base_for_ffmpeg("rtsp://h/x") == ""
        )
        began = time.perf_counter()
        for hostile in (b"a:" * 500_000, b"://" * 300_000, b"\r\n" * 500_000, b"x" * 1_000_000, b"r://" * 250_000):
            way.addresses.description_for_ffmpeg(hostile)
            way.addresses.info_for_ffmpeg(hostile.decode())
        assert time.perf_counter() - began < 5


@pytest.mark.parametrize("absolute", [False, True])
async def test_ffmpeg_hears_no_password_from_an_address(
    clip: LoopClip, monkeypatch: pytest.MonkeyPatch, *, absolute: bool
) -> None:
    """The password is in the stream's address, which the camera repeats wherever it can."""
    heard = bytearray()
    to_ffmpeg = rtsp_relay._CameraConnection._to_ffmpeg

    async def listening(line: rtsp_relay._CameraConnection, data: bytes | bytearray) -> None:
        if data[:1] == b"R":
            heard.extend(data)
        await to_ffmpeg(line, data)

    monkeypatch.setattr(rtsp_relay._CameraConnection, "_to_ffmpeg", listening)
    path = f"/user={LOGIN[0]}&password={LOGIN[1]}&channel=1"

    def script(request: Request) -> Response | None:
        url = request.url if request.method == "DESCRIBE" else ""
        if request.method == "DESCRIBE":
            control = f"{url}/trackID=0" if absolute else "trackID=0"
            body = (
                describe(clip)
                .replace("a=control:trackID=0", f"a=control:{control}")
                .replace("a=control:*", f"a=control:{url}/")
            )
            base = url.replace("rtsp://", f"rtsp://{LOGIN[0]}:{LOGIN[1]}@")
            return Response(
                "200 OK", {"Content-Base": base if absolute else f"{url}/", "Content-Type": "application/sdp"}, body
            )
        return None

    async with scripted_camera(clip, script, path=path) as camera:
        await recorded(camera.url, None)
        assert [r.url for r in camera.requests if r.method == "SETUP"] == [f"{camera.url}/trackID=0"]
    assert b"Content-Base: rtsp://127.0.0.1:" in heard
    assert LOGIN[1].encode() not in heard and b"user=" not in heard
