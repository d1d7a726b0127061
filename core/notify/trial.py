"""Test messages: whether a person is reached on every channel that the station has for him."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.notify import outbox
from core.notify.outbox import Message
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content
from core.notify.vocabulary import MessageKind


def message(number: str, fact: str, now: datetime) -> Message:
    """Return a test message. `number`: what the receiver can name."""
    content = Content(number=number, at=now, page="/m")
    return Message(fact, f"test:{number}", MessageKind.TEST, outbox.URGENT, content)


async def sent_since(session: AsyncSession, account: str, since: datetime) -> bool:
    """Return whether a person was sent a test at or after a time, or one ahead of it by a clock that was set back."""
    query = select(Delivery.id).where(
        Delivery.account == account, Delivery.kind == MessageKind.TEST, Delivery.created_at >= since
    )
    return await session.scalar(query.limit(1)) is not None


async def send(session: AsyncSession, now: datetime, to: Sequence[Contact]) -> None:
    """Queue a test message to each address. Its number is new each time, so that the receiver can name it."""
    number = f"T{secrets.randbelow(10**6):06}"
    test = message(number, f"test:{number}/{now:%Y%m%d%H%M%S%f}", now)
    for contact in to:
        await outbox.put(session, now, test, contact)
