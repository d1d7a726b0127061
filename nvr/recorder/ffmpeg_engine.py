"""The ffmpeg engine: one `ffmpeg -c copy` process per camera, for what the native engine does not support.

ffmpeg writes fragmented MP4 to a pipe. This module parses the fragments and passes them to the same sink as the native
engine, so that all files on disk have one format. ffmpeg connects to a relay on the loopback interface
(nvr.recorder.rtsp_relay) and learns neither the camera's address nor its password. The relay's secret path is passed on
standard input as an ffconcat script, never on the command line, which every process could read.

Transport: the one that the address names (`?udp`, `?tcp`, `?multicast`); otherwise TCP, and UDP after the camera
declines TCP or sends no picture over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import ffmpeg

from core.errors import (
    CameraDeclined,
    CameraError,
    CameraRefused,
    ProtocolError,
    StationFault,
    StreamStalled,
    TransportDeclined,
)
from core.tasks import spawn
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.clock.station_clock import StationClock
from nvr.engine_choice import EngineKind
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4 import moov
from nvr.media.mp4.audio_boxes import AUDIO_TRACK_ID
from nvr.media.mp4.boxes import BoxReader
from nvr.media.mp4.fmp4 import TIMESCALE, Sample, parse_moof, track_of
from nvr.media.pictures.depacketizer import NO_KEYFRAME_YET_TEXT
from nvr.media.samples import AudioRun, FragmentSamples, StreamCounters
from nvr.recorder.ffmpeg_errors import FfmpegErrors
from nvr.recorder.ffmpeg_start import StartBuffer
from nvr.recorder.rtsp_relay import Relay, relay
from nvr.recorder.silence import SilenceMemory
from nvr.recorder.watchdog import FIRST_REQUEST_S, Watchdog
from nvr.rtsp.client import check_credential
from nvr.rtsp.sdp import AudioTrack
from nvr.rtsp.server_memory import needs_no_options
from nvr.rtsp.transports import Transport, declared_transport
from nvr.streams import StreamSpec
from nvr.tables import GapCause

log = logging.getLogger(__name__)

FIRST_PICTURE_SECONDS = 20.0
OPTIONS_REFUSED_TEXT = "ffmpeg cannot record this camera: {}; set 'engine: auto' to use the native engine"
LAST_WORDS_SECONDS = 5.0  # for ffmpeg to exit after the end of its output
PROTOCOLS = "pipe,file,rtsp,rtp,srtp,udp,tcp"  # none that could connect to another service
HTTP_TUNNEL_REFUSED_TEXT = (
    "RTSP over HTTP is not allowed (ffmpeg would follow redirects and authenticate on its own); "
    "remove 'http' from the address or choose another transport"
)


def command(fragment_seconds: float, *, audio: bool = False) -> list[str]:
    """Return the ffmpeg command; the source is passed on standard input."""
    # Options before the input apply to `concat`, which passes none on; the script contains the RTSP options.
    source = ffmpeg.input("pipe:0", format="concat", safe=0, protocol_whitelist=PROTOCOLS)
    tracks = [source["v:0"], source["a:0?"]] if audio else [source["v:0"]]
    # `mov` supports G.711, `mp4` does not; each track gets fragments of its own. Pictures before the first keyframe are
    # output as well, because they show that the camera is alive.
    output = ffmpeg.output(
        *tracks,
        "pipe:1",
        c="copy",
        copyinkf=None,
        format="mov",
        movflags="empty_moov+default_base_moof+frag_keyframe+separate_moof",
        frag_duration=int(fragment_seconds * 1_000_000),
        flush_packets=1,
        video_track_timescale=TIMESCALE,
    )
    arguments: list[str] = ffmpeg.compile(output.global_args("-hide_banner", "-loglevel", "error"))
    return arguments


def script(address: str, declared: Transport | None = None, transport: Transport | None = None) -> bytes:
    """Return the ffconcat script: the relay's address and the transport.

    The transport is `declared`, otherwise `transport`; with neither, TCP, and UDP if TCP is declined.
    """
    options = [f"rtsp_transport {declared or transport or 'udp+tcp'}", "timeout 5000000"]
    if declared is None and transport is None:
        options.append("rtsp_flags prefer_tcp")
    return "\n".join(["ffconcat version 1.0", f"file '{address}'", *(f"option {o}" for o in options), ""]).encode()


@dataclass(slots=True)
class _StreamMemory:
    """What earlier connections showed about a stream."""

    transport: Transport | None = None  # UDP: no media arrived over TCP
    missing_audio_reason: str = ""  # why its audio cannot be recorded
    transport_text: str = ""  # how its media is transported, as text for a person


class FfmpegEngine:
    """Records streams with one ffmpeg process each."""

    name = EngineKind.FFMPEG

    def __init__(
        self, clock: StationClock, fragment_seconds: float, stall_seconds: float, after_fragment: Callable[[], None]
    ):
        self._clock = clock
        self._fragment_seconds = fragment_seconds
        self._stall_seconds = stall_seconds
        self._after_fragment = after_fragment
        self._memories: dict[str, _StreamMemory] = {}
        self.silences: WeakKeyDictionary[SegmentWriter, SilenceMemory] = WeakKeyDictionary()
        self.ask_keyframe: Callable[[str], object] = lambda _stream: None  # called with streams that wait for one

    async def record(
        self, spec: StreamSpec, sink: SegmentWriter, counters: StreamCounters, connected: Callable[[str], object]
    ) -> None:
        """Record until the stream ends. Always ends by raising CameraError."""
        memory = self._memories.setdefault(spec.id, _StreamMemory())
        url, declared = declared_transport(spec.url)
        if declared is Transport.HTTP:
            raise TransportDeclined(HTTP_TUNNEL_REFUSED_TEXT)
        while True:
            audio = spec.audio and not memory.missing_audio_reason
            session = _Session(self, spec, sink, counters, connected, memory.missing_audio_reason)
            arguments = command(self._fragment_seconds, audio=audio)
            async with relay(url, spec.login) as way:
                error = await session.run(arguments, script(way.address, declared, memory.transport), way)
            if not (audio and session.errors.unsupported_audio and not session.pictures):
                break
            codec = session.errors.unsupported_audio[:20]
            memory.missing_audio_reason = f"audio is not recorded: ffmpeg cannot store {codec}"
        if not session.pictures and _may_be_the_transport(error, session.errors):
            memory.transport = None if memory.transport else Transport.UDP
        raise error

    def transport_text(self, stream: str) -> str:
        """Return how the stream's media is transported, for its status; empty: over TCP."""
        return self._memories[stream].transport_text if stream in self._memories else ""

    def record_transport(self, spec: StreamSpec, errors: FfmpegErrors) -> None:
        """Record that the stream plays: what ffmpeg was refused before shows which transport it uses."""
        memory, declared = self._memories[spec.id], declared_transport(spec.url)[1]
        declined = errors.declined_transport or errors.refused == ("SETUP", 461)
        is_udp = declared in (Transport.UDP, Transport.MULTICAST) or (
            declared is None and (memory.transport is Transport.UDP or declined)
        )
        memory.transport_text = (
            f"over {'UDP multicast' if declared is Transport.MULTICAST else 'UDP'}" if is_udp else ""
        )

    def write_run(self, run: FragmentSamples, arrival_us: int, sink: SegmentWriter) -> None:
        sink.write_fragment(run, arrival_us)
        self._after_fragment()

    def now_us(self) -> int:
        return self._clock.read()

    @property
    def stall_seconds(self) -> float:
        return self._stall_seconds


