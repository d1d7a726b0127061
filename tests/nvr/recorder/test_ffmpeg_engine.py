"""The ffmpeg engine against cameras that refuse or decline requests; it judges refusals like the native engine."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from cameras.virtual.clip import LoopClip
from core.clock import SystemClock
from core.errors import CameraDeclined, CameraError, CameraRefused, CameraUnreachable, TransportDeclined
from core.tasks import end, spawn
from nvr.clock.station_clock import StationClock
from nvr.media.samples import AudioRun, FragmentSamples, StreamCounters
from nvr.recorder.ffmpeg_engine import FfmpegEngine, command, script
from nvr.rtsp.sdp import AudioTrack
from nvr.rtsp.transports import Transport, declared_transport
from nvr.streams import StreamSpec
from nvr.tables import GapCause
from tests.nvr.conftest import LOGIN, eventually
from tests.nvr.recorder.test_long_keyframe_intervals import sparse
from tests.nvr.scripted_camera import Request, Response, Script, scripted_camera

DIGEST = {"WWW-Authenticate": 'Digest realm="x", nonce="n"'}


class Sink:
    """Stores what the engine passes on; nothing is written."""

    def __init__(self) -> None:
        self.runs: list[FragmentSamples] = []
        self.sounds: list[AudioRun] = []

    def begin_session(self, sound: object = None) -> None:
        self.sound = sound

    def end_session(self) -> None: ...

    def start_gap(self, cause: str, detail: str, now_us: int) -> None:
        self.gaps = [*getattr(self, "gaps", []), cause]

    def wall_us(self, us: int) -> int:
        return us

    def write_fragment(self, run: FragmentSamples, arrival_us: int) -> None:
        self.runs.append(run)

    def write_audio(self, run: AudioRun, track: object, arrival_us: int) -> None:
        self.sounds.append(run)


async def error_of(url: str, login: tuple[str, str] | None = LOGIN, engine: FfmpegEngine | None = None) -> CameraError:
    engine = engine or FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None)
    with pytest.raises(CameraError) as told:
        await engine.record(StreamSpec("c/main", url, login), Sink(), StreamCounters(), lambda _: None)  # type: ignore[arg-type]
    return told.value


async def recorded(url: str, login: tuple[str, str] | None = LOGIN) -> None:
    """Record until some pictures have arrived."""
    engine, sink = FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None), Sink()
    recording = spawn(engine.record(StreamSpec("c/main", url, login), sink, StreamCounters(), lambda _: None))  # type: ignore[arg-type]
    await eventually(lambda: sink.runs or recording.done(), 15)
    assert not recording.done(), recording.exception()
    await end(recording)


def reading(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ffmpeg read from this address instead of from a camera."""

    @asynccontextmanager
    async def relay(_url: str, _login: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(address=address, error=None)

    monkeypatch.setattr("nvr.recorder.ffmpeg_engine.relay", relay)


def refusing(method: str, status: str, headers: dict[str, str] | None = None) -> Script:
    return lambda r: Response(status, headers or {}) if r.method == method else None


async def test_a_number_in_the_address_is_no_status() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert isinstance(await error_of(f"rtsp://127.0.0.1:{port}/Streaming/Channels/401?c=403"), CameraUnreachable)


@pytest.mark.parametrize(
    ("script_", "error"),
    [
        (refusing("DESCRIBE", "401 Unauthorized", DIGEST), CameraRefused),
        (refusing("DESCRIBE", "403 Forbidden"), CameraRefused),
        (refusing("DESCRIBE", "404 Not Found 401"), CameraDeclined),
        (refusing("OPTIONS", "401 Unauthorized", DIGEST), CameraDeclined),
        (refusing("OPTIONS", "403 Forbidden"), CameraDeclined),
        (refusing("PLAY", "453 Not Enough Bandwidth"), CameraDeclined),
    ],
)
async def test_each_refusal_is_what_it_is(script_: Script, error: type[CameraError], clip: LoopClip) -> None:
    async with scripted_camera(clip, script_) as camera:
        assert type(await error_of(camera.url)) is error


@pytest.mark.parametrize(
    ("status", "said"),
    [("405 Method Not Allowed", "it answers OPTIONS with 405"), ("401 Unauthorized", "it answers OPTIONS with 401"),
     pytest.param("", "it does not answer OPTIONS", marks=pytest.mark.soak)],
)  # fmt: skip
async def test_options_that_ffmpeg_cannot_do_without_is_told(status: str, said: str, clip: LoopClip) -> None:
    async with scripted_camera(clip, lambda r: Response(status) if r.method == "OPTIONS" else None) as camera:
        error = await error_of(camera.url)
    assert type(error) is CameraDeclined and said in str(error) and "engine: auto" in str(error)


async def test_a_nonce_for_each_request_bars_nobody(clip: LoopClip) -> None:
    """ffmpeg on its own gives up on such cameras."""
    nonces = iter(f"n{i}" for i in range(100))
    valid = [""]

    def script_(request: Request) -> Response | None:
        if request.method == "OPTIONS":
            return None
        if f'nonce="{valid[0]}"' in request.headers.get("authorization", "") and valid[0]:
            valid[0] = ""
            return None
        valid[0] = next(nonces)
        return Response(
            "401 Unauthorized", {"WWW-Authenticate": f'Digest realm="x", nonce="{valid[0]}", stale="FALSE"'}
        )

    async with scripted_camera(clip, script_) as camera:
        await recorded(camera.url)


async def test_tcp_is_declined_and_udp_is_tried(clip: LoopClip) -> None:
    async with scripted_camera(clip, refusing("SETUP", "461 Unsupported Transport")) as camera:
        assert isinstance(await error_of(camera.url), TransportDeclined)
        asked = [r.headers["transport"] for r in camera.requests if r.method == "SETUP"]
    assert "TCP" in asked[0] and "client_port" in asked[1]


async def test_an_answer_with_another_transport_leads_to_udp(clip: LoopClip) -> None:
    answer = Response(
        headers={"Session": "1", "Transport": "RTP/AVP;unicast;client_port=9000-9001;server_port=9002-9003"}
    )
    engine = FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None)
    async with scripted_camera(clip, lambda r: answer if r.method == "SETUP" else None, sends=False) as camera:
        assert isinstance(await error_of(camera.url, engine=engine), TransportDeclined)
        assert engine._memories["c/main"].transport == "udp"


