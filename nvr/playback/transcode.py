"""Transcodes live H.265 for browsers that cannot play it: one ffmpeg per watched stream, limited in number.

It is the last resort (the H.264 sub-stream is offered first). ffmpeg reads the recorder's own fragments from its
standard input, so that the camera is not affected. All viewers of a stream share one process, which ends with the last
of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import ffmpeg
from pydantic import JsonValue

from core.error_codes import ErrorCode
from core.errors import ConflictError
from core.tasks import end, spawn
from nvr.media.mp4 import fmp4
from nvr.media.mp4.boxes import BoxReader
from nvr.media.mp4.fmp4 import TIMESCALE

log = logging.getLogger(__name__)

MAX_WIDTH_PX = 960
QUEUE_MESSAGES = 50
_TFDT = struct.Struct(">Q")
_TFDT_AT = 60  # offset of the media time in a fragment's header as nvr.media.mp4.fmp4 writes it
Message = str | bytes


class SourceFacts(TypedDict, total=False):
    """What a transcoded stream's announcement says of the stream that it was made from, beside its own facts."""

    source_codecs: str  # as RFC 6381 writes it, e.g. hvc1.1.6.L93.B0
    source_width: int  # pixels
    source_height: int


def command(width: int) -> list[str]:
    """Return the ffmpeg command line: fragmented MP4 from standard input to standard output, as H.264."""
    # Without `fflags=nobuffer`: with it ffmpeg drops the packets that it probes (libavformat/demux.c,
    # avformat_find_stream_info), and the first of them is the keyframe.
    source = ffmpeg.input("pipe:0", format="mp4", probesize=32768, analyzeduration=0, threads=1)
    output = ffmpeg.output(
        source.video.filter("scale", f"min({width},iw)", -2),
        "pipe:1",
        format="mp4",
        vcodec="libx264",
        preset="ultrafast",
        tune="zerolatency",
        crf=26,
        g=25,
        threads=1,
        pix_fmt="yuv420p",
        flush_packets=1,
        movflags="empty_moov+default_base_moof+frag_every_frame",
        video_track_timescale=TIMESCALE,
    )
    arguments: list[str] = ffmpeg.compile(output.global_args("-hide_banner", "-loglevel", "error"))
    return arguments


@dataclass(eq=False, slots=True)
class _Viewer:
    queue: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_MESSAGES))
    started: bool = False
    dropped: int = 0

    def offer(self, message: Message, *, key: bool) -> None:
        """Queue a fragment; a viewer that is too slow continues at the next keyframe."""
        if not self.started and not key:
            self.dropped += 1
            return
        self.started = True
        if self.queue.full():
            self.started = False
            self.dropped += 1
            return
        self.queue.put_nowait(message)


