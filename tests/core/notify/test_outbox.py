"""The outbox and its dispatcher: nothing lost, nothing sent twice, nothing held up by another channel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core import tasks
from core.clock import Clock, ManualClock, SystemClock
from core.database import Database
from core.errors import SettingsError
from core.notify import configuration, dispatcher, outbox, texts
from core.notify.channels.base import AnswerLost, Channel, ChannelRefused, ChannelUnavailable, Outgoing, Receipt
from core.notify.configuration import ChannelLimits, ChannelsFile
from core.notify.dispatcher import Dispatcher
from core.notify.outbox import Message, QuietHours
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content, Language, Letterhead
from core.notify.token_bucket import TokenBucket
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from tests.core.notify.gateways import http_gateways, mail_server, raw
from tests.waiting import eventually

SAID = texts.load()
ZONE = ZoneInfo("Asia/Shanghai")
HEAD = Letterhead("西店派出所", "https://station.example/", ZONE)
NOW = datetime(2026, 11, 30, 4, 0, tzinfo=timezone.utc)


class Scripted:
    """A channel whose answers are given; `sent` holds what it was handed."""

    def __init__(self, *answers: Receipt | Exception):
        self.answers, self.sent = list(answers), [Outgoing("", "", "", "", 0)][:0]

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        answer = self.answers.pop(0) if self.answers else Receipt()
        if isinstance(answer, Exception):
            raise answer
        return answer


def message(number: int = 1, severity: int = 1) -> Message:
    content = Content(number=str(number), village="王家村", at=NOW, page=f"/m/alerts/{number}")
    return Message(f"alert:{number}/dispatched", f"alert:{number}", MessageKind.ALERT, severity, content)


async def contact(
    database: Database, clock: Clock, channel: ChannelKind = ChannelKind.SMS, account: str = "patrol"
) -> Contact:
    async with database.session() as session:
        row = Contact(
            account=account, channel=channel, address="13800001234", since=clock.now(), until=None, changed_by=account,
            second_person=None, replaces=None,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        return row


async def rows(database: Database) -> Sequence[Delivery]:
    async with database.reading() as session:
        return (await session.scalars(select(Delivery).order_by(Delivery.id))).all()


def of(database: Database, clock: Clock, **channels: Channel) -> Dispatcher:
    limits = {ChannelKind(k): ChannelLimits(per_minute=60_000) for k in channels}
    return Dispatcher(database, clock, {ChannelKind(k): c for k, c in channels.items()}, SAID, HEAD, limits)


async def test_a_message_exists_with_its_fact_or_not_at_all(database: Database, clock: ManualClock) -> None:
    to = await contact(database, clock)
    with pytest.raises(ZeroDivisionError):
        async with database.session() as session:
            assert await outbox.put(session, clock.now(), message(), to)
            raise ZeroDivisionError
    assert not await rows(database)
    async with database.session() as session:
        assert await outbox.put(session, clock.now(), message(), to)
        assert not await outbox.put(session, clock.now(), message(), to)
    assert len(await rows(database)) == 1


async def test_the_urgent_goes_first_and_the_answer_is_kept(database: Database, clock: ManualClock) -> None:
    to = await contact(database, clock)
    async with database.session() as session:
        for number, severity in ((1, 3), (2, 1)):
            await outbox.put(session, clock.now(), message(number, severity), to)
    sms = Scripted(Receipt("b1"), Receipt("b2", delivered=True))
    sender = of(database, clock, sms=sms)
    assert [await sender.send_next(ChannelKind.SMS) for _ in range(3)] == [True, True, False]
    assert [m.severity for m in sms.sent] == [1, 3]
    assert sms.sent[0].address == to.address and "https://station.example/m/alerts/2" in sms.sent[0].text
    first, second = await rows(database)
    assert (first.state, second.state) == (DeliveryState.DELIVERED, DeliveryState.SENT)
    assert (second.reference, second.attempts, second.sent_at) == ("b1", 1, clock.now())


async def test_failures_are_retried_counted_and_in_the_end_told(database: Database, clock: ManualClock) -> None:
    to = await contact(database, clock)
    async with database.session() as session:
        await outbox.put(session, clock.now(), message(), to)
    sms = Scripted(ChannelUnavailable("busy"), AnswerLost("no answer"), ChannelUnavailable("busy"))
    sender = of(database, clock, sms=sms)
    for wait in (2, 4, 8):
        assert await sender.send_next(ChannelKind.SMS)
        clock.advance(wait - 0.1)
        assert not await sender.send_next(ChannelKind.SMS)
        clock.advance(0.2)
    (row,) = await rows(database)
    assert (row.state, row.attempts, row.unanswered, row.error) == (DeliveryState.QUEUED, 3, 1, "busy")
    clock.advance(outbox.GIVE_UP_AFTER.total_seconds())
    sms.answers = [ChannelUnavailable("busy")]
    await sender.send_next(ChannelKind.SMS)
    assert [r.state for r in await rows(database)] == [DeliveryState.FAILED]
    assert len({m.key for m in sms.sent}) == 1


async def test_a_refused_message_is_not_repeated(database: Database, clock: ManualClock) -> None:
    to = await contact(database, clock)
    async with database.session() as session:
        await outbox.put(session, clock.now(), message(), to)
    await of(database, clock, sms=Scripted(ChannelRefused("wrong number"))).send_next(ChannelKind.SMS)
    assert [(r.state, r.error) for r in await rows(database)] == [(DeliveryState.FAILED, "wrong number")]


async def test_a_refused_message_brings_the_next_channel_forward(database: Database, clock: ManualClock) -> None:
    """Waiting for an acknowledgement of what cannot arrive would lose a minute, and the call follows as planned."""
    wecom = await contact(database, clock, ChannelKind.WECOM)
    sms, voice = await contact(database, clock), await contact(database, clock, ChannelKind.VOICE)
    other = await contact(database, clock, ChannelKind.SMS, "wang")
    async with database.session() as session:
        for to, after in ((wecom, 0), (sms, 60), (voice, 180), (other, 60)):
            await outbox.put(session, clock.now(), message(), to, clock.now() + timedelta(seconds=after))
    sender = of(database, clock, wecom=Scripted(ChannelRefused("no such user")))
    await sender.send_next(ChannelKind.WECOM)
    due = {(r.account, r.channel): (r.due_at - clock.now()).total_seconds() for r in await rows(database)}
    assert due["patrol", ChannelKind.SMS] == 0 and due["patrol", ChannelKind.VOICE] == 180
    assert due["wang", ChannelKind.SMS] == 60


async def test_a_message_goes_to_the_first_channel_that_a_person_has(database: Database, clock: ManualClock) -> None:
    for channel, account in ((ChannelKind.WECOM, "patrol"), (ChannelKind.SMS, "patrol"), (ChannelKind.SMS, "wang")):
        await contact(database, clock, channel, account)
    async with database.session() as session:
        order = [ChannelKind.WECOM, ChannelKind.SMS]
        assert await outbox.send_to_first(session, clock.now(), message(), ["patrol", "wang", "li"], order) == 2
    assert [(r.account, r.channel) for r in await rows(database)] == [
        ("patrol", ChannelKind.WECOM),
        ("wang", ChannelKind.SMS),
    ]


async def test_what_somebody_took_is_not_sent_any_more(database: Database, clock: ManualClock) -> None:
    to = await contact(database, clock)
    async with database.session() as session:
        await outbox.put(session, clock.now(), message(), to, clock.now() + timedelta(seconds=60))
        await outbox.put(session, clock.now(), message(2), to)
        assert await outbox.cancel(session, "alert:1") == 1
    clock.advance(61)
    sms = Scripted()
    sender = of(database, clock, sms=sms)
    assert [await sender.send_next(ChannelKind.SMS) for _ in range(2)] == [True, False]
    assert [r.state for r in await rows(database)] == [DeliveryState.CANCELLED, DeliveryState.SENT]


async def test_a_channel_that_the_station_lacks_is_told(database: Database) -> None:
    clock = SystemClock()
    to = await contact(database, clock, ChannelKind.VOICE)
    async with database.session() as session:
        await outbox.put(session, clock.now(), message(), to)
    async with tasks.running(of(database, clock, sms=Scripted()).run()):
        await eventually(lambda: _has_state(database, DeliveryState.FAILED))
    assert [r.error for r in await rows(database)] == [dispatcher.NOT_SET_UP]


async def _has_state(database: Database, *states: DeliveryState) -> bool:
    return all(r.state in states for r in await rows(database))


async def test_a_channel_that_hangs_delays_no_other(database: Database) -> None:
    clock = SystemClock()

    class Hanging(Scripted):
        async def send(self, message: Outgoing) -> Receipt:
            await asyncio.Event().wait()
            return Receipt()

    slow, quick = await contact(database, clock), await contact(database, clock, ChannelKind.WECOM)
    async with database.session() as session:
        for number in range(20):
            await outbox.put(session, clock.now(), message(number), slow)
            await outbox.put(session, clock.now(), message(number), quick)
    wecom = Scripted()
    async with tasks.running(of(database, clock, sms=Hanging(), wecom=wecom).run()):
        await eventually(lambda: len(wecom.sent) == 20)
    assert {r.state for r in await rows(database) if r.channel is ChannelKind.SMS} == {
        DeliveryState.QUEUED, DeliveryState.SENDING,
    }  # fmt: skip


async def test_a_dispatcher_killed_at_any_point_loses_and_doubles_nothing(database: Database) -> None:
    """Three channels with real servers. They lose some answers, and drop repetitions by the message's key."""
    clock, rng, count = SystemClock(), random.Random(20261130), 40
    async with http_gateways() as gateways, mail_server() as mails, aiohttp.ClientSession() as http:
        body = {"key": "{key}", "text": "{text}"}
        file = ChannelsFile.model_validate(
            {
                "channels": {
                    "sms": {"type": "http", "url": f"{gateways.url}/sms", "body": body, "timeout_s": 2},
                    "voice": {"type": "http", "url": f"{gateways.url}/sms", "body": body, "timeout_s": 2},
                    "email": {
                        "type": "smtp", "host": "127.0.0.1", "port": mails.port, "security": "none",
                        "sender": "a@b.example",
                    },
                },
                "limits": {k: {"per_minute": 60_000, "at_once": 2} for k in ("sms", "voice", "email")},
            }
        )  # fmt: skip
        to = [await contact(database, clock, kind) for kind in (ChannelKind.SMS, ChannelKind.VOICE)]
        async with database.session() as session:
            mailbox = Contact(
                account="patrol", channel=ChannelKind.EMAIL, address="p@b.example", since=clock.now(), until=None,
                changed_by="patrol", second_person=None, replaces=None,
            )  # fmt: skip
            session.add(mailbox)
            await session.flush()
            for number in range(count):
                for one in (*to, mailbox):
                    await outbox.put(session, clock.now(), message(number), one)
        answers: list[int | str] = ["lose", 200, 200, 503]
        gateways.behave = [rng.choice(answers) for _ in range(count)]
        kills = 0
        while not await _has_state(database, DeliveryState.SENT):
            channels = configuration.open_channels(file, {}, http, clock)
            sender = Dispatcher(database, clock, channels, SAID, HEAD, file.limits)
            task = tasks.spawn(sender.run())
            await asyncio.sleep(rng.random() * 0.4)
            await tasks.end(task)
            kills += 1
            assert kills < 200
    assert len(gateways.taken) == 2 * count and set(gateways.taken.values()) == {1}
    ids = {line for m in mails.mails for line in raw(m).splitlines() if line.startswith(b"Message-ID")}
    assert len(ids) == count
    repeated = gateways.repeated + len(mails.mails) - count
    assert repeated <= sum(r.unanswered for r in await rows(database))  # each repetition is counted
    assert kills > 3


