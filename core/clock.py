"""Time as a parameter: product code takes a Clock, tests drive a ManualClock."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

SECOND = 1_000_000  # microseconds
HOUR_US = 3600 * SECOND
DAY_US = 24 * HOUR_US


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the present time, UTC-aware."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when `advance` is called; sleepers wake in the order of their deadlines."""

    def __init__(self, start: datetime | None = None):
        self._start = start or datetime(2026, 11, 21, 0, 0, tzinfo=timezone.utc)
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleepers.append((self._elapsed + seconds, event))
        await event.wait()

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
        due = [s for s in self._sleepers if s[0] <= self._elapsed]
        self._sleepers = [s for s in self._sleepers if s[0] > self._elapsed]
        for _, event in sorted(due, key=lambda s: s[0]):
            event.set()


def to_microseconds(moment: datetime) -> int:
    """Convert a UTC-aware datetime to integer microseconds since 1970. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone cannot be placed on the time line")
    delta = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def from_microseconds(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)


def parse_time(text: str) -> datetime:
    """Parse ISO 8601 text to a UTC-aware datetime; text without a zone is the machine's local time."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(timezone.utc)
