"""The outbox: a message is a row of the transaction that writes its fact, so that neither exists without the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database, changed_rows
from core.database_kind import DatabaseKind
from core.notify import push_subscriptions
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content
from core.notify.vocabulary import SYSTEM_CHANNELS, ChannelKind, DeliveryState, MessageKind

GIVE_UP_AFTER = timedelta(hours=24)  # a message that no attempt brought away by then has failed
KEPT_FOR = timedelta(days=365)  # rows that are over are deleted then; the audit trail and the alerts stay
MAX_CLOCK_STEP = timedelta(minutes=1)  # a row from further ahead was written before the clock was set back
WAITING = (DeliveryState.QUEUED, DeliveryState.SENDING)  # every other state is an end
URGENT = 1  # severity whose retries never wait long, and that no quiet hour delays
SYSTEMS = "*"  # receives on behalf of other systems (webhook, MQTT); no account can have this name
FIRST_RETRY, LONGEST_RETRY, LONGEST_URGENT_RETRY = timedelta(seconds=2), timedelta(minutes=10), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Message:
    """What is said, to be sent over one or more channels.

    `fact` names what happened and how often it did (alert:12/dispatched): the same fact is never sent twice to one
    address. `subject` names what it is about (alert:12): `cancel` takes back what was not sent yet.
    """

    fact: str
    subject: str
    kind: MessageKind
    severity: int
    content: Content


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to `end` (local times, may pass midnight) messages of `least` severity and milder ones wait."""

    begin: time
    end: time
    least: int
    zone: tzinfo

    @classmethod
    def from_text(cls, hours: str, least: int, zone: tzinfo) -> QuietHours:
        """Return the quiet hours of a text such as 22:00-07:00; of an empty one, none. Raises ValueError."""
        begin, _, end = (hours or "00:00-00:00").partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end), least, zone)

    def due(self, now: datetime, severity: int) -> datetime:
        """Return when a message may be sent: now, or at the end of the quiet hours."""
        local = now.astimezone(self.zone)
        at, inside = local.time(), self._contains(local.time())
        if severity < self.least or severity <= URGENT or not inside:
            return now
        day = local.date() + timedelta(days=int(at >= self.end))
        return datetime.combine(day, self.end, self.zone).astimezone(now.tzinfo)

    def _contains(self, at: time) -> bool:
        return self.begin <= at < self.end if self.begin <= self.end else at >= self.begin or at < self.end


def in_use(now: datetime) -> ColumnElement[bool]:
    """Condition: a contact is used. `since` is not compared: it lies ahead only if the clock was set back."""
    return or_(Contact.until.is_(None), Contact.until > now)


async def contacts_of(
    session: AsyncSession, accounts: Sequence[str], channel: ChannelKind, now: datetime
) -> list[Contact]:
    """Return the addresses that are used now. After a change that is the old and the new one for a time.

    Each once: after two changes within that time, the newest may be the oldest again.
    """
    query = select(Contact).where(
        Contact.account.in_(accounts),
        Contact.channel == channel,
        in_use(now),
    )
    if channel is ChannelKind.WEBPUSH:  # each has an address of its own, which the contact does not hold
        query = query.where(Contact.id.in_(push_subscriptions.live()))
        return list(await session.scalars(query.order_by(Contact.account, Contact.id)))
    found = await session.scalars(query.order_by(Contact.account, Contact.id))
    return list({(c.account, c.address): c for c in found}.values())


async def put(
    session: AsyncSession,
    now: datetime,
    message: Message,
    to: Contact,
    due_at: datetime | None = None,
) -> bool:
    """Add a message to one address; returns False if it is there already."""
    key = f"{message.fact}/{to.channel}/{to.id}"
    postgresql = DatabaseKind.of_session(session) is DatabaseKind.POSTGRESQL
    insert = postgresql_insert if postgresql else sqlite_insert
    row = insert(Delivery).values(
        key=key, subject=message.subject, kind=message.kind, severity=message.severity,
        content=message.content.model_dump(mode="json"), account=to.account, channel=to.channel,
        contact=to.id, state=DeliveryState.QUEUED, created_at=now, due_at=due_at or now,
        attempts=0, unanswered=0, reference="", error="",
    )  # fmt: skip
    # Not rowcount: on PostgreSQL it does not count this row (tests: --database postgresql).
    added = row.on_conflict_do_nothing(index_elements=["key"]).returning(Delivery.id)
    return await session.scalar(added) is not None