async def test_a_rate_holds_and_allows_a_burst() -> None:
    clock = ManualClock()
    bucket = TokenBucket(clock, rate=2.0, burst=3)
    for _ in range(3):
        await bucket.take()
    waiting = [tasks.spawn(bucket.take()) for _ in range(2)]
    await asyncio.sleep(0)
    clock.advance(0.5)
    await asyncio.sleep(0.01)
    assert [t.done() for t in waiting] == [True, False]
    await tasks.end(*waiting)


@given(
    st.times(), st.times(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc)),
    st.integers(1, 4),
)  # fmt: skip
def test_quiet_hours_end_and_never_hold_up_the_urgent(begin: time, end: time, now: datetime, severity: int) -> None:
    due = QuietHours(begin, end, 2, ZONE).due(now, severity)
    assert now <= due <= now + timedelta(hours=24)
    assert severity > 1 or due == now
    if due != now:
        assert due.astimezone(ZONE).time() == end


def test_quiet_hours_over_midnight() -> None:
    quiet = QuietHours(time(22), time(6), 3, ZONE)
    night = datetime(2026, 11, 30, 23, 30, tzinfo=ZONE)
    assert quiet.due(night, 3) == datetime(2026, 12, 1, 6, 0, tzinfo=ZONE)
    assert quiet.due(night, 2) == night
    assert quiet.due(night.replace(hour=12), 4) == night.replace(hour=12)


