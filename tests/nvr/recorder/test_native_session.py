"""The native engine against unusual but honest cameras: channels, BYE, keep-alive."""

from __future__ import annotations

import struct

import pytest

from cameras.virtual.clip import LoopClip
from core.database import Database
from core.errors import ProtocolError
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from tests.nvr.camera_streams import Style, encode, packetise
from tests.nvr.conftest import Recording, eventually, segments_of
from tests.nvr.fed_session import FedSession
from tests.nvr.scripted_camera import Request, Response, Script, scripted_camera

SSRC = 0x4D574E47  # used by the virtual cameras


def setup_with(transport: str) -> Script:
    headers = {"Session": "1;timeout=60", "Transport": transport}
    return lambda r: Response(headers=headers) if r.method == "SETUP" else None


@pytest.mark.parametrize(
    ("transport", "channel"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2", 2),
        ("RTP/AVP/TCP; interleaved = 6-7", 6),
        ("RTP/AVP/TCP;interleaved=1-0", 255),
        ("RTP/AVP/TCP;interleaved=40-41", 40),
    ],
)
async def test_media_on_whatever_channel(transport: str, channel: int, clip: LoopClip, recording: Recording) -> None:
    """255: the reply states the channels in reverse, but the camera sends RTP on the first and RTCP on the second."""
    async with (
        scripted_camera(clip, setup_with(transport), channel=channel if channel != 255 else 0) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.NATIVE)) as recorder,
    ):
        await eventually(lambda: recorder.streams["cam/main"].counters.frames > 5)


def bye(ssrc: int) -> bytes:
    return b"$\1\0\x08" + struct.pack(">BBHI", 0x81, 203, 1, ssrc)


def report_and_bye(ssrc: int) -> bytes:
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, 1, 1, 1, 1, 1)
    return b"$\1" + struct.pack(">H", len(report) + 8) + report + bye(ssrc)[4:]


async def test_a_bye_ends_the_session_at_once(clip: LoopClip, recording: Recording, database: Database) -> None:
    async with (
        scripted_camera(clip, lambda r: None) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.NATIVE), stall_seconds=30.0) as recorder,
    ):
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames > 5)
        camera.send(bye(SSRC + 1))  # of an old session
        camera.send(report_and_bye(SSRC + 2))
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames + 5)  # received behind both of them
        assert state.state == "recording" and state.reconnects == 0
        camera.send(bye(SSRC))
        await eventually(lambda: "BYE" in state.detail, 2)
        await eventually(lambda: state.reconnects == 1)
    assert await segments_of(database)


async def test_a_keep_alive_that_is_refused_is_sent_otherwise(clip: LoopClip, recording: Recording) -> None:
    """With another method where the camera does not support the first one."""

    def script(request: Request) -> Response | None:
        if request.method == "SETUP":
            return Response(headers={"Session": "1;timeout=60", "Transport": "RTP/AVP/TCP;interleaved=0-1"})
        return Response("501 Not Implemented") if request.method == "GET_PARAMETER" else None

    async with (
        scripted_camera(clip, script) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.NATIVE)) as recorder,
    ):
        await eventually(lambda: recorder.poll_loop._sessions)
        next(iter(recorder.poll_loop._sessions))._keepalive_due = 0.0
        await eventually(lambda: camera.methods.count("OPTIONS") > 1)
        assert camera.methods.count("GET_PARAMETER") == 1 and recorder.streams["cam/main"].reconnects == 0


@pytest.mark.parametrize("period", [1, 2, 3, 5, 8])
def test_pictures_that_come_in_bursts_fill_the_time_between(period: int) -> None:
    """A link or an upstream recorder delivers collected data every few seconds: no gap, no lost time."""
    packets = packetise(encode("h264", "64x48", 500, 25), "h264", Style())
    made = FedSession(stall=60.0)
    for tick in range(1, 5 * 20 + 1):
        due = tick % (5 * period) == 0
        first, last = (tick // 5 - period) * 90_000 + 1000, tick // 5 * 90_000 + 1000
        made.poll(b"".join(p.framed() for p in packets if first <= p.ts < last) if due else b"")
    made.session.close()
    made.recording.sink.end_session()
    bursts = 20 // period
    assert made.recording.counters.frames == bursts * period * 25 and made.recording.archive.gaps == []
    (first_file, *_), last_file = made.recording.archive.segments, made.recording.archive.segments[-1]
    assert (last_file.end_us - first_file.start_us) / 1e6 == pytest.approx(bursts * period, abs=period)


@pytest.mark.parametrize("between", [b"RTSP/", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"])
def test_text_between_packets_without_end_ends_the_session(between: bytes) -> None:
    session = FedSession().session
    few = (between + b"$\0\0\x0c" + bytes(12)) * 900
    session._parse(few, memoryview(few), 0, len(few))
    many = few * 20
    with pytest.raises(ProtocolError, match="text between its packets"):
        session._parse(many, memoryview(many), 0, len(many))
