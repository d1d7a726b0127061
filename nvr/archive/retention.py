"""Retention: deletes by age per camera, by a village's quota, and the oldest recordings first when a disk runs full.

A deletion flags entries, unlinks files, then drops the entries. A crash may follow each step (nvr.archive.recovery
finishes it). The deleted time is kept as a gap with the cause 'retention'. Recordings under a hold are never deleted.
What is deleted before its promised time is stored (`shortfall`) and announced as an event.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import LEGAL_RETENTION_DAYS, Camera, Village
from core import events
from core.clock import DAY_US, HOUR_US, Clock
from core.database import Database
from core.ids import StreamId
from core.settings import RetentionSettings
from nvr.archive import deletions, segment_index, short_holes
from nvr.archive.holds import held, not_wholly_held, protecting
from nvr.archive.recovery import finish_deletion
from nvr.archive.retention_clock import ClockTrust, RetentionClock
from nvr.archive.segment_index import Segment
from nvr.clock.filing_periods import Phase, phases
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.volumes import is_mounted, remedy
from nvr.tables import Footage, Gap, Hold, Shortfall, StreamUsage, Volume

log = logging.getLogger(__name__)

GAPS_KEPT_US = 400 * DAY_US
MAX_ROWS = 500  # per pass: the rest is deleted in the next one
MAX_FILES_BY_AGE = 30_000  # per pass
MIN_FREE_INODES = 10_000  # or a twentieth of all
CALL_SECONDS = 30.0  # a volume that does not answer for this long hangs
CLOSING_US = 60_000_000  # a file closed this recently is skipped when space is freed


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The retention promised for a stream."""

    days: float
    village: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How much is to become free."""

    bytes: int
    files: int

    def met(self, freed: int, files: int) -> bool:
        return freed >= self.bytes and files >= self.files

    def without(self, gone: Sequence[Segment]) -> _Wanted:
        return _Wanted(self.bytes - sum(s.size for s in gone), self.files - len(gone))


@dataclass(frozen=True, slots=True)
class _Pass:
    """Data that holds for one pass over the archive."""

    trust: ClockTrust
    rules: dict[str, RetentionRule]
    holds: Sequence[Hold]
    volumes: dict[int, Path]  # those that are present and answer

    @property
    def now_us(self) -> int:
        return self.trust.now_us

    def is_closing(self, segment: Segment) -> bool:
        return abs(segment.end_us - self.trust.wall_us) < CLOSING_US


class Retention:
    """Deletes recordings in passes.

    `measure_free(path)` returns the free bytes of a volume, `measure_inodes(path)` (free, all) of its inodes or None;
    tests replace them to fill a disk.
    """

    def __init__(
        self, database: Database, clock: Clock, settings: RetentionSettings, guard: RetentionClock | None = None
    ):
        self._database = database
        self._clock = clock
        self._settings = settings
        self.guard = guard or RetentionClock(database, clock, settings.main_days)
        # Valid until the first pass.
        self.guard.shortest_days = min(self.guard.shortest_days, settings.main_days, settings.sub_days)
        self.measure_free = _free_bytes
        self.measure_inodes = _inodes
        self._calls = DiskCalls(CALL_SECONDS)
        self._refusing: dict[int, str] = {}  # volumes that refuse to delete their files, with the last error

    async def run_once(self) -> int:
        """Delete what is too old, then what exceeds a quota or the space. Return the number of files."""
        async with self._database.reading() as session:
            rules = await self._rules(session)
            rows = (await session.scalars(select(Volume))).all()
        promised = [self._settings.main_days, self._settings.sub_days, *(r.days for r in rules.values())]
        self.guard.promise_days, self.guard.shortest_days = max(promised), min(promised)
        trust = await self.guard.look()
        async with self._database.reading() as session:
            holds = await protecting(session, trust)
            oldest = await segment_index.oldest(session)
        volumes = {r.number: Path(r.path) for r in rows if await self._is_there(r)}
        going = _Pass(trust, rules, holds, volumes)
        deleted = 0 if trust.suspended else await self._all_by_age(oldest, going)
        deleted += await self._by_quota(going)
        for number in [*volumes]:
            deleted += await self._make_room(number, going)
        return deleted

    async def _is_there(self, row: Volume) -> bool:
        """Return whether the volume is mounted and answers.

        On another volume, or on none, a missing file must not count as a deleted one.
        """
        try:
            return await self._calls.run(row.number, partial(is_mounted, row))
        except OSError as e:
            self._refuse(row.number, Path(row.path), e)
            return False

    async def _rules(self, session: AsyncSession) -> dict[str, RetentionRule]:
        rules: dict[str, RetentionRule] = {}
        for camera in await session.scalars(select(Camera)):
            rules[f"{camera.id}/main"] = RetentionRule(promised_days(camera.profile, self._settings), camera.village)
            rules[f"{camera.id}/sub"] = RetentionRule(self._settings.sub_days, camera.village)
        return rules

    def _days(self, rules: dict[str, RetentionRule], stream: str) -> float:
        rule = rules.get(stream)
        return rule.days if rule else self._settings.sub_days if stream.endswith("/sub") else self._settings.main_days

    async def _all_by_age(self, oldest: dict[str, int], going: _Pass) -> int:
        deleted = 0
        for stream, start in oldest.items():
            limit = going.trust.wall_us - int(self._days(going.rules, stream) * DAY_US)
            if start + HOUR_US <= limit and deleted < MAX_FILES_BY_AGE:
                deleted += await self._by_age(stream, limit, going)
        async with self._database.session() as session:
            await session.execute(delete(Gap).where(Gap.end_us < going.now_us - GAPS_KEPT_US))
            await deletions.forget(session, going.now_us)
            await short_holes.forget(session, going.now_us - GAPS_KEPT_US)
        return deleted

    async def _by_age(self, stream: str, limit_us: int, going: _Pass) -> int:
        """Delete the stream's segments that ended before the limit, for as many hours as one pass takes.

        Return the number of files.
        """

        days_us = going.trust.wall_us - limit_us

        def is_over(s: Segment) -> bool:
            return going.trust.age_us(s.start_us, s.end_us) >= days_us

        condition = (Footage.stream == stream) & (Footage.hour < limit_us // HOUR_US + 1)
        deleted = hours = 0
        async for page in self._unprotected(condition, going):
            for row in page:
                if going.trust.most_age_us(row.hour * HOUR_US, (row.hour + 1) * HOUR_US) < days_us:
                    continue
                gone = len(await self._delete(row.id, going, is_over))
                deleted, hours = deleted + gone, hours + bool(gone)
            if hours >= MAX_ROWS:
                break
        return deleted

    async def _unprotected(self, condition: ColumnElement[bool], going: _Pass) -> AsyncIterator[Sequence[Any]]:
        """Yield pages of (id, hour, stream) that match the condition, oldest first, without wholly held rows."""
        place = tuple_(Footage.hour, Footage.stream, Footage.id)
        columns = select(Footage.id, Footage.hour, Footage.stream).where(
            condition, Footage.volume.in_(list(going.volumes))
        )
        query = (
            columns.where(*not_wholly_held(going.holds))
            .order_by(Footage.hour, Footage.stream, Footage.id)
            .limit(MAX_ROWS)
        )
        after: tuple[int, str, int] | None = None
        while True:
            async with self._database.reading() as session:
                page = (await session.execute(query if after is None else query.where(place > after))).all()
            if not page:
                return
            after = (page[-1].hour, page[-1].stream, page[-1].id)
            yield page

    async def _by_quota(self, going: _Pass) -> int:
        async with self._database.reading() as session:
            quotas = {v.code: v.quota_bytes for v in await session.scalars(select(Village)) if v.quota_bytes}
            usage = {u.stream: u.bytes_held for u in await session.scalars(select(StreamUsage))} if quotas else {}
        deleted = 0
        for village, quota in quotas.items():
            streams = [s for s, rule in going.rules.items() if rule.village == village and usage.get(s)]
            excess = sum(usage[s] for s in streams) - quota
            if excess > 0:
                deleted += await self._free(Footage.stream.in_(streams), _Wanted(excess, 0), "quota", going)
        return deleted

    async def _make_room(self, number: int, going: _Pass) -> int:
        path = going.volumes.get(number)
        if path is None:  # it refused earlier in this pass
            return 0
        try:
            wanted = await self._calls.run(number, partial(self._missing, path))
        except OSError as e:
            self._refuse(number, path, e)
            return 0
        if wanted.met(0, 0):
            return 0
        deleted = await self._free(Footage.volume == number, wanted, "disk_full", going)
        async with self._database.session() as session:
            events.append(
                session, self._clock.now(), "disk.low", folder=str(path), deleted_segments=deleted,
                missing="inodes" if wanted.bytes <= 0 else "bytes",
            )  # fmt: skip
        return deleted

    def _missing(self, path: Path) -> _Wanted:
        """Return the bytes and inodes that a volume lacks. Blocking."""
        found = self.measure_inodes(path)
        inodes = min(MIN_FREE_INODES, found[1] // 20) - found[0] if found else 0
        return _Wanted(self._settings.min_free_bytes - self.measure_free(path), inodes)

    async def _free(self, condition: ColumnElement[bool], wanted: _Wanted, reason: str, going: _Pass) -> int:
        """Delete the oldest recordings that match the condition until enough is free. Return the number of files."""
        gone: list[Segment] = []
        order = phases(going.trust.periods)
        for phase in order:
            if wanted.without(gone).met(0, 0):
                break
            names = Footage.hour.between(phase.from_us // HOUR_US, phase.until_us // HOUR_US)
            of_phase = condition & names if len(order) > 1 else condition
            gone += await self._free_oldest(of_phase, wanted.without(gone), going, partial(_is_of, phase, going.trust))
        await self._note_shortfalls(gone, reason, going)
        return len(gone)

    async def _free_oldest(
        self, condition: ColumnElement[bool], wanted: _Wanted, going: _Pass, may_go: Callable[[Segment], bool]
    ) -> list[Segment]:
        gone: list[Segment] = []
        async for page in self._unprotected(condition, going):
            for hour in sorted({r.hour for r in page}):
                numbers = [r.id for r in page if r.hour == hour]
                gone += await self._free_hour(numbers, wanted.without(gone), going, may_go)
                if wanted.without(gone).met(0, 0):
                    return gone
            if len(gone) >= MAX_FILES_BY_AGE:
                break
        return gone

    async def _free_hour(
        self, numbers: Sequence[int], wanted: _Wanted, going: _Pass, may_go: Callable[[Segment], bool]
    ) -> list[Segment]:
        """Delete the oldest segments of one hour, in order of time over all streams, until enough is free."""
        candidates = sorted((s.start_us, s.stream, number, s) for number, s in await self._segments(numbers))
        chosen: dict[int, set[int]] = defaultdict(set)
        freed = files = 0
        for start, _, number, s in candidates:
            if wanted.met(freed, files):
                break
            if not going.is_closing(s) and may_go(s) and not held(going.holds, s):
                chosen[number].add(start)
                freed, files = freed + s.size, files + 1
        return [s for number, starts in chosen.items() for s in await self._delete(number, going, _starting_at(starts))]

    async def _segments(self, numbers: Iterable[int]) -> list[tuple[int, Segment]]:
        async with self._database.reading() as session:
            rows = await session.scalars(select(Footage).where(Footage.id.in_(list(numbers))))
            return [(r.id, s) for r in rows for s in segment_index.unpack(r.stream, r.hour, r.volume, r.entries)]

    async def _delete(self, number: int, going: _Pass, goes: Callable[[Segment], bool]) -> list[Segment]:
        """Delete the segments of a row for which `goes` is true and that no hold protects; return them.

        A volume that refuses is skipped for the rest of this pass.
        """
        async with self._database.session() as session:
            row = await segment_index.locked(session, number)
            if row is None or row.volume not in going.volumes:
                return []
            # Read them again, for holds that were made since the pass began.
            holds = await protecting(session, going.trust, StreamId(row.stream).camera)
            volume, entries = row.volume, segment_index.unpack(row.stream, row.hour, row.volume, row.entries)
            marked = [
                segment_index.flagged(s, segment_index.DELETING) if goes(s) and not held(holds, s) else s
                for s in entries
            ]
            if not any(s.flags & segment_index.DELETING for s in marked):
                return []
            going_now = [
                s for s, before in zip(marked, entries, strict=True) if s.flags & ~before.flags & segment_index.DELETING
            ]
            await deletions.note(session, self._clock.now(), going_now)
            await segment_index.rewrite(session, row, marked)
        try:
            gone = await finish_deletion(self._database, going.volumes, number, run=partial(self._calls.run, volume))
        except OSError as e:
            self._refuse(volume, going.volumes.pop(volume), e)
            return []
        self._refusing.pop(volume, None)
        async with self._database.session() as session:
            for segment in sorted(gone, key=lambda s: s.start_us):
                await _remember(session, segment)
        return gone

    def _refuse(self, number: int, path: Path, error: OSError) -> None:
        """Log the error of a volume once; its files are tried again in every pass."""
        said = error.strerror or str(error)
        if self._refusing.get(number) != said:
            self._refusing[number] = said
            log.error("%s: footage cannot be deleted (%s); %s", path, said, remedy(error))

    async def _note_shortfalls(self, gone: Sequence[Segment], reason: str, going: _Pass) -> None:
        """Store 'camera X holds 22 days, 30 required': one row per stream and day, with one event at the first."""
        newest: dict[str, int] = {}
        for s in gone:
            newest[s.stream] = max(newest.get(s.stream, 0), s.end_us)
        now = self._clock.now()
        async with self._database.session() as session:
            for stream, end in newest.items():
                held_days, required = going.trust.age_us(end, end) / DAY_US, self._days(going.rules, stream)
                if held_days >= required:
                    continue
                row = await session.get(Shortfall, (stream, f"{now:%Y-%m-%d}"))
                if row is None:
                    row = Shortfall(
                        stream=stream, day=f"{now:%Y-%m-%d}", held_days=held_days, required_days=required, reason=reason
                    )
                    session.add(row)
                    camera = StreamId(stream).camera
                    village = going.rules[stream].village if stream in going.rules else None
                    events.append(
                        session, now, "retention.short", village=village, camera=camera, stream=stream, reason=reason,
                        held_days=round(held_days, 2), required_days=required,
                    )  # fmt: skip
                row.held_days = min(row.held_days, held_days)


def _is_of(phase: Phase, trust: ClockTrust, segment: Segment) -> bool:
    return trust.is_of(phase, segment.start_us, segment.end_us)


def promised_days(profile: Mapping[str, Any], settings: RetentionSettings) -> float:
    """Return the days for which a camera's main stream is kept (R-RET-1).

    Fewer than the 30 that the law requires only if the camera's legal class is stated.
    """
    days = float(profile.get("retention_days") or settings.main_days)
    return days if profile.get("legal_class") else max(days, LEGAL_RETENTION_DAYS)


def _starting_at(starts: set[int]) -> Callable[[Segment], bool]:
    return lambda segment: segment.start_us in starts


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
        session.add(
            Gap(stream=segment.stream, start_us=segment.start_us, end_us=segment.end_us, cause="retention", detail="")
        )
        await session.flush()
    else:
        gap.end_us = segment.end_us


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a village's recordings can be kept at the present rate."""

    village: str
    bytes_held: int
    bytes_per_day: float
    days_possible: float | None  # its share of all volumes divided by its rate; the same for all villages
    days_until_full: float | None  # None: nothing is being written


