"""What remains of deleted recordings: the gaps of their time, and who holds fewer days than promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import events
from core.clock import DAY_US
from core.ids import StreamId
from nvr.archive.retention.retention_clock import ClockCheck
from nvr.archive.retention.retention_rules import RetentionRules
from nvr.archive.segment_index import Segment
from nvr.tables import Gap, GapCause, Shortfall, ShortfallReason

MAX_JOINT_US = 2_000_000  # largest distance between a deleted file and the gap that it extends


async def extend_retention_gap(session: AsyncSession, segment: Segment) -> None:
    """Extend the stream's retention gap over a deleted segment."""
    gap = await session.scalar(
        select(Gap)
        .where(
            Gap.stream == segment.stream,
            Gap.cause == GapCause.RETENTION,
            Gap.end_us.between(segment.start_us - MAX_JOINT_US, segment.start_us),
        )
        .order_by(Gap.end_us.desc())
        .limit(1)
    )
    if gap is None:
        session.add(
            Gap(
                stream=segment.stream,
                start_us=segment.start_us,
                end_us=segment.end_us,
                cause=GapCause.RETENTION,
                detail="",
            )
        )
        await session.flush()
    else:
        gap.end_us = segment.end_us


async def store_shortfalls(
    session: AsyncSession,
    now: datetime,
    deleted: Sequence[Segment],
    reason: ShortfallReason,
    check: ClockCheck,
    rules: RetentionRules,
) -> None:
    """Store 'camera X holds 22 days, 30 required': one row per stream and day, with one event at the first."""
    newest: dict[str, int] = {}
    for s in deleted:
        newest[s.stream] = max(newest.get(s.stream, 0), s.end_us)
    for stream, end in newest.items():
        held_days, required = check.age_us(end, end) / DAY_US, rules.days(stream)
        if held_days >= required:
            continue
        row = await session.get(Shortfall, (stream, f"{now:%Y-%m-%d}"))
        if row is None:
            row = Shortfall(
                stream=stream, day=f"{now:%Y-%m-%d}", held_days=held_days, required_days=required, reason=reason
            )
            session.add(row)
            events.append(
                session, now, events.EventKind.RETENTION_SHORT, village=rules.village(stream),
                camera=StreamId(stream).camera, stream=stream, reason=reason, held_days=round(held_days, 2),
                required_days=required,
            )  # fmt: skip
        row.held_days = min(row.held_days, held_days)
