"""The counter watch checks every few seconds, from the recorders' counters alone, whether every camera delivers.

It decodes nothing and sends no requests to cameras. One cause is one fault: an up-link, a switch or the station itself
gets the fault, and the cameras below it get none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from cameras.registry import registry
from cameras.tables import Camera
from core.clock import Clock, to_microseconds
from core.database import Database
from core.settings import PatrolSettings, RetentionSettings
from health.checks import storage_forecast, stream
from health.faults import fault_log, topology
from health.faults.families import FAMILIES, OUTAGE_FAMILIES
from health.faults.findings import CheckFindings
from health.faults.state_machine import LIVE_STATES, resolve_explained
from health.tables import CameraBaseline, Fault, PatrolRound
from health.vocabulary import EvidenceFigures, FaultFamily, FaultKind, FaultOutcome
from nvr.storage.volumes import all_volumes
from nvr.tables import StreamStatus, VolumeState

COUNTER_FAMILIES = stream.FAMILIES
MAX_FAILING_SHARE_RECOVERED = 0.3  # of a parent's cameras that may still fail when the parent counts as repaired
MIN_REPORTING_SHARE = 0.5  # of the streams with a fresh status; below it the station itself is at fault
FORECAST_SECONDS = 600.0
OVERDUE_INTERVALS = 1.5  # multiple of the interval between rounds after which the patrol itself is a fault
MIN_OVERDUE = timedelta(minutes=2)


@dataclass(slots=True)
class CounterObservations:
    """The result of one pass over the counters.

    `findings`: by camera; `reported`: streams with a fresh status, of `streams` that are watched.
    """

    findings: dict[str, CheckFindings] = field(default_factory=dict)
    reported: int = 0
    streams: int = 0

    def failing(self) -> set[str]:
        return {c for c, findings in self.findings.items() if OUTAGE_FAMILIES & set(findings.found)}


@dataclass(frozen=True, slots=True)
class _Log:
    """The counter watch's view of the fault log in one pass.

    `faults`: live and reopenable faults by (camera, family, name of the parent).
    """

    session: AsyncSession
    now: datetime
    pace: float
    faults: dict[tuple[str, str, str], Fault]

    def record(self, subject: fault_log.FaultSubject, family: FaultFamily, figures: EvidenceFigures | None) -> None:
        """Record one vote: the figures of a finding, or None for clean."""
        key = (subject.camera, family, subject.name)
        fault, _ = fault_log.record_inspection(
            self.session, subject, self.now, family, self.faults.get(key), figures, fault_log.FaultEvidence(), self.pace
        )
        if fault is not None:
            self.faults[key] = fault

    def parent_fault(self, name: str) -> Fault | None:
        return self.faults.get(("", FaultFamily.UPLINK, name))


class CounterWatch:
    def __init__(
        self, database: Database, clock: Clock, settings: PatrolSettings, retention: RetentionSettings | None = None
    ):
        """`retention`: None turns the storage forecast off."""
        self._database = database
        self._clock = clock
        self._settings = settings
        self._retention = retention
        self._forecast_at = clock.monotonic() + FORECAST_SECONDS  # bit rates mean nothing earlier

    async def run_once(self) -> CounterObservations:
        """Read all counters once and update the faults of cameras, parents, volumes and the station."""
        now = self._clock.now()
        async with self._database.reading() as session:
            cameras = await registry.cameras(session)
            observations = await self._observe(session, cameras, now)
        groups = _groups(cameras, observations)
        async with self._database.session() as session:
            log = _Log(session, now, self._settings.pace, await _known_faults(session, now))
            await _close_retired(session, now)
            await self._record_volumes(log)
            await self._record_forecast(log)
            if await self._check_station(log, groups, observations):
                return observations
            below_parents = _record_parents(log, groups, observations.failing())
            in_maintenance, villages = await fault_log.in_maintenance(session, now)
            for camera in cameras:
                excluded = camera.id in below_parents or camera.id in in_maintenance or camera.village in villages
                if not excluded and camera.id in observations.findings:
                    _record_camera(log, camera, observations.findings[camera.id])
        return observations

    async def _observe(self, session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> CounterObservations:
        statuses = {s.stream: s for s in await session.scalars(select(StreamStatus))}
        query = select(CameraBaseline).options(defer(CameraBaseline.thumbnail))
        baselines = {b.camera: b for b in await session.scalars(query)}
        observations = CounterObservations()
        for camera in cameras:
            watched = registry.watched_stream(camera)
            if watched is None or not watched.record:
                continue
            status = statuses.get(watched.id)
            observations.findings[camera.id] = stream.findings(watched, status, now, baselines.get(camera.id))
            observations.streams += 1
            is_fresh = status is not None and (now - status.at).total_seconds() <= stream.STALE_SECONDS
            observations.reported += is_fresh
        return observations

    async def _check_station(self, log: _Log, groups: topology.Groups, observations: CounterObservations) -> bool:
        """Record the station's own fault. Returns True if the station is at fault; then no camera is judged."""
        failing, streams = observations.failing(), observations.streams
        figures: EvidenceFigures | None = None
        if streams and observations.reported < MIN_REPORTING_SHARE * streams:
            figures = {"reported": observations.reported, "streams": streams}
        elif topology.is_station_fault(groups, failing, streams):
            figures = {"failing": len(failing), "streams": streams}
        elif await self._is_overdue(log.session, log.now):
            figures = {"overdue": 1}
        log.record(fault_log.FaultSubject("", None, "station"), FaultFamily.PATROL, figures)
        return figures is not None and "overdue" not in figures

    async def _record_volumes(self, log: _Log) -> None:
        """Record one station fault per disk that is not in state 'ok'."""
        for volume in await all_volumes(log.session):
            figures: EvidenceFigures | None = None
            if volume.state != VolumeState.OK:
                figures = {"state": volume.state, "said": volume.detail[:120]}
            log.record(fault_log.FaultSubject("", None, volume.path), FaultFamily.VOLUME, figures)

    async def _record_forecast(self, log: _Log) -> None:
        """Record a fault for each village whose footage will be deleted early, before that happens."""
        if self._retention is None or self._clock.monotonic() < self._forecast_at:
            return
        self._forecast_at = self._clock.monotonic() + FORECAST_SECONDS
        for each in await storage_forecast.forecast(log.session, self._retention, to_microseconds(log.now)):
            if each.possible_days is None:  # nothing is known
                continue
            figures: EvidenceFigures | None = None
            if each.days_until_short is not None:
                figures = {
                    "in_days": math.floor(each.days_until_short), "days": math.floor(each.possible_days),
                    "required": round(each.required_days, 1), "quota": each.by_quota,
                }  # fmt: skip
            log.record(fault_log.FaultSubject("", each.village, each.village), FaultFamily.FORECAST, figures)

    async def _is_overdue(self, session: AsyncSession, now: datetime) -> bool:
        last = await session.scalar(select(func.max(PatrolRound.finished_at)))
        limit = timedelta(minutes=self._settings.interval_minutes * OVERDUE_INTERVALS)
        return last is not None and now - last > max(limit, MIN_OVERDUE)


