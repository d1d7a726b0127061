"""Hands the messages of the outbox to their channels.

A row is marked as sending before it is handed over, and with the channel's answer afterwards; both are transactions of
their own. Whoever is killed in between leaves the row as sending. The next start hands it over again with the same key,
by which the gateway drops a repetition, and counts it (`Delivery.unanswered`).

What is cancelled while it is handed over is not handed over again. Nothing goes to an address out of use,
or to a disabled account (except that its contact was changed). A message that cannot be rendered fails alone, and an
unforeseen error of a channel counts as a lost answer: one message must not stop the others.

One process of the station runs the dispatcher. Each channel has lanes of its own, so that a slow one delays no other.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Role
from core.accounts.tables import User
from core.clock import Clock
from core.database import Database, changed_rows
from core.notify import links, outbox, push_subscriptions, texts
from core.notify.channels.base import AddressGone, AnswerLost, Channel, ChannelError, ChannelRefused, Outgoing, Receipt
from core.notify.configuration import ChannelLimits
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content, Letterhead, Texts
from core.notify.token_bucket import TokenBucket
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from core.tasks import Work, first_of, raise_if_cancelled

log = logging.getLogger(__name__)

POLL_S = 0.2
FAILED_AT_ONCE = 200  # the next look takes the others
ALERTS = (MessageKind.ALERT, MessageKind.ALERT_RECALLED)  # before all others: of a mass fault there may be hundreds
NOT_SET_UP = "the station has no such channel"
CONTACT_ENDED = "the address is no longer used"
ACCOUNT_DISABLED = "the account is disabled"
NOT_READABLE = "the message cannot be rendered"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process hands over now."""

    id: int
    attempts: int
    created_at: datetime
    severity: int
    outgoing: Outgoing


