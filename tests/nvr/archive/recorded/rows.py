"""Changes of a recorded archive's rows, as a crash leaves them."""

from __future__ import annotations

from sqlalchemy import select

from core.database import Database
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment
from nvr.tables import Footage, Gap, OpenSegment


async def replace_entry(database: Database, segment: Segment, changed: Segment | None) -> None:
    """Replace a segment's entry, or remove it."""
    async with database.session() as session:
        for number in await session.scalars(select(Footage.id)):
            row = await segment_index.lock_row(session, number)
            assert row is not None
            entries = segment_index.segments_of(row)
            kept = [changed if s == segment else s for s in entries]
            await segment_index.rewrite(session, row, [s for s in kept if s is not None])


async def mark_open(database: Database, segment: Segment) -> None:
    """Put the segment into the state that a crash leaves: an open row, no entry."""
    await replace_entry(database, segment, None)
    async with database.session() as session:
        session.add(OpenSegment(stream=segment.stream, start_us=segment.start_us, volume=segment.volume))


async def gap_rows(database: Database) -> list[tuple[int, int | None, str]]:
    async with database.reading() as session:
        return [(g.start_us, g.end_us, g.cause) for g in await session.scalars(select(Gap).order_by(Gap.start_us))]
