"""Sightings of yesterday: people and riders whom the demo's cameras are said to have seen, with their pictures."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from cameras.tables import Camera
from cameras.virtual.rendering.view import Bgr, Look, MoverKind
from core.database import Database
from core.settings import Settings
from search.store import camera_numbers, ids, thumbnails
from search.store.rows import Point, Sighting, pack_path
from search.store.sighting_store import Batch
from search.store.upkeep import sighting_store_of
from search.vocabulary import Cls, Colour, Direction, Speed
from station.demo.portraits import portrait

COUNT = 72
DETECTOR = "builtin@1"
TOPS: tuple[tuple[Colour, Bgr], ...] = (
    (Colour.red, (38, 34, 196)), (Colour.blue, (150, 80, 45)), (Colour.white, (225, 228, 230)),
    (Colour.green, (70, 120, 70)), (Colour.black, (42, 40, 40)), (Colour.yellow, (60, 190, 220)),
    (Colour.grey, (120, 120, 125)),
)  # fmt: skip
TROUSERS: tuple[tuple[Colour, Bgr], ...] = ((Colour.black, (44, 42, 40)), (Colour.blue, (100, 65, 45)))


async def write_sightings(settings: Settings, database: Database, cameras: Sequence[str], start: datetime) -> None:
    """Write sightings between 06:00 and 22:00 of the local day that begins at `start`."""
    async with database.session() as session:
        numbers = []
        for camera in cameras:
            row = await session.get_one(Camera, camera)
            numbers.append(await camera_numbers.of_camera(session, camera, row.village))
        pack = await camera_numbers.of_pack(session, DETECTOR)
    await asyncio.to_thread(_write, settings, numbers, pack, start)


def _write(settings: Settings, numbers: Sequence[int], pack: int, start: datetime) -> None:
    random = np.random.default_rng(11)
    days = sighting_store_of(settings)
    try:
        by_day: dict[str, list[Sighting]] = defaultdict(list)
        for i in range(COUNT):
            at = start + timedelta(hours=6, seconds=float(random.uniform(0, 16 * 3600)))
            sighting, picture = _sighting(random, int(at.timestamp() * 1000), numbers[i % len(numbers)], pack)
            day = ids.day_of(sighting.start_ms)
            sighting.thumb, sighting.thumb_size = thumbnails.append(days.day_dir(day), [picture])[0]
            by_day[day].append(sighting)
        for day, new in by_day.items():
            days.write(day, [Batch("", 0, new)])
    finally:
        days.close()


def _sighting(random: np.random.Generator, at_ms: int, camera: int, pack: int) -> tuple[Sighting, bytes]:
    top, bottom = TOPS[int(random.integers(len(TOPS)))], TROUSERS[int(random.integers(len(TROUSERS)))]
    is_rider = bool(random.random() < 0.3)
    kind = MoverKind.RIDER if is_rider else MoverKind.PERSON
    x, y, h = int(random.integers(1500, 7000)), int(random.integers(2500, 5000)), int(random.integers(1800, 3200))
    lasts = int(random.integers(4, 14)) * 1000
    path = [Point(at_ms, x, y + h, h), Point(at_ms + lasts, min(9500, x + 1800), y + h, h)]
    cell = min(7, (y + h) * 8 // 10_000) * 8 + min(7, x * 8 // 10_000)
    sighting = Sighting(
        id=ids.compose(at_ms, camera, 0), end_ms=at_ms + lasts, best_ms=at_ms + lasts // 2, camera=camera,
        cls=int(Cls.rider if is_rider else Cls.person), score=int(random.integers(700, 960)), detections=lasts // 2000,
        upper=int(top[0]), lower=int(bottom[0]), upper_share=82, lower_share=74, direction=int(Direction.right),
        speed=int(Speed.brisk if is_rider else Speed.slow), x=x, y=y, w=h // 3, h=h, cells=1 << cell,
        path=pack_path(path), pack=pack,
    )  # fmt: skip
    return sighting, portrait(Look(upper=top[1], lower=bottom[1]), kind, at_ms % 10_000)