@pytest.mark.parametrize("channel", [ChannelLimits(per_minute=1), ChannelLimits()])
def test_limits_are_positive(channel: ChannelLimits) -> None:
    assert channel.per_minute > 0 and channel.at_once > 0


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", MessageKind)
def test_the_texts_carry_nothing_but_what_may_leave_the_station(kind: MessageKind, language: Language) -> None:
    """R-NOTE-1: number, level, village, time and link; the whole text is known from these."""
    content = Content(number="A-17", village="王家村", at=NOW, page="/m/alerts/17")
    text = texts.render(texts.load(), Letterhead("ST", "https://s.example", ZONE, language), kind, 2, content)
    template = texts.load()[kind, language]
    for field, value in {
        "station": "ST", "level": "2", "number": "A-17", "village": "王家村", "time": "2026-11-30 12:00:00",
        "link": "https://s.example/m/alerts/17",
    }.items():  # fmt: skip
        template = template.replace(f"{{{field}}}", value)
    assert text == template and "{" not in text
    assert "https://s.example/m/alerts/17" in text and len(text.encode()) < 2048


@pytest.mark.parametrize("name", ["case", "camera", "plate", "thumbnail", "number.__class__", "number!r", "time:%Y"])
def test_a_text_with_another_field_is_refused(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("texts") / "texts.yaml"
    path.write_text(
        texts.SHIPPED.read_text(encoding="utf-8").replace("{number}", "{" + name + "}", 1), encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="may leave the station"):
        texts.load(path)
