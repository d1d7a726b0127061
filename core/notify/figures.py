"""What became of the messages of a period, by channel."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState


@dataclass(slots=True)
class ChannelFigures:
    """`median_s`: seconds from when a message was due to when the channel took it; None: none was taken."""

    channel: ChannelKind
    states: dict[DeliveryState, int] = field(default_factory=dict)
    unanswered: int = 0
    median_s: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


async def by_channel(session: AsyncSession, start: datetime, end: datetime) -> list[ChannelFigures]:
    """Return the figures of messages created in [start, end), by channel."""
    query = select(
        Delivery.channel, Delivery.state, Delivery.unanswered, Delivery.created_at, Delivery.due_at, Delivery.sent_at
    ).where(Delivery.created_at >= start, Delivery.created_at < end)
    found: dict[ChannelKind, ChannelFigures] = {}
    took: dict[ChannelKind, list[float]] = {}
    for channel, state, unanswered, created, due, sent in await session.execute(query.order_by(Delivery.channel)):
        f = found.setdefault(channel, ChannelFigures(channel))
        f.states[state] = f.states.get(state, 0) + 1
        f.unanswered += unanswered
        if sent is not None:
            took.setdefault(channel, []).append((sent - (created if unanswered else due)).total_seconds())
    for channel, seconds in took.items():
        found[channel].median_s = statistics.median(seconds)
    return list(found.values())