class Transcoder:
    """The ffmpeg process of one stream, and its viewers."""

    def __init__(self, source: AsyncIterator[Message]):
        self._source = source
        self._viewers: set[_Viewer] = set()
        self._init: tuple[str, bytes] | None = None
        self._source_facts = SourceFacts()
        self.task = spawn(self._run(), "transcoder")

    async def watch(self) -> AsyncIterator[Message]:
        """Yield a viewer's messages: announcement, init segment, fragments from a keyframe on."""
        viewer = _Viewer()
        self._viewers.add(viewer)
        try:
            if self._init is not None:
                for message in self._init:
                    viewer.queue.put_nowait(message)
            while (queued := await viewer.queue.get()) is not None:
                yield queued
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self.task.cancel()

    async def _run(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *command(MAX_WIDTH_PX), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20
        )
        assert process.stdin and process.stdout
        feeding = spawn(self._feed(process.stdin), "transcoder's source")
        try:
            await self._read(BoxReader(process.stdout))
        except (asyncio.IncompleteReadError, ConnectionError):
            log.info("a transcoder ended")
        finally:
            await end(feeding)
            if process.returncode is None:
                process.kill()
            await process.wait()
            for viewer in self._viewers:
                while viewer.queue.full():
                    viewer.queue.get_nowait()
                viewer.queue.put_nowait(None)

    async def _feed(self, stdin: asyncio.StreamWriter) -> None:
        """Write the source to ffmpeg. Consecutive files become one, with one header and continuous times."""
        base, known = 0, b""
        with contextlib.suppress(ConnectionError):
            async for message in self._source:
                if isinstance(message, str):
                    announced = json.loads(message)
                    base = round(announced["start"] * TIMESCALE)
                    self._source_facts = _source_facts(announced)
                elif message[4:8] == b"ftyp":
                    if known and fmp4.codec_configuration(message) != fmp4.codec_configuration(known):
                        break  # another picture format: the viewer connects again
                    if not known:
                        stdin.write(message)
                    known = message
                else:
                    stdin.write(_moved(message, base))
                    await stdin.drain()
        stdin.close()

    async def _read(self, boxes: BoxReader) -> None:
        head, moof = b"", b""
        while True:
            kind, body = await boxes.next()
            whole = struct.pack(">I4s", 8 + len(body), kind) + body
            if kind in (b"ftyp", b"moov"):
                head += whole
                if kind == b"moov":
                    facts = {"codecs": fmp4.codec_string(head), "start": 0, "transcoded": True, **self._source_facts}
                    self._init = (json.dumps(facts), head)
                    for viewer in self._viewers:
                        for message in self._init:
                            viewer.queue.put_nowait(message)
            elif kind == b"moof":
                moof = whole
            elif kind == b"mdat":
                parsed = fmp4.parse_moof(moof)
                key = parsed is not None and bool(parsed[1]) and parsed[1][0].key
                for viewer in self._viewers:
                    viewer.offer(moof + whole, key=key)


def _source_facts(announced: Mapping[str, JsonValue]) -> SourceFacts:
    """Return what the recorder announced of the picture (nvr.playback.live)."""
    codecs, width, height = (announced.get(name) for name in ("codecs", "width", "height"))
    found = SourceFacts()
    if isinstance(codecs, str):
        found["source_codecs"] = codecs
    if isinstance(width, int) and isinstance(height, int):
        found |= {"source_width": width, "source_height": height}
    return found


def _moved(data: bytes, base: int) -> bytes:
    """Return the fragments (one or several) with `base` added to their times."""
    moved, position = bytearray(data), 0
    while position + 8 <= len(moved):
        size, kind = struct.unpack_from(">I4s", moved, position)
        if size < 8:
            break
        if kind == b"moof":
            at = position + _TFDT_AT
            _TFDT.pack_into(moved, at, _TFDT.unpack_from(moved, at)[0] + base)
        position += size
    return bytes(moved)


class Transcoders:
    """Starts and limits transcoders: at most one per CPU core at a time."""

    def __init__(self, limit: int | None = None):
        self._limit = limit or os.cpu_count() or 1
        self._running: dict[str, Transcoder] = {}
        self._owners: dict[str, int | None] = {}  # by stream: the person who started it

    def get_or_start(self, stream: str, source: AsyncIterator[Message], person: int | None = None) -> Transcoder:
        """Return the stream's transcoder; `source` yields the recorder's messages if it has to be started.

        Raises ConflictError if all are taken, or if one person has all but one of them.
        """
        self._running = {k: t for k, t in self._running.items() if not t.task.done()}
        if stream not in self._running:
            if len(self._running) >= self._limit:
                raise ConflictError(
                    f"{self._limit} streams are already being transcoded; use a sub-stream, or wait",
                    ErrorCode.TRANSCODERS_BUSY,
                    limit=self._limit,
                )
            mine = sum(self._owners.get(s) == person for s in self._running)
            if person is not None and mine >= max(1, self._limit - 1):
                raise ConflictError(
                    f"you already have {mine} transcoded streams; the last one is reserved for others",
                    ErrorCode.TRANSCODERS_RESERVED,
                    count=mine,
                )
            self._running[stream], self._owners[stream] = Transcoder(source), person
        return self._running[stream]

    async def close(self) -> None:
        await end(*(t.task for t in self._running.values()))
