"""What the sky does to many cameras at once: fog, snow and rain are no fault of a camera."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from health.picture.judgement import WEATHER
from health.tables import CameraBaseline, Inspection

SHARE, LEAST, SECONDS, REFRESH = 0.3, 4, 5400.0, 20.0
LASTS = (
    43200.0  # seconds: snow that came with the others' lies on when they have got used to it, or see nothing at night
)


class SharedWeather:
    """Asked for once in REFRESH seconds, not for every chunk of a round: it changes slowly."""

    def __init__(self) -> None:
        self._villages: set[str] = set()
        self._at: datetime | None = None

    async def villages(self, session: AsyncSession, now: datetime) -> set[str]:
        if self._at is None or not 0 <= (now - self._at).total_seconds() < REFRESH:
            self._villages, self._at = await _shared(session, now), now
        return self._villages


def lasts(sight: CameraBaseline | None, now: datetime) -> bool:
    """Whether what a camera shows may still be what its neighbours showed with it."""
    return sight is not None and sight.sky_at is not None and 0 <= (now - sight.sky_at).total_seconds() < LASTS


async def _shared(session: AsyncSession, now: datetime) -> set[str]:
    """Villages in which a third of the cameras showed weather lately."""
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
