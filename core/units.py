"""Units of time: microseconds since the epoch (UTC), and media time, which counts at 90 kHz (RFC 6184, section 8.2.1)."""

from __future__ import annotations

MEDIA_CLOCK = 90_000  # ticks a second


def media_to_us(ticks: int) -> int:
    """Microseconds of so many ticks, rounded down."""
    return ticks * 100 // 9


def us_to_media(us: int) -> int:
    """Ticks of so many microseconds, rounded down."""
    return us * 9 // 100


def us_to_media_up(us: int) -> int:
    """Ticks of so many microseconds, rounded up."""
    return -(-us * 9 // 100)