class _Session:
    """One ffmpeg process from its start to its end."""

    def __init__(
        self,
        engine: FfmpegEngine,
        spec: StreamSpec,
        sink: SegmentWriter,
        counters: StreamCounters,
        connected: Callable[[str], object],
        missing_audio_reason: str,
    ):
        self._engine = engine
        self._spec = spec
        self._sink = sink
        self._counters = counters
        self._connected = connected
        self._missing_audio_reason = missing_audio_reason
        self._video: VideoFormat | None = None
        self._audio: AudioTrack | None = None
        self._start = StartBuffer()
        self._early_audio: list[AudioRun] = []  # received before pictures could be placed
        self.errors = FfmpegErrors()
        self.pictures = 0
        self._watchdog: Watchdog | None = None  # once ffmpeg has opened the stream
        self._waits = True  # waiting for the first keyframe

    async def run(self, arguments: list[str], source: bytes, way: Relay) -> CameraError:
        """Record until ffmpeg ends; return why it did."""
        process = await _start(arguments)
        assert process.stdin and process.stdout and process.stderr
        draining = spawn(self.errors.drain(process.stderr))
        try:
            process.stdin.write(source)
            process.stdin.close()
            await self._copy(BoxReader(process.stdout))
        except asyncio.IncompleteReadError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(draining), LAST_WORDS_SECONDS)
        except CameraError as e:
            return e
        finally:
            self._hand_on(self._start.release())
            self._sink.end_session()
            if process.returncode is None:
                process.kill()
            await process.wait()
            draining.cancel()
        return way.error or await self._judge()

    async def _judge(self) -> CameraError:
        error = self.errors.reason(with_login=self._spec.login is not None)
        method, status = self.errors.refused or ("", self.errors.returned)
        if self._video is not None and status:  # a keep-alive during the stream: says nothing about the credential
            return CameraDeclined(f"{method or 'a request'} was answered with {status}")
        if urlsplit(self._spec.url).scheme != "rtsp":
            return error
        if status in (401, 403) and (self._spec.login is not None or method == "OPTIONS"):
            return await self._confirmed(error, method or "a request", status)
        if method == "OPTIONS":
            return CameraDeclined(OPTIONS_REFUSED_TEXT.format(f"it answers OPTIONS with {status}"))
        if type(error) is ProtocolError and self._video is None:
            return await self._confirmed(error, "", 0)
        return error

    async def _confirmed(self, error: CameraError, method: str, status: int) -> CameraError:
        """Check the error with our own RTSP dialogue.

        ffmpeg gives up where a camera changes its nonce, does not support OPTIONS, or does not reply to it.
        """
        url = declared_transport(self._spec.url)[0]
        try:
            await check_credential(url, self._spec.login)
        except CameraRefused as e:
            return e
        except CameraError:
            pass
        if not method:
            return (
                CameraDeclined(OPTIONS_REFUSED_TEXT.format("it does not answer OPTIONS"))
                if needs_no_options(url)
                else error
            )
        if method == "OPTIONS":
            return CameraDeclined(OPTIONS_REFUSED_TEXT.format(f"it answers OPTIONS with {status}"))
        why = f"{method} of ffmpeg was answered with {status} although the camera accepts the credential"
        return CameraDeclined(f"{why}; set 'engine: auto' to use the native engine")

    async def _copy(self, boxes: BoxReader) -> None:
        """Process ffmpeg's output. Raises IncompleteReadError at its end, StreamStalled, ProtocolError."""
        moof = b""
        while True:
            timeout_s = self._watchdog.timeout_s if self._watchdog else FIRST_PICTURE_SECONDS
            try:
                async with asyncio.timeout(timeout_s):
                    kind, body = await self._next(boxes)
            except TimeoutError as e:
                if self._watchdog:
                    self._watchdog.give_up(asyncio.get_running_loop().time())
                raise StreamStalled(f"no complete picture for {timeout_s:g} s") from e
            if kind == b"moov":
                self._begin(body)
            elif kind == b"moof":
                moof = struct.pack(">I4s", 8 + len(body), b"moof") + body
            elif kind == b"mdat" and moof and self._video is not None:
                self._fragment(self._video, moof, body)
                moof = b""

    async def _next(self, boxes: BoxReader) -> tuple[bytes, bytes]:
        """Return the next box that is not audio, because audio alone does not prove that the camera sends pictures."""
        while True:
            kind, body = await boxes.next()
            if kind != b"moof" or track_of(b"\0" * 8 + body) != AUDIO_TRACK_ID:
                return kind, body
            parsed = parse_moof(struct.pack(">I4s", 8 + len(body), b"moof") + body)
            kind, data = await boxes.next()
            if parsed is not None and kind == b"mdat" and self._audio is not None:
                self._write_audio(self._audio, parsed[0], parsed[1], data)

    def _begin(self, body: bytes) -> None:
        self._video = moov.video_format(body)
        self._audio = moov.audio_track(body) if self._spec.audio else None
        missing = self._missing_audio_reason
        if self._spec.audio and self._audio is None and not missing:
            why = "it is neither AAC nor G.711" if b"soun" in body else "the camera sends none"
            missing = f"audio is not recorded: {why}"
        self._sink.begin_session(self._audio)
        silences = self._engine.silences.setdefault(self._sink, SilenceMemory())
        self._watchdog = Watchdog(asyncio.get_running_loop().time(), self._engine.stall_seconds, silences)
        self._engine.record_transport(self._spec, self.errors)
        self._connected(missing)

    def _fragment(self, video: VideoFormat, moof: bytes, body: bytes) -> None:
        parsed = parse_moof(moof)
        if parsed is None or not parsed[1]:
            return
        time, samples, _ = parsed
        self.pictures += len(samples)
        run = _run(video, time, samples, body)
        self._waits = self._waits and not run.starts_with_keyframe
        self._watch()
        if self._waits:
            return
        self._counters.frames += len(run.sizes)
        self._counters.keyframes += run.starts_with_keyframe
        self._counters.bytes += sum(run.sizes)
        self._hand_on(self._start.take(run, self._engine.now_us()))

    def _watch(self) -> None:
        """Request a keyframe where one is needed. Raises StreamStalled where none arrives for too long."""
        assert self._watchdog is not None
        now = asyncio.get_running_loop().time()
        if self._watchdog.check(now, self.pictures, waits=self._waits):
            self._engine.ask_keyframe(self._spec.id)
        if self._watchdog.waited(now) > FIRST_REQUEST_S:
            at = self._sink.wall_us(self._engine.now_us())
            self._sink.start_gap(GapCause.NO_KEYFRAME, NO_KEYFRAME_YET_TEXT, at)

    def _hand_on(self, runs: list[tuple[FragmentSamples, int]]) -> None:
        for run, arrival_us in runs:
            self._engine.write_run(run, arrival_us, self._sink)
        if not self._start.is_live or not runs:
            return
        early, self._early_audio = self._early_audio, []
        if early and self._audio is not None:
            ends = [r.time + sum(r.durations) for r in early]
            for early_run, end in zip(early, ends, strict=True):
                self._sink.write_audio(
                    early_run, self._audio, runs[-1][1] - (ends[-1] - end) * 1_000_000 // self._audio.rate
                )

    def _write_audio(self, track: AudioTrack, time: int, samples: list[Sample], data: bytes) -> None:
        run = AudioRun(time, [s.size for s in samples], [s.duration for s in samples], bytearray(data))
        if self._start.is_live:
            self._sink.write_audio(run, track, self._engine.now_us())
        else:
            self._early_audio.append(run)


def _may_be_the_transport(error: CameraError, errors: FfmpegErrors) -> bool:
    """Return whether another transport may work: the camera answers, but no picture arrived over this one."""
    return isinstance(error, (ProtocolError, StreamStalled)) or bool(errors.refused and errors.refused[0] == "SETUP")


def _run(video: VideoFormat, time: int, samples: list[Sample], body: bytes) -> FragmentSamples:
    offsets = [s.composition_offset for s in samples]
    return FragmentSamples(
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
        raise StationFault("ffmpeg is not installed; install it: apt-get install ffmpeg") from e
