"""Where somebody who was on one camera can be seen next: the nearest cameras with the times of a possible arrival."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cameras.tables import Camera
from search.query.co_occurrence import (
    MAX_SPEED_IN_VEHICLE,
    MAX_SPEED_ON_FOOT,
    MAX_SPEED_ON_TWO_WHEELS,
    great_circle_m,
)

DETOUR = 1.4  # roads are longer than the straight line: usual factor of road networks
RANGE_M = 50.0  # a camera sees somebody this far from its own position


class TravelMode(StrEnum):
    """How somebody moves from one camera to another."""

    WALKING = "walking"
    RIDING = "riding"
    DRIVING = "driving"


# Mode → (slow, fast) in m/s; the fast ones are the plausible maxima of search.query.co_occurrence.
SPEEDS: dict[TravelMode, tuple[float, float]] = {
    TravelMode.WALKING: (0.8, MAX_SPEED_ON_FOOT),
    TravelMode.RIDING: (2.5, MAX_SPEED_ON_TWO_WHEELS),
    TravelMode.DRIVING: (4.0, MAX_SPEED_IN_VEHICLE),
}


@dataclass(frozen=True, slots=True)
class ArrivalWindow:
    """Earliest and latest arrival in seconds after leaving."""

    mode: TravelMode
    earliest_s: float
    latest_s: float


@dataclass(frozen=True, slots=True)
class NeighbourCamera:
    """Distance in metres (straight line) and bearing in degrees clockwise from north."""

    camera: Camera
    metres: float
    bearing: float
    arrivals: tuple[ArrivalWindow, ...]


def nearest(origin: Camera, cameras: Collection[Camera], limit: int) -> tuple[list[NeighbourCamera], int]:
    """Return the nearest cameras, and how many have no position. Empty if the origin has none."""
    here = origin.profile.get("position")
    others = [c for c in cameras if c.id != origin.id and not c.retired]
    placed = [(c, p) for c in others if (p := c.profile.get("position"))]
    if not here:
        return [], len(others) - len(placed)
    found = [_neighbour(here, camera, there) for camera, there in placed]
    return sorted(found, key=lambda n: (n.metres, n.camera.id))[:limit], len(others) - len(placed)


def _neighbour(here: Sequence[float], camera: Camera, there: Sequence[float]) -> NeighbourCamera:
    metres = great_circle_m(here, there)
    arrivals = tuple(
        ArrivalWindow(mode, round(max(0.0, metres - RANGE_M) / fast), round((metres * DETOUR + RANGE_M) / slow))
        for mode, (slow, fast) in SPEEDS.items()
    )
    return NeighbourCamera(camera, round(metres, 1), round(bearing(here, there), 1), arrivals)


def bearing(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the initial bearing from a to b (longitude, latitude), degrees clockwise from north, 0 ≤ x < 360."""
    lon1, lat1, lon2, lat2 = (math.radians(v) for v in (*a[:2], *b[:2]))
    east = math.sin(lon2 - lon1) * math.cos(lat2)
    north = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(lon2 - lon1)
    return math.degrees(math.atan2(east, north)) % 360
