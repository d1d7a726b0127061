"""Weather that several cameras show at once: fog, snow and rain are no fault of a camera."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from health.picture.judgement import WEATHER_FAMILIES
from health.tables import CameraBaseline, Inspection

MIN_SHARE = 0.3  # of the cameras of a village
MIN_CAMERAS = 4
WINDOW_S = 5400.0  # inspections that count
CACHE_S = 20.0
PERSISTS_S = 43200.0  # snow may last on one camera after its neighbours have learned it or see nothing at night


class SharedWeather:
    """Villages with shared weather. Queries at most once in CACHE_S seconds, because weather changes slowly."""

    def __init__(self) -> None:
        self._villages: set[str] = set()
        self._at: datetime | None = None

    async def villages(self, session: AsyncSession, now: datetime) -> set[str]:
        if self._at is None or not 0 <= (now - self._at).total_seconds() < CACHE_S:
            self._villages, self._at = await _shared(session, now), now
        return self._villages


def may_persist(stored: CameraBaseline | None, now: datetime) -> bool:
    """Return whether a finding may still be the weather that the camera shared with its neighbours."""
    return (
        stored is not None
        and stored.shared_weather_at is not None
        and 0 <= (now - stored.shared_weather_at).total_seconds() < PERSISTS_S
    )


async def _shared(session: AsyncSession, now: datetime) -> set[str]:
    """Return villages with at least MIN_CAMERAS cameras of which a share of MIN_SHARE or more showed weather lately."""
    since = now - timedelta(seconds=WINDOW_S)
    newest: dict[str, tuple[str, bool]] = {}
    query = select(Inspection.camera, Camera.village, Inspection.findings, Inspection.figures).join(
        Camera, Camera.id == Inspection.camera
    )
    for camera, village, findings, figures in await session.execute(
        query.where(Inspection.at > since).order_by(Inspection.id)
    ):
        newest[camera] = (village, bool(WEATHER_FAMILIES & set(findings)) or "shared_weather" in figures)
    villages: dict[str, list[bool]] = {}
    for village, shows_weather in newest.values():
        villages.setdefault(village, []).append(shows_weather)
    return {v for v, shown in villages.items() if len(shown) >= MIN_CAMERAS and sum(shown) >= MIN_SHARE * len(shown)}
