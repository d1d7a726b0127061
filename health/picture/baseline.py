"""What a camera usually looks like: its accepted looks of the last days and a good picture for each hour.

Only a look without findings, of a camera without a live picture fault, is accepted: a fault never becomes the norm. A
slow decay could still creep in, look by look: the anchor, the first good week of a view, is therefore kept and asked too.
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

MOST = 160  # looks that a look is compared with
ANCHOR_DAYS = 3.0  # of a view's beginning, never forgotten
ANCHORS = 48
# After which an accepted look is compared with: what is faint and stays must not make itself the norm.
SETTLED = timedelta(hours=4.2)
SCENE_HOURS = (-2, -1, 0, 1, 2, 6, 12, 18)  # of the reference pictures that are compared, from the hour of the look
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
    """Of one camera, as the worker wants it."""

    sight: CameraBaseline | None = None
    vectors: list[bytes] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)
    scenes: list[bytes] = field(default_factory=list)
    anchors: list[bytes] = field(default_factory=list)
    anchor_hours: list[float] = field(default_factory=list)


def local_hour(at: datetime, zone: tzinfo) -> float:
    local = at.astimezone(zone)
    return local.hour + local.minute / 60


async def load(
    session: AsyncSession, cameras: Sequence[str], now: datetime, keep_days: float, zone: tzinfo, pace: float = 1.0
) -> dict[str, Baseline]:
    """Banks of some cameras by id, in three questions. `pace`: of the waits, as in the settings."""
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
    """Take a look among those that say what the camera usually looks like."""
    look.accepted, look.anchor = True, look.at - sight.since <= timedelta(days=ANCHOR_DAYS)
    hour = look.at.astimezone(zone).hour
    learnt = view_pattern.learned(pattern_of(sight), measurement.plane(thumb))
    sight.pattern, sight.patterned = learnt.packed(), learnt.looks
    await session.merge(ReferenceScene(camera=look.camera, hour=hour, view=sight.view, at=look.at, thumb=thumb))


async def new_view(session: AsyncSession, camera: str, now: datetime) -> None:
    """A person says that what is seen now is right: learning begins anew, and what was found against the old view is over."""
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
    """It was nothing (a person says so, or it went away unconfirmed): the looks that raised it belong to what this camera looks like."""
    looks = select(Inspection).where(
        Inspection.camera == fault.camera, Inspection.at >= fault.first_seen, Inspection.features.is_not(None)
    )
    for look in await session.scalars(looks):
        if fault.family in look.findings:
            look.accepted = True


async def prune(session: AsyncSession, now: datetime, keep_days: float) -> int:
    """Forget the features of looks that no comparison asks for; the looks themselves stay. Returns how many."""
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
