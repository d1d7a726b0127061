"""Weather that several cameras show at once: fog, snow and rain are no fault of a camera."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from health.picture.judgement import WEATHER
from health.tables import CameraBaseline, Inspection

SHARE, LEAST, SECONDS, REFRESH = 0.3, 4, 5400.0, 20.0
LASTS = 43200.0  # seconds; snow may last on one camera after its neighbours have learned it or see nothing at night


class SharedWeather:
    """Villages with shared weather. Queries at most once in REFRESH seconds, because weather changes slowly."""

    def __init__(self) -> None:
        self._villages: set[str] = set()
        self._at: datetime | None = None

    async def villages(self, session: AsyncSession, now: datetime) -> set[str]:
        if self._at is None or not 0 <= (now - self._at).total_seconds() < REFRESH:
            self._villages, self._at = await _shared(session, now), now
        return self._villages


def lasts(sight: CameraBaseline | None, now: datetime) -> bool:
    """Return whether a finding may still be the weather that the camera shared with its neighbours."""
    return sight is not None and sight.sky_at is not None and 0 <= (now - sight.sky_at).total_seconds() < LASTS


async def _shared(session: AsyncSession, now: datetime) -> set[str]:
    """Return villages with at least LEAST cameras of which a share of SHARE or more showed weather lately."""
    since = now - timedelta(seconds=SECONDS)
    newest: dict[str, tuple[str, bool]] = {}
    query = select(Inspection.camera, Camera.village, Inspection.findings, Inspection.figures).join(
        Camera, Camera.id == Inspection.camera
    )
    for camera, village, findings, figures in await session.execute(
        query.where(Inspection.at > since).order_by(Inspection.id)
    ):
        newest[camera] = (village, bool(WEATHER & set(findings)) or "sky" in figures)
    villages: dict[str, list[bool]] = {}
    for village, hit in newest.values():
        villages.setdefault(village, []).append(hit)
    return {v for v, hits in villages.items() if len(hits) >= LEAST and sum(hits) >= SHARE * len(hits)}
