"""Whether a person is reached: by the channels that the station has, and by what became of the newest messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.notify import outbox
from core.notify.tables import Contact, Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState

LOOKED_AT = timedelta(days=8)  # a weekly test lies in it
RECEIPT_WITHIN = timedelta(minutes=15)
ENDS = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.FAILED)


class ReachProblem(StrEnum):
    """Why nothing reaches a person."""

    NO_CHANNEL = "no_channel"  # no address on a channel that the station has
    FAILED = "failed"  # the newest message to each of his addresses failed, or was not confirmed in time


async def unreachable(
    session: AsyncSession, now: datetime, accounts: Sequence[str], channels: Sequence[ChannelKind]
) -> dict[str, ReachProblem]:
    """Return those of some persons whom nothing reaches over any of these channels.

    An address without a message of the last days counts as reached. A message that a channel took counts as lost if
    that channel otherwise says what arrived, and did not say so of this one within RECEIPT_WITHIN.
    """
    there = [c for kind in channels for c in await outbox.contacts_of(session, accounts, kind, now)]
    lost = await _lost(session, now, there)
    with_address, reached = {c.account for c in there}, {c.account for c in there if c.id not in lost}
    return {
        name: ReachProblem.FAILED if name in with_address else ReachProblem.NO_CHANNEL
        for name in accounts
        if name not in reached
    }


async def _lost(session: AsyncSession, now: datetime, there: Sequence[Contact]) -> set[int]:
    """Return the addresses whose newest message did not arrive."""
    since = now - LOOKED_AT
    lately = select(Delivery.channel).where(Delivery.created_at >= since, Delivery.delivered_at.is_not(None))
    confirming = set(await session.scalars(lately.distinct()))
    ended = Delivery.contact.in_([c.id for c in there]), Delivery.state.in_(ENDS), Delivery.created_at >= since
    newest = select(func.max(Delivery.id)).where(*ended).group_by(Delivery.contact)
    return {
        d.contact
        for d in await session.scalars(select(Delivery).where(Delivery.id.in_(newest)))
        if d.state is DeliveryState.FAILED
        or (
            d.state is DeliveryState.SENT
            and d.channel in confirming
            and d.sent_at is not None
            and now - d.sent_at > RECEIPT_WITHIN
        )
    }