class Dispatcher:
    def __init__(
        self, database: Database, clock: Clock, channels: Mapping[ChannelKind, Channel], said: Texts, head: Letterhead,
        limits: Mapping[ChannelKind, ChannelLimits] | None = None,
    ):  # fmt: skip
        self._database, self._clock, self._channels = database, clock, channels
        self._texts, self._head, self._limits = said, head, limits or {}
        self._wake = {kind: asyncio.Event() for kind in channels}

    async def run(self) -> None:
        """Hand over messages; never ends."""
        if lost := await self.requeue_interrupted():
            log.warning("%d messages were being sent when the station stopped; they are handed over again", lost)
        lanes: list[Work[object]] = [self._poll()]
        for kind in self._channels:
            limits = self._limits.get(kind, ChannelLimits())
            bucket = TokenBucket(self._clock, limits.per_minute / 60, limits.at_once)
            lanes += [self._lane(kind, bucket) for _ in range(limits.at_once)]
        await first_of(*lanes)

    async def requeue_interrupted(self) -> int:
        """Queue again what an ended process was handing over; returns the number."""
        async with self._database.session() as session:
            return await changed_rows(
                session,
                update(Delivery)
                .where(Delivery.state == DeliveryState.SENDING)
                .values(state=DeliveryState.QUEUED, unanswered=Delivery.unanswered + 1),
            )

    async def send_next(self, kind: ChannelKind) -> bool:
        """Hand over one message of a channel; returns whether there was one that is due."""
        claimed = await self._claim(kind)
        if not isinstance(claimed, Claimed):
            return claimed
        try:
            receipt = await self._channels[kind].send(claimed.outgoing)
        except ChannelError as e:
            await self._note_failure(claimed, e)
        except Exception as e:  # noqa: BLE001  # one message must not stop the others
            await self._note_failure(claimed, _unforeseen(e))
        else:
            await self._note_receipt(claimed, receipt)
        return True

    async def _poll(self) -> None:
        """Wake the lanes of channels that have something to send."""
        while True:
            async with self._database.reading() as session:
                is_due = outbox.is_due(self._clock.now())
                due = set(await session.scalars(select(Delivery.channel).where(is_due).distinct()))
            for kind in due & self._wake.keys():
                self._wake[kind].set()
            for kind in due - self._wake.keys():
                await self._fail_all(kind)
            await self._clock.sleep(POLL_S)

    async def _fail_all(self, kind: ChannelKind) -> None:
        """Say of everything due on a channel that the station does not have that it cannot be sent."""
        now = self._clock.now()
        async with self._database.session() as session:
            due = select(Delivery).where(outbox.is_due(now), Delivery.channel == kind)
            for row in await session.scalars(due.order_by(Delivery.id).limit(FAILED_AT_ONCE)):
                row.state, row.error = DeliveryState.FAILED, NOT_SET_UP
                await outbox.bring_forward(session, now, row)
        log.error("messages over %s cannot be sent: notify.yaml describes no such channel", kind)

    async def _lane(self, kind: ChannelKind, bucket: TokenBucket) -> None:
        while True:
            await self._wake[kind].wait()
            await bucket.take()
            if not await self.send_next(kind):
                bucket.give_back()
                self._wake[kind].clear()
            raise_if_cancelled()  # the mail library uses asyncio.wait_for

    async def _claim(self, kind: ChannelKind) -> Claimed | bool:
        """Mark the most urgent message that is due as sending.

        Returns False if there is none, True if that message cannot be sent; it has then failed.
        """
        now = self._clock.now()
        async with self._database.session() as session:
            row: Delivery | None = await session.scalar(
                select(Delivery)
                .where(outbox.is_due(now), Delivery.channel == kind)
                .order_by(Delivery.kind.not_in(ALERTS), Delivery.severity, Delivery.due_at, Delivery.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return False
            to = await session.get_one(Contact, row.contact)
            role = await session.scalar(select(User.role).where(User.name == row.account))
            address = await _address(session, to)
            text, obstacle = self._render(row, role), await _obstacle(session, row, to, now)
            if address is None:
                obstacle = obstacle or CONTACT_ENDED
            if text is None or obstacle:
                row.state, row.error = DeliveryState.FAILED, obstacle or NOT_READABLE
                await outbox.bring_forward(session, now, row)
                log.error("message %d over %s: %s; it is given up", row.id, kind, row.error)
                return True
            row.state, row.attempts = DeliveryState.SENDING, row.attempts + 1
            page = links.page_for(row.kind, Content.model_validate(row.content), role)
            outgoing = Outgoing(row.key, address or "", self._head.station, text, row.severity, row.kind, page)
            return Claimed(row.id, row.attempts, row.created_at, row.severity, outgoing)

    def _render(self, row: Delivery, role: Role | None) -> str | None:
        """Return the text of a message for a role (None: another system); None if it says what a message may not."""
        try:
            content = Content.model_validate(row.content)
        except ValidationError:
            return None
        content = content.model_copy(update={"page": links.page_for(row.kind, content, role)})
        return texts.render(self._texts, self._head, row.kind, row.severity, content)

    async def _note_receipt(self, claimed: Claimed, receipt: Receipt) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Delivery, claimed.id, with_for_update=True)
            row.state = DeliveryState.DELIVERED if receipt.delivered else DeliveryState.SENT
            row.sent_at, row.reference, row.error = now, receipt.reference[:120], ""
            row.delivered_at = now if receipt.delivered else None

    async def _note_failure(self, claimed: Claimed, error: ChannelError) -> None:
        now = self._clock.now()
        over = isinstance(error, ChannelRefused) or now - claimed.created_at >= outbox.GIVE_UP_AFTER
        async with self._database.session() as session:
            row = await session.get_one(Delivery, claimed.id, with_for_update=True)
            row.error, row.unanswered = str(error)[:300], row.unanswered + isinstance(error, AnswerLost)
            if row.state is DeliveryState.CANCELLED:
                return
            row.state = DeliveryState.FAILED if over else DeliveryState.QUEUED
            row.due_at = now + outbox.retry_delay(claimed.attempts, claimed.severity)
            if isinstance(error, AddressGone) and row.channel is ChannelKind.WEBPUSH:
                await push_subscriptions.forget(session, now, row.contact)
            if over:
                await outbox.bring_forward(session, now, row)
        log.log(
            logging.ERROR if over else logging.WARNING, "message %d over %s: %s; %s",
            claimed.id, row.channel, error, "it is given up" if over else "it is tried again",
        )  # fmt: skip


async def _address(session: AsyncSession, to: Contact) -> str | None:
    if to.channel is not ChannelKind.WEBPUSH:
        return to.address
    return await push_subscriptions.address(session, to.id)


async def _obstacle(session: AsyncSession, row: Delivery, to: Contact, now: datetime) -> str:
    """Return why a message must not go to its address any more; empty: it may."""
    if to.until is not None and to.until <= now:
        return CONTACT_ENDED
    if row.kind is MessageKind.CONTACT_CHANGED:  # whoever took over the account may have disabled it too
        return ""
    disabled = await session.scalar(select(User.id).where(User.name == row.account, User.disabled.is_(True)))
    return "" if disabled is None else ACCOUNT_DISABLED


def _unforeseen(error: Exception) -> AnswerLost:
    """Name an error by its type and place: its own sentence may contain an address or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return AnswerLost(f"the channel failed ({type(error).__name__}{place})")
