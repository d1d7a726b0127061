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
from cameras.states import StreamKind
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
from search.query.sightings import fingerprint, restore_places, restore_tracks, sighting_of
from search.store import camera_memory, camera_numbers, ids, thumbnails, vectors
from search.store.rows import Sighting
from search.store.sighting_store import Batch, SightingStore
from search.tables import QUARANTINE_CRASHES, IndexState

log = logging.getLogger(__name__)

MIN_STEP_US = 200_000  # a closed segment's index may differ from the open file's by some ms
SKIP_LAG_US = 600 * 1_000_000  # lag above which quiet cameras are skipped
MAX_QUIET_EVENT_SHARE = 0.1  # share of events below which a camera is quiet
BEST_SHOTS_PER_BATCH, MAX_WAITING_TRACKS = 8, 200  # best shots per batch; waiting tracks per stream
ASSUMED_SUB_HEIGHT = 480  # assumed height in pixels: the gain of the main stream is known only after decoding it
MEMORY_STEP_US = 600 * 1_000_000  # of footage, after which what was learned of a camera is stored again
INITIAL_BACKLOG_US = 60 * 1_000_000  # start of a stream without a position, before now


@dataclass(slots=True)
class IndexedStream:
    """The reading state of one stream in this process."""

    position_us: int
    state: AnalysisState
    counts: AnalysisCounts = field(default_factory=AnalysisCounts)
    crashes: int = 0
    skipped: int = 0
    # first time after the newest picture is complete (gradual refresh); earlier pictures are part of it
    free_us: int = 0
    dirty: bool = False
    waiting: dict[int, Track] = field(default_factory=dict)  # stored tracks without a best shot yet
    remembered_us: int = 0  # position at which what was learned of the camera was stored last


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
        store: SightingStore,
        pool: DecodePool,
        settings: SearchSettings,
        reindex: ReindexRange | None = None,
    ):
        """`reindex`: a period that is indexed again and replaced, instead of new footage."""
        self._database, self._clock, self._store, self._pool = database, clock, store, pool
        self._settings, self._reindex = settings, reindex
        self._numbers: dict[tuple[str, str], int] = {}
        self._number_lock = asyncio.Lock()
        self._reader = ArchiveReader(database, clock)
        self._streams: dict[str, IndexedStream] = {}
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
        order = sorted(streams, key=lambda cs: (not _is_urgent(cs[0], urgent), self._known_position(cs[1].id)))
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
            total += await self.index_stream(camera, stream, start_us, may_skip=not _is_urgent(camera, urgent))
        return total

    def positions(self) -> dict[str, int]:
        """Return how far this process has read each stream, µs UTC."""
        return {stream: r.position_us for stream, r in self._streams.items()}

    def _known_position(self, stream: str) -> int:
        return self._streams[stream].position_us if stream in self._streams else 0

    async def index_stream(
        self, camera: Camera, stream: Stream, start_us: int | None = None, *, may_skip: bool = False
    ) -> int:
        """Index the next batch of one stream; return the number of sightings started or changed."""
        now_us = to_microseconds(self._clock.now())
        indexed = await self._indexed_stream(
            camera, stream, start_us if start_us is not None else now_us - INITIAL_BACKLOG_US
        )
        if indexed.crashes >= QUARANTINE_CRASHES:
            return 0
        end_us = min(self._reindex.end_us if self._reindex else now_us + 5_000_000, now_us + 5_000_000)
        if may_skip and now_us - indexed.position_us > SKIP_LAG_US and _is_quiet(indexed):
            await self._skip(stream, indexed, now_us)
        begin_us = max(indexed.position_us + MIN_STEP_US, indexed.free_us)
        frames = await self._reader.keyframes(stream.id, begin_us, end_us, self._settings.batch)
        frames = _of_one_day(frames)
        if not frames:
            return 0
        analysis, failed = await self._analyse(indexed.state, frames)
        if failed:
            await self._record_failure(camera, stream, indexed, failed)
        else:
            indexed.crashes = 0
        changed = await self._store_analysis(stream, analysis, indexed, frames[-1].at_us)
        indexed.state, indexed.position_us, indexed.dirty = analysis.state, frames[-1].at_us, True
        indexed.free_us = frames[-1].complete_us + 1
        _add(indexed.counts, analysis.counts)
        await self._remember(indexed)
        await self._take_best_shots(camera, stream, indexed, analysis.tracks)
        return changed

    async def _remember(self, indexed: IndexedStream) -> None:
        """Store the camera's ground plane and traffic from time to time, but not those of footage indexed again."""
        if self._reindex is None and indexed.position_us - indexed.remembered_us >= MEMORY_STEP_US:
            indexed.remembered_us = indexed.position_us
            learned = indexed.state.tracker.learned_motion(indexed.position_us // 1000)
            await asyncio.to_thread(camera_memory.write, self._store.folder, indexed.state.camera, learned)

    async def _take_best_shots(
        self, camera: Camera, stream: Stream, indexed: IndexedStream, touched: Sequence[Track]
    ) -> None:
        """Take best shots from the main stream for tracks that have ended or last long."""
        main = next((s for s in camera.streams if s.kind == StreamKind.MAIN and s.record), None)
        if stream.kind != StreamKind.SUB or main is None:
            return
        indexed.waiting |= {t.id: t for t in touched if not t.best_shot_tried}
        position_ms = indexed.position_us // 1000
        for track in [t for t in indexed.waiting.values() if best_shot.due(t, position_ms)][:BEST_SHOTS_PER_BATCH]:
            del indexed.waiting[track.id]
            live = next((t for t in indexed.state.tracker.tracks if t.id == track.id), track)
            live.best_shot_tried = True
            frame = await self._reader.keyframe_at(main.id, live.best_ms * 1000)
            if frame is None or (where := best_shot.target_of(live, frame.at_us // 1000, ASSUMED_SUB_HEIGHT)) is None:
                continue
            try:
                state = indexed.state
                better = await self._pool.run(
                    best_shot.take_best_shot, frame, where, state.light.balance, state.light.infrared.active
                )
            except ProtocolError as e:
                log.error("%s: best shot failed: %s", main.id, e)
                continue
            if better is not None:
                live.apply_best_shot(better.detection, better.thumbnail)
                row = await self._row(live, self._detector)
                await asyncio.to_thread(self._write, Batch(stream.id, 0), [(live, row)], self._names())
        for number in list(indexed.waiting)[: max(0, len(indexed.waiting) - MAX_WAITING_TRACKS)]:
            del indexed.waiting[number]

    async def reindex(self, cameras: Sequence[Camera]) -> int:
        """Index the period of each camera again to its end; return the number of sightings written."""
        assert self._reindex is not None
        total = 0
        for camera in cameras:
            stream = registry.watched_stream(camera)
            if stream is None:
                continue
            before = -1
            while (indexed := self._streams.get(stream.id)) is None or indexed.position_us != before:
                before = indexed.position_us if indexed else -1
                total += await self.index_stream(camera, stream, self._reindex.start_us)
            await asyncio.to_thread(self._store.forget, self._reindex.key(stream.id))
            await self._report()
        return total

    async def _indexed_stream(self, camera: Camera, stream: Stream, start_us: int) -> IndexedStream:
        found = self._streams.get(stream.id)
        if self._positions is None:
            self._positions = await asyncio.to_thread(self._store.positions)
        number = self._numbers.get((camera.id, camera.village))
        if number is None:
            # Serialised: concurrent calls would take the same number.
            async with self._number_lock, self._database.session() as session:
                number = await camera_numbers.of_camera(session, camera.id, camera.village)
            self._numbers[camera.id, camera.village] = number
        if found is None:
            async with self._database.reading() as session:
                row, names = await session.get(IndexState, stream.id), await camera_numbers.packs(session)
            position = self._positions.get(self._reindex.key(stream.id) if self._reindex else stream.id, start_us)
            state = AnalysisState.new(number)
            state.tracker.tracks = await asyncio.to_thread(restore_tracks, self._store, number, position // 1000, names)
            state.places = await asyncio.to_thread(restore_places, self._store, number, position // 1000)
            learned = await asyncio.to_thread(camera_memory.read, self._store.folder, number)
            if learned is not None and not state.tracker.restore_motion(learned, position // 1000):
                log.info("%s: what was learned of its traffic is too old or of another version", stream.id)
            crashes = row.crashes if row and not self._reindex else 0
            found = self._streams[stream.id] = IndexedStream(position, state, crashes=crashes, remembered_us=position)
        elif found.state.camera != number:  # it moved to another village: new sightings belong there
            found.state = AnalysisState.new(number)
        return found

    async def _analyse(self, state: AnalysisState, frames: Sequence[Keyframe]) -> tuple[Analysis, list[str]]:
        """Analyse a batch; if that crashes or hangs, analyse keyframe by keyframe, so that only the bad one is lost.

        Returns the analysis and the reasons of the failures.
        """
        try:
            return await self._pool.run(worker.analyse, state, frames), []
        except ProtocolError as e:
            if len(frames) == 1:
                return Analysis(state, "", [], AnalysisCounts(keyframes=1, undecodable=1)), [str(e)]
        whole, failed = Analysis(state, "", [], AnalysisCounts()), list[str]()
        touched: dict[int, Track] = {}
        for frame in frames:
            part, reasons = await self._analyse(whole.state, [frame])
            failed += reasons
            touched |= {t.id: t for t in part.tracks}
            _add(whole.counts, part.counts)
            whole.state, whole.detector = part.state, part.detector or whole.detector
        # Each answer is a copy: the stored track must be the one in the state.
        live = {t.id: t for t in whole.state.tracker.tracks}
        whole.tracks = [live.get(number, track) for number, track in touched.items()]
        return whole, failed

    async def _store_analysis(
        self, stream: Stream, analysis: Analysis, indexed: IndexedStream, position_us: int
    ) -> int:
        changed, self._detector = [t for t in analysis.tracks if t.changed], analysis.detector or self._detector
        rows = [(t, await self._row(t, analysis.detector)) for t in changed]
        batch = Batch(stream.id, position_us)
        if self._reindex is not None:
            batch.stream = self._reindex.key(stream.id)
            batch.replace = (indexed.state.camera, indexed.position_us // 1000 + 1, position_us // 1000 + 1)
        await asyncio.to_thread(self._write, batch, rows, self._names())
        return len(rows)

    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._packs.items()}

    async def _row(self, track: Track, detector: str) -> Sighting:
        for name in (detector, track.embedder):
            if name not in self._packs:
                async with self._number_lock, self._database.session() as session:
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
            folder = self._store.day_dir(day)
            if track.thumbnail is not None:
                track.thumbnail_place = thumbnails.append(folder, [track.thumbnail])[0]
                track.vector_index = vectors.append(
                    folder, row.embedder, names[row.embedder], [row.id], track.search_vector()[None]
                )[0]
                track.thumbnail = None
            row.thumb, row.thumb_size = track.thumbnail_place
            row.vector = track.vector_index
            (batch.changed if track.stored else batch.new).append(row)
            if track.last_fingerprint != fingerprint(row):
                track.last_fingerprint = fingerprint(row)
                batch.pending += [row.id] if self._reindex is None else []
            track.stored, track.changed = True, False
        for day in sorted(batches):  # yesterday's continuing tracks first, then today's with the position
            self._store.write(day, [batches[day]])

    async def _record_failure(
        self, camera: Camera, stream: Stream, indexed: IndexedStream, reasons: Sequence[str]
    ) -> None:
        log.error("%s: skipped %d keyframes: %s", stream.id, len(reasons), reasons[0])
        indexed.crashes += 1
        indexed.dirty = True
        if indexed.crashes >= QUARANTINE_CRASHES:
            async with self._database.session() as session:
                events.append(
                    session,
                    self._clock.now(),
                    events.EventKind.STREAM_QUARANTINED,
                    village=camera.village,
                    camera=camera.id,
                    reason=reasons[0],
                )

    async def _skip(self, stream: Stream, indexed: IndexedStream, now_us: int) -> None:
        missed_us = now_us - INITIAL_BACKLOG_US - indexed.position_us
        log.warning(
            "%s: skipped %d s of a quiet camera, because indexing lags behind",
            stream.id,
            missed_us // 1_000_000,
        )
        indexed.skipped += missed_us // 1_000_000
        indexed.position_us = now_us - INITIAL_BACKLOG_US

    async def _report(self) -> None:
        """Update the IndexState rows, which are for display."""
        dirty = [(s, r) for s, r in self._streams.items() if r.dirty]
        if not dirty:
            return
        async with self._database.session() as session:
            known = {r.stream: r for r in await session.scalars(select(IndexState))}
            for stream, indexed in dirty:
                row = known.get(stream)
                if row is None:
                    row = IndexState(stream=stream, keyframes=0, decoded=0, detected=0, undecodable=0, skipped=0)
                    session.add(row)
                row.position_us, row.crashes = indexed.position_us, indexed.crashes
                row.keyframes += indexed.counts.keyframes
                row.decoded += indexed.counts.keyframes - indexed.counts.quiet
                row.detected += indexed.counts.detected
                row.undecodable += indexed.counts.undecodable
                row.skipped += indexed.skipped
                indexed.counts, indexed.skipped, indexed.dirty = AnalysisCounts(), 0, False


def _is_urgent(camera: Camera, urgent: Collection[str] | None) -> bool:
    return urgent is None or camera.village in urgent


def _is_quiet(indexed: IndexedStream) -> bool:
    state = indexed.state
    return len(state.tracker.tracks) == 0 and state.gop_size_gate.share_of_events() < MAX_QUIET_EVENT_SHARE


def _of_one_day(frames: Sequence[Keyframe]) -> list[Keyframe]:
    """Return the keyframes up to midnight UTC: a position is stored with the sightings of its own day."""
    if not frames:
        return []
    first = ids.day_of(frames[0].at_us // 1000)
    return [f for f in frames if ids.day_of(f.at_us // 1000) == first]


def _add(total: AnalysisCounts, part: AnalysisCounts) -> None:
    for name in ("keyframes", "quiet", "still", "detected", "undecodable"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
