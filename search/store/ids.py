"""Ids of sightings: start time, camera and a counter in one time-ordered 64-bit integer.

`milliseconds << 21 | camera << 9 | count`: 42 bits of milliseconds (until 2109), 4,096 cameras, 512 sightings that
start on one camera within one millisecond. An index ordered by id is ordered by time, and a filter by camera needs no
column.
"""

from __future__ import annotations

from datetime import datetime, timezone

TIME_SHIFT, CAMERA_SHIFT = 21, 9
MAX_CAMERAS, MAX_COUNT = 1 << 12, 1 << 9
DAY_MS = 86_400_000


def compose(at_ms: int, camera: int, count: int) -> int:
    """Return the id. Raises ValueError if a part is out of range."""
    if not (0 <= camera < MAX_CAMERAS and 0 <= count < MAX_COUNT and 0 <= at_ms < 1 << 42):
        raise ValueError(f"{at_ms}, {camera}, {count}: out of range")
    return at_ms << TIME_SHIFT | camera << CAMERA_SHIFT | count


def milliseconds(number: int) -> int:
    return number >> TIME_SHIFT


def camera_of(number: int) -> int:
    return number >> CAMERA_SHIFT & MAX_CAMERAS - 1


def first_at(at_ms: int) -> int:
    """Return the lowest id of that millisecond."""
    return max(0, at_ms) << TIME_SHIFT


def day_of(at_ms: int) -> str:
    """Return the UTC day, YYYYMMDD, whose folder holds sightings that start at this time."""
    return f"{datetime.fromtimestamp(at_ms / 1000, timezone.utc):%Y%m%d}"


def day_start(day: str) -> int:
    """Return the start of a day in ms UTC."""
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc).timestamp() * 1000)