def test_the_declared_transport_is_kept() -> None:
    assert declared_transport("rtsp://c/x?a=1&multicast") == ("rtsp://c/x?a=1", "multicast")
    assert b"rtsp_transport multicast\n" in script("rtsp://c/x", Transport.MULTICAST, Transport.UDP)
    assert b"rtsp_transport udp\n" in script("rtsp://c/x", Transport.UDP) and b"rtsp_transport udp\n" in script(
        "rtsp://c/x", None, Transport.UDP
    )
    assert b"prefer_tcp" in script("rtsp://c/x") and b"prefer_tcp" not in script("rtsp://c/x", Transport.TCP)


@pytest.mark.parametrize(("codec", "name", "rate"), [("pcm_alaw", "pcma", 8000), ("aac", "aac", 16000)])
async def test_sound_is_recorded(
    codec: str, name: str, rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mkv"
    make = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120:rate=10:duration=2",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=2",
        "-c:v",
        "libx264",
        "-g",
        "10",
        "-bf",
        "0",
        "-c:a",
        codec,
        "-ar",
        str(rate),
        str(film),
    ]
    await asyncio.to_thread(subprocess.run, make, check=True)
    engine, sink, told = FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None), Sink(), list[str]()
    reading(f"file:{film}", monkeypatch)
    with pytest.raises(CameraError):
        await engine.record(StreamSpec("c/main", "rtsp://c/x", audio=True), sink, StreamCounters(), told.append)  # type: ignore[arg-type]
    track = sink.sound
    assert told == [""] and isinstance(track, AudioTrack)
    assert (track.codec, track.rate, track.channels) == (name, rate, 1)
    seconds = sum(d for s in sink.sounds for d in s.durations) / rate
    assert seconds == pytest.approx(2.0, abs=0.2) and len([z for r in sink.runs for z in r.sizes]) == 20


@pytest.mark.parametrize(
    ("codec", "why"), [("libopus", "ffmpeg cannot store opus"), ("vorbis", "it is neither AAC nor G.711")]
)
async def test_sound_that_cannot_be_kept_is_told_and_the_pictures_recorded(
    codec: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mkv"
    more = ["-strict", "-2", "-ac", "2"]
    make = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120:rate=10:duration=1",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        "-c:v",
        "libx264",
        "-bf",
        "0",
        "-c:a",
        codec,
        *more,
        str(film),
    ]
    await asyncio.to_thread(subprocess.run, make, check=True)
    engine, sink, told = FfmpegEngine(StationClock(SystemClock()), 0.4, 2.0, lambda: None), Sink(), list[str]()
    reading(f"file:{film}", monkeypatch)
    with pytest.raises(CameraError):
        await engine.record(StreamSpec("c/main", "rtsp://c/x", audio=True), sink, StreamCounters(), told.append)  # type: ignore[arg-type]
    assert told == [f"audio is not recorded: {why}"] and len(sink.runs) > 0


def test_no_secret_is_on_the_command_line() -> None:
    assert "pipe:0" in command(0.4) and not any("rtsp" in a and "//" in a for a in command(0.4, audio=True))


async def test_a_flood_of_words_does_not_stop_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """More output than a pipe holds, before the refusal."""
    noisy = tmp_path / "ffmpeg"
    text = (
        '#!/bin/sh\nyes "[rtsp @ 0x1] noise" | head -c 300000 >&2\n'
        'echo "[rtsp @ 0x1] method DESCRIBE failed: 404 No" >&2\n'
    )
    await asyncio.to_thread(noisy.write_text, text)
    await asyncio.to_thread(noisy.chmod, 0o755)
    monkeypatch.setattr("nvr.recorder.ffmpeg_engine.command", lambda *_, **__: [str(noisy)])
    async with asyncio.timeout(10):
        assert "404" in str(await error_of("rtsp://127.0.0.1:9/x"))


@pytest.mark.soak
async def test_a_first_keyframe_is_waited_for(clip: LoopClip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures before a keyframe show that the camera is alive; recording begins at the first keyframe."""
    monkeypatch.setattr("nvr.recorder.ffmpeg_engine.FIRST_PICTURE_SECONDS", 7.0)
    film = sparse(clip, round(12 * clip.fps))
    engine, sink, asked = FfmpegEngine(StationClock(SystemClock()), 0.4, 1.0, lambda: None), Sink(), list[str]()
    engine.ask_keyframe = asked.append
    async with scripted_camera(film, lambda r: None, skip=round(2 * clip.fps)) as camera:
        recording = spawn(engine.record(StreamSpec("c/main", camera.url), sink, StreamCounters(), lambda _: None))  # type: ignore[arg-type]
        await eventually(lambda: sink.runs, 20)
        assert not recording.done()
        await end(recording)
    assert sink.runs[0].starts_with_keyframe and asked and GapCause.NO_KEYFRAME in sink.gaps  # type: ignore[attr-defined]
