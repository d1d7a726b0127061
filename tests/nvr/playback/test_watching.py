"""Live viewing: the recorder's live hub, transcoding for browsers without H.265, slow viewers."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time
from collections.abc import AsyncIterator

import aiohttp
import av
import numpy as np
import numpy.typing as npt
import pytest
from aiohttp.test_utils import TestServer

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.errors import ConflictError
from nvr.engine_choice import EngineKind
from nvr.playback.live import QUEUE_FRAGMENTS, TOKEN_HEADER, LiveHub, Viewer
from nvr.playback.transcode import Transcoders
from nvr.recorder.recorder import Recorder
from nvr.streams import StreamSpec
from tests.nvr.conftest import Recording, eventually

TOKEN = "secret"


async def messages(recorder: Recorder, stream: str) -> AsyncIterator[str | bytes]:
    """Yield what a viewer of the recorder's hub receives."""
    server = TestServer(LiveHub(recorder, TOKEN).application())
    await server.start_server()
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(server.make_url(f"/live/{stream}"), headers={TOKEN_HEADER: TOKEN}, compress=0) as socket,
        ):
            async for message in socket:
                yield message.data
    finally:
        await server.close()


async def take(source: AsyncIterator[str | bytes], fragments: int) -> tuple[dict[str, object], bytes]:
    """Return the announcement, and the init segment with some fragments."""
    facts: dict[str, object] = {}
    data, count = b"", 0
    async for message in source:
        if isinstance(message, str):
            facts = json.loads(message)
            continue
        count += message[4:8] == b"moof"
        data += message
        if count >= fragments:
            break
    return facts, data


def decoded(data: bytes) -> list[tuple[str, int]]:
    with av.open(io.BytesIO(data)) as container:
        return [(container.streams.video[0].codec_context.name, f.width) for f in container.decode(video=0)]


@pytest.fixture
async def playing(request: pytest.FixtureRequest, recording: Recording) -> AsyncIterator[Recorder]:
    """Return a recorder with the stream cam/main of the clip that the test names."""
    chosen: LoopClip = request.getfixturevalue(request.param)
    server = RtspServer([Mount("/cam", {"healthy": chosen})])
    port = await server.start("127.0.0.1", 0)
    async with recording(
        StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/cam", None, EngineKind.NATIVE), segment_seconds=30
    ) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 12)
        yield recorder
    await server.stop()


@pytest.mark.parametrize("playing", ["clip"], indirect=True)
async def test_the_first_picture_comes_from_the_newest_keyframe(playing: Recorder) -> None:
    started = time.monotonic()
    source = messages(playing, "cam/main")
    facts, data = await take(source, 1)
    first = time.monotonic() - started
    await source.aclose()  # type: ignore[attr-defined]
    assert str(facts["codecs"]).startswith("avc1.")
    assert decoded(data)[0] == ("h264", 320)
    assert first < 1.0  # bench/viewers.py measures the actual figure
    await eventually(lambda: playing.streams["cam/main"].sink.live is None)


@pytest.mark.parametrize("playing", ["clip_h265"], indirect=True)
async def test_h265_is_shown_as_h264_to_those_who_need_it(playing: Recorder) -> None:
    transcoders = Transcoders(limit=1)
    first, second = (transcoders.get_or_start("cam/main", messages(playing, "cam/main")).watch() for _ in range(2))
    (facts, data), (_, again) = await asyncio.gather(take(first, 15), take(second, 15))
    assert str(facts["codecs"]).startswith("avc1.") and facts["transcoded"]
    for got in (data, again):
        pictures = decoded(got)
        assert len(pictures) >= 14 and set(pictures) == {("h264", 320)}
    with pytest.raises(ConflictError, match="already being transcoded"):
        transcoders.get_or_start("other/main", messages(playing, "cam/main"))
    for source in (first, second):
        await source.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: transcoders._running["cam/main"].task.done())
    await transcoders.close()


@pytest.mark.parametrize("playing", ["clip_h265"], indirect=True)
async def test_transcoding_begins_with_a_whole_keyframe(playing: Recorder) -> None:
    """The first picture is that of the source's keyframe: not a later one, and not one decoded without its reference.

    The source is encoded by libx265 and played by an RTSP server; its pictures differ from each other by more than
    the loss of the second encoding.
    """
    transcoders = Transcoders(limit=1)
    sent: list[str | bytes] = []
    watched = transcoders.get_or_start("cam/main", kept(messages(playing, "cam/main"), sent)).watch()
    facts, data = await take(watched, 8)
    await watched.aclose()  # type: ignore[attr-defined]
    await transcoders.close()
    original, first = luma(b"".join(m for m in sent if isinstance(m, bytes))), luma(data)[0]
    differences = [float(np.abs(picture - first).mean()) for picture in original[:20]]
    assert differences[0] == min(differences) and differences[0] < 4.0 < differences[10]
    assert str(facts["source_codecs"]).startswith("hvc1.") and facts["transcoded"]
    assert (facts["source_width"], facts["source_height"]) == (320, 180)


async def kept(source: AsyncIterator[str | bytes], into: list[str | bytes]) -> AsyncIterator[str | bytes]:
    """Yield the messages of a source and keep them."""
    async for message in source:
        into.append(message)
        yield message


def luma(data: bytes) -> list[npt.NDArray[np.float64]]:
    """Return the brightness of every picture of a fragmented file, in order of display."""
    with av.open(io.BytesIO(data)) as container:
        return [f.to_ndarray(format="gray").astype(float) for f in container.decode(video=0)]


def test_a_slow_viewer_skips_to_the_next_keyframe_and_counts() -> None:
    class File:
        path = "a"

    class Segment:
        file = File()

    viewer = Viewer(path="a")  # type: ignore[arg-type]

    def offer(key: bool) -> None:
        class Run:
            parts = (b"x",)

        Run.starts_with_keyframe = key  # type: ignore[attr-defined]
        viewer.offer(Run, Segment, b"head")  # type: ignore[arg-type]

    offer(True)
    for _ in range(QUEUE_FRAGMENTS + 10):
        offer(False)
    assert viewer.dropped == 11 and viewer.waiting_for_key
    while not viewer.queue.empty():
        viewer.queue.get_nowait()
    offer(False)
    assert viewer.queue.empty()  # an inter picture without its GOP is useless
    offer(True)
    assert viewer.queue.qsize() == 1 and viewer.dropped == 12


def test_times_are_moved_in_every_fragment() -> None:
    from nvr.media.mp4 import fmp4
    from nvr.playback.transcode import _moved

    data = b"".join(fmp4.moof(i, 1000 * i, [10], [4], i == 0) + struct.pack(">I", i) for i in range(3))
    moved, position, times = _moved(data, 500), 0, []
    while position < len(moved):
        size, kind = struct.unpack_from(">I4s", moved, position)
        if kind == b"moof":
            parsed = fmp4.parse_moof(moved[position : position + size])
            assert parsed is not None
            times.append(parsed[0])
        position += size
    assert times == [500, 1500, 2500]
