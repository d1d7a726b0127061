"""Areas drawn in a picture or on the map."""

from __future__ import annotations

from collections.abc import Sequence

from shapely import Polygon

from core.error_codes import ErrorCode
from core.errors import UsageError


def polygon_of(corners: Sequence[tuple[float, float]]) -> Polygon:
    """Return the polygon of the corners. Raises UsageError if it is not a valid area."""
    if len(corners) < 3:
        raise UsageError("an area needs at least three corners", ErrorCode.AREA_TOO_FEW_CORNERS)
    polygon = Polygon(corners)
    if not polygon.is_valid or polygon.area <= 0:
        raise UsageError("the drawn area crosses itself or is empty; draw it again", ErrorCode.AREA_INVALID)
    return polygon
