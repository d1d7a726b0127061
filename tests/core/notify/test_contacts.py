"""Whoever is concerned sees a change of a contact, and unusual changes are told at once (R-CONTACT-1, R-CONTACT-2)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from core.notify import contacts, outbox
from core.notify.anomalies import AnomalyKind, ContactWatch
from core.notify.outbox import Message
from core.notify.tables import Contact, Delivery
from core.notify.texts import Content
from core.notify.vocabulary import ChannelKind, DeliveryState, MessageKind

ZONE = ZoneInfo("Asia/Shanghai")
SMS = ChannelKind.SMS


@pytest.fixture
async def people(database: Database, clock: ManualClock) -> list[str]:
    accounts, names = Accounts(database, clock), [f"officer{n}" for n in range(4)]
    for name in names:
        await accounts.create(name, "a long password", Role.PATROL_OFFICER, display_name=name, actor="t")
    await accounts.create("colleague", "a long password", Role.PATROL_OFFICER, display_name="c", actor="t")
    await accounts.create("auditor", "a long password", Role.AUDITOR, display_name="审计", actor="t")
    return names


async def change(
    database: Database, clock: ManualClock, actor: str, account: str, address: str, second: str = ""
) -> Contact:
    async with database.session() as session:
        return await contacts.change(session, clock.now(), actor, account, SMS, address, second or None)


async def in_use(database: Database, clock: ManualClock, account: str) -> list[str]:
    async with database.reading() as session:
        return [c.address for c in await outbox.contacts_of(session, [account], SMS, clock.now())]


async def test_a_change_tells_the_old_address_and_both_get_alerts_for_a_day(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    await change(database, clock, "officer0", "officer0", "13800000001")
    new = await change(database, clock, "officer0", "officer0", "13800000002")
    async with database.reading() as session:
        (told,) = await session.scalars(select(Delivery))
        old = await session.get_one(Contact, told.contact)
        trail = list(await session.scalars(select(AuditRow).where(AuditRow.action == AuditAction.CONTACT_CHANGE)))
    assert (told.kind, old.address) == (MessageKind.CONTACT_CHANGED, "13800000001")
    assert len(trail) == 2 and "1380000" not in str([t.data for t in trail])
    assert await in_use(database, clock, "officer0") == ["13800000001", "13800000002"]
    clock.advance(contacts.COOLING.total_seconds() + 1)
    assert await in_use(database, clock, "officer0") == [new.address]


async def test_another_persons_contact_needs_two_persons(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    for second in ("", "officer1"):
        with pytest.raises(ConflictError):
            await change(database, clock, "officer1", "officer0", "13800000001", second)
    assert (
        await change(database, clock, "officer1", "officer0", "13800000001", "officer2")
    ).second_person == "officer2"
    with pytest.raises(ConflictError):
        await change(database, clock, "officer0", "officer0", "13800000001")  # unchanged
    with pytest.raises(NotFoundError):
        await change(database, clock, "officer0", "nobody", "13800000001", "officer2")


@pytest.mark.parametrize("second", ["no such account", "officer0", "officer3"])
async def test_the_second_person_is_an_enabled_third_account(
    second: str, database: Database, clock: ManualClock, people: list[str]
) -> None:
    await Accounts(database, clock).change("officer3", disabled=True, actor="t")
    with pytest.raises(ConflictError):
        await change(database, clock, "command line: root", "officer0", "13800000001", second)
    long = "command line: root (sudo: " + "x" * 60 + ")"
    row = await change(database, clock, long, "officer0", "13800000001", "officer1")
    assert row.changed_by == long[:60]


async def test_an_address_that_came_back_gets_each_message_once(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    for address in ("13800000001", "13800000002", "13800000001"):
        await change(database, clock, "officer0", "officer0", address)
    assert sorted(await in_use(database, clock, "officer0")) == ["13800000001", "13800000002"]


async def test_a_batch_of_changes_is_told_once_and_names_nobody_to_a_gateway(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    await change(database, clock, "auditor", "auditor", "13700000000")
    clock.advance(3600 * 2)  # 10:00 in the station's zone
    for name in people:
        await change(database, clock, name, name, f"1390000{people.index(name):04}")
    watch = ContactWatch(database, clock, ZONE)
    for n in range(12):
        clock.advance(600)
        await change(database, clock, "insider", people[n % 4], f"186{n:04}{n * 7:04}", "colleague")
        await watch.run_once()
    for _ in range(150):  # the window passes over the changes
        clock.advance(600)
        await watch.run_once()
    async with database.reading() as session:
        query = select(Delivery.key).where(Delivery.kind == MessageKind.CONTACT_ANOMALY)
        keys = list(await session.scalars(query))
    assert len(keys) == 1 and "insider" not in keys[0]


@pytest.mark.parametrize("address", ["", "12", "138-0000-0001", "138000000011234567", "1380000000x", "13800000001\n"])
async def test_what_is_no_number_is_refused(
    address: str, database: Database, clock: ManualClock, people: list[str]
) -> None:
    with pytest.raises(UsageError):
        await change(database, clock, "officer0", "officer0", address)


async def test_the_177_changes_alarm_by_the_fourth(database: Database, clock: ManualClock, people: list[str]) -> None:
    """Somebody changes the numbers of many, a few minutes apart, by day, with a colleague who agrees to all."""
    clock.advance(3600 * 3)  # 11:00 in the station's zone
    for n, name in enumerate(people):
        await change(database, clock, name, name, f"1390000{n:04}")
    async with database.session() as session:
        await contacts.change(session, clock.now(), "auditor", "auditor", SMS, "13700000000")
    watch, told_after = ContactWatch(database, clock, ZONE), None
    clock.advance(timedelta(days=2).total_seconds())
    for n in range(177):
        clock.advance(150)
        await change(database, clock, "insider", people[n % 4], f"186{n:04}{n * 7:04}", "colleague")
        if n % 4 == 3:  # the watch runs every ten minutes
            found = await watch.run_once()
            if found and told_after is None:
                told_after = n + 1
                assert AnomalyKind.MANY_BY_ONE in {a.kind for a in found}
    assert told_after == 4
    async with database.reading() as session:
        alarms = await session.scalars(select(Delivery).where(Delivery.kind == MessageKind.CONTACT_ANOMALY))
        receivers = [d.account for d in alarms]
    assert set(receivers) == {"auditor"} and len(receivers) < 177


async def test_night_changes_and_numbers_alike(database: Database, clock: ManualClock, people: list[str]) -> None:
    for n, name in enumerate(people):
        await change(database, clock, name, name, f"1390000{n:04}")
    clock.advance(timedelta(days=2, hours=18).total_seconds())  # 02:00 in the station's zone
    await change(database, clock, "officer1", "officer0", "13511112222", "officer2")
    watch = ContactWatch(database, clock, ZONE)
    assert [a.kind for a in await watch.run_once()] == [AnomalyKind.OFF_HOURS]
    clock.advance(timedelta(days=1, hours=9).total_seconds())
    for n, name in enumerate(people):
        await change(database, clock, name, name, f"1770571{n:04}")
    assert [a.kind for a in await watch.run_once()] == [AnomalyKind.NUMBERS_ALIKE]


def alert(number: int, clock: ManualClock) -> Message:
    content = Content(number=str(number), at=clock.now(), page=f"/m/alerts/{number}")
    return Message(f"alert:{number}/dispatched", f"alert:{number}", MessageKind.ALERT, outbox.URGENT, content)


async def dispatch(database: Database, clock: ManualClock, number: int, person: str, voice: Contact) -> None:
    """Queue an alert to all addresses of a person: short messages at once, the call after a minute."""
    async with database.session() as session:
        await outbox.send_to_accounts(session, clock.now(), alert(number, clock), [person], SMS)
        await outbox.put(session, clock.now(), alert(number, clock), voice, clock.now() + timedelta(seconds=60))


async def ended(database: Database, number: int, channel: ChannelKind, state: DeliveryState, attempts: int = 1) -> None:
    async with database.session() as session:
        query = select(Delivery).where(Delivery.subject == f"alert:{number}", Delivery.channel == channel)
        for row in await session.scalars(query):
            row.state, row.attempts = state, attempts


async def test_a_change_after_which_an_alert_is_missed(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    """The first of the 177 changes already shows, if the person is silenced by it."""
    clock.advance(3600 * 3)  # 11:00 in the station's zone
    await change(database, clock, "officer0", "officer0", "13900000000")
    async with database.session() as session:
        voice = await contacts.change(session, clock.now(), "officer0", "officer0", ChannelKind.VOICE, "13900000000")
    watch = ContactWatch(database, clock, ZONE)
    await dispatch(database, clock, 1, "officer0", voice)
    await ended(database, 1, ChannelKind.VOICE, DeliveryState.SENT)  # missed, but before the change
    clock.advance(timedelta(days=2).total_seconds())
    new = await change(database, clock, "insider", "officer0", "18600000000", "colleague")
    clock.advance(60)
    await dispatch(database, clock, 2, "officer0", voice)
    await ended(database, 2, SMS, DeliveryState.SENT)
    await ended(database, 2, ChannelKind.VOICE, DeliveryState.CANCELLED, 0)  # somebody took it
    assert await watch.run_once() == []
    await dispatch(database, clock, 3, "officer0", voice)
    await ended(database, 3, SMS, DeliveryState.SENT)
    await ended(database, 3, ChannelKind.VOICE, DeliveryState.SENT)  # nobody took it within a minute
    (found,) = await watch.run_once()
    assert (found.kind, found.by, found.changes) == (AnomalyKind.MISSED_ALERT, "officer0", (new.id,))


async def test_a_change_to_an_address_at_which_alerts_fail(
    database: Database, clock: ManualClock, people: list[str]
) -> None:
    clock.advance(3600 * 3)
    await change(database, clock, "officer0", "officer0", "13900000000")
    clock.advance(timedelta(days=2).total_seconds())
    new = await change(database, clock, "officer0", "officer0", "18600000000")
    async with database.session() as session:
        await outbox.send_to_accounts(session, clock.now(), alert(1, clock), ["officer0"], SMS)
        query = select(Delivery).where(Delivery.kind == MessageKind.ALERT, Delivery.contact == new.id)
        (await session.scalars(query)).one().state = DeliveryState.FAILED
    assert [(a.kind, a.changes) for a in await ContactWatch(database, clock, ZONE).run_once()] == [
        (AnomalyKind.MISSED_ALERT, (new.id,))
    ]
