"""What must not stop, repeat or outlive a message: a row that cannot be sent, a recall, an old contact, a clock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import Clock, ManualClock
from core.database import Database
from core.notify import dispatcher, outbox, texts
from core.notify.channels.base import AnswerLost, Channel, ChannelUnavailable, Outgoing, Receipt
from core.notify.configuration import ChannelLimits
from core.notify.dispatcher import Dispatcher
from core.notify.outbox import Message
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content, Letterhead
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind

SMS = ChannelKind.SMS
HEAD = Letterhead("西店派出所", "https://station.example/", ZoneInfo("Asia/Shanghai"))
NOW = datetime(2026, 11, 30, 4, 0, tzinfo=timezone.utc)
SAID = texts.load()


class Failing:
    """A channel that raises the given errors, one a message, then takes all."""

    def __init__(self, *errors: Exception):
        self.errors, self.keys = list(errors), list[str]()
        self.cancelled: Database | None = None  # cancel the subject alert:1 there, while the gateway is asked

    async def send(self, message: Outgoing) -> Receipt:
        self.keys.append(message.key)
        if self.cancelled is not None:
            async with self.cancelled.session() as session:
                await outbox.cancel(session, "alert:1")
        if self.errors:
            raise self.errors.pop(0)
        return Receipt("r")


def message(number: int = 1, kind: MessageKind = MessageKind.ALERT) -> Message:
    return Message(f"alert:{number}/dispatched", f"alert:{number}", kind, 1, Content(number=str(number), at=NOW))


async def queued(
    database: Database,
    clock: Clock,
    *numbers: int,
    until: datetime | None = None,
    kind: MessageKind = MessageKind.ALERT,
) -> None:
    async with database.session() as session:
        to = Contact(
            account="patrol", channel=SMS, address="13800001234", since=clock.now(), until=until, changed_by="patrol",
            second_person=None, replaces=None,
        )  # fmt: skip
        session.add(to)
        await session.flush()
        for number in numbers:
            await outbox.put(session, clock.now(), message(number, kind), to)


async def rows(database: Database) -> Sequence[Delivery]:
    async with database.reading() as session:
        return (await session.scalars(select(Delivery).order_by(Delivery.id))).all()


def of(database: Database, clock: Clock, sms: Channel) -> Dispatcher:
    return Dispatcher(database, clock, {SMS: sms}, SAID, HEAD, {SMS: ChannelLimits(per_minute=60_000)})


async def test_an_unforeseen_error_of_one_message_holds_up_no_other(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await queued(database, clock, 1, 2)
    sms = Failing(RuntimeError("https://gateway.example/?token=s3cret&to=13800001234"))
    sender = of(database, clock, sms)
    with caplog.at_level(logging.DEBUG):
        assert [await sender.send_next(SMS) for _ in range(3)] == [True, True, False]
    first, second = await rows(database)
    assert (first.state, first.unanswered, second.state) == (DeliveryState.QUEUED, 1, DeliveryState.SENT)
    assert "RuntimeError" in first.error and first.due_at > clock.now()
    assert not any(part in caplog.text + first.error for part in ("s3cret", "13800001234"))


async def test_a_row_that_cannot_be_rendered_fails_alone(database: Database, clock: ManualClock) -> None:
    await queued(database, clock, 1, 2)
    async with database.session() as session:
        (await session.get_one(Delivery, 1)).content = {"number": "1", "case": "secret"}
    sender = of(database, clock, Failing())
    assert [await sender.send_next(SMS) for _ in range(3)] == [True, True, False]
    assert [r.state for r in await rows(database)] == [DeliveryState.FAILED, DeliveryState.SENT]


@pytest.mark.parametrize("error", [ChannelUnavailable("busy"), AnswerLost("no answer")])
async def test_what_is_cancelled_while_it_is_sent_is_not_sent_again(
    database: Database, clock: ManualClock, error: Exception
) -> None:
    await queued(database, clock, 1)
    sms = Failing(error)
    sms.cancelled = database
    sender = of(database, clock, sms)
    await sender.send_next(SMS)
    clock.advance(60)
    assert not await sender.send_next(SMS) and len(sms.keys) == 1
    assert [r.state for r in await rows(database)] == [DeliveryState.CANCELLED]


async def test_what_was_cancelled_and_went_out_nevertheless_is_told(database: Database, clock: ManualClock) -> None:
    await queued(database, clock, 1)
    sms = Failing()
    sms.cancelled = database
    await of(database, clock, sms).send_next(SMS)
    assert [r.state for r in await rows(database)] == [DeliveryState.SENT]


async def test_what_was_cancelled_while_the_station_died_is_not_sent_again(
    database: Database, clock: ManualClock
) -> None:
    await queued(database, clock, 1)
    async with database.session() as session:
        (await session.get_one(Delivery, 1)).state = DeliveryState.SENDING
        await outbox.cancel(session, "alert:1")
    sender = of(database, clock, Failing())
    assert await sender.requeue_interrupted() == 0 and not await sender.send_next(SMS)


async def test_nothing_goes_to_an_address_that_is_no_longer_used(database: Database, clock: ManualClock) -> None:
    await queued(database, clock, 1, until=clock.now() + timedelta(hours=1))
    clock.advance(3601)
    sms = Failing()
    await of(database, clock, sms).send_next(SMS)
    assert [(r.state, r.error) for r in await rows(database)] == [(DeliveryState.FAILED, dispatcher.CONTACT_ENDED)]
    assert not sms.keys


@pytest.mark.parametrize("kind", [MessageKind.ALERT, MessageKind.CONTACT_CHANGED])
async def test_a_disabled_account_gets_nothing_but_that_its_contact_was_changed(
    database: Database, clock: ManualClock, kind: MessageKind
) -> None:
    accounts = Accounts(database, clock)
    await accounts.create("patrol", "a long password", Role.PATROL_OFFICER, actor="t")
    await queued(database, clock, 1, kind=kind)
    await accounts.change("patrol", disabled=True, actor="t")
    sms = Failing()
    await of(database, clock, sms).send_next(SMS)
    (row,) = await rows(database)
    if kind is MessageKind.ALERT:
        assert (row.state, row.error, sms.keys) == (DeliveryState.FAILED, dispatcher.ACCOUNT_DISABLED, [])
    else:
        assert row.state is DeliveryState.SENT


async def test_a_clock_that_was_set_back_delays_no_message(database: Database, clock: ManualClock) -> None:
    ahead = ManualClock(clock.now() + timedelta(hours=8))
    await queued(database, ahead, 1)
    sms = Failing()
    assert await of(database, clock, sms).send_next(SMS)
    async with database.reading() as session:
        assert await outbox.contacts_of(session, ["patrol"], SMS, clock.now())


async def test_old_messages_are_deleted_when_they_are_over(database: Database, clock: ManualClock) -> None:
    await queued(database, clock, 1, 2)
    async with database.session() as session:
        (await session.get_one(Delivery, 1)).state = DeliveryState.SENT
    clock.advance(outbox.KEPT_FOR.total_seconds() - 1)
    assert await outbox.purge(database, clock) == 0
    clock.advance(2)
    assert await outbox.purge(database, clock) == 1
    assert [r.id for r in await rows(database)] == [2]
