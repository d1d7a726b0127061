"""How persons are reached, and how that changes (R-CONTACT-1).

Whoever changes a contact can silence somebody. So a change tells the old address, the old address stays in use for
`COOLING` beside the new one, and another person's contact needs a second person.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from core.notify import outbox
from core.notify.outbox import Message
from core.notify.tables import Contact
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, MessageKind

COOLING = timedelta(hours=24)
MAX_ACTOR = 60  # characters; "command line: … (sudo: …)" may be longer
# Whole addresses; a person has none on a webhook.
ADDRESSES = {
    ChannelKind.SMS: re.compile(r"\+?\d{6,15}"),
    ChannelKind.VOICE: re.compile(r"\+?\d{6,15}"),
    ChannelKind.EMAIL: re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,120}"),
    ChannelKind.WECOM: re.compile(r"[A-Za-z0-9][\w@.-]{0,63}", re.ASCII),
}


async def change(
    session: AsyncSession,
    now: datetime,
    actor: str,
    account: str,
    channel: ChannelKind,
    address: str,
    second_person: str | None = None,
) -> Contact:
    """Set a person's address on a channel; `second_person` agreed, where it is another person's.

    Raises UsageError for an address that the channel cannot have, NotFoundError for an unknown account, ConflictError
    where the second person is missing, is no enabled account, or is one of the other two, or it is already the address.
    """
    form = ADDRESSES.get(channel)
    if form is None or not form.fullmatch(address):
        raise UsageError(
            f"this is no address of the channel {channel}", ErrorCode.CONTACT_ADDRESS_INVALID, channel=channel.value
        )
    # Locked: of two changes at the same time, the second must replace the first.
    if await session.scalar(select(User.id).where(User.name == account).with_for_update()) is None:
        raise NotFoundError(f"there is no account {account}", ErrorCode.ACCOUNT_NOT_FOUND, account=account)
    if actor != account and not await _may_agree(session, second_person, actor, account):
        raise ConflictError("another person's contact is changed by two persons", ErrorCode.CONTACT_SECOND_PERSON)
    old = await _current(session, account, channel)
    if old is not None and old.address == address:
        raise ConflictError("this is the address already", ErrorCode.CONTACT_UNCHANGED)
    # Also one that was withdrawn: a change is a change, in whatever steps it is made (R-CONTACT-2).
    newest = select(func.max(Contact.id)).where(Contact.account == account, Contact.channel == channel)
    new = Contact(
        account=account, channel=channel, address=address, since=now, until=None, changed_by=actor[:MAX_ACTOR],
        second_person=second_person if actor != account else None, replaces=await session.scalar(newest),
    )  # fmt: skip
    session.add(new)
    await session.flush()
    if old is not None:
        old.until = now + COOLING
        await _tell(session, now, old, new.id, f"contact:{new.id}")
    # Not the address itself: the trail is kept for years, and its readers need not know it.
    await audit_trail.record(
        session, now, actor, AuditAction.CONTACT_CHANGE, account, channel=channel.value, contact=new.id,
        second_person=new.second_person or "",
    )  # fmt: skip
    return new


async def _may_agree(session: AsyncSession, person: str | None, actor: str, account: str) -> bool:
    """Return whether a person is a third one: an enabled account, neither the actor nor whose contact it is."""
    if person is None or person in (actor, account):
        return False
    enabled = select(User.id).where(User.name == person, User.disabled.is_(False))
    return await session.scalar(enabled) is not None


async def withdraw(session: AsyncSession, now: datetime, account: str, channel: ChannelKind) -> None:
    """End the use of one's own address on a channel: it is told, and used for COOLING more. Raises NotFoundError."""
    old = await _current(session, account, channel)
    if old is None:
        raise NotFoundError("there is no contact on this channel", ErrorCode.CONTACT_MISSING)
    old.until = now + COOLING
    await _tell(session, now, old, old.id, f"contact:{old.id}/withdrawn")
    await audit_trail.record(
        session, now, account, AuditAction.CONTACT_WITHDRAW, account, channel=channel.value, contact=old.id
    )


def masked(channel: ChannelKind, address: str) -> str:
    """Return an address by which its owner recognises it, and others do not learn it."""
    if channel is ChannelKind.EMAIL:
        name, _, host = address.partition("@")
        return f"{name[:1]}***@{host}"
    if channel is ChannelKind.WECOM:
        return f"{address[:2]}***"
    return f"{address[:3]}****{address[-2:]}" if len(address) >= 8 else f"****{address[-2:]}"


async def _tell(session: AsyncSession, now: datetime, old: Contact, number: int, fact: str) -> None:
    """Tell the person on the old address. `number`: the contact that the audit row names."""
    content = Content(number=f"K{number}", at=now, page="/account")
    await outbox.put(session, now, Message(fact, fact, MessageKind.CONTACT_CHANGED, outbox.URGENT, content), old)


async def _current(session: AsyncSession, account: str, channel: ChannelKind) -> Contact | None:
    found: Contact | None = await session.scalar(
        select(Contact).where(Contact.account == account, Contact.channel == channel, Contact.until.is_(None))
    )
    return found


async def of_account(session: AsyncSession, account: str, now: datetime) -> list[Contact]:
    """Return the addresses of a person that are in use, oldest first."""
    query = select(Contact).where(Contact.account == account, outbox.in_use(now))
    return list(await session.scalars(query.order_by(Contact.id)))


async def changed_between(session: AsyncSession, start: datetime, end: datetime) -> list[Contact]:
    """Return the contacts entered in [start, end), oldest first."""
    query = select(Contact).where(Contact.since >= start, Contact.since < end).order_by(Contact.since, Contact.id)
    return list(await session.scalars(query))


async def set_system(session: AsyncSession, now: datetime, channel: ChannelKind, *, used: bool) -> None:
    """Let other systems receive on a channel that has an address of its own, or no longer."""
    there = await _current(session, outbox.SYSTEMS, channel)
    if used and there is None:
        session.add(
            Contact(
                account=outbox.SYSTEMS,
                channel=channel,
                address="",
                since=now,
                until=None,
                changed_by=outbox.SYSTEMS,
                second_person=None,
                replaces=None,
            )
        )
    elif not used and there is not None:
        there.until = now
