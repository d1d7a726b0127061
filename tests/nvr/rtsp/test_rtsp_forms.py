"""Replies of cameras to OPTIONS, DESCRIBE, SETUP and PLAY, and the requests that follow."""

from __future__ import annotations

import hashlib
import re
import socket

import pytest

from cameras.virtual.clip import LoopClip
from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    CameraUnreachable,
    ProtocolError,
    RedirectRefused,
    TransportDeclined,
)
from core.network.authenticator import PlainPasswordLogin
from nvr.rtsp.client import RtspSession, open_session
from nvr.rtsp.rtsp_dialogue import Dialogue
from nvr.rtsp.sdp import aggregate_control, audio_track, base_of, missing_audio_reason, video_track
from nvr.rtsp.transports import interleaved_channels
from tests.nvr.conftest import LOGIN
from tests.nvr.scripted_camera import Request, Response, Script, scripted_camera

BASIC = {"WWW-Authenticate": 'Basic realm="Arecont Vision"'}


async def opened(
    clip: LoopClip, script: Script, login: tuple[str, str] | None = LOGIN
) -> tuple[RtspSession, list[Request]]:
    async with scripted_camera(clip, script) as camera:
        session = await open_session(camera.url, login)
        session.sock.close()
        return session, camera.requests


def options(answer: Response) -> Script:
    return lambda r: answer if r.method == "OPTIONS" else None


@pytest.mark.parametrize(
    "answer",
    [Response(s) for s in ("401 No", "403 Forbidden", "404 Not Found", "405 No", "501 Not Implemented", "551 No")]
    + [
        Response("401 Unauthorized", BASIC),
        Response("403 Forbidden", BASIC, "This method is not supported."),
        Response(close=True),
    ],
)
async def test_options_is_optional(answer: Response, clip: LoopClip) -> None:
    session, requests = await opened(clip, options(answer))
    assert [r.method for r in requests if r.method != "OPTIONS"] == ["DESCRIBE", "SETUP", "PLAY"]
    assert session.keepalive == "GET_PARAMETER"


async def test_options_refused_with_and_without_the_credential(clip: LoopClip) -> None:
    def script(request: Request) -> Response | None:
        if "authorization" not in request.headers:
            return Response("401 Unauthorized", BASIC)
        return Response("403 Forbidden") if request.method == "OPTIONS" else None

    await opened(clip, script, PlainPasswordLogin(LOGIN))


async def test_a_wrong_password_is_a_refusal_whatever_options_says(clip: LoopClip) -> None:
    async with scripted_camera(
        clip, lambda r: Response("401 No", {"WWW-Authenticate": 'Digest realm="x", nonce="n"'})
    ) as camera:
        with pytest.raises(CameraRefused):
            await open_session(camera.url, LOGIN)
        assert sum("authorization" in r.headers for r in camera.requests) == 1


async def test_each_nonce_is_taken_once(clip: LoopClip) -> None:
    """Each nonce is valid once, without `stale`; the responses are verified."""
    nonce, count = [""], [0]

    def right(request: Request) -> bool:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', request.headers.get("authorization", "")))
        ha1, ha2 = (
            hashlib.md5(t.encode()).hexdigest()
            for t in (f"{LOGIN[0]}:IP Camera(C3138):{LOGIN[1]}", f"{request.method}:{request.url}")
        )
        return bool(nonce[0]) and fields.get("response") == hashlib.md5(f"{ha1}:{nonce[0]}:{ha2}".encode()).hexdigest()

    def script(request: Request) -> Response | None:
        if right(request):
            nonce[0] = ""
            return None
        count[0] += 1
        nonce[0] = f"nonce{count[0]}"
        return Response(
            "401 No", {"WWW-Authenticate": f'Digest realm="IP Camera(C3138)", nonce="{nonce[0]}", stale="FALSE"'}
        )

    _, requests = await opened(clip, script)
    assert [r.method for r in requests] == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "PLAY"]


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [
        ("DESCRIBE", "403 Forbidden", CameraRefused),
        ("SETUP", "403 Busy", CameraDeclined),
        ("PLAY", "453 No", CameraDeclined),
        ("SETUP", "461 Unsupported Transport", TransportDeclined),
        ("DESCRIBE", "404 Not Found", CameraDeclined),
    ],
)
async def test_refusals(method: str, status: str, error: type[CameraError], clip: LoopClip) -> None:
    with pytest.raises(CameraError) as told:
        await opened(clip, lambda r: Response(status) if r.method == method else None)
    assert type(told.value) is error


async def test_a_camera_that_hangs_up_is_asked_twice_at_most(clip: LoopClip) -> None:
    async with scripted_camera(clip, lambda r: Response(close=True)) as camera:
        with pytest.raises(CameraUnreachable):
            await open_session(camera.url, LOGIN)
        assert camera.methods == ["OPTIONS", "DESCRIBE"]


