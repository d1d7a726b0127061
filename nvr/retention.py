"""Retention: by age for each camera, by a village's quota, and the oldest footage first where a disk runs full.

Deleting: entries flagged, files unlinked, entries dropped; each step may be the last before a crash
(nvr.recovery finishes it). What went is remembered as a gap with the cause 'retention'. Footage under a
hold stays whatever happens. What had to go before its time is a fact of its own (`shortfall`) and an event.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core import events
from core.clock import Clock, to_microseconds
from core.database import Database
from core.settings import RetentionSettings
from nvr import footage
from nvr.footage import HOUR_US, Segment
from nvr.recovery import finish_deletion
from nvr.tables import Footage, Gap, Hold, Shortfall, StreamUsage, Volume

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
GAPS_KEPT_US = 400 * DAY_US
MAX_ROWS = 500  # a pass: the rest goes in the next one
CLOSING_US = 60_000_000  # a file closed this recently is left alone where room is made


@dataclass(frozen=True, slots=True)
class Rule:
    """What is promised for a stream."""

    days: float
    village: str


class Retention:
    """`measure_free(path)` tells the free bytes of a volume; a parameter so that tests can fill a disk."""

    def __init__(self, database: Database, clock: Clock, settings: RetentionSettings):
        self._database = database
        self._clock = clock
        self._settings = settings
        self.measure_free = _free_bytes

    async def run_once(self) -> int:
        """Delete what is too old, then what must go for a quota or for lack of space; returns the number of files."""
        now_us = to_microseconds(self._clock.now())
        async with self._database.reading() as session:
            rules = await self._rules(session)
            oldest = await footage.oldest(session)
            holds = await active_holds(session, self._clock.now())
            volumes = await footage.volume_paths(session)
        deleted = 0
        for stream, start in oldest.items():
            limit = now_us - int(self._days(rules, stream) * DAY_US)
            if start + HOUR_US <= limit and deleted < MAX_ROWS * 60:
                deleted += await self._by_age(stream, limit, holds, volumes)
        deleted += await self._by_quota(rules, holds, volumes, now_us)
        for number, path in volumes.items():
            deleted += await self._make_room(number, path, rules, holds, volumes, now_us)
        async with self._database.session() as session:
            await session.execute(delete(Gap).where(Gap.end_us < now_us - GAPS_KEPT_US))
        return deleted

    async def _rules(self, session: AsyncSession) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for camera in await session.scalars(select(Camera)):
            days = camera.profile.get("retention_days") or self._settings.main_days
            rules[f"{camera.id}/main"] = Rule(float(days), camera.village)
            rules[f"{camera.id}/sub"] = Rule(self._settings.sub_days, camera.village)
        return rules

    def _days(self, rules: dict[str, Rule], stream: str) -> float:
        rule = rules.get(stream)
        return rule.days if rule else self._settings.sub_days if stream.endswith("/sub") else self._settings.main_days

    async def _by_age(self, stream: str, limit_us: int, holds: Sequence[Hold], volumes: dict[int, Path]) -> int:
        """Remove the stream's segments that ended before the limit."""
        async with self._database.reading() as session:
            query = select(Footage.id).where(Footage.stream == stream, Footage.hour < limit_us // HOUR_US + 1)
            numbers = (await session.scalars(query.order_by(Footage.hour).limit(MAX_ROWS))).all()
        deleted = 0
        for number in numbers:
            deleted += len(await self._delete(number, volumes, lambda s: s.end_us <= limit_us and not held(holds, s)))
        return deleted

    async def _by_quota(self, rules: dict[str, Rule], holds: Sequence[Hold], volumes: dict[int, Path], now_us: int) -> int:
        async with self._database.reading() as session:
            quotas = {v.code: v.quota_bytes for v in await session.scalars(select(Village)) if v.quota_bytes}
            usage = {u.stream: u.bytes_held for u in await session.scalars(select(StreamUsage))} if quotas else {}
        deleted = 0
        for village, quota in quotas.items():
            streams = [s for s, rule in rules.items() if rule.village == village and usage.get(s)]
            excess = sum(usage[s] for s in streams) - quota
            if excess > 0:
                condition = Footage.stream.in_(streams)
                deleted += await self._free(condition, excess, "quota", rules, holds, volumes, now_us)
        return deleted

    async def _make_room(
        self, number: int, path: Path, rules: dict[str, Rule], holds: Sequence[Hold], volumes: dict[int, Path], now_us: int
    ) -> int:
        missing = self._settings.min_free_bytes - await asyncio.to_thread(self.measure_free, path)
        if missing <= 0:
            return 0
        deleted = await self._free(Footage.volume == number, missing, "disk_full", rules, holds, volumes, now_us)
        async with self._database.session() as session:
            events.append(session, self._clock.now(), "disk.low", folder=str(path), deleted_segments=deleted)
        return deleted

    async def _free(
        self, condition: ColumnElement[bool], wanted: int, reason: str, rules: dict[str, Rule], holds: Sequence[Hold],
        volumes: dict[int, Path], now_us: int,
    ) -> int:  # fmt: skip
        """Remove the oldest footage that fits the condition until `wanted` bytes are free; the count of files."""
        gone: list[Segment] = []
        async with self._database.reading() as session:
            query = select(Footage.id, Footage.hour).where(condition).order_by(Footage.hour, Footage.stream)
            rows = (await session.execute(query.limit(MAX_ROWS))).all()
        freed = 0
        for hour in sorted({r.hour for r in rows}):
            # Within an hour the oldest segments of every stream go before newer ones of any.
            segments = await self._segments([r.id for r in rows if r.hour == hour])
            candidates = sorted((s.start_us, s.stream, number, s) for number, s in segments)
            chosen: dict[int, set[int]] = defaultdict(set)
            for start, _, number, s in candidates:
                if freed < wanted and s.end_us < now_us - CLOSING_US and not held(holds, s):
                    chosen[number].add(start)
                    freed += s.size
            for number, starts in chosen.items():
                gone += await self._delete(number, volumes, _starting_at(starts))
            if freed >= wanted:
                break
        await self._note_shortfalls(gone, reason, rules, now_us)
        return len(gone)

    async def _segments(self, numbers: Iterable[int]) -> list[tuple[int, Segment]]:
        async with self._database.reading() as session:
            rows = await session.scalars(select(Footage).where(Footage.id.in_(list(numbers))))
            return [(r.id, s) for r in rows for s in footage.unpack(r.stream, r.hour, r.volume, r.entries)]

    async def _delete(self, number: int, volumes: dict[int, Path], goes: Callable[[Segment], bool]) -> list[Segment]:
        """Remove the segments of a row for which `goes` is true; returns them."""
        async with self._database.session() as session:
            row = await footage.locked(session, number)
            if row is None or row.volume not in volumes:
                return []
            entries = footage.unpack(row.stream, row.hour, row.volume, row.entries)
            marked = [footage.flagged(s, footage.DELETING) if goes(s) else s for s in entries]
            if marked == entries:
                return []
            await footage.rewrite(session, row, marked)
        gone = await finish_deletion(self._database, volumes, number)
        async with self._database.session() as session:
            for segment in sorted(gone, key=lambda s: s.start_us):
                await _remember(session, segment)
        return gone

    async def _note_shortfalls(self, gone: Sequence[Segment], reason: str, rules: dict[str, Rule], now_us: int) -> None:
        """'Camera X holds 22 days, 30 required': one row a stream and day, one event at the first."""
        newest: dict[str, int] = {}
        for s in gone:
            newest[s.stream] = max(newest.get(s.stream, 0), s.end_us)
        now = self._clock.now()
        async with self._database.session() as session:
            for stream, end in newest.items():
                held_days, required = (now_us - end) / DAY_US, self._days(rules, stream)
                if held_days >= required:
                    continue
                row = await session.get(Shortfall, (stream, f"{now:%Y-%m-%d}"))
                if row is None:
                    row = Shortfall(
                        stream=stream, day=f"{now:%Y-%m-%d}", held_days=held_days, required_days=required, reason=reason
                    )
                    session.add(row)
                    camera = stream.partition("/")[0]
                    events.append(
                        session, now, "retention.short", camera=camera, stream=stream, reason=reason,
                        held_days=round(held_days, 2), required_days=required,
                    )  # fmt: skip
                row.held_days = min(row.held_days, held_days)


def _starting_at(starts: set[int]) -> Callable[[Segment], bool]:
    return lambda segment: segment.start_us in starts


async def active_holds(session: AsyncSession, now: datetime) -> Sequence[Hold]:
    return (await session.scalars(select(Hold).where(Hold.released_at.is_(None), Hold.expires_at > now))).all()


def held(holds: Sequence[Hold], segment: Segment) -> bool:
    camera = segment.stream.partition("/")[0]
    return any(h.camera == camera and h.start_us < segment.end_us and h.end_us > segment.start_us for h in holds)


async def _remember(session: AsyncSession, segment: Segment) -> None:
    """Extend the stream's retention gap over a deleted segment."""
    gap = await session.scalar(
        select(Gap)
        .where(
            Gap.stream == segment.stream,
            Gap.cause == "retention",
            Gap.end_us.between(segment.start_us - 2_000_000, segment.start_us),
        )
        .order_by(Gap.end_us.desc())
        .limit(1)
    )
    if gap is None:
        session.add(Gap(stream=segment.stream, start_us=segment.start_us, end_us=segment.end_us, cause="retention", detail=""))
        await session.flush()
    else:
        gap.end_us = segment.end_us


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a village's footage will be kept at the present rate."""

    village: str
    bytes_held: int
    bytes_per_day: float
    days_possible: float | None  # its share of all volumes divided by its rate
    days_until_full: float | None  # None: nothing is being written


async def forecast(session: AsyncSession, rates: dict[str, float]) -> list[Forecast]:
    """Per village, from the present rates of its streams (bits a second). A disk is shared in proportion to rate."""
    village_of = {c.id: c.village for c in await session.scalars(select(Camera))}
    total_rate = sum(rates.values()) / 8 * 86_400
    volumes = (await session.scalars(select(Volume))).all()
    free, capacity = sum(v.free_bytes for v in volumes), sum(v.total_bytes for v in volumes)
    held: dict[str, int] = defaultdict(int)
    per_day: dict[str, float] = defaultdict(float)
    for usage in await session.scalars(select(StreamUsage)):
        held[village_of.get(usage.stream.partition("/")[0], "")] += usage.bytes_held
    for stream, rate in rates.items():
        per_day[village_of.get(stream.partition("/")[0], "")] += rate / 8 * 86_400
    return [
        Forecast(
            v, held[v], per_day[v], capacity / total_rate if total_rate else None, free / total_rate if total_rate else None
        )
        for v in sorted({*held, *per_day} - {""})
    ]


def _free_bytes(volume: Path) -> int:
    try:
        return shutil.disk_usage(volume).free
    except FileNotFoundError:
        return 2**63
