"""Forecast whether disks and quotas can hold the promised footage, before footage is deleted early (R-RET-1).

Retention deletes the oldest footage of all streams first. So there is one age D up to which all footage is kept:
sum(rate of a stream * min(D, its promised days)) = available space. A village falls short where D is below the days
promised to its cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.states import StreamKind
from cameras.tables import Camera, Village
from core.clock import DAY_US, from_microseconds
from core.settings import RetentionSettings
from nvr.archive import segment_index
from nvr.archive.retention.retention_rules import promised_days
from nvr.recorder.reconcile import bit_rates
from nvr.tables import StreamUsage, Volume

MIN_HISTORY_DAYS = 1.0  # a shorter history says less about a stream's rate than its present bit rate
USABLE_VOLUME_STATES = ("ok", "full", "slow")


@dataclass(frozen=True, slots=True)
class VillageForecast:
    """A village's footage at the present rate, in days. None: unknown, because nothing is written."""

    village: str
    required_days: float  # the longest retention promised to one of its cameras
    possible_days: float | None  # age up to which footage can be kept; at most the promised days
    days_until_short: float | None  # days until footage is deleted early; None: never
    by_quota: bool  # the village's own quota is too small

    @property
    def short(self) -> bool:
        return self.days_until_short is not None


@dataclass(frozen=True, slots=True)
class _Stream:
    village: str
    days: float  # promised
    rate: float  # bytes a day
    held: int  # bytes


async def forecast(session: AsyncSession, settings: RetentionSettings, now_us: int) -> list[VillageForecast]:
    """Return the forecast of every village that has cameras in use."""
    streams = await _streams(session, settings, now_us)
    usable = (await session.scalars(select(Volume).where(Volume.state.in_(USABLE_VOLUME_STATES)))).all()
    free = float(sum(max(0, v.free_bytes - settings.min_free_bytes) for v in usable))
    space = sum(s.held for s in streams) + free
    found = []
    for village in (await session.scalars(select(Village).order_by(Village.code))).all():
        own = [s for s in streams if s.village == village.code]
        if not own:
            continue
        required = max(s.days for s in own)
        disk = _possible_days(streams, space) if usable else None
        quota = _possible_days(own, village.quota_bytes) if village.quota_bytes else None
        by_quota = quota is not None and (disk is None or quota < disk)
        possible = quota if by_quota else disk
        until = None
        if possible is not None and possible < required:
            left = village.quota_bytes - sum(s.held for s in own) if by_quota and village.quota_bytes else free
            until = _days_until_short(own if by_quota else streams, left)
        found.append(
            VillageForecast(
                village.code, required, None if possible is None else min(possible, required), until, by_quota
            )
        )
    return found


async def _streams(session: AsyncSession, settings: RetentionSettings, now_us: int) -> list[_Stream]:
    present, oldest = await bit_rates(session, from_microseconds(now_us)), await segment_index.oldest(session)
    held = {u.stream: u.bytes_held for u in await session.scalars(select(StreamUsage))}
    found = []
    for camera in await session.scalars(select(Camera).where(Camera.retired.is_(False))):
        for stream in camera.streams:
            if stream.record:
                days = promised_days(camera.profile, settings) if stream.kind == StreamKind.MAIN else settings.sub_days
                age = (now_us - oldest.get(stream.id, now_us)) / DAY_US
                rate = (
                    held.get(stream.id, 0) / age
                    if age >= MIN_HISTORY_DAYS
                    else present.get(stream.id, 0.0) / 8 * 86_400
                )
                found.append(_Stream(camera.village, days, rate, held.get(stream.id, 0)))
    return found


def _possible_days(streams: Sequence[_Stream], space: float) -> float | None:
    """Return the age D of the module docstring: infinite if all promised footage fits, None if nothing is written."""
    if not any(s.rate for s in streams):
        return None
    days, taken = 0.0, 0.0
    for limit in sorted({s.days for s in streams}):
        rate = sum(s.rate for s in streams if s.days >= limit)
        if rate and taken + rate * (limit - days) > space:
            return days + (space - taken) / rate
        taken, days = taken + rate * (limit - days), limit
    return float("inf")


def _days_until_short(streams: Sequence[_Stream], left: float) -> float:
    """Return the days until the space left is used up by streams that do not yet hold all promised footage."""
    growing = sum(s.rate for s in streams if s.held < s.rate * s.days)
    return max(0.0, left) / growing if growing else 0.0
