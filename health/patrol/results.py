"""Write the result of one inspection: its row, its faults with evidence, and what the baseline learns from it."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import PatrolSettings
from health.faults import fault_log
from health.faults.families import PICTURE_FAMILIES
from health.faults.pooled_evidence import (
    MAX_POOLED_VOTES,
    POOLED_FAMILIES,
    POOLED_RULE,
    PooledFinding,
    PooledVote,
    pooled_finding,
)
from health.faults.state_machine import LIVE_STATES, OPEN_STATES, SUSPICION_LIFETIME_S, Step
from health.patrol.inspection import InspectionResult
from health.patrol.learning import expected_end
from health.picture import baseline
from health.tables import CameraBaseline, Fault, Inspection
from health.vocabulary import EvidenceFigures, FaultFamily, FaultStatus

REPEAT_DELAYS_S = (600.0, 1800.0)  # after the first suspicious inspection, and after the second
USUAL_VALUES_FROM = 40  # accepted inspections
USUAL_VALUES_EVERY = 6  # inspections of a camera between two updates of its usual values, on average
MIN_VALUES = 5  # of accepted inspections, before there is a usual value
# The figures of an inspection that have a usual value, and the share of the sorted values below it.
_USUAL_VALUES = (("fps", 0.5), ("bitrate", 0.5), ("change", 0.25))
_PICTURE = frozenset(PICTURE_FAMILIES)
LOCATED_FAMILIES = frozenset({FaultFamily.COVERED, FaultFamily.PARTIAL_OCCLUSION, FaultFamily.BLURRED_PART})


class ResultWriter:
    """Writes inspection results into the caller's transaction."""

    def __init__(self, settings: PatrolSettings, zone: tzinfo):
        self._settings, self._zone = settings, zone

    async def record(self, session: AsyncSession, result: InspectionResult, faults: dict[str, Fault]) -> None:
        """Write one result. `faults`: the camera's live and reopenable faults by family; new ones are added."""
        inspection = result.inspection
        session.add(inspection)
        judged = {f: v for f in sorted(result.families) if (v := result.verdict[f]) is not None}
        if not result.in_maintenance:
            await self._record_faults(session, result, judged, faults)
        own = [f for f in faults.values() if f.family in result.families]
        await self._update_baseline(session, result, own)

    async def _record_faults(
        self, session: AsyncSession, result: InspectionResult, judged: dict[FaultFamily, bool], faults: dict[str, Fault]
    ) -> None:
        camera, inspection = result.camera, result.inspection
        subject = fault_log.FaultSubject(camera.id, camera.village)
        reference = await _reference_picture(session, camera.id) if any(judged.values()) else None
        pooled = await self._pooled(session, inspection, judged, faults)
        evidence = fault_log.FaultEvidence(inspection.picture, reference, inspection.light)
        for family, found in judged.items():
            figures = _evidence_figures(family, result) if found else None
            since = pooled.since if pooled is not None and pooled.family == family else None
            fault, step = fault_log.record_inspection(
                session,
                subject,
                inspection.at,
                family,
                faults.get(family),
                figures,
                evidence,
                self._settings.pace,
                since,
            )
            if fault is None:
                continue
            faults[family] = fault
            await _teach(session, fault, step, faults)
        for fault in faults.values():
            if fault.family in result.families and fault.family not in judged:
                await _teach(
                    session, fault, fault_log.end_stale_suspicion(fault, inspection.at, self._settings.pace), faults
                )

    async def _pooled(
        self,
        session: AsyncSession,
        inspection: Inspection,
        judged: Mapping[FaultFamily, bool],
        faults: Mapping[str, Fault],
    ) -> PooledFinding | None:
        """Return what the last inspections show together, if no picture fault is open."""
        present = frozenset(f for f in POOLED_FAMILIES if judged.get(f))
        if not present or _has_picture_fault(faults.values(), OPEN_STATES):
            return None
        rows = await session.execute(
            select(Inspection.at, Inspection.findings, Inspection.unknown)
            .where(
                Inspection.camera == inspection.camera,
                Inspection.at < inspection.at,
                Inspection.at > inspection.at - timedelta(seconds=SUSPICION_LIFETIME_S),
            )
            .order_by(Inspection.at.desc())
            .limit(MAX_POOLED_VOTES)
        )
        votes = [
            PooledVote(at.timestamp(), frozenset(f for f in POOLED_FAMILIES if f in findings))
            for at, findings, unknown in rows
            if not set(unknown) >= POOLED_FAMILIES
        ]
        present_vote = PooledVote(inspection.at.timestamp(), present)
        return pooled_finding([*reversed(votes), present_vote], fault_log.scaled_rule(POOLED_RULE, self._settings.pace))

    async def _update_baseline(self, session: AsyncSession, result: InspectionResult, faults: list[Fault]) -> None:
        inspection, answer = result.inspection, result.answer
        stored = await session.get(CameraBaseline, inspection.camera)
        if stored is None:
            stored = CameraBaseline(camera=inspection.camera, since=inspection.at, view=1)
            session.add(stored)
        self._schedule_repeat(stored, inspection, faults)
        if result.shared_weather:
            stored.shared_weather_at = inspection.at
        if not answer.thumb:
            return
        stored.thumbnail, stored.at = answer.thumb, inspection.at
        stored.learning_until = expected_end(inspection.at, answer.learned, self._settings) if answer.learning else None
        suspected = _has_picture_fault(faults, LIVE_STATES)
        # Weather that the neighbours show hides what is suspected; otherwise it is how the view looks on such days.
        hidden = suspected and "shared_weather" in answer.figures
        if not _has_picture_fault(faults, OPEN_STATES) and not _PICTURE & set(inspection.findings) and not hidden:
            baseline.accept(inspection, stored)
            if not suspected or await baseline.is_behind(session, inspection, stored, self._settings.pace):
                await baseline.learn_view(session, inspection, answer.thumb, stored, self._zone)
            draw = zlib.crc32(f"{inspection.camera} {inspection.at:%d%H}".encode())
            if stored.fps is None or draw % USUAL_VALUES_EVERY == 0:
                await _update_usual_values(session, stored)

    def _schedule_repeat(self, stored: CameraBaseline, inspection: Inspection, faults: Iterable[Fault]) -> None:
        """Set the time of the next inspection while a fault is suspected or recovering; otherwise clear it."""
        undecided = [f for f in faults if f.state in (FaultStatus.SUSPECT, FaultStatus.RECOVERING)]
        stored.next_inspection_at = None
        if undecided:
            votes = min(len(f.facts.get("votes", [])) for f in undecided)
            pause = REPEAT_DELAYS_S[0] if votes <= 1 else REPEAT_DELAYS_S[1] - REPEAT_DELAYS_S[0]
            stored.next_inspection_at = inspection.at + timedelta(seconds=pause * self._settings.pace)


