"""The keyframe of a camera that is not recorded: it arrives, or the camera's error is raised soon."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SystemClock
from core.errors import CameraRefused, CameraUnreachable, ProtocolError
from core.network.authenticator import Authenticator
from core.network.connect_limiter import ConnectLimiter
from core.tasks import end as end_task
from core.tasks import spawn
from nvr.edge import keyframe_probe
from nvr.edge.keyframe_probe import KeyframeProbe
from nvr.media.pictures import gradual_refresh
from nvr.playback.pictures import decode_bgr
from nvr.rtsp.client import RtspSession
from nvr.rtsp.interleaved import packets
from nvr.rtsp.sdp import VideoCodec, VideoTrack
from tests.nvr import camera_streams
from tests.waiting import eventually


@pytest.fixture
async def camera(clip: LoopClip) -> AsyncIterator[tuple[str, Mount, RtspServer]]:
    mount = Mount("/main", {"healthy": clip}, login=("u", "p"))
    server = RtspServer([mount])
    port = await server.start("127.0.0.1", 0)
    yield f"rtsp://127.0.0.1:{port}/main", mount, server
    await server.stop()


def make_probe(answer: float = 10.0, seconds: float = 20.0) -> KeyframeProbe:
    clock = SystemClock()
    return KeyframeProbe(clock, ConnectLimiter(clock, 1000, 8), answer_timeout_s=answer, timeout_s=seconds)


async def test_a_keyframe_that_decodes_and_the_camera_is_left(camera: tuple[str, Mount, RtspServer]) -> None:
    url, _, server = camera
    frame = await make_probe().keyframe("c/main", url, ("u", "p"))
    picture = await asyncio.to_thread(decode_bgr, frame)
    assert picture.shape == (180, 320, 3) and frame.codec == "h264"
    await eventually(lambda: not [p for p in server.players if p.playing])


async def test_a_wrong_password_is_tried_once(camera: tuple[str, Mount, RtspServer]) -> None:
    with pytest.raises(CameraRefused):
        await make_probe().keyframe("c/main", camera[0], ("u", "wrong"))


async def test_silence_is_told_within_its_time(camera: tuple[str, Mount, RtspServer]) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(3):
        with pytest.raises(CameraUnreachable, match="no answer"):
            await make_probe(answer=0.3).keyframe("c/main", f"rtsp://127.0.0.1:{port}/x", None)
    server.close()
    with pytest.raises(CameraUnreachable):
        await make_probe().keyframe("c/main", "rtsp://127.0.0.1:1/x", None)


def framed(frames: Sequence[tuple[int, bytes]]) -> bytes:
    return b"".join(b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data for channel, data in frames)


FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=12)


@given(FRAMES, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_frames_come_out_whole_however_they_come_in(frames: list[tuple[int, bytes]], pieces: list[int]) -> None:
    wire, buffer, found, at = framed(frames), bytearray(), [], 0
    for i in range(len(wire) + len(pieces)):
        size = pieces[i % len(pieces)]
        buffer += wire[at : at + size]
        at += size
        found += list(packets(buffer))
        if at >= len(wire):
            break
    assert found == frames and not buffer


@given(st.binary(max_size=300))
def test_anything_else_ends_in_a_sentence(junk: bytes) -> None:
    buffer, before = bytearray(junk), len(junk)
    with contextlib.suppress(ProtocolError):
        list(packets(buffer))
    assert len(buffer) <= before


def test_what_is_not_taken_stays() -> None:
    buffer = bytearray(framed([(0, b"a"), (0, b"b")]))
    assert next(iter(packets(buffer))) == (0, b"a")
    assert list(packets(buffer)) == [(0, b"b")]


async def test_a_camera_without_keyframes_gives_a_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradual refresh: the picture is complete after the number of pictures that the recovery point states."""
    monkeypatch.setattr(keyframe_probe, "RECOVERY_POINT_AFTER_S", 0.2)
    ours, cameras = socket.socketpair()
    for end in (ours, cameras):
        end.setblocking(False)
    units = await asyncio.to_thread(camera_streams.encode, "h264", "320x192", 150, 25, "intra-refresh=1")
    units = [camera_streams.sets_of(units[0], "h264") + units[1], *units[2:]]
    sent = camera_streams.packetise(units, "h264", camera_streams.Style(size=1400))
    track = VideoTrack(VideoCodec.H264, 96, "rtsp://h/t", [], None)
    session = RtspSession(ours, "rtsp://h/", track, "1", 60, "OPTIONS", 0, b"", Authenticator(None), 1)

    async def play() -> None:
        for packet in sent:
            await asyncio.get_running_loop().sock_sendall(cameras, packet.framed())
            await asyncio.sleep(0.01 if packet.marker else 0)

    playing = spawn(play())
    try:
        frame = await make_probe()._first(session, "c/main")
    finally:
        await end_task(playing)
        ours.close()
        cameras.close()
    assert 10 < len(frame.following) < 40
    assert (await asyncio.to_thread(decode_bgr, frame)).shape == (192, 320, 3)


def test_each_sample_of_a_visit_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent of the number of runs; a further recovery point changes nothing, a keyframe ends the refresh."""
    looked: list[bytes] = []
    judged = gradual_refresh.is_keyframe
    monkeypatch.setattr(
        gradual_refresh, "is_keyframe", lambda sample, codec: looked.append(sample) or judged(sample, codec)
    )
    point = b"\x00\x00\x00\x06\x06\x06\x02\x04\x40\x80\x00\x00\x00\x02\x41\xe0"  # 33 pictures
    picture = keyframe_probe._Picture()
    assert not picture.take([b"\x00\x00\x00\x02\x41\xe0"], "h264", key=False, broken=False)  # before any recovery point
    answers = [picture.take([point + bytes([0, 0, 0, 1, i])], "h264", key=True, broken=False) for i in range(40)]
    assert answers.index(True) == 33 and len(picture.following) == 33 and len(looked) <= 2 * 40
    key = b"\x00\x00\x00\x02\x65\x80"
    assert picture.take([key], "h264", key=True, broken=False) and picture.first == key and not picture.following
