"""`engine: auto` with a camera that refuses the native engine but serves ffmpeg."""

from __future__ import annotations

import asyncio
import struct

import pytest
from sqlalchemy import select

from cameras.virtual.clip import LoopClip
from core.database import Database
from core.events import Event
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from tests.nvr.conftest import Recording, eventually, place_of, probe, segments_of
from tests.nvr.scripted_camera import Request, Response, scripted_camera


def _only_ffmpeg(request: Request) -> Response | None:
    native = request.headers.get("user-agent") == "Minwang"
    return Response("500 Internal Server Error") if native and request.method == "SETUP" else None


async def test_a_refused_request_leads_to_ffmpeg_and_is_told(
    clip: LoopClip, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvr.recorder.stream_recorder.RECONNECT_DELAYS_S", (0.05,))
    async with (
        scripted_camera(clip, _only_ffmpeg) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.AUTO)) as recorder,
    ):
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames > 5, 15)
        assert state.engine == "ffmpeg" and state.fell_back_at is not None
    segments = await segments_of(database)
    assert segments and not any(s.open for s in segments)  # stopped during ffmpeg's trial
    async with database.reading() as session:
        told = [e.data for e in await session.scalars(select(Event).where(Event.kind == "stream.fell_back"))]
    assert len(told) == 1 and "SETUP was answered with 500" in told[0]["why"] and told[0]["native_percent"] == 0


SSRC = 0x4D574E47  # of the virtual cameras


@pytest.mark.soak
@pytest.mark.parametrize(("seconds", "kept"), [(1.4, "native"), (0.3, "ffmpeg")])
async def test_after_its_trial_the_engine_that_recorded_more_is_kept(
    seconds: float, kept: str, clip: LoopClip, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera ends each of the native engine's sessions after `seconds`; ffmpeg needs a while to begin."""
    monkeypatch.setattr("nvr.recorder.stream_recorder.RECONNECT_DELAYS_S", (0.05 if kept == "native" else 1.0,))
    monkeypatch.setattr("nvr.recorder.stream_recorder.TRIAL_S", 1.2 if kept == "native" else 4.0)
    goodbye = b"$\1\0\x08" + struct.pack(">BBHI", 0x81, 203, 1, SSRC)
    engines = list[str]()

    def script(request: Request) -> Response | None:
        if request.method == "PLAY":
            engines.append("native" if request.headers.get("user-agent") == "Minwang" else "ffmpeg")
            if len(engines) <= 2:
                asyncio.get_running_loop().call_later(seconds, lambda: camera.send(goodbye))
        return None

    async with (
        scripted_camera(clip, script) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.AUTO)) as recorder,
    ):
        state = recorder.streams["cam/main"]
        count = 4 if kept == "native" else 3
        await eventually(lambda: len(engines) == count and state.engine == kept and state.state == "recording", 15)
        if kept == "ffmpeg":
            before = state.counters.frames
            await eventually(lambda: state.counters.frames > before + 5 * clip.fps, 20)  # longer than the trial
        assert engines == ["native", "native", "ffmpeg", "native"][:count]
        before = state.counters.frames
        await eventually(lambda: state.counters.frames > before + 5, 5)
        assert (state.fell_back_at is None) is (kept == "native")
    async with database.reading() as session:
        told = [
            e.kind for e in await session.scalars(select(Event).where(Event.kind.like("stream.%")).order_by(Event.id))
        ]
    assert told == ["stream.fell_back", "stream.native_again"][: 2 if kept == "native" else 1]
    places = [await place_of(database, s) for s in await segments_of(database)]
    for place in places:
        assert int((await probe(place))["nb_read_frames"]) > 0
