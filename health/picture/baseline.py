"""The baseline of a camera: its accepted inspections of the last days and one reference picture per hour of the day.

An inspection is accepted only if it has no picture findings and the camera has no open picture fault; what was accepted
while a fault was only suspected is taken back when it opens. So a fault never becomes part of the baseline, and a
suspicion that nothing confirms does not stop learning. Slow decay could still enter it step by step; therefore the
anchors, the inspections of the first ANCHOR_DAYS days of a view, are kept for good and compared too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import changed_rows
from health.faults import fault_log
from health.faults.state_machine import LIVE_STATES
from health.picture import measurement, view_pattern
from health.picture.view_pattern import ViewPattern
from health.tables import CameraBaseline, Fault, Inspection, ReferenceScene
from health.vocabulary import FaultFamily, FaultOutcome

MAX_VECTORS = 160  # inspections in the comparison, per camera
ANCHOR_DAYS = 3.0  # inspections of the first days of a view are kept for good
MAX_ANCHORS = 48
# Age from which an accepted inspection takes part in comparisons, so that a faint lasting fault does not become the
# norm.
SETTLING_TIME = timedelta(hours=4.2)
# Pause after which reference pictures and view pattern are learned also while a fault is suspected. They cannot be
# taken back, and most suspicions open or end sooner.
MAX_VIEW_PAUSE = timedelta(hours=6)
# hours of the reference pictures compared, relative to the hour of the inspection
SCENE_HOURS = (-2, -1, 0, 1, 2, 6, 12, 18)
VIEW_FAMILIES = (  # found by comparison with the view
    FaultFamily.MOVED,
    FaultFamily.COVERED,
    FaultFamily.PARTIAL_OCCLUSION,
    FaultFamily.BLURRED,
    FaultFamily.BLURRED_PART,
    FaultFamily.COLOUR_CAST,
    FaultFamily.MONOCHROME,
    FaultFamily.HAZE,
    FaultFamily.OVEREXPOSED,
    FaultFamily.UNDEREXPOSED,
)


@dataclass(slots=True)
class Baseline:
    """One camera's baseline, in the form that the inspection worker takes.

    `vectors` and `anchors`: packed measurements; `hours` and `anchor_hours`: their local hours; `scenes`: thumbnails,
    of which the first `settled_scenes` are older than the settling time.
    """

    stored: CameraBaseline | None = None
    vectors: list[bytes] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)
    scenes: list[bytes] = field(default_factory=list)
    settled_scenes: int = 0
    anchors: list[bytes] = field(default_factory=list)
    anchor_hours: list[float] = field(default_factory=list)


def local_hour(at: datetime, zone: tzinfo) -> float:
    """Return the local hour of the day with fraction, 0…24."""
    local = at.astimezone(zone)
    return local.hour + local.minute / 60


async def load(
    session: AsyncSession, cameras: Sequence[str], now: datetime, keep_days: float, zone: tzinfo, pace: float = 1.0
) -> dict[str, Baseline]:
    """Load the baselines of some cameras with three queries, by camera id.

    `pace` scales the settling time, as in the settings.
    """
    stored = {
        s.camera: s for s in await session.scalars(select(CameraBaseline).where(CameraBaseline.camera.in_(cameras)))
    }
    baselines = {c: Baseline(stored.get(c)) for c in cameras}
    inspections = (
        select(Inspection.camera, Inspection.at, Inspection.features, Inspection.anchor)
        .where(
            Inspection.camera.in_(stored),
            Inspection.accepted,
            Inspection.features.is_not(None),
            Inspection.at <= now - SETTLING_TIME * pace,
        )
        .order_by(Inspection.camera, Inspection.at.desc())
    )
    for camera, at, features, anchor in await session.execute(inspections):
        assert features is not None
        baseline, since = baselines[camera], stored[camera].since
        recent = max(since, now - timedelta(days=keep_days))
        if at >= recent and len(baseline.vectors) < MAX_VECTORS:
            baseline.vectors.append(features)
            baseline.hours.append(local_hour(at, zone))
        elif anchor and since <= at < recent and len(baseline.anchors) < MAX_ANCHORS:
            baseline.anchors.append(features)
            baseline.anchor_hours.append(local_hour(at, zone))
    hour = now.astimezone(zone).hour
    hours = {(hour + h) % 24 for h in SCENE_HOURS}
    scenes = (
        select(ReferenceScene)
        .where(ReferenceScene.camera.in_(stored), ReferenceScene.hour.in_(hours))
        .order_by(ReferenceScene.at)
    )
    for scene in await session.scalars(scenes):
        if scene.view == stored[scene.camera].view:
            baselines[scene.camera].scenes.append(scene.thumbnail)
            baselines[scene.camera].settled_scenes += scene.at <= now - SETTLING_TIME * pace
    return baselines


def pattern_of(stored: CameraBaseline | None) -> ViewPattern | None:
    return (
        ViewPattern.unpack(stored.pattern, stored.pattern_pictures) if stored is not None and stored.pattern else None
    )


def accept(inspection: Inspection, stored: CameraBaseline) -> None:
    """Add the measurement of an inspection to the camera's baseline."""
    inspection.accepted, inspection.anchor = True, inspection.at - stored.since <= timedelta(days=ANCHOR_DAYS)


