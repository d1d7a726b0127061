"""Cameras that still learn their view: their pictures are hardly judged, and nobody may take them for good.

Learning takes a day of hourly rounds. It takes longer where most inspections show something or have no picture; after
MAX_LEARNING it is overdue, and somebody should look at the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.accounts.scope import Villages, village_in_scope
from core.settings import PatrolSettings
from health.picture.baseline import SETTLING_TIME
from health.tables import CameraBaseline

MAX_LEARNING = timedelta(days=3)
MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class LearningCamera:
    """A camera that has been learning since `since`."""

    camera: str
    name: str
    village: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LearningCameras:
    """How many cameras learn, when the last of them is expected to be ready, and those that should be by now."""

    count: int
    until: datetime | None
    overdue: Sequence[LearningCamera]  # the first MAX_NAMED, longest first
    overdue_count: int


def expected_end(now: datetime, learned: int, settings: PatrolSettings) -> datetime:
    """Return when a camera with `learned` usable inspections has enough, if each of its inspections is accepted."""
    missing = max(1, settings.learning_looks - learned)
    return now + timedelta(minutes=settings.interval_minutes) * missing + SETTLING_TIME * settings.pace


async def learning_cameras(session: AsyncSession, scope: Villages, now: datetime) -> LearningCameras:
    """Return the cameras in the scope (None: the town) that learn, except retired ones."""
    rows = await session.execute(
        select(CameraBaseline.camera, Camera.name, Camera.village, CameraBaseline.since, CameraBaseline.learning_until)
        .join(Camera, Camera.id == CameraBaseline.camera)
        .where(
            CameraBaseline.learning_until.is_not(None),
            Camera.retired.is_(False),
            village_in_scope(Camera.village, scope),
        )
        .order_by(CameraBaseline.since, CameraBaseline.camera)
    )
    found = [(LearningCamera(camera, name, village, since), until) for camera, name, village, since, until in rows]
    overdue = [c for c, _ in found if now - c.since > MAX_LEARNING]
    ends = [until for _, until in found if until is not None]
    return LearningCameras(len(found), max(ends, default=None), overdue[:MAX_NAMED], len(overdue))