async def send_to_accounts(
    session: AsyncSession,
    now: datetime,
    message: Message,
    accounts: Sequence[str],
    channel: ChannelKind,
    due_at: datetime | None = None,
) -> int:
    """Add a message to every address of some persons on a channel; returns how many were added."""
    there = await contacts_of(session, accounts, channel, now)
    return sum([await put(session, now, message, contact, due_at) for contact in there])


async def send_to_systems(session: AsyncSession, now: datetime, message: Message) -> int:
    """Add a message to the other systems that the station tells (webhook, MQTT); returns how many were added."""
    return sum([await send_to_accounts(session, now, message, [SYSTEMS], kind) for kind in SYSTEM_CHANNELS])


async def send_to_first(
    session: AsyncSession,
    now: datetime,
    message: Message,
    accounts: Sequence[str],
    channels: Sequence[ChannelKind],
    due_at: datetime | None = None,
) -> int:
    """Add a message to persons, to each over the first of some channels that he has; returns how many were added."""
    added, left = 0, list(accounts)
    for channel in channels:
        for contact in await contacts_of(session, left, channel, now):
            added += await put(session, now, message, contact, due_at)
            left = [name for name in left if name != contact.account]
    return added


async def bring_forward(session: AsyncSession, now: datetime, failed: Delivery) -> None:
    """Make the next message to a person about the same subject due, because this one does not reach him.

    Web Push is left out on both sides: it comes beside the others.
    """
    if failed.channel is ChannelKind.WEBPUSH:
        return
    waiting = select(Delivery).where(
        Delivery.subject == failed.subject, Delivery.account == failed.account, Delivery.due_at > now,
        Delivery.state == DeliveryState.QUEUED, Delivery.attempts == 0,
        Delivery.channel != ChannelKind.WEBPUSH,
    )  # fmt: skip
    following: Delivery | None = await session.scalar(waiting.order_by(Delivery.due_at, Delivery.id).limit(1))
    if following is not None:
        following.due_at = now


async def cancel(session: AsyncSession, subject: str) -> int:
    """Take back what is not sent yet about a subject; returns how many messages that were.

    A message that is being handed over may still arrive (its row then says sent), but it is not tried again.
    """
    return await changed_rows(
        session,
        update(Delivery)
        .where(Delivery.subject == subject, Delivery.state.in_(WAITING))
        .values(state=DeliveryState.CANCELLED),
    )


async def receivers(session: AsyncSession, subject: str) -> list[Contact]:
    """Return the addresses that got a message about a subject, or may have: it was handed over at least once."""
    reached = select(Delivery.contact).where(
        Delivery.subject == subject, Delivery.attempts > 0, Delivery.state != DeliveryState.FAILED
    )
    return list(await session.scalars(select(Contact).where(Contact.id.in_(reached)).order_by(Contact.id)))


def is_due(now: datetime) -> ColumnElement[bool]:
    """Condition: a message is queued and may be sent. Those from before the clock was set back are."""
    return and_(
        Delivery.state == DeliveryState.QUEUED,
        or_(Delivery.due_at <= now, Delivery.created_at > now + MAX_CLOCK_STEP),
    )


async def purge(database: Database, clock: Clock) -> int:
    """Delete the messages that are over and older than KEPT_FOR; returns their number."""
    async with database.session() as session:
        old = Delivery.created_at < clock.now() - KEPT_FOR
        return await changed_rows(session, delete(Delivery).where(old, Delivery.state.not_in(WAITING)))


def retry_delay(attempts: int, severity: int) -> timedelta:
    """Return how long to wait after the given number of failed attempts: 2 s, 4 s, 8 s … up to a bound."""
    longest = LONGEST_URGENT_RETRY if severity <= URGENT else LONGEST_RETRY
    return min(FIRST_RETRY * (1 << min(attempts - 1, 12)), longest)
