"""The ffmpeg engine: one `ffmpeg -c copy` process a camera, for what the native engine does not speak.

ffmpeg writes fragmented MP4 to a pipe; its fragments are taken apart here and go through the same
sink, so that the files on disk are of one format. The address with the password reaches ffmpeg on
its standard input as an ffconcat script: never on the command line, where every process could read it.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from urllib.parse import quote, urlsplit, urlunsplit

import ffmpeg

from cameras.onvif.addresses import filled
from core.clock import Clock, to_microseconds
from core.errors import CameraRefused, CameraUnreachable, ProtocolError, StationFault, StreamStalled
from core.logs import redact
from nvr.access_units import Assembled, Counters
from nvr.boxes import BoxReader
from nvr.fmp4 import TIMESCALE, Sample, codec_configuration, parse_moof
from nvr.parameter_sets import VideoFormat
from nvr.segments import SegmentSink
from nvr.streams import StreamSpec

log = logging.getLogger(__name__)

FIRST_PICTURE_SECONDS = 20.0
PROTOCOLS = "pipe,file,rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto,data"


def command(fragment_seconds: float) -> list[str]:
    """The ffmpeg command; the source comes on standard input."""
    # Generic options stand before the input: `concat` hands them on to nothing, the script carries RTSP's own.
    source = ffmpeg.input("pipe:0", format="concat", safe=0, protocol_whitelist=PROTOCOLS)
    output = ffmpeg.output(
        source.video, "pipe:1", c="copy", format="mp4", movflags="empty_moov+default_base_moof+frag_keyframe",
        frag_duration=int(fragment_seconds * 1_000_000), flush_packets=1, video_track_timescale=TIMESCALE,
    )  # fmt: skip
    arguments: list[str] = ffmpeg.compile(output.global_args("-hide_banner", "-loglevel", "error"))
    return arguments


def script(url: str, login: tuple[str, str] | None, transport: str = "tcp") -> bytes:
    parts = urlsplit(filled(url, login))
    if login:
        user, password = (quote(t, safe="") for t in login)
        parts = parts._replace(netloc=f"{user}:{password}@{parts.netloc}")
    address = urlunsplit(parts).replace("'", "%27")
    return f"ffconcat version 1.0\nfile '{address}'\noption rtsp_transport {transport}\noption timeout 5000000\n".encode()


class FfmpegEngine:
    name = "ffmpeg"

    def __init__(self, clock: Clock, fragment_seconds: float, stall_seconds: float, after_fragment: Callable[[], None]):
        self._clock = clock
        self._fragment_seconds = fragment_seconds
        self._stall_seconds = stall_seconds
        self._after_fragment = after_fragment

    async def record(self, spec: StreamSpec, sink: SegmentSink, counters: Counters, connected: Callable[[], None]) -> None:
        """Raises CameraError when the stream ends, for whatever reason."""
        process = await _start(command(self._fragment_seconds))
        assert process.stdin and process.stdout and process.stderr
        errors = asyncio.create_task(process.stderr.read(65_536))
        try:
            process.stdin.write(script(spec.url, spec.login))
            process.stdin.close()
            sink.begin_session()
            await self._copy(BoxReader(process.stdout), sink, counters, connected)
        except asyncio.IncompleteReadError as e:
            raise _reason((await asyncio.wait_for(errors, 5)).decode("utf-8", "replace")) from e
        finally:
            sink.end_session()
            errors.cancel()
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _copy(self, boxes: BoxReader, sink: SegmentSink, counters: Counters, connected: Callable[[], None]) -> None:
        video: VideoFormat | None = None
        moof: tuple[int, list[Sample], int] | None = None
        patience = FIRST_PICTURE_SECONDS
        while True:
            try:
                async with asyncio.timeout(patience):
                    kind, body = await boxes.next()
            except TimeoutError as e:
                raise StreamStalled(f"no complete picture for {patience:g} s") from e
            if kind == b"moov":
                video = _video_format(body)
                connected()
            elif kind == b"moof":
                moof = parse_moof(struct.pack(">I4s", 8 + len(body), b"moof") + body)
            elif kind == b"mdat" and moof is not None and video is not None:
                time, samples, _ = moof
                if samples:
                    self._take(_run(video, time, samples, body), sink, counters)
                    patience = self._stall_seconds
                moof = None

    def _take(self, run: Assembled, sink: SegmentSink, counters: Counters) -> None:
        counters.frames += len(run.sizes)
        counters.keyframes += run.key
        counters.bytes += sum(run.sizes)
        sink.fragment(run, to_microseconds(self._clock.now()))
        self._after_fragment()


def _run(video: VideoFormat, time: int, samples: list[Sample], body: bytes) -> Assembled:
    offsets = [s.composition_offset for s in samples]
    return Assembled(
        video,
        time,
        [s.duration for s in samples],
        [s.size for s in samples],
        offsets if any(offsets) else [],
        [body],
        samples[0].key,
    )


async def _start(arguments: list[str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
    except FileNotFoundError as e:
        raise StationFault("the program ffmpeg is missing here; install it: apt-get install ffmpeg") from e


def _video_format(moov: bytes) -> VideoFormat:
    codec, record = codec_configuration(moov)
    if not codec:
        raise ProtocolError("the stream is neither H.264 nor H.265")
    return VideoFormat.from_sets(codec, sets_of_record(codec, record))


def sets_of_record(codec: str, record: bytes) -> list[bytes]:
    """Parameter sets in an AVC or HEVC decoder configuration record."""
    sets: list[bytes] = []
    if codec == "h264":
        position, groups = 5, [31, 255]
        counts = []
        for mask in groups:
            count = record[position] & mask
            position += 1
            counts.append(count)
            for _ in range(count):
                position = _take_set(record, position, sets)
        return sets
    position = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            position = _take_set(record, position, sets)
    return [s for s in sets if (s[0] >> 1) & 63 in (32, 33, 34)]


def _take_set(record: bytes, position: int, sets: list[bytes]) -> int:
    size = int.from_bytes(record[position : position + 2], "big")
    sets.append(record[position + 2 : position + 2 + size])
    return position + 2 + size


def _reason(stderr: str) -> Exception:
    text = redact(stderr.strip().splitlines()[-1]) if stderr.strip() else "ffmpeg ended without a word"
    if "401" in stderr or "403" in stderr:
        return CameraRefused("the camera refused the credential")
    if any(word in stderr for word in ("refused", "timed out", "unreachable", "No route")) or not stderr.strip():
        return CameraUnreachable(text[:160])
    return ProtocolError(text[:160])
