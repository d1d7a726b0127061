"""The native engine: each tick reads the sockets that are due and parses the received data.

A session is set up in asyncio (nvr.rtsp.client); from then on its socket belongs to the poll loop, which reads all
sockets of the process into reused buffers five times a second. Wake-ups, not parsing, are the main cost of recording
(docs/design/recorder.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from core.clock import Clock
from core.errors import MinwangError, ProtocolError
from nvr.archive.writing.segment_writer import SegmentWriter
from nvr.clock.station_clock import StationClock
from nvr.engine_choice import EngineKind
from nvr.media.batch.batch_depacketizer import depacketize
from nvr.media.batch.packet_columns import Region
from nvr.media.buffers.arena import Arena, ArenaPool
from nvr.media.cpu_time import cpu_time
from nvr.media.samples import StreamCounters
from nvr.media.work_budget import READ_BYTES, WorkBudget
from nvr.recorder import crash_marker
from nvr.recorder.crash_marker import CrashMarker
from nvr.recorder.native_session import NativeSession
from nvr.recorder.silence import SilenceMemory
from nvr.rtsp.camera_socket import TICK_SECONDS
from nvr.rtsp.client import open_session
from nvr.streams import StreamSpec

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BATCH_CAMERAS = 256  # most cameras in one batch
SPREAD_GROUP_CAMERAS = 25  # group size in a recorder of at most twice as many cameras: one group per tick
ARENA_BYTES = 32 * 1024 * 1024
MAX_READS = 4  # reads per tick of a socket that always fills its buffer
_SEVERAL = crash_marker.tag(crash_marker.MANY_STREAMS)


class PollLoop:
    """Runs all native sessions of a process."""

    def __init__(self, clock: Clock, submit: Callable[[ArenaPool, list[Arena]], None]):
        self.station = StationClock(clock)
        self.crash_marker: CrashMarker | None = None  # records whose data is being parsed
        self.parse_one_by_one = False  # parse each camera alone, because a batch crashed the last recorder
        self._submit = submit  # passes the collected data to the writers, which release the arenas
        self._sessions: set[NativeSession] = set()
        self._pool = ArenaPool(ARENA_BYTES)
        self._ticks = 0
        self.late_ticks = 0

    def add(self, session: NativeSession) -> None:
        """Add a session, and choose in which tick it is read."""
        # Batching many cameras saves CPU; with few cameras, spreading them over the ticks lowers peak memory.
        self._sessions.add(session)
        count = len(self._sessions)
        session.phase = (count - 1) // (SPREAD_GROUP_CAMERAS if count <= 2 * SPREAD_GROUP_CAMERAS else BATCH_CAMERAS)
        if count == 2 * SPREAD_GROUP_CAMERAS + 1:
            for one in self._sessions:
                one.phase = 0

    def remove(self, session: NativeSession) -> None:
        self._sessions.discard(session)

    async def run(self) -> None:
        """Run a tick every TICK_SECONDS until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            now = loop.time()
            self.tick(now, self.station.read())
            ended = loop.time()
            self.late_ticks += ended > due + TICK_SECONDS
            due = max(due + TICK_SECONDS, ended)
            await asyncio.sleep(due - ended)

    def tick(self, now: float, arrival_us: int) -> None:
        """Read the sockets that are due and process the data."""
        self._ticks += 1
        due = [s for s in self._sessions if s.due(self._ticks)]
        for session in self._sessions:
            if session.socket.reading:  # its schedule is more frequent than the polls
                session.socket.drain()
        waiting, used = due, list[Arena]()
        for _ in range(MAX_READS):
            queue, waiting = [s for s in waiting if s.may_read(now)], []
            while queue:
                arena = self._pool.take()
                used.append(arena)
                queue, more = self._read(arena, queue, arrival_us)
                waiting += more
        for session in due:
            if session in self._sessions:
                self._finish(session, now)
        if self.crash_marker is not None:
            self.crash_marker.idle()
        self._submit(self._pool, used)

    def _read(
        self, arena: Arena, queue: list[NativeSession], arrival_us: int
    ) -> tuple[list[NativeSession], list[NativeSession]]:
        """Read as many sockets as fit into the arena; return (unread sessions, sessions that filled their buffer)."""
        at = 0
        read: list[tuple[NativeSession, int, int]] = []
        full: list[NativeSession] = []
        left: list[NativeSession] = []
        for count, session in enumerate(queue):
            if count == BATCH_CAMERAS or at + READ_BYTES > ARENA_BYTES - 64:
                left = queue[count:]
                break
            session.tick_us = arrival_us
            try:
                room = session.read_bytes
                end = session.receive(arena.view, at, room)
            except MinwangError as e:
                self._end(session, e)
                continue
            if end == at + room:
                full.append(session)
            if end > at:
                read.append((session, at, end))
            at = end
        self._depacketize(arena, read)
        return left, full

    def _depacketize(self, arena: Arena, read: list[tuple[NativeSession, int, int]]) -> None:
        regions: list[Region | None] = [None] * len(read)
        if not self.parse_one_by_one:
            read = [(s, begin if s.is_aligned else self._align(s, arena, begin, end), end) for s, begin, end in read]
            regions = [session.region(begin, end) for session, begin, end in read]
        wanted = [r for r in regions if r is not None]
        if wanted:
            self._depacketize_batch(arena, wanted)
        for (session, begin, end), region in zip(read, regions, strict=True):
            if region is not None:
                session.budget.charge(region.cpu_seconds)
            if region is not None and region.used >= 0:
                self._after_batch(session, arena, region)
            else:
                self._parse_single(session, session.parse, arena, begin, end)

    def _depacketize_batch(self, arena: Arena, regions: list[Region]) -> None:
        if self.crash_marker is not None:
            self.crash_marker.set_stream(_SEVERAL)
        depacketize(arena, regions)

    def _after_batch(self, session: NativeSession, arena: Arena, region: Region) -> None:
        began = cpu_time()
        self._call_guarded(session, session.after_batch, arena, region)
        session.budget.charge_read(cpu_time() - began, region.end - region.begin)

    def _finish(self, session: NativeSession, now: float) -> None:
        began = cpu_time()
        self._call_guarded(session, session.finish_tick, now)
        session.budget.charge(cpu_time() - began)

    def _align(self, session: NativeSession, arena: Arena, begin: int, end: int) -> int:
        at = self._parse_single(session, session.align, arena, begin, end)
        return end if at is None else at

    def _parse_single(
        self, session: NativeSession, step: Callable[[Arena, int, int], T], arena: Arena, begin: int, end: int
    ) -> T | None:
        """Parse packet by packet, and charge the CPU time to this camera."""
        began = cpu_time()
        try:
            return self._call_guarded(session, step, arena, begin, end)
        finally:
            session.budget.charge_read(cpu_time() - began, end - begin)

    def _call_guarded(self, session: NativeSession, step: Callable[[*Ts], T], *arguments: *Ts) -> T | None:
        """Call `step`; a failure ends this session only. Return its result, None where it failed."""
        if self.crash_marker is not None:
            self.crash_marker.set_stream(session.tag)
        try:
            return step(*arguments)
        except MinwangError as e:
            self._end(session, e)
        except Exception:
            log.exception("%s: the parser failed on the stream", session.stream, extra={"stream": session.stream})
            self._end(session, ProtocolError("the recorder's parser failed on the stream; see the log for details"))
        return None

    def _end(self, session: NativeSession, error: BaseException) -> None:
        self._sessions.discard(session)
        if not session.done.done():
            session.done.set_exception(error)


