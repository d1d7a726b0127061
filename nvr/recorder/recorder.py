"""The recorder: a set of wanted streams, each recorded by its own task.

`want` sets the desired state; another call with another set starts, stops or restarts only what differs. Reconnects use
back-off delays with jitter (nvr.rtsp.storm_guard) and a common connection limit (core.network.connect_limiter); a
refused credential is not retried until a person acts or the stream's specification changes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from core.clock import SECOND, Clock, from_microseconds, to_microseconds
from core.errors import CameraError, CameraRefused, StationFault
from core.ids import StreamId
from core.network.connect_limiter import ConnectLimiter, subnet_of
from core.settings import RecorderSettings
from core.tasks import BackgroundTasks, end, spawn
from nvr.archive.archive_log import ArchiveDatabase
from nvr.archive.segment_writer import LiveTap, SegmentSink
from nvr.archive.timeline import CoveredUntil
from nvr.engine_choice import TRIAL_S, EngineKind
from nvr.media.fmp4 import TIMESCALE
from nvr.media.samples import StreamCounters
from nvr.recorder.engines import Engines
from nvr.recorder.poll_loop import PollLoop
from nvr.recorder.pre_event import EventSink
from nvr.recording_state import RecordingState
from nvr.refiling.refiling import Refiler
from nvr.rtsp.storm_guard import ReconnectStormGuard
from nvr.storage.volumes import Disk, VolumeSet
from nvr.streams import NO_FACTS, StreamFacts, StreamSpec, StreamState

log = logging.getLogger(__name__)

RECONNECT_DELAYS_S = (1, 2, 5, 10, 30, 60)  # before the next attempt, by the number of failures
STEADY_SECONDS = 30  # a session that recorded for longer resets the back-off


class Recorder:
    """Records the wanted streams of one process."""

    def __init__(
        self,
        settings: RecorderSettings,
        volumes: VolumeSet,
        archive: ArchiveDatabase,
        clock: Clock,
        connect_limiter: ConnectLimiter | None = None,
    ):
        """`connect_limiter` is shared by all processes of the station; without it this process counts alone."""
        self._settings = settings
        self.volumes = volumes
        self._archive = archive
        self._clock = clock
        volumes.on_change = self._volume_changed
        volumes.on_flush_failed = self._flush_failed
        archive.paths = {d.number: d.path for d in volumes.disks}
        archive.unlink_failed = lambda number, error: volumes.report(volumes[number], error)
        self.poll_loop = PollLoop(clock, volumes.submit)
        self.poll_loop.station.on_step = self._clock_stepped
        self._refiler = Refiler(archive)
        self.clock_epoch_path: Path | None = None  # file with the current clock epoch (nvr.clock.clock_epoch)
        self.connect_limiter = connect_limiter or ConnectLimiter(
            clock, settings.connect_rate, settings.connects_per_subnet
        )
        self.connect_limiter.on_file_failure = lambda why: archive.announce(
            "station.connections_unshared", None, detail=why
        )
        self.storm_guard = ReconnectStormGuard(clock)
        self.engines = Engines(settings, self.poll_loop, volumes, archive, clock, self._keyframe_wanted)
        self.keyframe_wanted: Callable[[str], object] = lambda _stream: None  # called with streams that wait for one
        self.streams: dict[str, StreamState] = {}
        self.tasks = BackgroundTasks(clock)
        self._wanting = asyncio.Lock()
        self._live: dict[str, LiveTap] = {}
        # Streams that this process recorded and that are no longer wanted: a clock step still corrects their files.
        self._removed: dict[str, StreamState] = {}
        self.volume_back: Callable[[int], object] = lambda _number: None
        self.stream_removed: Callable[[str], object] = lambda _stream: None

    def _keyframe_wanted(self, stream: str) -> None:
        if (state := self.streams.get(stream)) is not None:
            state.keyframe_wanted_at = self._clock.monotonic()
        self.keyframe_wanted(stream)

    async def start(self) -> None:
        await asyncio.to_thread(self.volumes.start)
        self.tasks.run_forever("poll loop", self.poll_loop.run, essential=True)
        self.tasks.run_forever("archive writer", self._archive.run, essential=True)
        self.tasks.run_forever("watch over the volumes", self.volumes.watch, essential=True)
        await self._refiler.begin(to_microseconds(self._clock.now()), self.clock_epoch_path)
        self.tasks.run_forever("refiling after a clock step", self._refiler.run)
        self.tasks.run_forever("clock proof check", self._refiler.watch)

    async def stop(self) -> None:
        """End every stream, write all buffered data, and store the pending database facts."""
        await end(*(s.task for s in self.streams.values()))
        await self.tasks.close()
        await asyncio.to_thread(self.volumes.stop)
        await asyncio.sleep(0)  # run the callbacks that the writer threads scheduled
        await self._archive.drain()
        await self._refiler.finish()

    def _clock_stepped(self, by_us: int) -> None:
        """Handle a step of the station's clock: streams use the new clock from their next keyframe on."""
        log.warning(
            "the station's clock was set by %+.1f s; files recorded with the wrong time are renamed", by_us / SECOND
        )
        since = from_microseconds(self.poll_loop.station.since_us)
        self._archive.announce(
            "station.clock_stepped", None, by_seconds=round(by_us / SECOND, 3), since=since.isoformat()
        )
        self._refiler.clock_stepped(by_us, {*self.streams, *self._removed})
        for state in (*self.streams.values(), *self._removed.values()):
            state.sink.clock_stepped(by_us)

    def _volume_changed(self, disk: Disk) -> None:
        if disk.usable:
            self.volume_back(disk.number)
        self._archive.announce(
            "volume." + disk.state, None, volume=disk.number, folder=str(disk.path), detail=disk.detail
        )

    def _flush_failed(self, disk: Disk) -> None:
        self._archive.announce(
            "volume.flush_failed", None, volume=disk.number, folder=str(disk.path), detail=disk.detail
        )

    def trigger(self, camera: str, until_us: int) -> None:
        """Record the camera's on-event streams from their pre-roll up to `until_us`."""
        for stream, state in self.streams.items():
            if StreamId(stream).camera == camera and isinstance(state.sink, EventSink):
                state.sink.trigger(until_us)

    async def want(
        self,
        specs: Iterable[StreamSpec],
        covered: Mapping[str, CoveredUntil] | None = None,
        facts: Mapping[str, StreamFacts] | None = None,
    ) -> None:
        """Make these the recorded streams: start new ones, restart changed and dead ones, stop the others.

        `covered` says where each stream's archive ended (nvr.archive.recovery), `facts` what was observed of it before.
        """
        async with self._wanting:
            await self._want({s.id: s for s in specs}, covered or {}, facts or {})

    async def _want(
        self, wanted: Mapping[str, StreamSpec], covered: Mapping[str, CoveredUntil], known: Mapping[str, StreamFacts]
    ) -> None:
        gone = [state for key, state in self.streams.items() if wanted.get(key) != state.spec or not state.alive]
        why = {state.spec.id: SPEC_CHANGED_GAP if state.alive else TASK_DIED_GAP for state in gone}
        await end(*(state.task for state in gone))
        for state in gone:
            del self.streams[state.spec.id]
            if state.spec.id not in wanted:
                self._remove(state)
        before = {key: (state, SPEC_CHANGED_GAP) for key, state in self._removed.items() if key in wanted}
        before |= {state.spec.id: (state, why[state.spec.id]) for state in gone}
        for key, spec in wanted.items():
            if key in self.streams:
                self.streams[key].apply_facts(known.get(key, NO_FACTS))
            else:
                self._add(spec, covered.get(key), before.get(key), known.get(key, NO_FACTS))
                self._removed.pop(key, None)

    def _remove(self, state: StreamState) -> None:
        if state.sink.covered_until is not None:
            state.sink.rest()
            state.sink.start_gap("schedule", "no longer recorded", to_microseconds(self._clock.now()))
            self._removed[state.spec.id] = state
        if self._live.pop(state.spec.id, None) is not None:
            self.stream_removed(state.spec.id)

    def tap(self, stream: str, tap: LiveTap | None) -> bool:
        """Pass the stream's fragments to `tap` as they are created, across restarts; None removes the tap.

        Return False where the stream is not recorded.
        """
        state = self.streams.get(stream)
        if state is None:
            return False
        if tap is None:
            self._live.pop(stream, None)
        else:
            self._live[stream] = tap
        state.sink.live = tap
        return True

    def _add(
        self,
        spec: StreamSpec,
        covered: CoveredUntil | None,
        before: tuple[StreamState, tuple[str, str]] | None,
        facts: StreamFacts,
    ) -> None:
        """Start a stream.

        `before`: its previous state, and cause and detail of the gap until it records again.
        """
        if before is not None and before[0].spec.on_event == spec.on_event:
            sink, counters = before[0].sink, before[0].counters  # continue its time line
        else:
            counters = StreamCounters()
            sink = self._sink(spec, counters)
        if before is not None:
            self._continue(sink, *before)
        elif covered is not None:
            sink.timeline.go_on(covered, to_microseconds(self._clock.now()))
        sink.live = self._live.get(spec.id)
        state = StreamState(spec, sink, counters, since=self._clock.monotonic(), fell_back_at=facts.fell_back_at)
        state.apply_facts(facts)
        self.streams[spec.id] = state
        name, died = f"record {spec.id}", partial(self._stream_failed, state)
        state.task = self.tasks.run_forever(name, partial(self._keep_recording, state), failed=died)

    def _sink(self, spec: StreamSpec, counters: StreamCounters) -> SegmentSink:
        make, loop = EventSink if spec.on_event else SegmentSink, asyncio.get_running_loop()
        seconds = self._settings.segment_seconds
        sink = make(spec.id, self.volumes, self._archive, counters, seconds, loop.call_soon_threadsafe)
        sink.follow(self.poll_loop.station, self._refiler.stepped)
        self._refiler.records(spec.id)
        return sink

    def _continue(self, sink: SegmentSink, before: StreamState, why: tuple[str, str]) -> None:
        if sink is not before.sink:
            sink.take_over(before.sink)
        if sink.covered_until is not None and not sink.in_gap:
            sink.start_gap(*why, to_microseconds(self._clock.now()))

    def _stream_failed(self, state: StreamState, error: Exception) -> None:
        """Begin a gap because the stream's own task failed, which is a fault of the recorder; the task is restarted."""
        state.sink.start_gap("station_fault", RECORDER_FAILED_TEXT, to_microseconds(self._clock.now()))
        self._enter(state, RecordingState.WAITING, "station_fault", RECORDER_FAILED_TEXT)

    async def _keep_recording(self, state: StreamState) -> None:
        while True:
            barred = state.quarantined or state.refused
            if barred is not None:
                await self._wait_for_change(state, barred)
                continue
            error = await self._record_once(state)
            state.sink.start_gap(error.cause, str(error), to_microseconds(self._clock.now()))
            log.info("%s: %s", state.spec.id, error, extra={"stream": state.spec.id})
            if isinstance(error, CameraRefused):
                state.refused = error
                self._archive.announce("camera.refused", StreamId(state.spec.id).camera)
                continue
            self._enter(state, RecordingState.WAITING, error.cause, str(error))
            if self.storm_guard.record_failure(
                state.spec.id, sum(s.state == RecordingState.RECORDING for s in self.streams.values())
            ):
                self._archive.announce("recorder.stalled", None, streams=self.storm_guard.size)
            await self.storm_guard.wait(_subnet(state.spec), self._pause(state))

    async def _wait_for_change(self, state: StreamState, barred: CameraError) -> None:
        """Wait until a person acts or the quarantine ends; a changed specification restarts the task as well."""
        state.changed.clear()
        state.sink.start_gap(barred.cause, str(barred), to_microseconds(self._clock.now()))
        self._enter(
            state,
            RecordingState.QUARANTINED if barred is state.quarantined else RecordingState.REFUSED,
            barred.cause,
            str(barred),
        )
        await state.changed.wait()

    async def _record_once(self, state: StreamState) -> CameraError:
        """Connect and record until it fails; return why."""
        try:
            state.spec.check()
        except StationFault as e:
            state.failures += 1
            return e
        self._enter(state, RecordingState.CONNECTING, state.cause, state.detail)
        engine = self.engines.choose(state, calm=not self.storm_guard.is_storm)
        began = self._clock.monotonic(), state.sink.recorded
        async with self.connect_limiter.attempt(state.spec.url):
            connected: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            recording = spawn(engine.record(state.spec, state.sink, state.counters, partial(_set_connected, connected)))
            try:
                await asyncio.wait((recording, connected), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await end(recording)
                raise
        if connected.done():
            state.reconnects += 1
            self._enter(
                state,
                RecordingState.RECORDING,
                "",
                "; ".join(t for t in (engine.transport_text(state.spec.id), connected.result()) if t),
            )
            self._report_missing_audio(state, connected.result())
            self.storm_guard.record_success(_subnet(state.spec))
        error = CameraError("the stream ended")
        try:
            await self._running(state, recording, began)
        except CameraError as e:
            error = e
        except Exception:
            log.exception("%s: the recorder itself failed", state.spec.id)
            error = StationFault(RECORDER_FAILED_TEXT)
        finally:
            recording.cancel()
        steady = state.state == RecordingState.RECORDING and self._clock.monotonic() - state.since > STEADY_SECONDS
        state.failures = 0 if steady else state.failures + 1
        return self.engines.ended(state, error, *began, connected=connected.done())

    async def _running(self, state: StreamState, recording: asyncio.Task[None], began: tuple[float, int]) -> None:
        """Wait until the session fails, and raise its error.

        End an ffmpeg session if the native engine recorded more.
        """
        choice, (at, recorded) = state.choice, began
        if choice is not None and state.engine == EngineKind.FFMPEG:
            try:
                await asyncio.wait((recording,), timeout=TRIAL_S)
            except asyncio.CancelledError:
                await end(recording)  # its buffered data must be written before the volumes close
                raise
            elapsed = self._clock.monotonic() - at
            if not recording.done() and choice.is_worse(elapsed, (state.sink.recorded - recorded) / TIMESCALE):
                choice.return_to_native(self._clock.monotonic())
                self.engines.follow(state, choice)
                await end(recording)
                raise CameraError("ffmpeg records less than the native engine did")
        await recording

    def _report_missing_audio(self, state: StreamState, missing: str) -> None:
        """Report that requested audio is missing: once, and again when the reason changes."""
        before, state.missing = state.missing, missing
        if missing and missing != before:
            log.warning("%s: %s", state.spec.id, missing, extra={"stream": state.spec.id})
            self._archive.announce("stream.no_sound", StreamId(state.spec.id).camera, stream=state.spec.id, why=missing)

    def _pause(self, state: StreamState) -> float:
        step = RECONNECT_DELAYS_S[min(max(state.failures - 1, 0), len(RECONNECT_DELAYS_S) - 1)]
        return step * random.uniform(0.8, 1.2)

    def _enter(self, state: StreamState, name: RecordingState, cause: str, detail: str) -> None:
        if state.state != name:
            state.state, state.since = name, self._clock.monotonic()
        state.cause, state.detail = cause, detail


SPEC_CHANGED_GAP = ("schedule", "its settings changed")
TASK_DIED_GAP = ("station_fault", "the recorder's task for this stream ended unexpectedly")


def _set_connected(connected: asyncio.Future[str], missing: str) -> None:
    if not connected.done():
        connected.set_result(missing)


RECORDER_FAILED_TEXT = (
    "the recorder itself failed; its log holds the details"  # not the exception's text: it may contain an address
)


def _subnet(spec: StreamSpec) -> str:
    """Return the subnet of the stream's host; empty where the address is invalid."""
    try:
        return subnet_of(spec.url)
    except ValueError:
        return ""
