"""The recorder: a set of wanted streams, each kept recording by its own small task.

`want` is the desired state; calling it again with another set starts, stops or restarts only what
differs. Reconnects follow a ladder with jitter under one connection budget (nvr.connecting); a refused
credential is not tried again until the stream's description changes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from core.clock import Clock, to_microseconds
from core.errors import CameraError, CameraRefused, ProtocolError, StationFault
from core.settings import RecorderSettings
from nvr.access_units import Counters
from nvr.archive import ArchiveDatabase
from nvr.connecting import ConnectionBudget, StallGuard, subnet_of
from nvr.native import NativeEngine, Ticker
from nvr.preroll import EventSink
from nvr.segments import LiveTap, SegmentSink
from nvr.volumes import Disk, VolumeSet

log = logging.getLogger(__name__)

LADDER = (1, 2, 5, 10, 30, 60)  # seconds before the next attempt
STEADY_SECONDS = 30  # recording this long starts the ladder anew
FALL_BACK_AFTER = 2  # protocol failures before 'auto' tries ffmpeg
FFMPEG_AGAIN_SECONDS = 600.0  # it was not installed: then it is looked for again
NATIVE_AGAIN = timedelta(days=1)  # then the native engine gets another chance


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream to be recorded."""

    id: str  # <camera>/<kind>
    url: str
    login: tuple[str, str] | None = None
    engine: str = "auto"
    refused: bool = False  # the credential was refused before: do not even try
    quarantined: bool = False  # it killed its recorder twice: leave it alone
    audio: bool = False
    on_event: bool = False  # kept only around events (`Recorder.trigger`)
    fell_back_at: datetime | None = None  # ffmpeg has it because the native engine could not

    def __repr__(self) -> str:  # the login must not reach a log
        return f"StreamSpec({self.id})"


class Engine(Protocol):
    name: str

    async def record(self, spec: StreamSpec, sink: SegmentSink, counters: Counters, connected: Callable[[], None]) -> None: ...


@dataclass(slots=True, eq=False)
class StreamState:
    """What is known of one stream while the recorder runs."""

    spec: StreamSpec
    sink: SegmentSink
    counters: Counters
    task: asyncio.Task[None] | None = None
    state: str = "connecting"
    cause: str = ""
    detail: str = ""
    engine: str = "native"
    since: float = 0.0
    reconnects: int = -1
    protocol_failures: int = 0
    failures: int = 0
    native_said: str = ""  # why the native engine failed last
    fell_back_at: datetime | None = None


