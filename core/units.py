"""Units of time: microseconds since the epoch (UTC), and media time at 90 kHz (RFC 6184, section 8.2.1)."""

from __future__ import annotations

MEDIA_CLOCK = 90_000  # ticks per second


def media_to_us(ticks: int) -> int:
    """Convert ticks to microseconds, rounded down."""
    return ticks * 100 // 9


def us_to_media(us: int) -> int:
    """Convert microseconds to ticks, rounded down."""
    return us * 9 // 100


def us_to_media_up(us: int) -> int:
    """Convert microseconds to ticks, rounded up."""
    return -(-us * 9 // 100)
