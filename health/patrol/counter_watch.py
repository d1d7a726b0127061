"""The counter watch checks every few seconds, from the recorders' counters alone, whether every camera delivers.

It decodes nothing and sends no requests to cameras. One cause is one fault: an up-link, a switch or the station itself
gets the fault, and the cameras below it get none.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
from health.faults.state_machine import CLOSED, DISMISSED, FAMILIES, LIVE_STATES, judge
from health.tables import CameraBaseline, Fault, PatrolRound
from nvr.tables import StreamStatus, Volume

log = logging.getLogger(__name__)

MINE = stream.FAMILIES
GONE = frozenset({"unreachable", "no_stream"})
PARTLY_BACK = 0.3  # share of a parent's cameras that may still fail when the parent counts as repaired
REPORTING = 0.5  # share of the streams that must have a fresh status; below it the station itself is at fault
FORECAST_SECONDS = 600.0
OVERDUE = 1.5  # multiple of the interval between rounds after which the patrol itself is a fault


Groups = dict[tuple[str, str], list[topology.TopologyChild]]  # by (kind, name) of the parent


@dataclass(slots=True)
class CounterObservations:
    """The result of one pass over the counters.

    `reported`: streams with a fresh status, of `streams` that are watched.
    """

    found: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # camera → family → figures
    unknown: dict[str, set[str]] = field(default_factory=dict)
    reported: int = 0
    streams: int = 0

    def failing(self) -> set[str]:
        return {c for c, families in self.found.items() if GONE & set(families)}


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
            seen = await self._observe(session, cameras, now)
        groups = _groups(cameras, seen)
        async with self._database.session() as session:
            live = await _live(session, now)
            await self._retired(session, now)
            await self._volumes(session, live, now)
            await self._forecast(session, live, now)
            stalled = await self._ourselves(session, groups, seen, live, now)
            if stalled:
                return seen
            beneath = await self._parents(session, groups, seen, live, now)
            resting, villages = await fault_log.in_maintenance(session, now)
            for camera in cameras:
                if camera.id not in beneath and camera.id not in resting and camera.village not in villages:
                    self._camera(session, camera, seen, live, now)
        return seen

    async def _observe(self, session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> CounterObservations:
        statuses = {s.stream: s for s in await session.scalars(select(StreamStatus))}
        habits = {
            h.camera: h for h in await session.scalars(select(CameraBaseline).options(defer(CameraBaseline.thumb)))
        }
        seen = CounterObservations()
        for camera in cameras:
            watched = registry.watched_stream(camera)
            if watched is None or not watched.record:
                continue
            status = statuses.get(watched.id)
            found, unknown = stream.findings(watched, status, now, habits.get(camera.id))
            seen.found[camera.id], seen.unknown[camera.id] = found, unknown
            seen.streams += 1
            seen.reported += status is not None and (now - status.at).total_seconds() <= stream.STALE_SECONDS
        return seen

    async def _ourselves(
        self,
        session: AsyncSession,
        groups: Groups,
        seen: CounterObservations,
        live: dict[tuple[str, str, str], Fault],
        now: datetime,
    ) -> bool:
        """Record the station's own fault. Returns True if the station is at fault; then no camera is judged."""
        found: dict[str, Any] | None = None
        if seen.streams and seen.reported < REPORTING * seen.streams:
            found = {"reported": seen.reported, "streams": seen.streams}
        elif topology.ours(groups, seen.failing(), seen.streams):
            found = {"failing": len(seen.failing()), "streams": seen.streams}
        elif await self._overdue(session, now):
            found = {"overdue": 1}
        self._note(session, live, fault_log.FaultSubject("", None, "station"), "patrol", found, now)
        return found is not None and "overdue" not in found

    async def _retired(self, session: AsyncSession, now: datetime) -> None:
        """Close the faults of cameras that were removed from the inventory."""
        gone = select(Camera.id).where(Camera.retired)
        for fault in await session.scalars(select(Fault).where(Fault.camera.in_(gone), Fault.state.in_(LIVE_STATES))):
            fault.state, fault.closed_at, fault.verdict = (CLOSED if fault.times else DISMISSED), now, "retired"

    async def _volumes(self, session: AsyncSession, live: dict[tuple[str, str, str], Fault], now: datetime) -> None:
        """Record one station fault per disk that is not in state 'ok'."""
        for volume in await session.scalars(select(Volume)):
            found = {"state": volume.state, "said": volume.detail[:120]} if volume.state != "ok" else None
            self._note(session, live, fault_log.FaultSubject("", None, volume.path), "volume", found, now)

    async def _forecast(self, session: AsyncSession, live: dict[tuple[str, str, str], Fault], now: datetime) -> None:
        """Record a fault for each village whose footage will be deleted early, before that happens."""
        if self._retention is None or self._clock.monotonic() < self._forecast_at:
            return
        self._forecast_at = self._clock.monotonic() + FORECAST_SECONDS
        for each in await storage_forecast.outlook(session, self._retention, to_microseconds(now)):
            found: dict[str, Any] | None = None
            if each.days_until_short is not None and each.possible_days is not None:
                found = {
                    "in_days": math.floor(each.days_until_short), "days": math.floor(each.possible_days),
                    "required": round(each.required_days, 1), "quota": each.by_quota,
                }  # fmt: skip
            if each.possible_days is not None:  # otherwise nothing is known
                self._note(
                    session, live, fault_log.FaultSubject("", each.village, each.village), "forecast", found, now
                )

    async def _overdue(self, session: AsyncSession, now: datetime) -> bool:
        last = await session.scalar(select(func.max(PatrolRound.finished_at)))
        limit = timedelta(minutes=self._settings.interval_minutes * OVERDUE)
        return last is not None and now - last > max(limit, timedelta(minutes=2))

    async def _parents(
        self,
        session: AsyncSession,
        groups: Groups,
        seen: CounterObservations,
        live: dict[tuple[str, str, str], Fault],
        now: datetime,
    ) -> set[str]:
        """Record the faults of parents; return the cameras below them, which are not judged."""
        failing = seen.failing()
        down = {(p.kind, p.name): p for p in topology.down(groups, failing)}
        beneath: set[str] = set()
        for (kind, name), members in groups.items():
            fault = live.get(("", "uplink", name))
            parent = down.get((kind, name))
            bad = sum(m.camera in failing for m in members)
            if parent is None and fault is None:
                continue
            if parent is None and bad > PARTLY_BACK * len(members):
                # not repaired yet
                told: dict[str, Any] | None = {"kind": kind, "failing": bad, "cameras": len(members)}
            elif parent is None:
                told = None
            else:
                told = {"kind": kind, "failing": parent.failing, "cameras": len(parent.cameras)}
            self._note(session, live, fault_log.FaultSubject("", members[0].village, name), "uplink", told, now)
            fault = live.get(("", "uplink", name))
            if fault is not None and fault.state in LIVE_STATES:
                beneath |= {m.camera for m in members}
        return beneath

    def _camera(
        self,
        session: AsyncSession,
        camera: Camera,
        seen: CounterObservations,
        live: dict[tuple[str, str, str], Fault],
        now: datetime,
    ) -> None:
        found = seen.found.get(camera.id)
        if found is None:
            return
        verdict = judge(set(found), seen.unknown[camera.id])
        for family in MINE:
            if (said := verdict[family]) is not None:
                self._note(
                    session,
                    live,
                    fault_log.FaultSubject(camera.id, camera.village),
                    family,
                    found[family] if said else None,
                    now,
                )

    def _note(
        self,
        session: AsyncSession,
        live: dict[tuple[str, str, str], Fault],
        subject: fault_log.FaultSubject,
        family: str,
        found: dict[str, Any] | None,
        now: datetime,
    ) -> None:
        key = (subject.camera, family, subject.name)
        fault, _ = fault_log.record_inspection(
            session, subject, now, family, live.get(key), found, fault_log.FaultEvidence(), self._settings.pace
        )
        if fault is not None:
            live[key] = fault


def _groups(cameras: Sequence[Camera], seen: CounterObservations) -> Groups:
    judged = [c for c in cameras if c.id in seen.found and "unreachable" not in seen.unknown[c.id]]
    return topology.parents(topology.TopologyChild(c.id, c.village, str(c.profile.get("switch") or "")) for c in judged)


async def _live(session: AsyncSession, now: datetime) -> dict[tuple[str, str, str], Fault]:
    """Return the faults of the counter watch by (camera, family, name of the parent).

    Includes faults that were closed within a day.
    """
    names = [n for n, f in FAMILIES.items() if f.kind in ("reach", "stream", "station")]
    rows = await session.scalars(
        select(Fault).where(Fault.family.in_(names), fault_log.not_over(now)).order_by(Fault.id)
    )
    return {(f.camera, f.family, f.detail if not f.camera else ""): f for f in rows}
