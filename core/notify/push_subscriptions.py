"""Phones that a push service rings. A subscription belongs to the session that made it and ends with it."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.sessions import MAX_SESSION_AGE
from core.accounts.tables import SignIn
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import UsageError
from core.notify.tables import Contact, PushSubscription
from core.notify.vocabulary import ChannelKind

POINT_BYTES, AUTH_BYTES = 65, 16  # RFC 8291, sections 3.1 and 3.2


@dataclass(frozen=True, slots=True)
class PhoneSubscription:
    """What a browser gives: where its push service takes messages, and the keys that they are encrypted for."""

    endpoint: str
    p256dh: str
    auth: str

    def check(self) -> None:
        """Raise UsageError if the keys are none."""
        point, auth = _decoded(self.p256dh), _decoded(self.auth)
        if len(point) != POINT_BYTES or not point.startswith(b"\x04") or len(auth) != AUTH_BYTES:
            raise UsageError("these are no keys of a push subscription", ErrorCode.PUSH_KEYS_INVALID)


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


async def subscribe(
    session: AsyncSession, now: datetime, account: str, sign_in: SignIn, given: PhoneSubscription
) -> PushSubscription:
    """Keep a phone's subscription in place of an earlier one of its session or its endpoint. Raises UsageError."""
    given.check()
    same = (PushSubscription.sign_in == sign_in.token_hash) | (PushSubscription.endpoint == given.endpoint)
    for old in list(await session.scalars(select(PushSubscription).where(same))):
        if (old.sign_in, old.endpoint, old.p256dh, old.auth) == (
            sign_in.token_hash, given.endpoint, given.p256dh, given.auth,
        ):  # fmt: skip
            return old
        await forget(session, now, old.contact)
    contact = Contact(
        account=account, channel=ChannelKind.WEBPUSH, address="", since=now,
        until=sign_in.created_at + MAX_SESSION_AGE, changed_by=account, second_person=None, replaces=None,
    )  # fmt: skip
    session.add(contact)
    await session.flush()
    row = PushSubscription(
        contact=contact.id, endpoint=given.endpoint, p256dh=given.p256dh, auth=given.auth, sign_in=sign_in.token_hash
    )
    session.add(row)
    channel = ChannelKind.WEBPUSH.value
    await audit_trail.record(
        session, now, account, AuditAction.CONTACT_CHANGE, account, channel=channel, contact=contact.id,
        second_person="",
    )  # fmt: skip
    return row


async def unsubscribe(session: AsyncSession, now: datetime, account: str, sign_in: str) -> None:
    """End the subscription of a session; nothing happens if it has none."""
    row = await of_session(session, sign_in)
    if row is not None:
        await audit_trail.record(
            session, now, account, AuditAction.CONTACT_WITHDRAW, account, channel=ChannelKind.WEBPUSH.value,
            contact=row.contact,
        )  # fmt: skip
        await forget(session, now, row.contact)


async def of_session(session: AsyncSession, sign_in: str) -> PushSubscription | None:
    found: PushSubscription | None = await session.scalar(
        select(PushSubscription).where(PushSubscription.sign_in == sign_in)
    )
    return found


async def forget(session: AsyncSession, now: datetime, contact: int) -> None:
    """End a subscription: its phone took it back, or its push service says that it has ended."""
    (await session.get_one(Contact, contact)).until = now
    await session.execute(delete(PushSubscription).where(PushSubscription.contact == contact))


def live() -> Select[int]:
    """The contacts whose subscription's session is open. A session that was deleted took its subscription along."""
    query = select(PushSubscription.contact).join(SignIn, SignIn.token_hash == PushSubscription.sign_in)
    return query.where(SignIn.replaced_at.is_(None))


async def address(session: AsyncSession, contact: int) -> str | None:
    """Return a subscription as the channel takes it; None if it has ended."""
    query = select(PushSubscription).where(PushSubscription.contact == contact, PushSubscription.contact.in_(live()))
    row = await session.scalar(query)
    if row is None:
        return None
    return json.dumps({"endpoint": row.endpoint, "keys": {"p256dh": row.p256dh, "auth": row.auth}})
