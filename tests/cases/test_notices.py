"""What leaves the station with an alert: whom it reaches, when the next channel takes over, and what ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from cameras.tables import Camera, Village
from cases.alerts import alerts, patrol
from cases.tables import Alert
from cases.watch.manual_alerts import raise_manual_alert
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.notify import contacts
from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind
from tests.cases.subjects import active_subject


@pytest.fixture
async def officers(database: Database, clock: ManualClock) -> None:
    accounts = Accounts(database, clock)
    for name, villages in (("near", ["v"]), ("town", None), ("far", ["w"])):
        await accounts.create(
            name, "a long password", Role.PATROL_OFFICER, display_name=name, villages=villages, actor="t"
        )
    async with database.session() as session:
        for n, name in enumerate(("near", "town", "far")):
            for channel in (ChannelKind.SMS, ChannelKind.VOICE):
                await contacts.change(session, clock.now(), name, name, channel, f"1380000000{n}")
            await contacts.change(session, clock.now(), name, name, ChannelKind.WECOM, name)


async def dispatched(database: Database, clock: ManualClock) -> Alert:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        village = await session.get(Village, "v")
        if village is None:
            session.add(Village(code="v", name="王家村", boundary=[], subnets=[], funding=[]))
        camera = Camera(id="c1", name="c", village="v")
        return await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "alerts/x.jpg")


async def messages(database: Database, kind: MessageKind = MessageKind.ALERT) -> list[Delivery]:
    async with database.reading() as session:
        return list(await session.scalars(select(Delivery).where(Delivery.kind == kind).order_by(Delivery.id)))


@pytest.mark.usefixtures("officers")
async def test_an_alert_goes_to_officers_of_its_village_channel_after_channel(
    database: Database, clock: ManualClock
) -> None:
    alert = await dispatched(database, clock)
    found = await messages(database)
    assert {m.account for m in found} == {"near", "town"}
    assert {m.channel: m.due_at - clock.now() for m in found} == {
        ChannelKind.WECOM: timedelta(), ChannelKind.SMS: timedelta(seconds=60),
        ChannelKind.VOICE: timedelta(seconds=180),
    }  # fmt: skip
    assert found[0].content["number"] == str(alert.id) and set(found[0].content) == {"number", "village", "at", "page"}


async def test_without_wecom_the_first_channel_of_an_officer_is_used_at_once(
    database: Database, clock: ManualClock
) -> None:
    accounts = Accounts(database, clock)
    for name, channels in (("sms", (ChannelKind.SMS, ChannelKind.VOICE)), ("call", (ChannelKind.VOICE,))):
        await accounts.create(name, "a long password", Role.PATROL_OFFICER, actor="t")
        async with database.session() as session:
            for channel in channels:
                await contacts.change(session, clock.now(), name, name, channel, "13800000000")
    await dispatched(database, clock)
    assert {(m.account, m.channel): m.due_at - clock.now() for m in await messages(database)} == {
        ("sms", ChannelKind.SMS): timedelta(), ("sms", ChannelKind.VOICE): timedelta(seconds=180),
        ("call", ChannelKind.VOICE): timedelta(),
    }  # fmt: skip


@pytest.mark.usefixtures("officers")
async def test_an_acknowledgement_ends_the_escalation(database: Database, clock: ManualClock) -> None:
    alert = await dispatched(database, clock)
    async with database.session() as session:
        for row in await session.scalars(select(Delivery).where(Delivery.channel == ChannelKind.WECOM)):
            row.state = DeliveryState.SENT
        await patrol.acknowledge(session, clock.now(), "near", await session.get_one(Alert, alert.id))
    states = {m.channel: m.state for m in await messages(database)}
    assert states == {
        ChannelKind.WECOM: DeliveryState.SENT, ChannelKind.SMS: DeliveryState.CANCELLED,
        ChannelKind.VOICE: DeliveryState.CANCELLED,
    }  # fmt: skip


@pytest.mark.usefixtures("officers")
async def test_a_recall_tells_those_who_may_have_the_alert(database: Database, clock: ManualClock) -> None:
    alert = await dispatched(database, clock)
    async with database.session() as session:
        sent = await session.scalars(
            select(Delivery).where(Delivery.channel == ChannelKind.WECOM, Delivery.kind == MessageKind.ALERT)
        )
        for row in sent:
            row.state, row.attempts = DeliveryState.SENDING, 1
        await alerts.recall(session, clock.now(), "zhang", await session.get_one(Alert, alert.id), "somebody else")
    recalls = await messages(database, MessageKind.ALERT_RECALLED)
    assert {(m.account, m.channel) for m in recalls} == {("near", ChannelKind.WECOM), ("town", ChannelKind.WECOM)}
