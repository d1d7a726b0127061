"""Web Push against a push service that decrypts and checks the station's token: what rings, what ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from sqlalchemy import select

from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.accounts.sessions import MAX_SESSION_AGE
from core.accounts.tables import SignIn, User
from core.clock import ManualClock
from core.database import Database
from core.errors import UsageError
from core.notify import configuration, outbox, push_subscriptions
from core.notify.channels import webpush
from core.notify.configuration import ChannelsFile
from core.notify.dispatcher import CONTACT_ENDED, Dispatcher
from core.notify.push_subscriptions import PhoneSubscription
from core.notify.tables import Contact, PushSubscription
from core.notify.vocabulary import ChannelKind, DeliveryState
from tests.core.notify.push_service import PushService, push_service
from tests.core.notify.test_outbox import HEAD, SAID, contact, message, rows

PUSH = ChannelKind.WEBPUSH
KEY = webpush.new_key()


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest.fixture
async def officer(database: Database, clock: ManualClock) -> SignIn:
    """A patrol officer's session on his phone."""
    await Accounts(database, clock).create("patrol", "a long password", Role.PATROL_OFFICER, villages=["v"], actor="t")
    async with database.session() as session:
        user = (await session.scalars(select(User).where(User.name == "patrol"))).one()
        row = SignIn(token_hash="a" * 64, user_id=user.id, created_at=clock.now(), seen_at=clock.now(), purpose="")
        session.add(row)
    return row


@pytest.fixture
async def sender(database: Database, clock: ManualClock, service: PushService) -> AsyncIterator[Dispatcher]:
    described = {"type": "webpush", "secret": "push", "contact": "mailto:a@b.example", "services": [service.url]}
    file = ChannelsFile.model_validate({"channels": {"webpush": described}})
    async with aiohttp.ClientSession() as http:
        channels = configuration.open_channels(file, {"push": KEY}, http, clock)
        yield Dispatcher(database, clock, channels, SAID, HEAD)


async def subscribe(database: Database, clock: ManualClock, officer: SignIn, service: PushService) -> None:
    async with database.session() as session:
        given = PhoneSubscription(**service.subscription())
        await push_subscriptions.subscribe(session, clock.now(), "patrol", officer, given)


async def ring(database: Database, clock: ManualClock, number: int = 1) -> int:
    async with database.session() as session:
        return await outbox.send_to_accounts(session, clock.now(), message(number), ["patrol"], PUSH)


async def test_an_alert_rings_the_phone_and_says_no_more_than_any_message(
    database: Database, clock: ManualClock, officer: SignIn, service: PushService, sender: Dispatcher
) -> None:
    await subscribe(database, clock, officer, service)
    assert await ring(database, clock) == 1 and await sender.send_next(PUSH)
    ((headers, said),) = service.rung
    assert set(said) == {"title", "text", "page", "severity"} and said["page"] == "/m/alerts/1"
    assert (headers["Urgency"], headers["TTL"], len(headers["Topic"])) == ("high", "600", 32)
    assert service.station_key == webpush.public_key(KEY)
    assert [r.state for r in await rows(database)] == [DeliveryState.SENT]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_the_service_ends_is_removed(
    status: int, database: Database, clock: ManualClock, officer: SignIn, service: PushService, sender: Dispatcher
) -> None:
    await subscribe(database, clock, officer, service)
    await ring(database, clock)
    service.status = status
    assert await sender.send_next(PUSH)
    assert [r.state for r in await rows(database)] == [DeliveryState.FAILED]
    assert await ring(database, clock, 2) == 0
    async with database.reading() as session:
        assert list(await session.scalars(select(PushSubscription))) == []


async def test_a_busy_service_is_asked_again(
    database: Database, clock: ManualClock, officer: SignIn, service: PushService, sender: Dispatcher
) -> None:
    await subscribe(database, clock, officer, service)
    await ring(database, clock)
    service.status = 429
    await sender.send_next(PUSH)
    service.status = 201
    clock.advance(3)
    await sender.send_next(PUSH)
    assert len(service.rung) == 1 and [r.state for r in await rows(database)] == [DeliveryState.SENT]


@pytest.mark.parametrize("how", ["signed out", "another phone", "too old"])
async def test_a_subscription_ends_with_its_session(
    how: str, database: Database, clock: ManualClock, officer: SignIn, service: PushService, sender: Dispatcher
) -> None:
    await subscribe(database, clock, officer, service)
    await ring(database, clock)
    if how == "too old":
        clock.advance(MAX_SESSION_AGE.total_seconds() + 1)
    async with database.session() as session:
        row = await session.get_one(SignIn, officer.token_hash)
        if how == "signed out":
            await session.delete(row)
        elif how == "another phone":
            row.replaced_at = clock.now()
    assert await ring(database, clock, 2) == 0
    assert await sender.send_next(PUSH)
    assert [(r.state, r.error) for r in await rows(database)] == [(DeliveryState.FAILED, CONTACT_ENDED)]
    assert service.rung == []


async def test_a_failed_push_hurries_no_other_channel_and_is_hurried_by_none(
    database: Database, clock: ManualClock, officer: SignIn, service: PushService, sender: Dispatcher
) -> None:
    await subscribe(database, clock, officer, service)
    sms = await contact(database, clock)
    await ring(database, clock)
    async with database.session() as session:
        await outbox.put(session, clock.now(), message(), sms, clock.now() + timedelta(seconds=60))
    service.status = 410
    await sender.send_next(PUSH)
    waiting = (await rows(database))[1]
    assert (waiting.due_at - clock.now()).total_seconds() == 60


async def test_a_phone_has_one_subscription_and_a_new_one_replaces_it(
    database: Database, clock: ManualClock, officer: SignIn, service: PushService
) -> None:
    for _ in range(2):
        await subscribe(database, clock, officer, service)
    async with database.session() as session:
        given = PhoneSubscription(**service.subscription("/push/2"))
        await push_subscriptions.subscribe(session, clock.now(), "patrol", officer, given)
    async with database.reading() as session:
        (row,) = await session.scalars(select(PushSubscription))
        ended = [c.until == clock.now() for c in await session.scalars(select(Contact).order_by(Contact.id))]
    assert row.endpoint.endswith("/push/2") and ended == [True, False]


@pytest.mark.parametrize(("p256dh", "auth"), [("", "AAAA"), ("!", "!"), ("AAAA", "A" * 22), ("B" * 87, "AAAA")])
def test_what_is_no_key_is_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(UsageError):
        PhoneSubscription("https://fcm.googleapis.com/x", p256dh, auth).check()


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", True), ("https://wns2-by3p.notify.windows.com/w/?t=x", True),
        ("http://fcm.googleapis.com/x", False), ("https://fcm.googleapis.com.evil.example/x", False),
        ("https://fcm.googleapis.com:8443/x", False), ("https://a@fcm.googleapis.com/x", False),
        ("https://10.0.0.5/onvif", False), ("http://127.0.0.1/", False), ("https://[::1", False), ("", False),
        ("https://evil.example/.push.apple.com", False), ("https://evil.example#.push.apple.com", False),
    ],
)  # fmt: skip
def test_the_station_calls_push_services_only(endpoint: str, known: bool) -> None:
    template = webpush.WebPushTemplate(type="webpush", secret="push", contact="mailto:a@b.example")
    assert template.knows(endpoint) is known