@pytest.mark.parametrize("control", ["rtsp://{host}/whole?a=1", "whole/", "/whole", "*", ""])
async def test_play_goes_to_the_aggregate_address(control: str, clip: LoopClip) -> None:
    host = [""]

    def sdp(text: str) -> str:
        line = f"a=control:{control.format(host=host[0])}" if control else "a=x"
        return text.replace("a=control:*", line)

    async with scripted_camera(
        clip, lambda r: Response() if r.method in ("SETUP", "PLAY") else None, sdp=sdp
    ) as camera:
        host[0] = camera.url.split("/")[2]
        session = await open_session(camera.url, LOGIN)
        session.sock.close()
    wanted = {"*": camera.url, "": camera.url, "whole/": f"{camera.url}/whole/", "/whole": f"rtsp://{host[0]}/whole"}
    aggregate = wanted.get(control, f"rtsp://{host[0]}/whole?a=1")
    assert [r.url for r in camera.requests if r.method == "PLAY"] == [aggregate] and session.url == aggregate
    assert camera.requests[2].url == aggregate.rstrip("/") + "/trackID=0"


@pytest.mark.parametrize(
    ("transport", "channels"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", (4, 5)),
        ("RTP/AVP/TCP; unicast; interleaved = 6 - 7", (6, 7)),
        ("RTP/AVP/TCP;unicast;interleaved=2", (2, 3)),
        ("RTP/AVP/TCP;interleaved=1-0", (1, 0)),
        ("RTP/AVP/TCP;unicast", (0, 1)),
        ("", (0, 1)),
        ("RTP/AVP/TCP;INTERLEAVED=8-9;ssrc=1", (8, 9)),
        ('RTP/AVP/TCP;interleaved="10-11"', (10, 11)),
        ("interleaved=999-1000", (0, 1)),
        ("interleaved=", (0, 1)),
    ],
)
def test_channels(transport: str, channels: tuple[int, int]) -> None:
    assert interleaved_channels(transport, 0) == channels


@pytest.mark.parametrize(
    "transport", ["RTP/AVP;unicast;client_port=5000-5001;server_port=1-2", "RTP/AVP/UDP;multicast;port=1-2"]
)
def test_udp_where_tcp_was_asked_for(transport: str) -> None:
    with pytest.raises(TransportDeclined):
        interleaved_channels(transport, 0)


async def test_a_declared_transport_is_not_the_native_engine_s() -> None:
    with pytest.raises(TransportDeclined, match="udp"):
        await open_session("rtsp://127.0.0.1:9/x?udp", None)


def described(control: str = "trackID=0", whole: str = "*", more: str = "") -> str:
    return (
        f"v=0\r\na=control:{whole}\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:{control}\r\n{more}"
    )


@pytest.mark.parametrize(
    ("base", "whole", "control", "aggregate", "address"),
    [
        ("rtsp://h/a?c=1&s=0", "*", "trackID=0", "rtsp://h/a?c=1&s=0", "rtsp://h/a?c=1&s=0/trackID=0"),
        ("rtsp://h/a/", "*", "trackID=0", "rtsp://h/a/", "rtsp://h/a/trackID=0"),
        ("rtsp://h/a", "*", "rtsp://1.2.3.4:554/b/t?x", "rtsp://h/a", "rtsp://1.2.3.4:554/b/t?x"),
        ("rtsp://h:8554/a/b?q", "/c", "t1", "rtsp://h:8554/c", "rtsp://h:8554/c/t1"),
        ("rtsp://h/a", "*", "?ctype=video", "rtsp://h/a", "rtsp://h/a?ctype=video"),
        ("rtsp://h/a", "rtsp://h/a/", " trackID=1 ", "rtsp://h/a/", "rtsp://h/a/trackID=1"),
        ("rtsps://h", "*", "/t", "rtsps://h", "rtsps://h/t"),
        ("rtsp://h/a", "*", "*", "rtsp://h/a", "rtsp://h/a"),
    ],
)  # fmt: skip
def test_addresses(base: str, whole: str, control: str, aggregate: str, address: str) -> None:
    text = described(control, whole)
    assert (aggregate_control(text, base), video_track(text, base).control) == (aggregate, address)


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "rtsp://h/a"),
        ({"content-base": "rtsp://h/b/", "content-location": "rtsp://h/c"}, "rtsp://h/b/"),
        ({"content-location": " rtsp://h/c "}, "rtsp://h/c"),
        ({"content-base": ""}, "rtsp://h/a"),
        ({"content-base": "/d/"}, "rtsp://h/d/"),
        ({"content-base": "nonsense"}, "rtsp://h/a"),
    ],
)
def test_what_addresses_are_relative_to(headers: dict[str, str], base: str) -> None:
    assert base_of(headers, "rtsp://h/a") == base


AAC = "m=audio 0 RTP/AVP {types}\r\na=rtpmap:97 mpeg4-generic/16000/1\r\n{fmtp}"
CONFIG = "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={}"


