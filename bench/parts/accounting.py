"""Accounts for every second of every camera: recorded, backfilled, or missing with a plausible cause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from core.clock import SECOND
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.segment_index import SegmentFlag
from nvr.tables import Gap

MIN_GAP_US = SECOND  # shorter is jitter, for which the recorder writes no gap
FAULT_GRACE_US = 75 * SECOND  # after a fault: the longest reconnect delay and a connection


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was injected into a stream; times in µs UTC."""

    stream: str
    causes: tuple[str, ...]  # gap causes that it may lead to
    start_us: int
    end_us: int


@dataclass(slots=True)
class Account:
    """Seconds, summed over all streams."""

    total: float = 0.0
    recorded: float = 0.0
    backfilled: float = 0.0
    gaps: Counter[str] = field(default_factory=Counter)  # by cause
    unaccounted_s: float = 0.0  # neither recorded nor in a gap
    recorded_twice_s: float = 0.0  # recorded by two files at the same time
    unexplained_s: float = 0.0  # in a gap with a cause for which no fault was injected then
    oddities: list[str] = field(default_factory=list)


async def account(
    database: Database,
    ranges: dict[str, tuple[int, int]],
    faults: list[Injected],
    elsewhere: Sequence[tuple[int, int]] = (),
) -> Account:
    """Check the timeline of each stream, from `ranges[stream][0]` to `[1]`, µs UTC.

    `elsewhere`: ranges that the station filed under another time because its clock was wrong.
    """
    result = Account()
    injected: dict[str, list[Injected]] = defaultdict(list)
    for fault in faults:
        injected[fault.stream].append(fault)
    async with database.reading() as session:
        for stream, (start, end) in ranges.items():
            segments = [s for s in await segment_index.between(session, [stream], start, end) if not s.open]
            gaps = list(await session.scalars(select(Gap).where(Gap.stream == stream).order_by(Gap.start_us)))
            result.total += (end - start) / SECOND
            for segment in segments:
                seconds = (min(segment.end_us, end) - max(segment.start_us, start)) / SECOND
                if segment.flags & SegmentFlag.BACKFILLED:
                    result.backfilled += seconds
                else:
                    result.recorded += seconds
            spans = [(s.start_us, s.end_us) for s in segments]
            _judge(result, stream, start, end, spans, gaps, injected[stream], elsewhere)
    return result


def _judge(
    result: Account,
    stream: str,
    start: int,
    end: int,
    recorded: list[tuple[int, int]],
    gaps: list[Gap],
    faults: list[Injected],
    elsewhere: Sequence[tuple[int, int]],
) -> None:
    missing = [(max(g.start_us, start), min(g.end_us or end, end), g.cause) for g in gaps]
    missing = [(a, b, cause) for a, b, cause in missing if b > a]
    for a, b, cause in missing:
        result.gaps[cause] += round((b - a) / SECOND, 3)  # type: ignore[assignment]
        if not any(cause in f.causes and f.start_us - 2 * SECOND < b and a < f.end_us + FAULT_GRACE_US for f in faults):
            result.unexplained_s += (b - a) / SECOND
            result.oddities.append(f"{stream}: {(b - a) / SECOND:.1f} s {cause} without such a fault")
    at = start
    for a, b in sorted([*recorded, *elsewhere, *((a, b) for a, b, _ in missing)]):
        if a - at >= MIN_GAP_US:
            result.unaccounted_s += (a - at) / SECOND
            result.oddities.append(f"{stream}: {(a - at) / SECOND:.1f} s nowhere at {(at - start) / SECOND:.1f} s")
        at = max(at, b)
    if end - at >= MIN_GAP_US:
        result.unaccounted_s += (end - at) / SECOND
        result.oddities.append(f"{stream}: {(end - at) / SECOND:.1f} s nowhere at the end")
    at = start
    for a, b in sorted((max(a, start), min(b, end)) for a, b in recorded):
        if at - a > SECOND // 10:
            seconds = (min(at, b) - a) / SECOND
            result.recorded_twice_s += seconds
            result.oddities.append(f"{stream}: {seconds:.1f} s twice, from {a}")
        at = max(at, b)
