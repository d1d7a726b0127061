"""The recorder: a set of wanted streams, each recorded by its own task.

`want` sets the desired state; another call with another set starts, stops or restarts only what differs. Each stream is
recorded by nvr.recorder.stream_recorder. Reconnects use back-off delays with jitter (nvr.rtsp.storm_guard) and a common
connection limit (core.network.connect_limiter); a refused credential is not retried until a person acts or the stream's
specification changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from core.clock import SECOND, Clock, from_microseconds, to_microseconds
from core.events import EventKind
from core.ids import StreamId
from core.network.connect_limiter import ConnectLimiter
from core.settings import RecorderSettings
from core.tasks import BackgroundTasks, end
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.coverage.timeline import TimelineEnd
from nvr.archive.writing.segment_writer import LiveTap, SegmentWriter
from nvr.clock_correction.corrector import ClockCorrector
from nvr.media.samples import StreamCounters
from nvr.recorder.engines import Engines
from nvr.recorder.poll_loop import PollLoop
from nvr.recorder.pre_event import EventSink
from nvr.recorder.stream_recorder import StreamRecorder
from nvr.recording_state import RecordingState
from nvr.rtsp.storm_guard import ReconnectStormGuard
from nvr.storage.volume_set import Disk, VolumeSet
from nvr.streams import NO_FACTS, StreamFacts, StreamSpec, StreamState
from nvr.tables import GapCause

log = logging.getLogger(__name__)

# Cause and detail of the gap until a restarted stream records again.
SPEC_CHANGED_GAP = (GapCause.SCHEDULE, "its settings changed")
TASK_DIED_GAP = (GapCause.STATION_FAULT, "the recorder's task for this stream ended unexpectedly")


class Recorder:
    """Records the wanted streams of one process."""

    def __init__(
        self,
        settings: RecorderSettings,
        volumes: VolumeSet,
        archive: ArchiveLogWriter,
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
        archive.on_unlink_failed = lambda number, error: volumes.report_error(volumes[number], error)
        self.poll_loop = PollLoop(clock, volumes.submit)
        self.poll_loop.station.on_step = self._clock_stepped
        self._clock_corrector = ClockCorrector(archive)
        self.clock_epoch_path: Path | None = None  # file with the current clock epoch (nvr.clock.clock_epoch)
        self.connect_limiter = connect_limiter or ConnectLimiter(
            clock, settings.connect_rate, settings.connects_per_subnet
        )
        self.connect_limiter.on_file_failure = lambda why: archive.queue_event(
            EventKind.STATION_CONNECTIONS_UNSHARED, None, detail=why
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
        await self._clock_corrector.begin(to_microseconds(self._clock.now()), self.clock_epoch_path)
        self.tasks.run_forever("refiling after a clock step", self._clock_corrector.run)
        self.tasks.run_forever("clock proof check", self._clock_corrector.watch)

    async def stop(self) -> None:
        """End every stream, write all buffered data, and store the pending database facts."""
        await end(*(s.task for s in self.streams.values()))
        await self.tasks.close()
        await asyncio.to_thread(self.volumes.stop)
        await asyncio.sleep(0)  # run the callbacks that the writer threads scheduled
        await self._archive.drain()
        await self._clock_corrector.finish()

    def _clock_stepped(self, by_us: int) -> None:
        """Handle a step of the station's clock: streams use the new clock from their next keyframe on."""
        log.warning(
            "the station's clock was set by %+.1f s; files recorded with the wrong time are renamed", by_us / SECOND
        )
        since = from_microseconds(self.poll_loop.station.since_us)
        self._archive.queue_event(
            EventKind.STATION_CLOCK_STEPPED, None, by_seconds=round(by_us / SECOND, 3), since=since.isoformat()
        )
        self._clock_corrector.clock_stepped(by_us, {*self.streams, *self._removed})
        for state in (*self.streams.values(), *self._removed.values()):
            state.sink.clock_stepped(by_us)

    def _volume_changed(self, disk: Disk) -> None:
        if disk.usable:
            self.volume_back(disk.number)
        self._archive.queue_event(
            EventKind(f"volume.{disk.state}"), None, volume=disk.number, folder=str(disk.path), detail=disk.detail
        )

    def _flush_failed(self, disk: Disk) -> None:
        self._archive.queue_event(
            EventKind.VOLUME_FLUSH_FAILED, None, volume=disk.number, folder=str(disk.path), detail=disk.detail
        )

    def trigger(self, camera: str, until_us: int) -> None:
        """Record the camera's on-event streams from their pre-roll up to `until_us`."""
        for stream, state in self.streams.items():
            if StreamId(stream).camera == camera and isinstance(state.sink, EventSink):
                state.sink.trigger(until_us)

    async def want(
        self,
        specs: Iterable[StreamSpec],
        covered: Mapping[str, TimelineEnd] | None = None,
        facts: Mapping[str, StreamFacts] | None = None,
    ) -> None:
        """Make these the recorded streams: start new ones, restart changed and dead ones, stop the others.

        `covered` says where each stream's archive ended (nvr.archive.integrity.recovery), `facts` what was observed of
        it before.
        """
        async with self._wanting:
            await self._want({s.id: s for s in specs}, covered or {}, facts or {})

    async def _want(
        self, wanted: Mapping[str, StreamSpec], covered: Mapping[str, TimelineEnd], known: Mapping[str, StreamFacts]
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
            state.sink.suspend()
            state.sink.start_gap(GapCause.SCHEDULE, "no longer recorded", to_microseconds(self._clock.now()))
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
        covered: TimelineEnd | None,
        before: tuple[StreamState, tuple[GapCause, str]] | None,
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
            sink.timeline.resume_after(covered, to_microseconds(self._clock.now()))
        sink.live = self._live.get(spec.id)
        state = StreamState(spec, sink, counters, since=self._clock.monotonic(), fell_back_at=facts.fell_back_at)
        state.apply_facts(facts)
        self.streams[spec.id] = state
        one = self._stream_recorder(state)
        state.task = self.tasks.run_forever(f"record {spec.id}", one.run, failed=one.record_task_failure)

    def _sink(self, spec: StreamSpec, counters: StreamCounters) -> SegmentWriter:
        make, loop = EventSink if spec.on_event else SegmentWriter, asyncio.get_running_loop()
        seconds = self._settings.segment_seconds
        sink = make(spec.id, self.volumes, self._archive, counters, seconds, loop.call_soon_threadsafe)
        sink.follow_station_clock(self.poll_loop.station, self._clock_corrector.queue_step)
        self._clock_corrector.register_stream(spec.id)
        return sink

    def _continue(self, sink: SegmentWriter, before: StreamState, why: tuple[GapCause, str]) -> None:
        if sink is not before.sink:
            sink.take_over(before.sink)
        if sink.covered_until is not None and not sink.in_gap:
            sink.start_gap(*why, to_microseconds(self._clock.now()))

    def _stream_recorder(self, state: StreamState) -> StreamRecorder:
        return StreamRecorder(
            state,
            self.engines,
            self.connect_limiter,
            self.storm_guard,
            self._archive,
            self._clock,
            self._count_recording,
        )

    def _count_recording(self) -> int:
        return sum(s.state == RecordingState.RECORDING for s in self.streams.values())