def _evidence_figures(family: FaultFamily, result: InspectionResult) -> EvidenceFigures:
    """Return the figures of a finding, with the cell map for families that have a location."""
    cells = result.answer.cells
    figures = dict(result.inspection.findings[family])
    if cells is not None and family in LOCATED_FAMILIES:
        figures["cells"] = [*cells]
    return figures


def _has_picture_fault(faults: Iterable[Fault], states: Collection[FaultStatus]) -> bool:
    return any(f.state in states for f in faults if f.family in _PICTURE)


async def _teach(session: AsyncSession, fault: Fault, step: Step | None, faults: Mapping[str, Fault]) -> None:
    """Let the baseline learn from a step of a picture fault.

    A fault that opens takes back what was accepted since it was suspected. A suspicion that came to nothing gives its
    inspections to the baseline, unless another fault is live, which they may show as well. One that lapsed gives them
    also while others are suspected: two suspicions in turn would otherwise keep each other from being learned.
    """
    if fault.family not in _PICTURE:
        return
    since = fault_log.suspected_at(fault)
    others = [f for f in faults.values() if f.family != fault.family]
    match step:
        case Step.OPENED:
            await baseline.revoke(session, fault.camera, since)
        case Step.DISMISSED if not _has_picture_fault(others, LIVE_STATES):
            await baseline.learn(session, fault, since)
        case Step.LAPSED if not _has_picture_fault(others, OPEN_STATES):
            await baseline.learn(session, fault, since)


async def _update_usual_values(session: AsyncSession, stored: CameraBaseline) -> None:
    """Update the camera's usual frame rate, bit rate and change from its last accepted inspections."""
    rows = await session.scalars(
        select(Inspection.figures)
        .where(Inspection.camera == stored.camera, Inspection.accepted)
        .order_by(Inspection.id.desc())
        .limit(USUAL_VALUES_FROM)
    )
    figures = list(rows)
    for name, share in _USUAL_VALUES:
        values = sorted(float(f[name]) for f in figures if f.get(name))
        if len(values) >= MIN_VALUES:
            setattr(stored, name, values[int(share * len(values))])


async def _reference_picture(session: AsyncSession, camera: str) -> str | None:
    query = select(Inspection.picture).where(
        Inspection.camera == camera, Inspection.picture.is_not(None), Inspection.accepted
    )
    found: str | None = await session.scalar(query.order_by(Inspection.id.desc()).limit(1))
    return found