class Recorder:
    def __init__(self, settings: RecorderSettings, volumes: VolumeSet, archive: ArchiveDatabase, clock: Clock):
        self._settings = settings
        self.volumes = volumes
        self._archive = archive
        self._clock = clock
        volumes.on_change = self._volume_changed
        archive.paths = {d.number: d.path for d in volumes.disks}
        self.ticker = Ticker(clock, volumes.submit)
        self._budget = ConnectionBudget(clock, settings.connect_rate, settings.connects_per_subnet)
        self.guard = StallGuard(clock)
        self._native = NativeEngine(self.ticker, settings.fragment_seconds, settings.stall_seconds)
        self._ffmpeg: Engine | None = None
        self._ffmpeg_missing = (-FFMPEG_AGAIN_SECONDS, "")  # when it was tried last, what was said
        self.streams: dict[str, StreamState] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await asyncio.to_thread(self.volumes.start)
        work = (self.ticker.run(), self._archive.run(), self.volumes.watch())
        self._tasks = [asyncio.create_task(w) for w in work]

    async def stop(self) -> None:
        """End every stream, write out everything, store the last facts."""
        await self._end([s for s in self.streams.values() if s.task])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.volumes.stop)
        await asyncio.sleep(0)  # facts that the writer threads handed over
        await self._archive.drain()

    def _volume_changed(self, disk: Disk) -> None:
        self._archive.announce("volume." + disk.state, None, volume=disk.number, folder=str(disk.path), detail=disk.detail)

    def trigger(self, camera: str, until_us: int) -> None:
        """An event: keep the camera's on-event streams from their pre-roll up to `until_us`."""
        for kind in ("main", "sub"):
            state = self.streams.get(f"{camera}/{kind}")
            if state is not None and isinstance(state.sink, EventSink):
                state.sink.trigger(until_us)

    async def want(self, specs: Iterable[StreamSpec], covered: dict[str, tuple[int, bool]] | None = None) -> None:
        """Make these the recorded streams. `covered` says where each one's archive ended (nvr.recovery)."""
        wanted = {s.id: s for s in specs}
        gone = [state for key, state in self.streams.items() if wanted.get(key) != state.spec]
        await self._end(gone)
        changed: dict[str, SegmentSink] = {}
        for state in gone:
            del self.streams[state.spec.id]
            if state.spec.id in wanted:
                changed[state.spec.id] = state.sink  # another description: its time line goes on where it was
            elif state.sink.covered_until is not None:
                state.sink.start_gap("schedule", "no longer recorded", to_microseconds(self._clock.now()))
        for key, spec in wanted.items():
            if key not in self.streams:
                self._add(spec, (covered or {}).get(key), changed.get(key))

    async def _end(self, states: list[StreamState]) -> None:
        tasks = [s.task for s in states if s.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tap(self, stream: str, tap: LiveTap | None) -> bool:
        state = self.streams.get(stream)
        if state is not None:
            state.sink.live = tap
        return state is not None

    def _add(self, spec: StreamSpec, covered: tuple[int, bool] | None, before: SegmentSink | None) -> None:
        loop = asyncio.get_running_loop()
        counters = Counters()
        make = EventSink if spec.on_event else SegmentSink
        sink = make(
            spec.id,
            self.volumes,
            self._archive,
            counters,
            self._settings.segment_seconds,
            loop.call_soon_threadsafe,
        )
        if before is not None:
            sink.covered_until, sink.in_gap, sink.last_cause = before.covered_until, before.in_gap, before.last_cause
        elif covered is not None:
            sink.covered_until, sink.in_gap = covered
            if not sink.in_gap:
                sink.start_gap("recorder_down", "", covered[0])
        state = StreamState(spec, sink, counters, since=self._clock.monotonic(), fell_back_at=spec.fell_back_at)
        self.streams[spec.id] = state
        state.task = asyncio.create_task(self._keep_recording(state), name=f"record {spec.id}")

    async def _keep_recording(self, state: StreamState) -> None:
        if state.spec.quarantined:
            error: CameraError = ProtocolError("its pictures ended the recorder twice; it is tried again after a day")
            state.sink.start_gap(error.cause, str(error), to_microseconds(self._clock.now()))
            self._enter(state, "quarantined", error.cause, str(error))
            return
        while True:
            error = (
                await self._record_once(state) if not state.spec.refused else CameraRefused("the camera refused the credential")
            )
            now_us = to_microseconds(self._clock.now())
            state.sink.start_gap(error.cause, str(error), now_us)
            refused = isinstance(error, CameraRefused)
            self._enter(state, "refused" if refused else "waiting", error.cause, str(error))
            log.info("%s: %s", state.spec.id, error, extra={"stream": state.spec.id})
            if refused:
                if not state.spec.refused:
                    self._archive.announce("camera.refused", state.spec.id.partition("/")[0])
                await asyncio.Event().wait()  # until a person acts: a changed description restarts this task
            if self.guard.failed(state.spec.id, sum(s.state == "recording" for s in self.streams.values())):
                self._archive.announce("recorder.stalled", None, streams=self.guard.size)
            await self.guard.wait(subnet_of(state.spec.url), self._pause(state))

    async def _record_once(self, state: StreamState) -> CameraError:
        """Connect and record until it fails; returns why."""
        self._enter(state, "connecting", state.cause, state.detail)
        engine = self._engine(self._choose(state))
        state.engine = engine.name
        async with self._budget.attempt(state.spec.url):
            connected = asyncio.Event()
            recording = asyncio.create_task(engine.record(state.spec, state.sink, state.counters, connected.set))
            waiting = asyncio.create_task(connected.wait())
            try:
                await asyncio.wait((recording, waiting), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)
                raise
            finally:
                waiting.cancel()
        if connected.is_set():
            state.reconnects += 1
            self._enter(state, "recording", "", "")
            self.guard.answered(subnet_of(state.spec.url))
        error = CameraError("the stream ended")
        try:
            await recording
        except CameraError as e:
            error = e
        except Exception as e:
            log.exception("%s: the recorder itself failed", state.spec.id)
            error = StationFault(f"the recorder itself failed: {type(e).__name__}")
        finally:
            recording.cancel()
        self._count(state, error)
        return self._without_ffmpeg(state, error)

    def _without_ffmpeg(self, state: StreamState, error: CameraError) -> CameraError:
        """Where only ffmpeg could record the stream and is missing, that is the station's fault; what the camera said is kept."""
        now = self._clock.monotonic()
        if state.engine == "ffmpeg" and isinstance(error, StationFault):
            self._ffmpeg_missing = (now, str(error))
            state.fell_back_at = None
            return StationFault(f"{error} (the native engine: {state.native_said})") if state.native_said else error
        state.native_said = str(error) if state.engine == "native" else ""
        wanted = state.spec.engine == "auto" and state.protocol_failures >= FALL_BACK_AFTER
        if wanted and isinstance(error, ProtocolError) and (missing := self._missing_ffmpeg()):
            return StationFault(f"{missing} (the native engine: {error})")
        return error

    def _missing_ffmpeg(self) -> str:
        """Why ffmpeg cannot be started; empty where it can, or was not tried for a while."""
        at, why = self._ffmpeg_missing
        return why if self._clock.monotonic() - at < FFMPEG_AGAIN_SECONDS else ""

    def _count(self, state: StreamState, error: CameraError) -> None:
        steady = state.state == "recording" and self._clock.monotonic() - state.since > STEADY_SECONDS
        state.failures = 0 if steady else state.failures + 1
        if isinstance(error, ProtocolError) or (isinstance(error, StationFault) and state.engine == "native"):
            state.protocol_failures += 1

    def _engine(self, name: str) -> Engine:
        if name == "native":
            return self._native
        if self._ffmpeg is None:
            from nvr.ffmpeg_engine import FfmpegEngine  # with its command builder 8 MB, which most recorders never need

            seconds, stall = self._settings.fragment_seconds, self._settings.stall_seconds
            self._ffmpeg = FfmpegEngine(self._clock, seconds, stall, self.volumes.submit)
        return self._ffmpeg

    def _choose(self, state: StreamState) -> str:
        wanted = state.spec.engine
        if wanted != "auto":
            return wanted
        now = self._clock.now()
        if state.fell_back_at is not None and now - state.fell_back_at > NATIVE_AGAIN:
            state.fell_back_at, state.protocol_failures = None, FALL_BACK_AFTER - 1  # one more chance
        if state.fell_back_at is not None:
            return "ffmpeg"
        if urlsplit(state.spec.url).scheme == "rtsp" and state.protocol_failures < FALL_BACK_AFTER:
            return "native"
        if self._missing_ffmpeg() and urlsplit(state.spec.url).scheme == "rtsp":
            return "native"  # the camera may have been mended meanwhile
        log.warning("%s: the native engine cannot record it, ffmpeg takes over", state.spec.id)
        state.fell_back_at = now
        self._archive.announce("stream.fell_back", state.spec.id.partition("/")[0], stream=state.spec.id, why=state.detail)
        return "ffmpeg"

    def _pause(self, state: StreamState) -> float:
        step = LADDER[min(max(state.failures - 1, 0), len(LADDER) - 1)]
        return step * random.uniform(0.8, 1.2)

    def _enter(self, state: StreamState, name: str, cause: str, detail: str) -> None:
        if state.state != name:
            state.state, state.since = name, self._clock.monotonic()
        state.cause, state.detail = cause, detail
