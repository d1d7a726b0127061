"""Full rounds: inspect every camera of a scope from the archive and write one result row per camera.

Rounds are rows: the schedule or a person requests one (`rounds.request`); the analyst executes it (`Patrol`) and
resumes after an interruption. Recorded cameras are judged from their recordings; only cameras that are not recorded are
probed (health.patrol.probes).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import registry
from cameras.tables import Camera, Stream
from core import events
from core.clock import Clock
from core.database import Database
from core.settings import PatrolSettings
from core.tasks import run_all
from health.checks import device, recording
from health.checks import stream as stream_checks
from health.faults import fault_log, topology
from health.faults.families import NO_VIDEO_FAMILIES, OUTAGE_FAMILIES
from health.faults.findings import CheckFindings
from health.faults.state_machine import OPEN_STATES
from health.patrol import probes
from health.patrol.inspection import CameraInspector, InspectionInputs, InspectionResult
from health.patrol.probes import PROBE_FAMILIES, ProbeResult, Probes
from health.patrol.results import ResultWriter
from health.patrol.rounds import in_scope, next_round
from health.patrol.shared_weather import SharedWeather
from health.picture import baseline
from health.picture.baseline import Baseline
from health.tables import CameraBaseline, Fault, Inspection, PatrolRound, ReferenceScene
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import StreamStatus

log = logging.getLogger(__name__)

CHUNK_CAMERAS = 48
RECORDED_CHUNKS = 2  # at a time
MAX_PROBE_CHUNKS = 6  # at a time
MAX_KEYFRAMES = 8


@dataclass(frozen=True, slots=True)
class _ChunkFacts:
    """What the database knows about the cameras of a chunk, by camera id unless stated."""

    now: datetime
    streams: dict[str, Stream]  # of recorded cameras
    statuses: dict[str, StreamStatus]  # by stream
    baselines: dict[str, Baseline]
    faults: dict[str, dict[str, Fault]]
    recorded: dict[str, CheckFindings]
    devices: dict[str, CheckFindings]
    counters: dict[str, CheckFindings]
    in_maintenance: frozenset[str]
    weather_villages: frozenset[str]
    parents: Sequence[Fault]  # live faults of up-links and switches


class Patrol:
    """Executes rounds and repeated inspections; resumes a round that was interrupted."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: PatrolSettings,
        data_dir: Path,
        pool: DecodePool,
        zone: tzinfo,
        probes: Probes | None = None,
    ):
        self._database = database
        self._clock = clock
        self._settings = settings
        self._data_dir = data_dir
        self._zone = zone
        self._probes = probes
        self._reader = ArchiveReader(database, clock)
        self._weather = SharedWeather()
        self._inspector = CameraInspector(clock, settings, pool, zone)
        self._writer = ResultWriter(settings, zone)

    async def run_next(self) -> bool:
        """Run the next round (rounds.next_round), then the repeated inspections that are due.

        Returns False if nothing was due.
        """
        async with self._database.session() as session:
            row = await next_round(session)
            if row is not None:
                row.started_at = row.started_at or self._clock.now()
        if row is not None:
            await self.run_round(row.id)
        repeated = await self.run_repeat_inspections()
        return row is not None or repeated > 0

    async def run_round(self, number: int) -> None:
        """Inspect the cameras of a round that have no inspection in it yet, and finish the round."""
        async with self._database.session() as session:
            row = await session.get_one(PatrolRound, number)
            done = set(await session.scalars(select(Inspection.camera).where(Inspection.round == number)))
            wanted = [c for c in await registry.cameras(session) if in_scope(c, row.scope)]
            row.cameras, row.inspected = len(wanted), len(done)
        await self._inspect_all([c for c in wanted if c.id not in done], number)
        await self._finish(number)

    async def run_repeat_inspections(self) -> int:
        """Inspect the cameras whose suspicion is due for confirmation; return their number."""
        now = self._clock.now()
        async with self._database.reading() as session:
            query = select(CameraBaseline.camera).where(CameraBaseline.next_inspection_at <= now)
            due = set(await session.scalars(query))
            number = await session.scalar(select(func.max(PatrolRound.id)).where(PatrolRound.finished_at.is_not(None)))
            cameras = [c for c in await registry.cameras(session) if c.id in due] if due and number else []
        if number is not None:
            await self._inspect_all(cameras, number)
        return len(cameras)

    async def inspect_camera(self, number: int, camera: Camera, inputs: InspectionInputs) -> InspectionResult:
        """Inspect one camera; write nothing."""
        return await self._inspector.inspect(number, camera, inputs)

    async def _inspect_all(self, cameras: Sequence[Camera], number: int) -> None:
        """Inspect the cameras in chunks.

        Two chunks of recorded cameras run at a time: one waits for its pictures while the other reads or writes the
        database. More chunks of probed cameras run at a time, because the slowest camera delays its whole chunk.
        """
        slots = asyncio.Semaphore(self._settings.at_once)

        async def run(chunk: Sequence[Camera], chunks: asyncio.Semaphore) -> None:
            async with chunks:
                await self._inspect_chunk(chunk, number, slots)

        probed = [c for c in cameras if self._probes is not None and registry.probed_stream(c) is not None]
        probed_ids = {c.id for c in probed}
        recorded = [c for c in cameras if c.id not in probed_ids]
        async with asyncio.TaskGroup() as group:
            for part, at_once in ((recorded, RECORDED_CHUNKS), (probed, MAX_PROBE_CHUNKS)):
                chunks = asyncio.Semaphore(at_once)
                for first in range(0, len(part), CHUNK_CAMERAS):
                    group.create_task(run(part[first : first + CHUNK_CAMERAS], chunks))
        if probed:
            async with self._database.session() as session:
                await probes.judge_parents(session, number, self._clock.now(), self._settings.pace)

    async def _inspect_chunk(self, cameras: Sequence[Camera], number: int, slots: asyncio.Semaphore) -> None:
        """Inspect one chunk: one read and one write per chunk, because queries are expensive and rows are cheap."""
        facts = await self._load_facts(cameras)
        with_video = [s.id for c, s in facts.streams.items() if not NO_VIDEO_FAMILIES & set(facts.counters[c].found)]
        frames = await self._reader.newest_keyframes(with_video, self._settings.frozen_seconds + 8, MAX_KEYFRAMES)
        tasks = await self._probes.start(cameras) if self._probes is not None else {}

        async def inspect(camera: Camera) -> InspectionResult:
            probe = await tasks[camera.id] if camera.id in tasks else None
            stream = facts.streams.get(camera.id)
            keyframes = frames.get(stream.id, []) if stream else probe.frames if probe else []
            inputs = _inputs(camera, facts, keyframes, probe)
            async with slots:
                return await self.inspect_camera(number, camera, inputs)

        results = await run_all(*(inspect(c) for c in cameras))
        if self._probes is not None:
            await self._probes.store_results({c: await task for c, task in tasks.items()}, facts.now)
        await self._write_chunk(results, number, facts.now)

    async def _load_facts(self, cameras: Sequence[Camera]) -> _ChunkFacts:
        now, names, settings = self._clock.now(), [c.id for c in cameras], self._settings
        streams = {c.id: s for c in cameras if (s := registry.watched_stream(c)) is not None}
        async with self._database.reading() as session:
            in_work, villages = await fault_log.in_maintenance(session, now)
            weather = await self._weather.villages(session, now)
            status_query = select(StreamStatus).where(StreamStatus.stream.in_([s.id for s in streams.values()]))
            statuses = {s.stream: s for s in await session.scalars(status_query)}
            baselines = await baseline.load(session, names, now, settings.keep_days, self._zone, settings.pace)
            faults = await fault_log.faults_by_camera(session, names, now)
            recorded = await recording.findings(session, cameras, now)
            sample = await recording.sample_files(session, cameras, now)
            devices = await device.findings(session, cameras)
            parents = await probes.live_parent_faults(session) if self._probes is not None else []
        counters = {
            c: stream_checks.findings(s, statuses.get(s.id), now, baselines[c].stored) for c, s in streams.items()
        }
        mismatched = await asyncio.to_thread(recording.mismatched_files, sample)
        recording.add_mismatches(recorded, sample, mismatched)
        return _ChunkFacts(
            now, streams, statuses, baselines, faults, recorded, devices, counters,
            frozenset(c.id for c in cameras if c.id in in_work or c.village in villages), frozenset(weather), parents,
        )  # fmt: skip

    async def _write_chunk(self, results: Sequence[InspectionResult], number: int, now: datetime) -> None:
        for result in results:
            if result.answer.jpeg:
                path = self._data_dir / str(result.inspection.picture)
                await asyncio.to_thread(_write, path, result.answer.jpeg)
        names = [r.camera.id for r in results]
        async with self._database.session() as session:
            faults = await fault_log.faults_by_camera(session, names, now)
            loaded = await self._preload(session, names, now)
            for result in results:
                await self._writer.record(session, result, faults[result.camera.id])
            # The database increments the counter: chunks write concurrently, and in PostgreSQL two transactions may
            # read the same number.
            await session.execute(
                update(PatrolRound)
                .where(PatrolRound.id == number, PatrolRound.finished_at.is_(None))
                .values(inspected=PatrolRound.inspected + len(results))
            )
            log.debug("%d cameras inspected, %d baseline rows", len(results), len(loaded))

    async def _preload(self, session: AsyncSession, cameras: Sequence[str], now: datetime) -> list[object]:
        """Load the rows into the session at once, so that `session.get` needs no query per camera.

        The caller keeps the result: the session forgets rows that nobody refers to.
        """
        hour = now.astimezone(self._zone).hour
        scenes = select(ReferenceScene).where(ReferenceScene.camera.in_(cameras), ReferenceScene.hour == hour)
        return [
            *await session.scalars(select(CameraBaseline).where(CameraBaseline.camera.in_(cameras))),
            *await session.scalars(scenes),
        ]

    async def _finish(self, number: int) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(PatrolRound, number)
            open_now = select(func.count(Fault.camera.distinct())).where(
                Fault.state.in_(OPEN_STATES), Fault.camera != ""
            )
            row.finished_at, row.faulty = now, await session.scalar(open_now) or 0
            events.append(
                session, now, events.EventKind.PATROL_FINISHED, round=number, cameras=row.cameras, faulty=row.faulty
            )
            await baseline.prune(session, now, self._settings.keep_days)


def _inputs(
    camera: Camera, facts: _ChunkFacts, frames: Sequence[Keyframe], probe: ProbeResult | None
) -> InspectionInputs:
    stream = facts.streams.get(camera.id)
    if probe is None:
        counters = facts.counters.get(camera.id, CheckFindings())
    else:
        counters = _probe_findings(probe, any(topology.is_below(camera, f) for f in facts.parents))
    return InspectionInputs(
        facts.statuses.get(stream.id) if stream else None,
        counters,
        facts.baselines[camera.id],
        facts.faults[camera.id],
        facts.recorded[camera.id],
        facts.devices[camera.id],
        stream or registry.probed_stream(camera),
        frames,
        in_maintenance=camera.id in facts.in_maintenance,
        shared_weather=camera.village in facts.weather_villages,
        probe=probe,
    )


def _probe_findings(probe: ProbeResult, below_parent: bool) -> CheckFindings:
    """Return the findings of a probe; unknown where a parent that is down explains them."""
    if below_parent and OUTAGE_FAMILIES & set(probe.findings.found):
        return CheckFindings(unknown={*PROBE_FAMILIES})
    return CheckFindings(dict(probe.findings.found))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
