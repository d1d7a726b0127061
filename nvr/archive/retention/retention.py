"""Retention: deletes by age per camera, by a village's quota, and the oldest recordings first when a disk runs full.

A deletion flags entries, unlinks files, then drops the entries. A crash may follow each step
(nvr.archive.integrity.recovery finishes it). The deleted time is kept as a gap with the cause 'retention'. Recordings
under a hold are never deleted.
What is deleted before its promised time is stored (`shortfall`) and announced as an event.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement, Row, delete, select, tuple_

from cameras.tables import Village
from core import events
from core.clock import DAY_US, HOUR_US, Clock
from core.database import Database
from core.ids import StreamId
from core.settings import RetentionSettings
from nvr.archive import deletions, segment_index
from nvr.archive.coverage import short_gaps
from nvr.archive.retention.deleted_time import extend_retention_gap, store_shortfalls
from nvr.archive.retention.file_removal import finish_deletion
from nvr.archive.retention.holds import effective_holds, exclude_held_hours, is_held
from nvr.archive.retention.retention_clock import ClockCheck, RetentionClock
from nvr.archive.retention.retention_rules import RetentionRules, load_rules
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.clock.filing_periods import Phase, phases
from nvr.storage import free_space
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_remedies import remedy
from nvr.storage.volumes import all_volumes, is_mounted
from nvr.tables import Footage, Gap, Hold, ShortfallReason, StreamUsage, Volume

log = logging.getLogger(__name__)

GAPS_KEPT_US = 400 * DAY_US
ROWS_PER_PASS = 500  # per pass: the rest is deleted in the next one
FILES_PER_PASS = 30_000  # per pass
MIN_FREE_INODES = 10_000  # or a twentieth of all
DISK_CALL_TIMEOUT_S = 30.0  # a volume that does not answer for this long hangs
RECENTLY_CLOSED_US = 60_000_000  # a file closed this recently is skipped when space is freed


@dataclass(frozen=True, slots=True)
class _SpaceNeed:
    """How much is to become free."""

    bytes: int
    files: int

    def is_met(self, freed: int, files: int) -> bool:
        return freed >= self.bytes and files >= self.files

    def after_deleting(self, gone: Sequence[Segment]) -> _SpaceNeed:
        return _SpaceNeed(self.bytes - sum(s.size for s in gone), self.files - len(gone))


@dataclass(frozen=True, slots=True)
class _PassContext:
    """Data that holds for one pass over the archive."""

    trust: ClockCheck
    rules: RetentionRules
    holds: Sequence[Hold]
    volumes: dict[int, Path]  # those that are present and answer

    @property
    def now_us(self) -> int:
        return self.trust.now_us

    def is_closing(self, segment: Segment) -> bool:
        return abs(segment.end_us - self.trust.wall_us) < RECENTLY_CLOSED_US


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
        self.measure_free: Callable[[Path], int] = free_space.free_bytes
        self.measure_inodes: Callable[[Path], tuple[int, int] | None] = free_space.inodes
        self._calls = DiskCalls(DISK_CALL_TIMEOUT_S)
        self._refusing: dict[int, str] = {}  # volumes that refuse to delete their files, with the last error

    async def run_once(self) -> int:
        """Delete what is too old, then what exceeds a quota or the space. Return the number of files."""
        async with self._database.reading() as session:
            rules = await load_rules(session, self._settings)
            rows = await all_volumes(session)
        promised = rules.promised()
        self.guard.promise_days, self.guard.shortest_days = max(promised), min(promised)
        trust = await self.guard.check()
        async with self._database.reading() as session:
            holds = await effective_holds(session, trust)
            oldest = await segment_index.oldest(session)
        volumes = {r.number: Path(r.path) for r in rows if await self._is_there(r)}
        context = _PassContext(trust, rules, holds, volumes)
        deleted = 0 if trust.suspended else await self._all_by_age(oldest, context)
        deleted += await self._by_quota(context)
        for number in [*volumes]:
            deleted += await self._free_space(number, context)
        return deleted

    async def _is_there(self, row: Volume) -> bool:
        """Return whether the volume is mounted and answers.

        On another volume, or on none, a missing file must not count as a deleted one.
        """
        try:
            return await self._calls.run(row.number, partial(is_mounted, row))
        except OSError as e:
            self._log_refusal(row.number, Path(row.path), e)
            return False

    async def _all_by_age(self, oldest: dict[str, int], context: _PassContext) -> int:
        deleted = 0
        for stream, start in oldest.items():
            limit = context.trust.wall_us - int(context.rules.days(stream) * DAY_US)
            if start + HOUR_US <= limit and deleted < FILES_PER_PASS:
                deleted += await self._by_age(stream, limit, context)
        async with self._database.session() as session:
            await session.execute(delete(Gap).where(Gap.end_us < context.now_us - GAPS_KEPT_US))
            await deletions.delete_old_rows(session, context.now_us)
            await short_gaps.delete_before(session, context.now_us - GAPS_KEPT_US)
        return deleted

    async def _by_age(self, stream: str, limit_us: int, context: _PassContext) -> int:
        """Delete the stream's segments that ended before the limit, for as many hours as one pass takes.

        Return the number of files.
        """

        days_us = context.trust.wall_us - limit_us

        def is_over(s: Segment) -> bool:
            return context.trust.age_us(s.start_us, s.end_us) >= days_us

        condition = (Footage.stream == stream) & (Footage.hour < limit_us // HOUR_US + 1)
        deleted = hours = 0
        async for page in self._unprotected(condition, context):
            for row in page:
                if context.trust.max_age_us(row.hour * HOUR_US, (row.hour + 1) * HOUR_US) < days_us:
                    continue
                gone = len(await self._delete(row.id, context, is_over))
                deleted, hours = deleted + gone, hours + bool(gone)
            if hours >= ROWS_PER_PASS:
                break
        return deleted

    async def _unprotected(
        self, condition: ColumnElement[bool], context: _PassContext
    ) -> AsyncIterator[Sequence[Row[int, int, str]]]:
        """Yield pages of (id, hour, stream) that match the condition, oldest first, without wholly held rows."""
        place = tuple_(Footage.hour, Footage.stream, Footage.id)
        columns = select(Footage.id, Footage.hour, Footage.stream).where(
            condition, Footage.volume.in_(list(context.volumes))
        )
        query = (
            columns.where(*exclude_held_hours(context.holds))
            .order_by(Footage.hour, Footage.stream, Footage.id)
            .limit(ROWS_PER_PASS)
        )
        after: tuple[int, str, int] | None = None
        while True:
            async with self._database.reading() as session:
                page = (await session.execute(query if after is None else query.where(place > after))).all()
            if not page:
                return
            after = (page[-1].hour, page[-1].stream, page[-1].id)
            yield page

    async def _by_quota(self, context: _PassContext) -> int:
        async with self._database.reading() as session:
            quotas = {v.code: v.quota_bytes for v in await session.scalars(select(Village)) if v.quota_bytes}
            usage = {u.stream: u.bytes_held for u in await session.scalars(select(StreamUsage))} if quotas else {}
        deleted = 0
        for village, quota in quotas.items():
            streams = [s for s, rule in context.rules.of_streams.items() if rule.village == village and usage.get(s)]
            excess = sum(usage[s] for s in streams) - quota
            if excess > 0:
                deleted += await self._free(
                    Footage.stream.in_(streams), _SpaceNeed(excess, 0), ShortfallReason.QUOTA, context
                )
        return deleted

    async def _free_space(self, number: int, context: _PassContext) -> int:
        path = context.volumes.get(number)
        if path is None:  # it refused earlier in this pass
            return 0
        try:
            need = await self._calls.run(number, partial(self._space_need, path))
        except OSError as e:
            self._log_refusal(number, path, e)
            return 0
        if need.is_met(0, 0):
            return 0
        deleted = await self._free(Footage.volume == number, need, ShortfallReason.DISK_FULL, context)
        async with self._database.session() as session:
            events.append(
                session, self._clock.now(), events.EventKind.DISK_LOW, folder=str(path), deleted_segments=deleted,
                missing="inodes" if need.bytes <= 0 else "bytes",
            )  # fmt: skip
        return deleted

    def _space_need(self, path: Path) -> _SpaceNeed:
        """Return the bytes and inodes that a volume lacks. Blocking."""
        found = self.measure_inodes(path)
        inodes = min(MIN_FREE_INODES, found[1] // 20) - found[0] if found else 0
        return _SpaceNeed(self._settings.min_free_bytes - self.measure_free(path), inodes)

    async def _free(
        self, condition: ColumnElement[bool], need: _SpaceNeed, reason: ShortfallReason, context: _PassContext
    ) -> int:
        """Delete the oldest recordings that match the condition until enough is free. Return the number of files."""
        gone: list[Segment] = []
        order = phases(context.trust.periods)
        for phase in order:
            if need.after_deleting(gone).is_met(0, 0):
                break
            names = Footage.hour.between(phase.from_us // HOUR_US, phase.until_us // HOUR_US)
            of_phase = condition & names if len(order) > 1 else condition
            gone += await self._free_oldest(
                of_phase, need.after_deleting(gone), context, partial(_is_of, phase, context.trust)
            )
        async with self._database.session() as session:
            await store_shortfalls(session, self._clock.now(), gone, reason, context.trust, context.rules)
        return len(gone)

    async def _free_oldest(
        self,
        condition: ColumnElement[bool],
        need: _SpaceNeed,
        context: _PassContext,
        is_deletable: Callable[[Segment], bool],
    ) -> list[Segment]:
        gone: list[Segment] = []
        async for page in self._unprotected(condition, context):
            for hour in sorted({r.hour for r in page}):
                numbers = [r.id for r in page if r.hour == hour]
                gone += await self._free_hour(numbers, need.after_deleting(gone), context, is_deletable)
                if need.after_deleting(gone).is_met(0, 0):
                    return gone
            if len(gone) >= FILES_PER_PASS:
                break
        return gone

    async def _free_hour(
        self, numbers: Sequence[int], need: _SpaceNeed, context: _PassContext, is_deletable: Callable[[Segment], bool]
    ) -> list[Segment]:
        """Delete the oldest segments of one hour, in order of time over all streams, until enough is free."""
        candidates = sorted((s.start_us, s.stream, number, s) for number, s in await self._segments(numbers))
        chosen: dict[int, set[int]] = defaultdict(set)
        freed = files = 0
        for start, _, number, s in candidates:
            if need.is_met(freed, files):
                break
            if not context.is_closing(s) and is_deletable(s) and not is_held(context.holds, s):
                chosen[number].add(start)
                freed, files = freed + s.size, files + 1
        return [
            s for number, starts in chosen.items() for s in await self._delete(number, context, _starting_at(starts))
        ]

    async def _segments(self, numbers: Iterable[int]) -> list[tuple[int, Segment]]:
        async with self._database.reading() as session:
            rows = await session.scalars(select(Footage).where(Footage.id.in_(list(numbers))))
            return [(r.id, s) for r in rows for s in segment_index.segments_of(r)]

    async def _delete(
        self, number: int, context: _PassContext, should_delete: Callable[[Segment], bool]
    ) -> Sequence[Segment]:
        """Delete the segments of a row for which `should_delete` is true and that no hold protects; return them.

        A volume that refuses is skipped for the rest of this pass.
        """
        async with self._database.session() as session:
            row = await segment_index.lock_row(session, number)
            if row is None or row.volume not in context.volumes:
                return []
            # Read them again, for holds that were made since the pass began.
            holds = await effective_holds(session, context.trust, StreamId(row.stream).camera)
            volume, entries = row.volume, segment_index.segments_of(row)
            marked = [
                segment_index.with_flag(s, SegmentFlag.DELETING) if should_delete(s) and not is_held(holds, s) else s
                for s in entries
            ]
            if not any(s.flags & SegmentFlag.DELETING for s in marked):
                return []
            newly_flagged = [
                s for s, before in zip(marked, entries, strict=True) if s.flags & ~before.flags & SegmentFlag.DELETING
            ]
            await deletions.record_deletions(session, self._clock.now(), newly_flagged)
            await segment_index.rewrite(session, row, marked)
        try:
            done = await finish_deletion(self._database, context.volumes, number, run=partial(self._calls.run, volume))
        except OSError as e:
            self._log_refusal(volume, context.volumes.pop(volume), e)
            return []
        self._refusing.pop(volume, None)
        async with self._database.session() as session:
            for segment in sorted(done.segments, key=lambda s: s.start_us):
                await extend_retention_gap(session, segment)
        return done.segments

    def _log_refusal(self, number: int, path: Path, error: OSError) -> None:
        """Log the error of a volume once; its files are tried again in every pass."""
        said = error.strerror or str(error)
        if self._refusing.get(number) != said:
            self._refusing[number] = said
            log.error("%s: footage cannot be deleted (%s); %s", path, said, remedy(error))


def _is_of(phase: Phase, trust: ClockCheck, segment: Segment) -> bool:
    return trust.in_phase(phase, segment.start_us, segment.end_us)


def _starting_at(starts: set[int]) -> Callable[[Segment], bool]:
    return lambda segment: segment.start_us in starts
