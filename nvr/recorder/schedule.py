"""Recording schedule of a stream: always, at certain hours of the day, or around events."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

ON_EVENT = "event"


def hours(text: str) -> list[tuple[time, time]]:
    """Parse '07:00-19:00,22:00-02:00' into pairs of local times. Raises ValueError where the text is invalid."""
    pairs = []
    for part in text.split(","):
        start, dash, end = part.strip().partition("-")
        if not dash:
            raise ValueError(f"'{part}' is not a time range such as 07:00-19:00")
        pairs.append((time.fromisoformat(start), time.fromisoformat(end)))
    return pairs


def includes(schedule: str, now: datetime, zone: ZoneInfo) -> bool:
    """Return whether the schedule requires a connection now.

    A range whose end is not after its start extends over midnight. Raises ValueError where the schedule is invalid.
    """
    if schedule in ("", ON_EVENT):
        return True
    local = now.astimezone(zone).time()
    return any(a <= local < b if a < b else local >= a or local < b for a, b in hours(schedule))