async def revoke(session: AsyncSession, camera: str, since: datetime) -> None:
    """Remove the inspections from `since` on from the camera's baseline: a fault that began then has opened."""
    accepted = select(Inspection).where(Inspection.camera == camera, Inspection.at >= since, Inspection.accepted)
    for inspection in await session.scalars(accepted):
        inspection.accepted = inspection.anchor = False


async def is_behind(session: AsyncSession, inspection: Inspection, stored: CameraBaseline, pace: float) -> bool:
    """Return whether no reference picture of the present view was learned for MAX_VIEW_PAUSE."""
    scenes = select(func.max(ReferenceScene.at)).where(
        ReferenceScene.camera == inspection.camera, ReferenceScene.view == stored.view
    )
    newest: datetime | None = await session.scalar(scenes)
    return newest is None or inspection.at - newest >= MAX_VIEW_PAUSE * min(pace, 1.0)


async def learn_view(
    session: AsyncSession, inspection: Inspection, thumb: bytes, stored: CameraBaseline, zone: tzinfo
) -> None:
    """Add the picture of an inspection to the view pattern and the reference pictures."""
    hour = inspection.at.astimezone(zone).hour
    pattern = view_pattern.learn(pattern_of(stored), measurement.plane(thumb))
    stored.pattern, stored.pattern_pictures = pattern.pack(), pattern.pictures
    await session.merge(
        ReferenceScene(camera=inspection.camera, hour=hour, view=stored.view, at=inspection.at, thumbnail=thumb)
    )


async def new_view(session: AsyncSession, camera: str, now: datetime) -> None:
    """Start a new view after a person confirmed that the present picture is right.

    Learning starts again, and live faults found against the old view are closed.
    """
    query = select(Fault).where(Fault.camera == camera, Fault.state.in_(LIVE_STATES), Fault.family.in_(VIEW_FAMILIES))
    for fault in await session.scalars(query):
        fault_log.end(fault, now)
        fault.verdict = FaultOutcome.NEW_VIEW
    stored = await session.get(CameraBaseline, camera)
    if stored is None:
        session.add(CameraBaseline(camera=camera, since=now))
    else:
        stored.view, stored.since, stored.thumbnail, stored.at = stored.view + 1, now, None, None
        stored.pattern, stored.pattern_pictures = None, 0


async def learn(session: AsyncSession, fault: Fault, since: datetime) -> None:
    """Accept the inspections from `since` on that raised a fault which was none.

    A person said so, or nothing confirmed it.
    """
    inspections = select(Inspection).where(
        Inspection.camera == fault.camera, Inspection.at >= since, Inspection.features.is_not(None)
    )
    for inspection in await session.scalars(inspections):
        if fault.family in inspection.findings:
            inspection.accepted = True


async def prune(session: AsyncSession, now: datetime, keep_days: float) -> int:
    """Delete the features of old inspections that no comparison needs, not the inspections; return their number."""
    return await changed_rows(
        session,
        update(Inspection)
        .where(
            Inspection.features.is_not(None),
            Inspection.at < now - timedelta(days=keep_days),
            Inspection.anchor.is_(False),
        )
        .values(features=None)
        .execution_options(synchronize_session=False),
    )
