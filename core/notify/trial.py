"""Test messages: whether a person is reached on every channel that the station has for him."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from core.notify import outbox
from core.notify.outbox import Message
from core.notify.tables import Contact
from core.notify.texts import Content
from core.notify.vocabulary import MessageKind


def message(number: str, fact: str, now: datetime) -> Message:
    """Return a test message. `number`: what the receiver can name."""
    content = Content(number=number, at=now, page="/m")
    return Message(fact, f"test:{number}", MessageKind.TEST, outbox.URGENT, content)


async def send(session: AsyncSession, now: datetime, to: Sequence[Contact]) -> None:
    """Queue a test message to each address. Its number is new each time, so that the receiver can name it."""
    number = f"T{secrets.randbelow(10**6):06}"
    test = message(number, f"test:{number}/{now:%Y%m%d%H%M%S%f}", now)
    for contact in to:
        await outbox.put(session, now, test, contact)