async def forecast(session: AsyncSession, rates: dict[str, float]) -> list[Forecast]:
    """Return the forecast per village from the present rates of its streams (bits a second).

    Disks are shared in proportion to rate.
    """
    village_of = {c.id: c.village for c in await session.scalars(select(Camera))}
    total_rate = sum(rates.values()) / 8 * 86_400
    volumes = (await session.scalars(select(Volume))).all()
    free, capacity = sum(v.free_bytes for v in volumes), sum(v.total_bytes for v in volumes)
    held: dict[str, int] = defaultdict(int)
    per_day: dict[str, float] = defaultdict(float)
    for usage in await session.scalars(select(StreamUsage)):
        held[village_of.get(StreamId(usage.stream).camera, "")] += usage.bytes_held
    for stream, rate in rates.items():
        per_day[village_of.get(StreamId(stream).camera, "")] += rate / 8 * 86_400
    return [
        Forecast(
            v,
            held[v],
            per_day[v],
            capacity / total_rate if total_rate else None,
            free / total_rate if total_rate else None,
        )
        for v in sorted({*held, *per_day} - {""})
    ]


def _free_bytes(volume: Path) -> int:
    try:
        return shutil.disk_usage(volume).free
    except FileNotFoundError:
        return 2**63


def _inodes(volume: Path) -> tuple[int, int] | None:
    """Return (free, all) inodes; None if the file system has no fixed number of them."""
    found = os.statvfs(volume)
    return (found.f_favail, found.f_files) if found.f_files else None
