"""Third-party RTSP servers: GStreamer's, over TCP with limited buffers, and over UDP only."""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from cameras.virtual.clip import LoopClip
from core.database import Database
from nvr.engine_choice import EngineKind
from nvr.rtsp import camera_socket
from nvr.streams import StreamSpec
from tests.nvr.conftest import Recording, eventually, place_of, probe, segments_of
from tests.nvr.scripted_camera import scripted_camera

log = logging.getLogger(__name__)
PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).parents[1] / "gst_server.py"
ELEMENTS = ("x264enc", "rtph264pay", "videotestsrc")
CAP = 212_992  # Debian's net.core.rmem_max
FPS = 25  # of the GStreamer server
pytestmark = pytest.mark.soak


@functools.cache
def _missing() -> str:
    """Why GStreamer's server cannot be started here; empty where it can."""
    load = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import GstRtspServer, Gst; Gst.init(None); "
    )
    find = f"missing = [e for e in {ELEMENTS} if Gst.ElementFactory.find(e) is None]; raise SystemExit(bool(missing))"
    if (
        not shutil.which(PYTHON)
        or subprocess.run([PYTHON, "-c", load + find], capture_output=True, check=False).returncode
    ):
        return "gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-{base,good,bad,ugly} are not all installed"
    return ""


@asynccontextmanager
async def gstreamer(transport: str, kilobits: int) -> AsyncIterator[str]:
    """The server's address."""
    if why := await asyncio.to_thread(_missing):
        pytest.skip(why)
    process = await asyncio.create_subprocess_exec(
        PYTHON, str(SERVER), transport, str(kilobits), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), 10))
        yield f"rtsp://127.0.0.1:{port}/cam"
    finally:
        process.kill()
        await process.communicate()


async def test_no_picture_of_8_mb_is_lost_in_capped_buffers_beside_24_streams(
    clip: LoopClip, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_socket, "MAX_BUFFER", CAP)
    monkeypatch.setattr(camera_socket, "MIN_BUFFER", CAP)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(gstreamer("tcp", 8000))
        others = await stack.enter_async_context(scripted_camera(clip, lambda r: None))
        specs = [StreamSpec(f"c{i}/main", others.url, None, EngineKind.NATIVE) for i in range(24)]
        recorder = await stack.enter_async_context(
            recording(
                StreamSpec("cam/main", url, None, EngineKind.NATIVE),
                *specs,
                connect_rate=100.0,
                connects_per_subnet=30,
                stall_seconds=5.0,
            )
        )
        state = recorder.streams["cam/main"]
        await eventually(lambda: all(s.counters.frames > 0 for s in recorder.streams.values()), 20)
        frames, began = state.counters.frames, time.monotonic()
        await eventually(lambda: state.counters.frames >= frames + 8 * FPS, 30)
        took, frames = time.monotonic() - began, state.counters.frames - frames
        c = state.counters
        rate = c.bytes * 8 / 1e6 / (time.monotonic() - state.since)
        lost = [s.counters.lost_packets for s in recorder.streams.values()]
    log.info(
        "%.1f Mb/s of GStreamer: %d pictures in %.1f s; lost packets %d, damaged units %d, connections %d, "
        "lost packets of the others %d",
        rate,
        frames,
        took,
        c.lost_packets,
        c.damaged_units,
        state.reconnects,
        sum(lost) - c.lost_packets,
    )
    assert rate > 6 and c.lost_packets == c.damaged_units == 0 and state.reconnects == 0
    assert abs(frames - took * FPS) < 0.05 * took * FPS + 6
    for segment in await segments_of(database):
        await probe(await place_of(database, segment))


async def test_a_camera_of_udp_alone_is_recorded(
    recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvr.recorder.stream_recorder.RECONNECT_DELAYS_S", (0.05,))
    async with (
        gstreamer("udp", 500) as url,
        recording(StreamSpec("cam/main", url, None, EngineKind.AUTO), stall_seconds=5.0) as recorder,
    ):
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.state == "recording" and state.counters.frames > 60, 30)
        assert state.engine == "ffmpeg" and state.fell_back_at is not None
        assert state.detail == "over UDP"
    segments = await segments_of(database)
    assert segments and not any(s.open for s in segments)
    frames = [int((await probe(await place_of(database, s)))["nb_read_frames"]) for s in segments]
    assert sum(frames) >= 60