class NativeEngine:
    """Records one stream until it fails or the task is cancelled."""

    name = EngineKind.NATIVE

    def __init__(self, poll_loop: PollLoop, fragment_seconds: float, stall_seconds: float):
        self._poll_loop = poll_loop
        self._fragment_ticks = max(1, round(fragment_seconds / TICK_SECONDS))
        self._stall_seconds = stall_seconds
        self.ask_keyframe: Callable[[str], object] = lambda _stream: None  # called with streams that wait for one
        self._silences: WeakKeyDictionary[SegmentWriter, SilenceMemory] = WeakKeyDictionary()
        self._budgets: WeakKeyDictionary[SegmentWriter, WorkBudget] = WeakKeyDictionary()

    def transport_text(self, _stream: str) -> str:
        """Return an empty text: media is always transported over TCP."""
        return ""

    async def record(
        self, spec: StreamSpec, sink: SegmentWriter, counters: StreamCounters, connected: Callable[[str], object]
    ) -> None:
        """Record until the stream ends. Always ends by raising CameraError."""
        opening, marker = open_session(spec.url, spec.login, audio=spec.audio), self._poll_loop.crash_marker
        rtsp = await (opening if marker is None else marker.mark_during(crash_marker.tag(sink.stream), opening))
        connected(rtsp.missing_audio_reason)
        sink.begin_session(rtsp.audio)
        now = asyncio.get_running_loop().time()
        session = NativeSession(
            rtsp,
            sink,
            counters,
            stall_seconds=self._stall_seconds,
            fragment_ticks=self._fragment_ticks,
            now=now,
            ask_keyframe=self.ask_keyframe,
            silences=self._silences.setdefault(sink, SilenceMemory()),
            budget=self._budgets.setdefault(sink, WorkBudget(now)),
        )
        self._poll_loop.add(session)
        try:
            await session.done
        finally:
            self._poll_loop.remove(session)
            session.close()
            sink.end_session()