async def _close_retired(session: AsyncSession, now: datetime) -> None:
    """Close the faults of cameras that were removed from the inventory."""
    retired = select(Camera.id).where(Camera.retired)
    for fault in await session.scalars(select(Fault).where(Fault.camera.in_(retired), Fault.state.in_(LIVE_STATES))):
        fault_log.end(fault, now)
        fault.verdict = FaultOutcome.RETIRED


def _record_parents(log: _Log, groups: topology.Groups, failing: set[str]) -> set[str]:
    """Record the faults of parents; return the cameras below parents that are down, which are not judged."""
    down = {(p.kind, p.name): p for p in topology.parents_down(groups, failing)}
    below: set[str] = set()
    for (kind, name), members in groups.items():
        parent = down.get((kind, name))
        if parent is None and log.parent_fault(name) is None:
            continue
        failed = sum(m.camera in failing for m in members)
        is_recovered = parent is None and failed <= MAX_FAILING_SHARE_RECOVERED * len(members)
        figures: EvidenceFigures | None = None
        if not is_recovered:
            figures = {"kind": kind, "failing": failed, "cameras": len(members)}
        log.record(fault_log.FaultSubject("", members[0].village, name), FaultFamily.UPLINK, figures)
        fault = log.parent_fault(name)
        if fault is not None and fault.state in LIVE_STATES:
            below |= {m.camera for m in members}
    return below


def _record_camera(log: _Log, camera: Camera, findings: CheckFindings) -> None:
    verdict = resolve_explained(findings.found, findings.unknown)
    subject = fault_log.FaultSubject(camera.id, camera.village)
    for family in COUNTER_FAMILIES:
        if (is_found := verdict[family]) is not None:
            log.record(subject, family, findings.found[family] if is_found else None)


def _groups(cameras: Sequence[Camera], observations: CounterObservations) -> topology.Groups:
    judged = [
        c
        for c in cameras
        if c.id in observations.findings and FaultFamily.UNREACHABLE not in observations.findings[c.id].unknown
    ]
    return topology.parents(topology.child_of(c) for c in judged)


async def _known_faults(session: AsyncSession, now: datetime) -> dict[tuple[str, str, str], Fault]:
    """Return the faults of the counter watch by (camera, family, name of the parent).

    Includes faults that were closed within a day.
    """
    kinds = (FaultKind.REACH, FaultKind.STREAM, FaultKind.STATION)
    names = [n for n, f in FAMILIES.items() if f.kind in kinds]
    query = select(Fault).where(Fault.family.in_(names), fault_log.live_or_reopenable(now)).order_by(Fault.id)
    return {(f.camera, f.family, f.detail if not f.camera else ""): f for f in await session.scalars(query)}
