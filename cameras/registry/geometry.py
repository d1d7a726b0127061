"""Areas and distances on the ground, from WGS 84 longitudes and latitudes in degrees."""

from __future__ import annotations

import math
from collections.abc import Sequence

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG


def area_km2(points: Sequence[tuple[float, float]]) -> float:
    """Area of a small polygon in km², on the sphere.

    Formula: Chamberlain & Duquette, "Some algorithms for polygons on a sphere" (JPL 2007), eq. 6;
    against the ellipsoid the error is under 0.5 %.
    """
    total = 0.0
    for (lon1, lat1), (lon2, lat2) in zip(points, [*points[1:], points[0]], strict=True):
        total += math.radians(lon2 - lon1) * (2 + math.sin(math.radians(lat1)) + math.sin(math.radians(lat2)))
    return abs(total) * EARTH_RADIUS_KM**2 / 2
