"""What a killed recorder could not report: gaps between its files, ends of gaps, and where its timelines ended.

Start-up recovery adds the gaps; a recorder continues its timelines at the ends (nvr.archive.coverage.timeline).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, from_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.coverage import clock_corrections, timeline
from nvr.archive.coverage.timeline import TimelineEnd
from nvr.archive.segment_index import SegmentFlag
from nvr.tables import FILLABLE, Footage, Gap, GapCause, StreamUsage

GAP_SEARCH_US = 6 * HOUR_US  # before the end of the newest file


async def add_unreported_gaps(database: Database, stream: str, now_us: int) -> int:
    """Add gaps that a killed recorder could not report: the end of a gap, or a whole gap (killed twice in a row).

    Return the number of added gaps.
    """
    async with database.session() as session:
        await _end_unreported_gaps(session, stream, now_us)
        end = await _newest_end(session, stream)
        since = min(now_us, now_us if end is None else end) - GAP_SEARCH_US
        segments = [s for s in await segment_index.between(session, [stream], since, 2**62) if not s.open]
        gaps = await session.execute(
            select(Gap.start_us, Gap.end_us).where(Gap.stream == stream, (Gap.end_us > since) | Gap.end_us.is_(None))
        )
        spans = [(start, end if end is not None else max(now_us, start)) for start, end in gaps]
        recovered = [s.start_us for s in segments if s.flags & SegmentFlag.RECOVERED]
        found = timeline.unreported_gaps([(s.start_us, s.end_us) for s in segments], spans, recovered)
        fetch_at = from_microseconds(now_us)
        session.add_all(
            Gap(stream=stream, start_us=a, end_us=b, cause=GapCause.RECORDER_DOWN, detail="", ask_at=fetch_at)
            for a, b in found
        )
    return len(found)


async def _end_unreported_gaps(session: AsyncSession, stream: str, now_us: int) -> None:
    for gap in await session.scalars(select(Gap).where(Gap.stream == stream, Gap.end_us.is_(None))):
        files = (await segment_index.spans(session, [stream], gap.start_us, 2**62))[stream]
        if (end := timeline.end_of_unreported_gap(gap.start_us, files)) is not None:
            gap.end_us = end
            gap.ask_at = from_microseconds(now_us) if gap.cause in FILLABLE else None


async def _newest_end(session: AsyncSession, stream: str) -> int | None:
    """Return the end of a stream's newest file; None if it has none."""
    hour = await session.scalar(select(func.max(Footage.hour)).where(Footage.stream == stream))
    if hour is None:
        return None
    rows = await session.scalars(select(Footage).where(Footage.stream == stream, Footage.hour == hour))
    return max(s.end_us for r in rows for s in segment_index.segments_of(r))


async def timeline_ends(database: Database, streams: Iterable[str]) -> dict[str, TimelineEnd]:
    """Return where the timeline of each stream with recordings or an open gap ended."""
    wanted = set(streams)
    ends, opened = defaultdict[str, list[int]](list), defaultdict[str, list[tuple[int, GapCause]]](list)
    async with database.reading() as session:
        newest_hour = (
            select(Footage.stream, func.max(Footage.hour).label("hour"))
            .where(Footage.stream.in_(select(StreamUsage.stream)))
            .group_by(Footage.stream)
            .subquery()
        )
        query = select(Footage).join(
            newest_hour, (Footage.stream == newest_hour.c.stream) & (Footage.hour == newest_hour.c.hour)
        )
        for row in await session.scalars(query):
            ends[row.stream] += (s.end_us for s in segment_index.segments_of(row))
        newest_gap = select(func.max(Gap.end_us)).where(Gap.stream == StreamUsage.stream).scalar_subquery()
        for stream, end in await session.execute(select(StreamUsage.stream, newest_gap)):
            ends[stream] += [end] if end is not None else []
        for gap in await session.scalars(select(Gap).where(Gap.end_us.is_(None))):
            opened[gap.stream].append((gap.start_us, gap.cause))
        for stream, files in (await clock_corrections.pending_moves(session, wanted)).items():
            ends[stream] = await _ends_after_moves(session, stream, files)
    found = {s: timeline.timeline_end(ends.get(s, ()), opened.get(s, ())) for s in wanted}
    return {stream: end for stream, end in found.items() if end is not None}


async def _ends_after_moves(session: AsyncSession, stream: str, moves: dict[int, int]) -> list[int]:
    """Return where the stream's newest files and gaps end after all pending moves (start of file → shift, µs)."""
    since = min([start + min(by, 0) for start, by in moves.items()], default=0)
    files = await segment_index.between(session, [stream], since, 2**62)
    gap = await session.scalar(select(func.max(Gap.end_us)).where(Gap.stream == stream))
    return [s.end_us + moves.get(s.start_us, 0) for s in files if not s.open] + ([gap] if gap is not None else [])
