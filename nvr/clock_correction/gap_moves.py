"""Moves gaps that a wrong clock recorded to their right times; a restart of the machine that it hid becomes a gap."""

from __future__ import annotations

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import SECOND
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import ClockStep, unreported_gaps
from nvr.clock.clock_epoch import Epoch
from nvr.tables import Gap, GapCause

RESTART_SEARCH_US = 1200 * SECOND


async def move_gaps(session: AsyncSession, step: ClockStep, first: int = 0, last: int = 2**62) -> None:
    """Move the gaps with ids from `first` on and before `last`."""
    for column in (Gap.start_us, Gap.end_us):
        within = column.between(step.since_us, step.until_us)
        moved = update(Gap).where(Gap.stream == step.stream, Gap.id < last, within)
        if column is Gap.start_us:
            moved = moved.where(Gap.id >= first)
        else:  # also earlier gaps that ended in this range
            moved = moved.where(or_(Gap.id >= first, Gap.start_us < step.since_us))
        await session.execute(moved.values({column.key: column + step.by_us}))
    # A clock that runs behind cannot end an earlier gap: such a gap was closed with a duration of 0.
    if step.files:
        begins = step.files[0] + step.by_us
        newest = await session.scalar(
            select(func.max(Gap.start_us)).where(Gap.stream == step.stream, Gap.start_us < begins)
        )
        if newest is not None and newest > step.until_us:
            ended = update(Gap).where(Gap.stream == step.stream, Gap.start_us == newest, Gap.end_us == newest)
            await session.execute(ended.values(end_us=begins))


async def add_restart_gap(session: AsyncSession, step: ClockStep, later: Epoch) -> None:
    """Add the gap of the machine's restart, which the wrong clock hid or made longer.

    The step's files still have their old names.
    """
    since, until = step.until_us + step.by_us - RESTART_SEARCH_US, later.since_us + RESTART_SEARCH_US
    stray = update(Gap).where(Gap.stream == step.stream, Gap.id >= later.first_gap, Gap.start_us < later.since_us)
    stray = stray.where(
        Gap.start_us.between(step.since_us, step.until_us),
        or_(Gap.end_us.is_(None), Gap.end_us >= Gap.start_us + step.by_us),
    )
    await session.execute(stray.values(start_us=Gap.start_us + step.by_us))
    moving = set(step.files or ())
    files = [
        (s.start_us, s.end_us)
        for s in await segment_index.between(session, [step.stream], since, until)
        if s.start_us not in moving
    ]
    by = step.by_us
    old = await segment_index.between(session, [step.stream], since - by, until - by)
    files += [(s.start_us + by, s.end_us + by) for s in old if s.start_us in moving]
    gaps = await session.execute(
        select(Gap.start_us, Gap.end_us).where(Gap.stream == step.stream, Gap.start_us < until, Gap.end_us > since)
    )
    told = [(start, end if end is not None else until) for start, end in gaps]
    session.add_all(
        Gap(stream=step.stream, start_us=start, end_us=end, cause=GapCause.RECORDER_DOWN, detail="")
        for start, end in unreported_gaps(files, told, ())
        if end <= until
    )