@pytest.mark.parametrize(
    ("types", "fmtp"),
    [
        ("97", f"a=fmtp:97 {CONFIG.format('1408')}\r\n"),
        ("97", f"a=fmtp:96 {CONFIG.format('1408')}\r\n"),
        ("97 98", f"a=fmtp:97 mode=x\r\na=fmtp:98 {CONFIG.format('1408')}\r\n"),
        ("97", 'a=FMTP: 97 config="1408"; SizeLength=13\r\n'),
    ],
)
def test_aac_s_configuration_wherever_it_stands(types: str, fmtp: str) -> None:
    track = audio_track(described(more=AAC.format(types=types, fmtp=fmtp)), "rtsp://h/a")
    assert track is not None and track.configuration == b"\x14\x08" and track.payload_type == 97


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("", "offers no audio"),
        (AAC.format(types="97", fmtp=""), "no usable configuration"),
        (AAC.format(types="97", fmtp="a=fmtp:97 config=zz\r\n"), "no usable configuration"),
        ("m=audio 0 RTP/AVP 98\r\na=rtpmap:98 G726-32/8000\r\n", "G726-32 cannot be recorded"),
        ("m=audio 0 RTP/AVP 14\r\n", "format"),
    ],
)
def test_the_absence_of_sound_is_explained(more: str, why: str) -> None:
    assert audio_track(described(more=more), "rtsp://h/a") is None and why in missing_audio_reason(described(more=more))


def test_feedback_that_is_offered() -> None:
    lines = "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\na=rtcp-fb:97 nack\r\n"
    assert video_track(described(more=lines), "rtsp://h/a").feedback == {"pli", "fir"}
    assert video_track(described(), "rtsp://h/a").feedback == frozenset()


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
@pytest.mark.parametrize("challenge", [{}, {"WWW-Authenticate": 'Digest realm="x", nonce="n", algorithm=MD5-sess'}])
async def test_a_401_that_nobody_could_answer_is_no_refusal(
    method: str, challenge: dict[str, str], clip: LoopClip
) -> None:
    """A refused credential suspends a camera until a person acts; here the credential was never sent."""
    with pytest.raises(CameraDeclined):
        await opened(clip, lambda r: Response("401 Unauthorized", challenge) if r.method == method else None)


async def test_a_redirection_to_no_address_is_the_camera_s_fault(clip: LoopClip) -> None:
    with pytest.raises(RedirectRefused, match="invalid address"):
        await opened(
            clip, lambda r: Response("302 Moved", {"Location": "rtsp://[::1/x"}) if r.method == "DESCRIBE" else None
        )


@pytest.mark.parametrize(
    "line",
    [
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=é,Z0IAH5WoFAFuQA==",
        "a=rtpmap:96 H264/9000²",
        "a=rtpmap:96 H264/" + "9" * 5000,
        "a=framerate:" + "9" * 5000,
    ],
)
def test_any_sdp_is_read_or_refused(line: str) -> None:
    head = "v=0\r\nm=video 0 RTP/AVP 96 ² " + "9" * 5000 + "\r\na=rtpmap:96 H264/90000\r\n"
    track = video_track(
        head.replace("a=rtpmap:96 H264/90000", line if "rtpmap" in line else "a=rtpmap:96 H264/90000\r\n" + line),
        "rtsp://c/",
    )
    assert track.codec == "h264" and track.payload_type == 96 and track.clock_rate == 90_000


def test_numbers_of_a_transport_are_bounded() -> None:
    assert interleaved_channels("RTP/AVP/TCP;interleaved=" + "1" * 5000, 2) == (2, 3)


def test_what_a_camera_asks_in_between_is_passed_over() -> None:
    with socket.socket() as sock:
        dialogue = Dialogue(sock, None)
        dialogue.buffer += b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 2\r\n\r\nxx"
        dialogue.buffer += b"RTSP/1.0 100 Continue\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 01\r\n\r\nOPTIONS rtsp://c"
        replies = [dialogue._parse() for _ in range(4)]
        assert [r and r.status for r in replies] == [0, 100, 200, None]
        for other in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"LOGIN please\r\n\r\n", b"\0\0"):
            dialogue.buffer[:] = other
            with pytest.raises(ProtocolError, match="does not support RTSP"):
                dialogue._parse()


_PLAIN = (
    "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:t1\r\n"
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/16000/1\r\n"
    "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;config=1408\r\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\r\n", "\r\n  "),
        ("m=video", "M=Video"),
        ("m=audio", "m=AUDIO"),
        ("a=rtpmap:96 H264/90000\r\n", ""),
        ("config=1408", "config=0x1408"),
        ("\r\n", "\t\r\n"),
    ],
)
def test_a_description_that_is_written_carelessly_says_the_same(old: str, new: str) -> None:
    video, audio = (f(_PLAIN.replace(old, new), "rtsp://h/") for f in (video_track, audio_track))
    assert (video, audio) == (video_track(_PLAIN, "rtsp://h/"), audio_track(_PLAIN, "rtsp://h/")) and audio is not None


def test_what_a_static_payload_type_needs_no_word_for() -> None:
    track = audio_track("v=0\r\nm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA\r\n", "rtsp://h/")
    assert track is not None and (track.codec, track.rate) == ("pcma", 8000)
    with pytest.raises(ProtocolError):
        video_track("v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 x=1\r\n", "rtsp://h/")
    found = video_track("v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 sprop-vps=QAE=;sprop-sps=QgE=\r\n", "rtsp://h/")
    assert found.codec == "h265"
