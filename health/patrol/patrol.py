"""Full rounds: inspect every camera of a scope from the archive and write one result row per camera.

Rounds are rows: the schedule or a person requests one (`rounds.ask`); the analyst executes it (`Patrol`) and resumes
after an interruption. Recorded cameras are judged from their recordings; only cameras that are not recorded are probed
(health.patrol.probes).
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import registry
from cameras.tables import Camera, Stream
from core import events
from core.clock import Clock, from_microseconds
from core.database import Database
from core.errors import ProtocolError
from core.settings import PatrolSettings
from core.tasks import run_all
from health.checks import device, recording
from health.checks import stream as stream_checks
from health.faults import fault_log
from health.faults.state_machine import DEAD, FAMILIES, LIVE_STATES, OPEN, RECOVERING, SUSPECT, judge
from health.patrol import probes
from health.patrol.probes import ProbeResult, Probes
from health.patrol.rounds import following, in_scope
from health.patrol.shared_weather import SharedWeather, lasts
from health.picture import baseline
from health.picture.baseline import Baseline
from health.picture.inspection import InspectionAnswer, InspectionRequest, inspect
from health.picture.judgement import WEATHER
from health.tables import CameraBaseline, Fault, Inspection, PatrolRound, ReferenceScene
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.tables import StreamStatus

log = logging.getLogger(__name__)

CHUNK = 48
VISITING = 6  # chunks
KEYFRAMES = 8
AGAIN_SECONDS = (600.0, 1800.0)  # after the first suspicious inspection, and after the second
PICTURE = frozenset(n for n, f in FAMILIES.items() if f.kind == "picture")
SEEN = PICTURE | {"mark_time", "mark_name"}
# The counter watch judges the other families (health.patrol.counter_watch).
OF_LOOKS = SEEN | {
    "clock", "gaps", "retention", "flapping", "index", "parameters", "gop", "corrupt", "card", "ptz", "events",
}  # fmt: skip
HABIT = 40
REFRESH = 6  # inspections of a camera between two updates of its usual values, on average
PLACED = frozenset({"covered", "covered_part", "blurred_part"})


@dataclass(frozen=True, slots=True)
class InspectionInputs:
    """The inputs of one inspection.

    `working`: planned work on the camera; `sky`: its neighbours show the same weather; `visit`: the probe of a camera
    that is not recorded.
    """

    status: StreamStatus | None
    counters: tuple[dict[str, dict[str, object]], set[str]]
    bank: Baseline
    faults: dict[str, Fault]
    recorded: recording.Findings
    device: device.Findings
    stream: Stream | None = None
    frames: Sequence[Keyframe] = ()
    working: bool = False
    sky: bool = False
    visit: ProbeResult | None = None


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """The result of one inspection, not yet written."""

    camera: Camera
    look: Inspection
    answer: InspectionAnswer
    verdict: dict[str, bool | None]
    working: bool
    families: frozenset[str]  # families judged by this inspection
    shared: bool  # neighbours show the same weather


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
        visiting: Probes | None = None,
    ):
        self._database = database
        self._clock = clock
        self._settings = settings
        self._data_dir = data_dir
        self._pool = pool
        self._zone = zone
        self._visiting = visiting
        self._reader = ArchiveReader(database, clock)
        self._sky = SharedWeather()

    async def run_waiting(self) -> bool:
        """Run the next round (rounds.following), then the repeated inspections that are due.

        Returns False if nothing was due.
        """
        async with self._database.session() as session:
            row = await following(session)
            if row is not None:
                row.started_at = row.started_at or self._clock.now()
        if row is not None:
            await self.run_round(row.id)
        again = await self.look_again()
        return row is not None or again > 0

    async def run_round(self, number: int) -> None:
        """Inspect the cameras of a round that have no inspection in it yet, and finish the round."""
        async with self._database.session() as session:
            row = await session.get_one(PatrolRound, number)
            done = set(await session.scalars(select(Inspection.camera).where(Inspection.round == number)))
            wanted = [c for c in await registry.cameras(session) if in_scope(c, row.scope)]
            row.cameras, row.looked = len(wanted), len(done)
        await self._look_at([c for c in wanted if c.id not in done], number)
        await self._finish(number)

    async def look_again(self) -> int:
        """Inspect the cameras whose suspicion is due for confirmation; return their number."""
        now = self._clock.now()
        async with self._database.reading() as session:
            due = set(await session.scalars(select(CameraBaseline.camera).where(CameraBaseline.next_look_at <= now)))
            number = await session.scalar(select(func.max(PatrolRound.id)).where(PatrolRound.finished_at.is_not(None)))
            cameras = [c for c in await registry.cameras(session) if c.id in due] if due and number else []
        if number is not None:
            await self._look_at(cameras, number)
        return len(cameras)

    async def _look_at(self, cameras: Sequence[Camera], number: int) -> None:
        """Inspect the cameras in chunks.

        Two chunks of recorded cameras run at a time: one waits for its pictures while the other reads or writes the
        database. More chunks of probed cameras run at a time, because the slowest camera delays its whole chunk.
        """
        recorded, others = asyncio.Semaphore(2), asyncio.Semaphore(VISITING)
        slots = asyncio.Semaphore(self._settings.at_once)

        async def some(chunk: Sequence[Camera], chunks: asyncio.Semaphore) -> None:
            async with chunks:
                await self._look_at_some(chunk, number, slots)

        visited = [c for c in cameras if self._visiting is not None and registry.probed_stream(c) is not None]
        away = {c.id for c in visited}
        async with asyncio.TaskGroup() as group:
            for chunks, some_of in ((recorded, [c for c in cameras if c.id not in away]), (others, visited)):
                for first in range(0, len(some_of), CHUNK):
                    group.create_task(some(some_of[first : first + CHUNK], chunks))
        if visited:
            async with self._database.session() as session:
                await probes.judge_parents(session, number, self._clock.now(), self._settings.pace)

    async def _look_at_some(self, cameras: Sequence[Camera], number: int, slots: asyncio.Semaphore) -> None:
        """Inspect one chunk: one read and one write per chunk, because queries are expensive and rows are cheap."""
        now, names = self._clock.now(), [c.id for c in cameras]
        streams = {c.id: s for c in cameras if (s := registry.watched_stream(c)) is not None}
        async with self._database.reading() as session:
            resting, villages = await fault_log.in_maintenance(session, now)
            sky = await self._sky.villages(session, now)
            wanted = [s.id for s in streams.values()]
            statuses = {
                s.stream: s for s in await session.scalars(select(StreamStatus).where(StreamStatus.stream.in_(wanted)))
            }
            banks = await baseline.load(session, names, now, self._settings.keep_days, self._zone, self._settings.pace)
            faults = await fault_log.live(session, names, now)
            recorded = await recording.findings(session, cameras, now)
            sample = await recording.sampled(session, cameras, now)
            devices = await device.findings(session, cameras)
            parents = await probes.beneath(session) if self._visiting is not None else []
        counters = {c: stream_checks.findings(s, statuses.get(s.id), now, banks[c].sight) for c, s in streams.items()}
        missing = await asyncio.to_thread(recording.compare, sample)
        for name in sample:
            recorded[name][1].discard("index")
        for name, told in missing.items():
            recorded[name][0]["index"] = told
        heard = [s.id for c, s in streams.items() if not set(DEAD) & set(counters[c][0])]
        frames = await self._reader.newest_keyframes(heard, self._settings.frozen_seconds + 8, KEYFRAMES)
        met = await self._visiting.begin(cameras) if self._visiting is not None else {}

        async def one(camera: Camera) -> InspectionResult:
            stream, visit = streams.get(camera.id), await met[camera.id] if camera.id in met else None
            told = (
                counters.get(camera.id, ({}, set()))
                if visit is None
                else _told_by(visit, probes.is_beneath(camera, parents))
            )
            ground = InspectionInputs(
                statuses.get(stream.id) if stream else None,
                told,
                banks[camera.id],
                faults[camera.id],
                recorded[camera.id],
                devices[camera.id],
                stream or registry.probed_stream(camera),
                frames.get(stream.id, []) if stream else visit.frames if visit else [],
                working=camera.id in resting or camera.village in villages,
                sky=camera.village in sky,
                visit=visit,
            )
            async with slots:
                return await self.look(number, camera, ground)

        seen = await run_all(*(one(c) for c in cameras))
        if self._visiting is not None:
            await self._visiting.keep({c: await visit for c, visit in met.items()}, now)
        for each in seen:
            if each.answer.jpeg:
                await asyncio.to_thread(_write, self._data_dir / str(each.look.picture), each.answer.jpeg)
        async with self._database.session() as session:
            faults = await fault_log.live(session, names, now)
            # Loads the rows into the session at once, so that `session.get` needs no query per camera.
            known = [
                *await session.scalars(select(CameraBaseline).where(CameraBaseline.camera.in_(names))),
                *await session.scalars(
                    select(ReferenceScene).where(
                        ReferenceScene.camera.in_(names), ReferenceScene.hour == now.astimezone(self._zone).hour
                    )
                ),
            ]
            for each in seen:
                await self._keep(session, each, faults[each.camera.id])
            # The database increments the counter: chunks write concurrently, and in PostgreSQL two transactions may
            # read the same number.
            await session.execute(
                update(PatrolRound)
                .where(PatrolRound.id == number, PatrolRound.finished_at.is_(None))
                .values(looked=PatrolRound.looked + len(seen))
            )
            log.debug("%d cameras looked at, %d known", len(seen), len(known))

    async def look(self, number: int, camera: Camera, ground: InspectionInputs) -> InspectionResult:
        """Inspect one camera; write nothing."""
        now = self._clock.now()
        found, unknown = dict(ground.recorded[0]) | ground.device[0], ground.recorded[1] | ground.device[1]
        counters, untold = ground.counters
        times, untimed = stream_checks.clock(camera)
        found |= times
        unknown |= untimed
        answer = InspectionAnswer(untestable=set(SEEN))
        if ground.frames:
            answer = await self._picture(camera, ground, now)
        settings, unsettled = stream_checks.coded(ground.stream, ground.frames, answer.size, ground.status)
        found |= answer.found | settings
        unknown |= unsettled
        unknown |= answer.untestable
        if (ground.sky or lasts(ground.bank.sight, now)) and (weather := WEATHER & set(answer.found)):
            unknown |= weather
            found = {k: v for k, v in found.items() if k not in weather}
            answer.figures |= {"sky": 1.0}
        if ground.visit is not None:
            found |= counters
            # Stored in the figures: below a parent that is down it is no finding, but the parent is judged by it.
            answer.figures |= {"gone": 1.0} if probes.GONE & set(ground.visit.found) else {}
        # The counter watch records the faults of the counters; here they only explain picture faults.
        verdict = judge(set(found) | set(counters), unknown | untold)
        look = Inspection(
            round=number,
            camera=camera.id,
            at=now,
            findings=found,
            untestable=sorted(unknown),
            figures=stream_checks.figures(ground.status) | answer.figures,
            light=answer.light,
            features=answer.features or None,
            picture=f"patrol/{camera.id}/{now:%Y%m%dT%H%M%S%f}.jpg" if answer.jpeg else None,
            accepted=False,
        )
        families = OF_LOOKS | probes.REACH if ground.visit is not None else OF_LOOKS
        shared = ground.sky and "sky" in answer.figures
        return InspectionResult(camera, look, answer, verdict, ground.working, families, shared)

    async def _picture(self, camera: Camera, ground: InspectionInputs, now: datetime) -> InspectionAnswer:
        past, sight = ground.bank, ground.bank.sight
        question = InspectionRequest(
            ground.frames,
            baseline.local_hour(now, self._zone),
            past.vectors,
            past.hours,
            past.scenes,
            baseline.pattern_of(sight),
            past.anchors,
            past.anchor_hours,
            frozenset(n for n, f in ground.faults.items() if fault_log.is_open(f)),
            frozenset(n for n, f in ground.faults.items() if f.state in LIVE_STATES),
            sight.thumb if sight else None,
            (now - sight.at).total_seconds() if sight and sight.at else 0.0,
            sight.change if sight else None,
            self._settings.frozen_seconds,
            self._settings.learning_looks,
            want_picture=not past.scenes,
            marks=camera.profile.get("marks") or {},
            local=from_microseconds(ground.frames[-1].at_us).astimezone(self._zone).replace(tzinfo=None),
        )
        try:
            return await self._pool.run(inspect, question)
        except ProtocolError as e:
            log.warning("%s: %s", ground.frames[-1].stream, e)
            return InspectionAnswer({"corrupt": {"bytes": float(len(ground.frames[-1].data))}}, set(SEEN))

    async def _keep(self, session: AsyncSession, seen: InspectionResult, faults: dict[str, Fault]) -> None:
        camera, look, now = seen.camera, seen.look, seen.look.at
        session.add(look)
        subject = fault_log.FaultSubject(camera.id, camera.village)
        judged = (
            {f: said for f in sorted(seen.families) if (said := seen.verdict[f]) is not None}
            if not seen.working
            else {}
        )
        reference = await _reference(session, camera.id) if any(judged.values()) else None
        evidence = fault_log.FaultEvidence(look.picture, reference, look.light)
        for family, said in judged.items():
            told = self._told(family, look, seen.answer) if said else None
            fault, step = fault_log.record_inspection(
                session, subject, now, family, faults.get(family), told, evidence, self._settings.pace
            )
            if fault is not None:
                faults[family] = fault
                if step == "dismissed" and family in PICTURE and not _troubled(faults, but=family):
                    await baseline.learn(session, fault)
        await self._remember(session, seen, [f for f in faults.values() if f.family in seen.families])

    @staticmethod
    def _told(family: str, look: Inspection, answer: InspectionAnswer) -> dict[str, Any]:
        """Return the figures of a finding, with the cell map for families that have a location."""
        where = {"cells": answer.cells} if answer.cells is not None and family in PLACED else {}
        return {**look.findings[family], **where}

    async def _remember(self, session: AsyncSession, seen: InspectionResult, faults: list[Fault]) -> None:
        look, answer = seen.look, seen.answer
        sight = await session.get(CameraBaseline, look.camera)
        if sight is None:
            sight = CameraBaseline(camera=look.camera, since=look.at, view=1)
            session.add(sight)
        suspects = [f for f in faults if f.state in (SUSPECT, RECOVERING)]
        sight.next_look_at = None
        if suspects:
            fresh = min(len(f.facts.get("marks", [])) for f in suspects)
            pause = AGAIN_SECONDS[0] if fresh <= 1 else AGAIN_SECONDS[1] - AGAIN_SECONDS[0]
            sight.next_look_at = look.at + timedelta(seconds=pause * self._settings.pace)
        if seen.shared:
            sight.sky_at = look.at
        if not answer.thumb:
            return
        sight.thumb, sight.at = answer.thumb, look.at
        if not _troubled({f.family: f for f in faults}) and not PICTURE & set(look.findings):
            await baseline.accept(session, look, answer.thumb, sight, self._zone)
            if sight.fps is None or zlib.crc32(f"{look.camera} {look.at:%d%H}".encode()) % REFRESH == 0:
                await _habits(session, sight)

    async def _finish(self, number: int) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(PatrolRound, number)
            open_now = select(func.count(Fault.camera.distinct())).where(
                Fault.state.in_((OPEN, RECOVERING)), Fault.camera != ""
            )
            row.finished_at, row.faulty = now, await session.scalar(open_now) or 0
            events.append(session, now, "patrol.finished", round=number, cameras=row.cameras, faulty=row.faulty)
            await baseline.prune(session, now, self._settings.keep_days)


def _troubled(faults: Mapping[str, Fault], but: str = "") -> bool:
    """Return whether a live picture fault exists (other than `but`); then the baseline learns nothing."""
    return any(f.state in LIVE_STATES for name, f in faults.items() if name in PICTURE and name != but)


def _told_by(visit: ProbeResult, beneath: bool) -> tuple[dict[str, dict[str, object]], set[str]]:
    """Return (families found, families unknown) of a probe, in the form of the recorder's counters."""
    if beneath and probes.GONE & set(visit.found):
        return {}, set(probes.REACH)
    return dict(visit.found), set()


async def _habits(session: AsyncSession, sight: CameraBaseline) -> None:
    """Update the camera's usual frame rate, bit rate and change from its last accepted inspections."""
    rows = await session.scalars(
        select(Inspection.figures)
        .where(Inspection.camera == sight.camera, Inspection.accepted)
        .order_by(Inspection.id.desc())
        .limit(HABIT)
    )
    kept = list(rows)
    for name, share in (("fps", 0.5), ("bitrate", 0.5), ("change", 0.25)):
        values = sorted(float(f[name]) for f in kept if f.get(name))
        if len(values) >= 5:
            setattr(sight, name, values[int(share * len(values))])


async def _reference(session: AsyncSession, camera: str) -> str | None:
    query = select(Inspection.picture).where(
        Inspection.camera == camera, Inspection.picture.is_not(None), Inspection.accepted
    )
    found: str | None = await session.scalar(query.order_by(Inspection.id.desc()).limit(1))
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
