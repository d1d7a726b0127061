"""The indexer: a reader of the recording log with its own position in every stream.

It never slows the recorder, resumes after a crash, and can index a past period again with a better pack. Cameras of
villages where the watch list looks for somebody come first; when time is short, quiet cameras are skipped, and the
skipped time is recorded. A keyframe that crashes or hangs its worker is skipped alone; a stream that does so repeatedly
is quarantined.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from cameras.registry import registry
from cameras.tables import Camera, Stream
from core import events
from core.clock import Clock, to_microseconds
from core.database import Database
from core.errors import ProtocolError
from core.settings import SearchSettings
from core.tasks import run_all
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from search.analysis import best_shot
from search.analysis import pipeline as worker
from search.analysis.pipeline import Analysis, AnalysisCounts, AnalysisState
from search.analysis.tracking import Track
from search.query.sightings import fingerprint, restore_tracks, sighting_of
from search.store import camera_numbers, ids, thumbnails, vectors
from search.store.rows import Sighting
from search.store.sighting_store import Batch, SightingStore
from search.tables import STRIKES, IndexState

log = logging.getLogger(__name__)

STEP_US = 200_000  # a closed segment's index may differ from the open file's by some ms
BEHIND_US = 600 * 1_000_000  # lag above which quiet cameras are skipped
QUIET_SHARE = 0.1  # share of events below which a camera is quiet
MOST_CLOSEUPS, MOST_WAITING = 8, 200  # best shots per batch; waiting tracks per stream
SUB_HEIGHT = 480  # assumed height in pixels: the gain of the main stream is known only after decoding it
FIRST_US = 60 * 1_000_000  # start of a stream without a position, before now


@dataclass(slots=True)
class IndexedStream:
    """The reading state of one stream in this process."""

    position_us: int
    memory: AnalysisState
    counts: AnalysisCounts = field(default_factory=AnalysisCounts)
    strikes: int = 0
    skipped: int = 0
    # first time after the newest picture is complete (gradual refresh); earlier pictures are part of it
    free_us: int = 0
    dirty: bool = False
    waiting: dict[int, Track] = field(default_factory=dict)  # stored tracks without a best shot yet


@dataclass(frozen=True, slots=True)
class ReindexRange:
    """A period, µs UTC, to index again; `label` names the pack. An interrupted run resumes."""

    start_us: int
    end_us: int
    label: str

    def key(self, stream: str) -> str:
        """Return the key of the progress row of a stream."""
        return f"{stream}~{self.start_us}~{self.label}"[:150]


class Indexer:
    """Reads all streams in batches, runs the analysis in workers and writes the sightings."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        days: SightingStore,
        pool: DecodePool,
        settings: SearchSettings,
        again: ReindexRange | None = None,
    ):
        """`again`: a period that is indexed again and replaced, instead of new footage."""
        self._database, self._clock, self._days, self._pool = database, clock, days, pool
        self._settings, self._again = settings, again
        self._numbers: dict[tuple[str, str], int] = {}
        self._giving = asyncio.Lock()
        self._reader = ArchiveReader(database, clock)
        self._readings: dict[str, IndexedStream] = {}
        self._positions: dict[str, int] | None = None
        self._packs: dict[str, int] = {}
        self._detector = ""

    async def run_once(self, start_us: int | None = None, urgent: Collection[str] | None = ()) -> int:
        """Index the next batch of every stream; return the number of sightings started or changed.

        `start_us`: start of streams without a position (default: their newest minute). `urgent`: villages where the
        watch list looks for somebody, None for the whole town; their cameras come first and are never skipped.
        """
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
        streams = [(c, s) for c in cameras if (s := registry.watched_stream(c)) is not None]
        # Urgent cameras first, then those furthest behind.
        order = sorted(streams, key=lambda cs: (not _hurries(cs[0], urgent), self._known_position(cs[1].id)))
        waiting = asyncio.Queue[tuple[Camera, Stream]](len(order) or 1)
        for one in order:
            waiting.put_nowait(one)
        totals = await run_all(*(self._work(waiting, start_us, urgent) for _ in range(self._settings.processes)))
        await self._report()
        return sum(totals)

    async def _work(
        self, waiting: asyncio.Queue[tuple[Camera, Stream]], start_us: int | None, urgent: Collection[str] | None
    ) -> int:
        total = 0
        while not waiting.empty():
            camera, stream = waiting.get_nowait()
            total += await self.index_stream(camera, stream, start_us, may_skip=not _hurries(camera, urgent))
        return total

    def positions(self) -> dict[str, int]:
        """Return how far this process has read each stream, µs UTC."""
        return {stream: r.position_us for stream, r in self._readings.items()}

    def _known_position(self, stream: str) -> int:
        return self._readings[stream].position_us if stream in self._readings else 0

    async def index_stream(
        self, camera: Camera, stream: Stream, start_us: int | None = None, *, may_skip: bool = False
    ) -> int:
        """Index the next batch of one stream; return the number of sightings started or changed."""
        now_us = to_microseconds(self._clock.now())
        reading = await self._reading(camera, stream, start_us if start_us is not None else now_us - FIRST_US)
        if reading.strikes >= STRIKES:
            return 0
        end_us = min(self._again.end_us if self._again else now_us + 5_000_000, now_us + 5_000_000)
        if may_skip and now_us - reading.position_us > BEHIND_US and _is_quiet(reading):
            await self._pass_over(stream, reading, now_us)
        begin_us = max(reading.position_us + STEP_US, reading.free_us)
        frames = await self._reader.keyframes(stream.id, begin_us, end_us, self._settings.batch)
        frames = _of_one_day(frames)
        if not frames:
            return 0
        looked, failed = await self._look(reading.memory, frames)
        if failed:
            await self._strike(camera, stream, reading, failed)
        else:
            reading.strikes = 0
        changed = await self._store(stream, looked, reading, frames[-1].at_us)
        reading.memory, reading.position_us, reading.dirty = looked.memory, frames[-1].at_us, True
        reading.free_us = frames[-1].whole_us + 1
        _add(reading.counts, looked.counts)
        await self._closeups(camera, stream, reading, looked.tracks)
        return changed

    async def _closeups(self, camera: Camera, stream: Stream, reading: IndexedStream, touched: Sequence[Track]) -> None:
        """Take best shots from the main stream for tracks that have ended or last long."""
        main = next((s for s in camera.streams if s.kind == "main" and s.record), None)
        if stream.kind != "sub" or main is None:
            return
        reading.waiting |= {t.id: t for t in touched if not t.closed_up}
        position_ms = reading.position_us // 1000
        for track in [t for t in reading.waiting.values() if best_shot.due(t, position_ms)][:MOST_CLOSEUPS]:
            del reading.waiting[track.id]
            live = next((t for t in reading.memory.tracker.tracks if t.id == track.id), track)
            live.closed_up = True
            frame = await self._reader.keyframe_at(main.id, live.best_ms * 1000)
            if frame is None or (where := best_shot.wanted(live, frame.at_us // 1000, SUB_HEIGHT)) is None:
                continue
            try:
                memory = reading.memory
                better = await self._pool.run(best_shot.take, frame, where, memory.balance, memory.monochrome > 0)
            except ProtocolError as e:
                log.error("%s: no picture was taken from it: %s", main.id, e)
                continue
            if better is not None:
                live.take_closeup(better.look, better.thumbnail)
                row = await self._row(live, self._detector)
                await asyncio.to_thread(self._write, Batch(stream.id, 0), [(live, row)], self._names())
        for number in list(reading.waiting)[: max(0, len(reading.waiting) - MOST_WAITING)]:
            del reading.waiting[number]

    async def again(self, cameras: Sequence[Camera]) -> int:
        """Index the period of each camera again to its end; return the number of sightings written."""
        assert self._again is not None
        total = 0
        for camera in cameras:
            stream = registry.watched_stream(camera)
            if stream is None:
                continue
            before = -1
            while (reading := self._readings.get(stream.id)) is None or reading.position_us != before:
                before = reading.position_us if reading else -1
                total += await self.index_stream(camera, stream, self._again.start_us)
            await asyncio.to_thread(self._days.forget, self._again.key(stream.id))
            await self._report()
        return total

    async def _reading(self, camera: Camera, stream: Stream, start_us: int) -> IndexedStream:
        found = self._readings.get(stream.id)
        if self._positions is None:
            self._positions = await asyncio.to_thread(self._days.positions)
        number = self._numbers.get((camera.id, camera.village))
        if number is None:
            # Serialised: concurrent calls would take the same number.
            async with self._giving, self._database.session() as session:
                number = await camera_numbers.of_camera(session, camera.id, camera.village)
            self._numbers[camera.id, camera.village] = number
        if found is None:
            async with self._database.reading() as session:
                state, names = await session.get(IndexState, stream.id), await camera_numbers.packs(session)
            position = self._positions.get(self._again.key(stream.id) if self._again else stream.id, start_us)
            memory = AnalysisState.new(number)
            memory.tracker.tracks = await asyncio.to_thread(restore_tracks, self._days, number, position // 1000, names)
            strikes = state.strikes if state and not self._again else 0
            found = self._readings[stream.id] = IndexedStream(position, memory, strikes=strikes)
        elif found.memory.camera != number:  # it moved to another village: new sightings belong there
            found.memory = AnalysisState.new(number)
        return found

    async def _look(self, memory: AnalysisState, frames: Sequence[Keyframe]) -> tuple[Analysis, list[str]]:
        """Analyse a batch; if that crashes or hangs, analyse keyframe by keyframe, so that only the bad one is lost.

        Returns the analysis and the reasons of the failures.
        """
        try:
            return await self._pool.run(worker.analyse, memory, frames), []
        except ProtocolError as e:
            if len(frames) == 1:
                return Analysis(memory, "", [], AnalysisCounts(keyframes=1, undecodable=1)), [str(e)]
        whole, failed = Analysis(memory, "", [], AnalysisCounts()), list[str]()
        touched: dict[int, Track] = {}
        for frame in frames:
            part, reasons = await self._look(whole.memory, [frame])
            failed += reasons
            touched |= {t.id: t for t in part.tracks}
            _add(whole.counts, part.counts)
            whole.memory, whole.detector = part.memory, part.detector or whole.detector
        # Each answer is a copy: the stored track must be the one in the state.
        live = {t.id: t for t in whole.memory.tracker.tracks}
        whole.tracks = [live.get(number, track) for number, track in touched.items()]
        return whole, failed

    async def _store(self, stream: Stream, looked: Analysis, reading: IndexedStream, position_us: int) -> int:
        changed, self._detector = [t for t in looked.tracks if t.changed], looked.detector or self._detector
        rows = [(t, await self._row(t, looked.detector)) for t in changed]
        batch = Batch(stream.id, position_us)
        if self._again is not None:
            batch.stream = self._again.key(stream.id)
            batch.replace = (reading.memory.camera, reading.position_us // 1000 + 1, position_us // 1000 + 1)
        await asyncio.to_thread(self._write, batch, rows, self._names())
        return len(rows)

    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._packs.items()}

    async def _row(self, track: Track, detector: str) -> Sighting:
        for name in (detector, track.embedder):
            if name not in self._packs:
                async with self._giving, self._database.session() as session:
                    self._packs[name] = await camera_numbers.of_pack(session, name)
        return sighting_of(track, self._packs[detector], self._packs[track.embedder])

    def _write(self, mine: Batch, rows: list[tuple[Track, Sighting]], names: dict[int, str]) -> None:
        """Write pictures and vectors first, then rows and position in one transaction.

        A crash in between leaves only unused bytes.
        """
        batches = {ids.day_of(mine.position_us // 1000): mine} if mine.position_us else {}
        for track, row in rows:
            day = ids.day_of(row.start_ms)
            batch = batches.setdefault(day, Batch(mine.stream, 0))
            folder = self._days.place(day)
            if track.thumbnail is not None:
                track.thumb = thumbnails.append(folder, [track.thumbnail])[0]
                track.place = vectors.append(folder, row.embedder, names[row.embedder], [row.id], track.shown()[None])[
                    0
                ]
                track.thumbnail = None
            row.thumb, row.thumb_size = track.thumb
            row.vector = track.place
            (batch.changed if track.stored else batch.new).append(row)
            if track.told != fingerprint(row):
                track.told = fingerprint(row)
                batch.fresh += [row.id] if self._again is None else []
            track.stored, track.changed = True, False
        for day in sorted(batches):  # yesterday's continuing tracks first, then today's with the position
            self._days.write(day, [batches[day]])

    async def _strike(self, camera: Camera, stream: Stream, reading: IndexedStream, reasons: Sequence[str]) -> None:
        log.error("%s: %d keyframes were passed over: %s", stream.id, len(reasons), reasons[0])
        reading.strikes += 1
        reading.dirty = True
        if reading.strikes >= STRIKES:
            async with self._database.session() as session:
                events.append(
                    session,
                    self._clock.now(),
                    "stream.quarantined",
                    village=camera.village,
                    camera=camera.id,
                    reason=reasons[0],
                )

    async def _pass_over(self, stream: Stream, reading: IndexedStream, now_us: int) -> None:
        missed_us = now_us - FIRST_US - reading.position_us
        log.warning(
            "%s: %d s are passed over: too little time, and the camera is a quiet one",
            stream.id,
            missed_us // 1_000_000,
        )
        reading.skipped += missed_us // 1_000_000
        reading.position_us = now_us - FIRST_US

    async def _report(self) -> None:
        """Update the IndexState rows, which are for display."""
        dirty = [(s, r) for s, r in self._readings.items() if r.dirty]
        if not dirty:
            return
        async with self._database.session() as session:
            known = {r.stream: r for r in await session.scalars(select(IndexState))}
            for stream, reading in dirty:
                row = known.get(stream)
                if row is None:
                    row = IndexState(stream=stream, keyframes=0, decoded=0, detected=0, undecodable=0, skipped=0)
                    session.add(row)
                row.position_us, row.strikes = reading.position_us, reading.strikes
                row.keyframes += reading.counts.keyframes
                row.decoded += reading.counts.keyframes - reading.counts.quiet
                row.detected += reading.counts.detected
                row.undecodable += reading.counts.undecodable
                row.skipped += reading.skipped
                reading.counts, reading.skipped, reading.dirty = AnalysisCounts(), 0, False


def _hurries(camera: Camera, urgent: Collection[str] | None) -> bool:
    return urgent is None or camera.village in urgent


def _is_quiet(reading: IndexedStream) -> bool:
    memory = reading.memory
    return len(memory.tracker.tracks) == 0 and memory.sizes.share_of_events() < QUIET_SHARE


def _of_one_day(frames: Sequence[Keyframe]) -> list[Keyframe]:
    """Return the keyframes up to midnight UTC: a position is stored with the sightings of its own day."""
    if not frames:
        return []
    first = ids.day_of(frames[0].at_us // 1000)
    return [f for f in frames if ids.day_of(f.at_us // 1000) == first]


def _add(total: AnalysisCounts, part: AnalysisCounts) -> None:
    for name in ("keyframes", "quiet", "still", "detected", "undecodable"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
