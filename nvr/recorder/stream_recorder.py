"""Keep one stream recording: connect, record until the session fails, wait, and connect again.

A `StreamRecorder` updates the `StreamState` that the recorder (nvr.recorder.recorder) reads. It records until its task
is cancelled; a refused credential or a quarantine pauses it until `StreamState.changed` is set.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.clock import Clock, to_microseconds
from core.errors import CameraError, CameraRefused, StationFault
from core.events import EventKind
from core.ids import StreamId
from core.network.connect_limiter import ConnectLimiter
from core.network.places import subnet_of
from core.tasks import end, spawn
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.engine_choice import TRIAL_S, EngineKind
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.recorder.engines import Engine, Engines
from nvr.recording_state import RecordingState
from nvr.rtsp.storm_guard import ReconnectStormGuard
from nvr.streams import StreamState
from nvr.tables import GapCause

log = logging.getLogger(__name__)

RECONNECT_DELAYS_S = (1, 2, 5, 10, 30, 60)  # before the next attempt, by the number of failures
STEADY_SECONDS = 30  # a session that recorded for longer resets the back-off
# Not the exception's text: it may contain an address.
RECORDER_FAILED_TEXT = "the recorder itself failed; its log holds the details"


@dataclass(slots=True)
class StreamRecorder:
    """Records one stream. Everything but `state` is shared with the other streams of the process."""

    state: StreamState
    engines: Engines
    connect_limiter: ConnectLimiter
    storm_guard: ReconnectStormGuard
    archive: ArchiveLogWriter
    clock: Clock
    count_recording: Callable[[], int]  # streams that are being recorded now

    async def run(self) -> None:
        state = self.state
        while True:
            barred = state.quarantined or state.refused
            if barred is not None:
                await self._wait_for_change(barred)
                continue
            error = await self.record_once()
            self._start_gap(error.cause, str(error))
            log.info("%s: %s", state.spec.id, error, extra={"stream": state.spec.id})
            if isinstance(error, CameraRefused):
                state.refused = error
                self.archive.queue_event(EventKind.CAMERA_REFUSED, StreamId(state.spec.id).camera)
                continue
            self._enter(RecordingState.WAITING, error.cause, str(error))
            if self.storm_guard.record_failure(state.spec.id, self.count_recording()):
                self.archive.queue_event(EventKind.RECORDER_STALLED, None, streams=self.storm_guard.size)
            await self.storm_guard.wait(self._subnet, self._pause())

    def record_task_failure(self, _error: Exception) -> None:
        """Begin a gap because `run` itself failed, which is a fault of the recorder; the task is restarted."""
        self._start_gap(GapCause.STATION_FAULT, RECORDER_FAILED_TEXT)
        self._enter(RecordingState.WAITING, GapCause.STATION_FAULT, RECORDER_FAILED_TEXT)

    async def record_once(self) -> CameraError:
        """Connect and record until it fails; return why."""
        state = self.state
        try:
            state.spec.check()
        except StationFault as e:
            state.failures += 1
            return e
        self._enter(RecordingState.CONNECTING, state.cause, state.detail)
        engine = self.engines.choose(state, calm=not self.storm_guard.is_storm)
        began = self.clock.monotonic(), state.sink.recorded_ticks
        recording, connected = await self._connect(engine)
        if connected.done():
            self._enter_recording(engine, connected.result())
        error = await self._end_of(recording, began)
        steady = state.state == RecordingState.RECORDING and self.clock.monotonic() - state.since > STEADY_SECONDS
        state.failures = 0 if steady else state.failures + 1
        return self.engines.ended(state, error, *began, connected=connected.done())

    async def _connect(self, engine: Engine) -> tuple[asyncio.Task[None], asyncio.Future[str]]:
        """Start a session; return its task, and a future that is done if the stream plays (what is missing)."""
        state = self.state
        async with self.connect_limiter.attempt(state.spec.url):
            connected: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            recording = spawn(engine.record(state.spec, state.sink, state.counters, partial(_set_connected, connected)))
            try:
                await asyncio.wait((recording, connected), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await end(recording)
                raise
        return recording, connected

    def _enter_recording(self, engine: Engine, missing: str) -> None:
        self.state.reconnects += 1
        remarks = (engine.transport_text(self.state.spec.id), missing)
        self._enter(RecordingState.RECORDING, None, "; ".join(text for text in remarks if text))
        self._report_missing_audio(missing)
        self.storm_guard.record_success(self._subnet)

    async def _end_of(self, recording: asyncio.Task[None], began: tuple[float, int]) -> CameraError:
        """Wait until the session ends; return why it did."""
        try:
            await self._supervise(recording, began)
        except CameraError as e:
            return e
        except Exception:
            log.exception("%s: the recorder itself failed", self.state.spec.id)
            return StationFault(RECORDER_FAILED_TEXT)
        finally:
            recording.cancel()
        return CameraError("the stream ended")

    async def _supervise(self, recording: asyncio.Task[None], began: tuple[float, int]) -> None:
        """Wait until the session fails, and raise its error.

        End an ffmpeg session if the native engine recorded more.
        """
        state, (at, recorded) = self.state, began
        choice = state.choice
        if choice is not None and state.engine == EngineKind.FFMPEG:
            try:
                await asyncio.wait((recording,), timeout=TRIAL_S)
            except asyncio.CancelledError:
                await end(recording)  # its buffered data must be written before the volumes close
                raise
            elapsed = self.clock.monotonic() - at
            if not recording.done() and choice.is_worse(elapsed, (state.sink.recorded_ticks - recorded) / TIMESCALE):
                choice.return_to_native(self.clock.monotonic())
                self.engines.follow(state, choice)
                await end(recording)
                raise CameraError("ffmpeg records less than the native engine did")
        await recording

    async def _wait_for_change(self, barred: CameraError) -> None:
        """Wait until a person acts or the quarantine ends; a changed specification restarts the task as well."""
        state = self.state
        state.changed.clear()
        self._start_gap(barred.cause, str(barred))
        name = RecordingState.QUARANTINED if barred is state.quarantined else RecordingState.REFUSED
        self._enter(name, barred.cause, str(barred))
        await state.changed.wait()

    def _report_missing_audio(self, missing: str) -> None:
        """Report that requested audio is missing: once, and again when the reason changes."""
        stream, before = self.state.spec.id, self.state.missing
        self.state.missing = missing
        if missing and missing != before:
            log.warning("%s: %s", stream, missing, extra={"stream": stream})
            self.archive.queue_event(EventKind.STREAM_NO_SOUND, StreamId(stream).camera, stream=stream, why=missing)

    def _start_gap(self, cause: str, detail: str) -> None:
        self.state.sink.start_gap(GapCause(cause), detail, to_microseconds(self.clock.now()))

    def _enter(self, name: RecordingState, cause: str | None, detail: str) -> None:
        state = self.state
        if state.state != name:
            state.state, state.since = name, self.clock.monotonic()
        state.cause, state.detail = GapCause(cause) if cause else None, detail

    def _pause(self) -> float:
        step = RECONNECT_DELAYS_S[min(max(self.state.failures - 1, 0), len(RECONNECT_DELAYS_S) - 1)]
        return step * random.uniform(0.8, 1.2)

    @property
    def _subnet(self) -> str:
        """Subnet of the stream's host; empty where the address is invalid."""
        try:
            return subnet_of(self.state.spec.url)
        except ValueError:
            return ""


def _set_connected(connected: asyncio.Future[str], missing: str) -> None:
    if not connected.done():
        connected.set_result(missing)
