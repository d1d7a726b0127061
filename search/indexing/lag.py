"""How far search lags behind the recording and what it skipped.

Shown with search results, so that an empty result is not taken for an empty scene.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import to_microseconds
from nvr.tables import StreamStatus
from search.tables import QUARANTINE_CRASHES, IndexState


@dataclass(frozen=True, slots=True)
class IndexingLag:
    """Lag of the streams being recorded.

    `behind_seconds`: of the worst stream, None if no stream that is recorded is indexed; `skipped_seconds`: skipped in
    total; `quarantined`: number of streams left out.
    """

    behind_seconds: float | None
    skipped_seconds: int
    quarantined: int


async def lag(session: AsyncSession) -> IndexingLag:
    """Return the indexing lag of all streams."""
    query = (
        select(IndexState.position_us, StreamStatus.last_picture)
        .join(StreamStatus, StreamStatus.stream == IndexState.stream)
        .where(
            StreamStatus.last_picture.is_not(None),
            StreamStatus.state == "recording",
            IndexState.crashes < QUARANTINE_CRASHES,
        )
    )
    rows = await session.execute(query)
    worst = max((to_microseconds(r.last_picture) - r.position_us for r in rows), default=None)
    skipped = await session.scalar(select(func.sum(IndexState.skipped))) or 0
    left_out = (
        await session.scalar(
            select(func.count()).select_from(IndexState).where(IndexState.crashes >= QUARANTINE_CRASHES)
        )
        or 0
    )
    return IndexingLag(None if worst is None else max(0.0, worst / 1e6), int(skipped), left_out)
