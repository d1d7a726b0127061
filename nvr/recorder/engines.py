"""The engines of a recorder: select a stream's engine (nvr.engine_choice), interpret failures, report changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import CameraError, ProtocolError, StationFault
from core.events import EventKind
from core.ids import StreamId
from core.settings import RecorderSettings
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.engine_choice import EngineChoice, EngineKind, failure_weight
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.samples import StreamCounters
from nvr.recorder.poll_loop import NativeEngine, PollLoop
from nvr.storage.volume_set import VolumeSet
from nvr.streams import StreamSpec, StreamState

log = logging.getLogger(__name__)

FFMPEG_AGAIN_SECONDS = 600.0  # if ffmpeg was not installed, look for it again after this time


class Engine(Protocol):
    """A way to record streams: the native engine or ffmpeg."""

    name: EngineKind
    ask_keyframe: Callable[[str], object]

    def transport_text(self, stream: str) -> str:
        """Return how the stream's media is transported, for its status; empty: over TCP."""

    async def record(
        self, spec: StreamSpec, sink: SegmentWriter, counters: StreamCounters, connected: Callable[[str], object]
    ) -> None:
        """Record until the stream ends.

        `connected` is called once it plays, with what is missing (audio), empty if nothing.
        """


class Engines:
    """The engines of one recorder; ffmpeg's is created on first use."""

    def __init__(
        self,
        settings: RecorderSettings,
        poll_loop: PollLoop,
        volumes: VolumeSet,
        archive: ArchiveLogWriter,
        clock: Clock,
        ask_keyframe: Callable[[str], object],
    ):
        """`ask_keyframe` is called with each stream that waits for a keyframe."""
        self._settings = settings
        self._poll_loop = poll_loop
        self._volumes = volumes
        self._archive = archive
        self._clock = clock
        self._ask_keyframe = ask_keyframe
        self.native: Engine = NativeEngine(poll_loop, settings.fragment_seconds, settings.stall_seconds)
        self.native.ask_keyframe = ask_keyframe
        self.ffmpeg: Engine | None = None  # created on first use
        self._ffmpeg_missing = (-FFMPEG_AGAIN_SECONDS, "")  # time and error of the last failed start

    def choose(self, state: StreamState, *, calm: bool) -> Engine:
        """Return the engine of the stream's next session.

        `calm`: failures are the camera's own, not those of most streams.
        """
        engine = self._named(self._choice(state, calm))
        state.engine = engine.name
        return engine

    def ended(
        self, state: StreamState, error: CameraError, began: float, recorded: int, *, connected: bool
    ) -> CameraError:
        """Record that a session ended with `error`; return the error to show in the stream's gap.

        It began at `began` (monotonic), when `recorded` (90 kHz) had been recorded.
        """
        now = self._clock.monotonic()
        if state.choice is not None:
            state.choice.ended(
                now, state.engine, error, now - began, (state.sink.recorded_ticks - recorded) / TIMESCALE
            )
        if state.engine == EngineKind.NATIVE:
            state.native_error = error
        elif state.native_error is not None and type(error) is ProtocolError and not connected:
            error = state.native_error  # ffmpeg did not connect: the native engine's error is more exact
        return self._without_ffmpeg(state, error)

    def follow(self, state: StreamState, choice: EngineChoice) -> None:
        """Store and announce which engine has the stream."""
        on_ffmpeg = choice.engine == EngineKind.FFMPEG
        if on_ffmpeg is (state.fell_back_at is not None):
            return
        state.fell_back_at = self._clock.now() if on_ffmpeg else None
        native, ffmpeg = choice.shares()
        log.warning(
            "%s: %s", state.spec.id, "the native engine cannot record it; ffmpeg takes over" if on_ffmpeg
            else "the native engine records it again", extra={"stream": state.spec.id},
        )  # fmt: skip
        self._archive.queue_event(
            EventKind.STREAM_FELL_BACK if on_ffmpeg else EventKind.STREAM_NATIVE_AGAIN,
            StreamId(state.spec.id).camera,
            stream=state.spec.id,
            why=state.detail,
            native_percent=native,
            ffmpeg_percent=ffmpeg,
        )

    def _named(self, name: EngineKind) -> Engine:
        if name == EngineKind.NATIVE:
            return self.native
        if self.ffmpeg is None:
            # Its command builder takes 8 MB of memory, which most recorders never need.
            from nvr.recorder.ffmpeg_engine import FfmpegEngine

            seconds, stall = self._settings.fragment_seconds, self._settings.stall_seconds
            self.ffmpeg = FfmpegEngine(self._poll_loop.station, seconds, stall, self._volumes.submit)
            self.ffmpeg.ask_keyframe = self._ask_keyframe
        return self.ffmpeg

    def _choice(self, state: StreamState, calm: bool) -> EngineKind:
        wanted = state.spec.engine
        if wanted != EngineKind.AUTO:
            return wanted
        now = self._clock.monotonic()
        if state.choice is None:
            before = state.fell_back_at
            state.choice = EngineChoice(
                now, (self._clock.now() - before).total_seconds() if before is not None else None
            )
        native_can, ffmpeg_can = urlsplit(state.spec.url).scheme == "rtsp", not self._missing_ffmpeg()
        engine = state.choice.choose(now, native_can=native_can, ffmpeg_can=ffmpeg_can, calm=calm)
        self.follow(state, state.choice)
        return engine

    def _without_ffmpeg(self, state: StreamState, error: CameraError) -> CameraError:
        """Return a station fault that includes the camera's error if ffmpeg is needed and missing; else `error`."""
        now = self._clock.monotonic()
        if state.engine == EngineKind.FFMPEG and isinstance(error, StationFault):
            self._ffmpeg_missing = (now, str(error))
            state.fell_back_at = None
            if state.choice is not None:
                state.choice.without_ffmpeg(now)
            return (
                StationFault(f"{error} (the native engine: {state.native_error_text})")
                if state.native_error_text
                else error
            )
        state.native_error_text = str(error) if state.engine == EngineKind.NATIVE else ""
        wanted = (
            state.choice is not None and failure_weight(error, EngineKind.NATIVE) and state.choice.native_fails(now)
        )
        if wanted and (missing := self._missing_ffmpeg()):
            return StationFault(f"{missing} (the native engine: {error})")
        return error

    def _missing_ffmpeg(self) -> str:
        """Return why ffmpeg cannot be started; empty where it can, or was not tried recently."""
        at, why = self._ffmpeg_missing
        return why if self._clock.monotonic() - at < FFMPEG_AGAIN_SECONDS else ""
