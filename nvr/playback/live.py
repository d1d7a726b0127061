"""Live viewing: sends every fragment, as the recorder makes it, to each viewer's bounded queue.

A viewer begins with the newest GOP, read from the open segment file, so that the first picture does not wait for a
keyframe. A viewer that is too slow for its queue loses fragments up to the next keyframe; the loss is counted and
affects no other viewer.

Messages: a text `{"codecs", "width", "height", "start", "wall"}` with `start` in seconds of the session's timeline and
`wall` in seconds since the epoch, then the init segment, then fragments (`moof` + `mdat`); again at each new file.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

from core.secrets import create_private
from core.tasks import first_of
from nvr.archive.writing.open_segment import OpenSegmentFile
from nvr.media.buffers import iovec
from nvr.media.mp4 import fmp4
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.samples import FragmentSamples
from nvr.recorder.recorder import Recorder

QUEUE_FRAGMENTS = 50  # 20 s of fragments of 0.4 s (core.settings, fragment_seconds)
TOKEN_HEADER = "X-Node-Token"
_Message = str | bytes


@dataclass(eq=False, slots=True)
class Viewer:
    """One viewer of a stream: a bounded queue of messages; None in it ends the connection."""

    queue: asyncio.Queue[_Message | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_FRAGMENTS))
    path: Path | None = None  # file of the last fragment queued
    waiting_for_key: bool = False
    dropped: int = 0

    def end(self) -> None:
        """End the viewer because the stream is no longer recorded: drop queued messages and close the socket."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)

    def offer(self, run: FragmentSamples, segment: OpenSegmentFile, head: bytes) -> None:
        """Queue a fragment, or drop it if the viewer is too slow."""
        if self.waiting_for_key and not run.starts_with_keyframe:
            self.dropped += 1
            return
        announce = self.path != segment.file.path
        if self.queue.qsize() + (3 if announce else 1) > QUEUE_FRAGMENTS:
            self.waiting_for_key = True
            self.dropped += 1
            return
        self.waiting_for_key = False
        if announce:
            self.path = segment.file.path
            for message in announcement(segment):
                self.queue.put_nowait(message)
        self.queue.put_nowait(iovec.joined((head, *run.parts)))


def announcement(segment: OpenSegmentFile) -> tuple[str, bytes]:
    """Return the messages that precede the fragments of a file: its description (JSON) and its init segment."""
    init = fmp4.init_segment(segment.video)
    facts = {
        "codecs": fmp4.codec_string(init),
        "width": segment.video.width,
        "height": segment.video.height,
        "start": (segment.base - segment.origin) / TIMESCALE,
        "wall": segment.start_us / 1e6,
    }
    return json.dumps(facts), init


class LiveHub:
    """Distributes the recorder's fragments to viewers; also the recorder's small HTTP server."""

    def __init__(self, recorder: Recorder, token: str):
        self._recorder = recorder
        self._token = token
        self._viewers: dict[str, set[Viewer]] = defaultdict(set)
        recorder.stream_removed = self._end_viewers

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/live/{camera}/{kind}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        # As bytes, because text that is not ASCII raises TypeError.
        given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._token.encode()):
            raise web.HTTPForbidden
        stream = f"{request.match_info['camera']}/{request.match_info['kind']}"
        if stream not in self._recorder.streams:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(heartbeat=20, compress=False)
        await socket.prepare(request)
        viewer = self._join(stream)
        try:
            # A handler that only sends would never see the close frame.
            await first_of(self._send_all(socket, stream, viewer), _until_closed(socket))
        except (ConnectionError, TimeoutError):
            pass  # the viewer disconnected
        finally:
            self._leave(stream, viewer)
        return socket

    async def _send_all(self, socket: web.WebSocketResponse, stream: str, viewer: Viewer) -> None:
        for message in await self._newest_gop(stream, viewer):
            await _send(socket, message)
        while (queued := await viewer.queue.get()) is not None:
            await _send(socket, queued)
        await socket.close(code=1001, message=b"the stream is no longer recorded")

    def _end_viewers(self, stream: str) -> None:
        for viewer in self._viewers.get(stream, ()):
            viewer.end()

    def _join(self, stream: str) -> Viewer:
        viewer = Viewer()
        self._viewers[stream].add(viewer)
        self._recorder.tap(stream, lambda run, segment, head: self._offer(stream, run, segment, head))
        return viewer

    def _leave(self, stream: str, viewer: Viewer) -> None:
        self._viewers[stream].discard(viewer)
        if not self._viewers[stream]:
            del self._viewers[stream]
            self._recorder.tap(stream, None)

    def _offer(self, stream: str, run: FragmentSamples, segment: OpenSegmentFile, head: bytes) -> None:
        for viewer in self._viewers.get(stream, ()):
            viewer.offer(run, segment, head)

    async def _newest_gop(self, stream: str, viewer: Viewer) -> list[_Message]:
        """Return what was written of the current GOP before the viewer's first fragment."""
        state = self._recorder.streams.get(stream)
        segment = state.sink.segment if state is not None else None
        if segment is None or not segment.gops:
            viewer.waiting_for_key = True
            return []
        start, end = segment.gops[-1].offset, segment.file.size
        viewer.path = segment.file.path
        deadline = time.monotonic() + 2
        while segment.file.written < end and segment.file.error is None:
            if time.monotonic() > deadline:
                viewer.waiting_for_key = True
                return list(announcement(segment))
            await asyncio.sleep(0.005)
        data = await asyncio.to_thread(_read, segment.file.path, start, end)
        return [*announcement(segment), data]


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as f:
        f.seek(start)
        return f.read(end - start)


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type in (WSMsgType.CLOSE, WSMsgType.ERROR):
            return


async def _send(socket: web.WebSocketResponse, message: _Message) -> None:
    async with asyncio.timeout(20):
        if isinstance(message, str):
            await socket.send_str(message)
        else:
            await socket.send_bytes(message)


def node_token(data_dir: Path) -> str:
    """Return the secret that the station's processes present to each other; created at first start, mode 600."""
    path = data_dir / "node.token"
    if not path.exists():
        create_private(path, secrets.token_hex(32).encode())
    return path.read_text().strip()
