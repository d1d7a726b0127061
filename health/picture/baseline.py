"""The baseline of a camera: its accepted inspections of the last days and one reference picture per hour of the day.

An inspection is accepted only if it has no findings and the camera has no live picture fault, so a fault never becomes
part of the baseline. Slow decay could still enter it step by step; therefore the anchors, the inspections of the first
ANCHOR_DAYS days of a view, are kept for good and compared too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from health.faults.state_machine import CLOSED, DISMISSED, LIVE_STATES
from health.picture import measurement, view_pattern
from health.picture.view_pattern import ViewPattern
from health.tables import CameraBaseline, Fault, Inspection, ReferenceScene

MOST = 160  # inspections in the comparison, per camera
ANCHOR_DAYS = 3.0  # inspections of the first days of a view are kept for good
ANCHORS = 48
# Age from which an accepted inspection takes part in comparisons, so that a faint lasting fault does not become the
# norm.
SETTLED = timedelta(hours=4.2)
# hours of the reference pictures compared, relative to the hour of the inspection
SCENE_HOURS = (-2, -1, 0, 1, 2, 6, 12, 18)
AGAINST_THE_VIEW = (
    "moved",
    "covered",
    "covered_part",
    "blurred",
    "blurred_part",
    "cast",
    "monochrome",
    "veil",
    "overexposed",
    "underexposed",
)


@dataclass(slots=True)
class Baseline:
    """One camera's baseline, in the form that the inspection worker takes.

    `vectors` and `anchors`: packed measurements; `hours` and `anchor_hours`: their local hours; `scenes`: thumbnails.
    """

    sight: CameraBaseline | None = None
    vectors: list[bytes] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)
    scenes: list[bytes] = field(default_factory=list)
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
    sights = {
        s.camera: s for s in await session.scalars(select(CameraBaseline).where(CameraBaseline.camera.in_(cameras)))
    }
    banks = {c: Baseline(sights.get(c)) for c in cameras}
    looks = (
        select(Inspection.camera, Inspection.at, Inspection.features, Inspection.anchor)
        .where(
            Inspection.camera.in_(sights),
            Inspection.accepted,
            Inspection.features.is_not(None),
            Inspection.at <= now - SETTLED * pace,
        )
        .order_by(Inspection.camera, Inspection.at.desc())
    )
    for camera, at, features, anchor in await session.execute(looks):
        assert features is not None
        bank, since = banks[camera], sights[camera].since
        recent = max(since, now - timedelta(days=keep_days))
        if at >= recent and len(bank.vectors) < MOST:
            bank.vectors.append(features)
            bank.hours.append(local_hour(at, zone))
        elif anchor and since <= at < recent and len(bank.anchors) < ANCHORS:
            bank.anchors.append(features)
            bank.anchor_hours.append(local_hour(at, zone))
    hour = now.astimezone(zone).hour
    hours = {(hour + h) % 24 for h in SCENE_HOURS}
    scenes = select(ReferenceScene).where(ReferenceScene.camera.in_(sights), ReferenceScene.hour.in_(hours))
    for scene in await session.scalars(scenes):
        if scene.view == sights[scene.camera].view:
            banks[scene.camera].scenes.append(scene.thumb)
    return banks


def pattern_of(sight: CameraBaseline | None) -> ViewPattern | None:
    return ViewPattern.unpacked(sight.pattern, sight.patterned) if sight is not None and sight.pattern else None


async def accept(session: AsyncSession, look: Inspection, thumb: bytes, sight: CameraBaseline, zone: tzinfo) -> None:
    """Add an inspection to the camera's baseline, view pattern and reference pictures."""
    look.accepted, look.anchor = True, look.at - sight.since <= timedelta(days=ANCHOR_DAYS)
    hour = look.at.astimezone(zone).hour
    learnt = view_pattern.learned(pattern_of(sight), measurement.plane(thumb))
    sight.pattern, sight.patterned = learnt.packed(), learnt.looks
    await session.merge(ReferenceScene(camera=look.camera, hour=hour, view=sight.view, at=look.at, thumb=thumb))


async def new_view(session: AsyncSession, camera: str, now: datetime) -> None:
    """Start a new view after a person confirmed that the present picture is right.

    Learning starts again, and live faults found against the old view are closed.
    """
    query = select(Fault).where(
        Fault.camera == camera, Fault.state.in_(LIVE_STATES), Fault.family.in_(AGAINST_THE_VIEW)
    )
    for fault in await session.scalars(query):
        fault.state, fault.closed_at, fault.verdict = (CLOSED if fault.times else DISMISSED), now, "new_view"
    sight = await session.get(CameraBaseline, camera)
    if sight is None:
        session.add(CameraBaseline(camera=camera, since=now))
    else:
        sight.view, sight.since, sight.thumb, sight.at = sight.view + 1, now, None, None
        sight.pattern, sight.patterned = None, 0


async def learn(session: AsyncSession, fault: Fault) -> None:
    """Accept the inspections that raised a fault which was none: a person said so, or it was dismissed unconfirmed."""
    looks = select(Inspection).where(
        Inspection.camera == fault.camera, Inspection.at >= fault.first_seen, Inspection.features.is_not(None)
    )
    for look in await session.scalars(looks):
        if fault.family in look.findings:
            look.accepted = True


async def prune(session: AsyncSession, now: datetime, keep_days: float) -> int:
    """Delete the features of old inspections that no comparison needs, not the inspections; return their number."""
    done = await session.execute(
        update(Inspection)
        .where(
            Inspection.features.is_not(None),
            Inspection.at < now - timedelta(days=keep_days),
            Inspection.anchor.is_(False),
        )
        .values(features=None)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(done, "rowcount", 0))
