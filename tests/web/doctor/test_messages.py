"""The check of messages: a station whose alerts reach nobody says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from cases.units import duty
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.notify import contacts, trial
from core.notify.reach import RECEIPT_WITHIN
from core.notify.tables import Delivery
from core.notify.vocabulary import ChannelKind, DeliveryState
from core.settings import Settings
from web.doctor.check_values import CheckValue
from web.doctor.facts import CheckedStation, CheckState
from web.doctor.messages import messages

DESCRIBED = "channels: {sms: {type: http, url: 'http://127.0.0.1:9/x', body: {to: '{address}', text: '{text}'}}}"


@pytest.fixture
def station(database: Database, clock: ManualClock, tmp_path: Path) -> CheckedStation:
    (tmp_path / "notify.yaml").write_text(DESCRIBED)
    settings = Settings()
    settings.notify.channels = tmp_path / "notify.yaml"
    return CheckedStation(settings, clock, database)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (tmp_path / "wrong.yaml").write_text("channels: {pager: {}}")
    return tmp_path / "wrong.yaml"


async def codes(station: CheckedStation) -> list[tuple[CheckState, CheckValue]]:
    return [(r.state, r.found.code) for r in await messages(station)]


async def test_without_channels_alerts_reach_open_pages_only(station: CheckedStation, tmp_path: Path) -> None:
    station.settings.notify.channels = tmp_path / "elsewhere.yaml"
    assert await codes(station) == [(CheckState.WARNING, CheckValue.NO_CHANNEL)]


async def test_a_file_that_cannot_be_used(station: CheckedStation, wrong: Path) -> None:
    station.settings.notify.channels = wrong
    assert await codes(station) == [(CheckState.FAILED, CheckValue.CHANNELS_WRONG)]


@pytest.fixture
def secret_needed(tmp_path: Path) -> Path:
    (tmp_path / "secret.yaml").write_text(DESCRIBED.replace("'{text}'", "'{secret:sms}'"))
    return tmp_path / "secret.yaml"


@pytest.fixture
def no_yaml(tmp_path: Path) -> Path:
    (tmp_path / "broken.yaml").write_text("channels: {sms: {url: 'https://x?key=s3cret', [}")
    return tmp_path / "broken.yaml"


async def test_what_keeps_the_controller_from_sending_is_told(
    station: CheckedStation, secret_needed: Path, no_yaml: Path, tmp_path: Path
) -> None:
    station.settings.notify.texts = tmp_path / "no_texts.yaml"
    assert await codes(station) == [(CheckState.FAILED, CheckValue.CHANNELS_WRONG)]
    station.settings.notify.texts, station.settings.notify.channels = None, secret_needed
    assert await codes(station) == [(CheckState.FAILED, CheckValue.CHANNELS_WRONG)]
    station.settings.notify.channels = no_yaml
    (result,) = await messages(station)
    assert result.state is CheckState.FAILED and "s3cret" not in str(result.found.parameters)


async def test_a_contact_on_a_channel_without_alerts_is_none(
    station: CheckedStation, database: Database, clock: ManualClock
) -> None:
    await Accounts(database, clock).create("near", "a long password", Role.PATROL_OFFICER, actor="t")
    async with database.session() as session:
        await contacts.change(session, clock.now(), "near", "near", ChannelKind.EMAIL, "near@b.example")
        await contacts.change(session, clock.now(), "near", "near", ChannelKind.VOICE, "13800000000")  # not described
    assert (await messages(station))[0].found.code is CheckValue.OFFICERS_UNREACHABLE


async def test_officers_without_contact_and_failed_messages(
    station: CheckedStation, database: Database, clock: ManualClock
) -> None:
    accounts = Accounts(database, clock)
    for name in ("near", "far"):
        await accounts.create(name, "a long password", Role.PATROL_OFFICER, display_name=name, actor="t")
    async with database.session() as session:
        contact = await contacts.change(session, clock.now(), "near", "near", ChannelKind.SMS, "13800000000")
    (first, second, third) = await messages(station)
    assert first.found.parameters == {"unreachable": 1, "officers": 2, "names": "far"}
    assert second.found.code is CheckValue.AUDITORS_UNREACHABLE
    assert third.state is CheckState.OK
    await accounts.create("auditor", "a long password", Role.AUDITOR, display_name="auditor", actor="t")
    async with database.session() as session:
        await contacts.change(session, clock.now(), "auditor", "auditor", ChannelKind.EMAIL, "a@example.org")
        await contacts.change(session, clock.now(), "far", "far", ChannelKind.SMS, "13800000001")
        await trial.send(session, clock.now(), [contact])
    clock.advance(1)
    assert await codes(station) == [(CheckState.OK, CheckValue.MESSAGES_SENT)]
    async with database.session() as session:
        (await session.get_one(Delivery, 1)).state = DeliveryState.FAILED
    assert await codes(station) == [(CheckState.WARNING, CheckValue.MESSAGES_FAILED)]
    clock.advance(86_401)
    assert await codes(station) == [(CheckState.OK, CheckValue.MESSAGES_SENT)]


async def test_an_officer_on_duty_who_is_not_reached_is_a_fault(
    station: CheckedStation, database: Database, clock: ManualClock
) -> None:
    accounts = Accounts(database, clock)
    await accounts.create("near", "a long password", Role.PATROL_OFFICER, display_name="近", actor="t")
    await accounts.create("auditor", "a long password", Role.AUDITOR, display_name="auditor", actor="t")
    async with database.session() as session:
        await contacts.change(session, clock.now(), "auditor", "auditor", ChannelKind.EMAIL, "a@example.org")
        await duty.change(session, clock.now(), "near", True)
    fault = (CheckState.FAILED, CheckValue.ON_DUTY_UNREACHABLE)
    assert (await codes(station))[0] == fault  # no contact
    async with database.session() as session:
        contact = await contacts.change(session, clock.now(), "near", "near", ChannelKind.SMS, "13800000000")
        await trial.send(session, clock.now(), [contact])
    clock.advance(1)
    assert fault not in await codes(station)
    await became(database, DeliveryState.FAILED)  # the weekly test
    assert (await codes(station))[0] == fault
    await became(database, DeliveryState.DELIVERED, clock)
    async with database.session() as session:
        await trial.send(session, clock.now(), [contact])
    await became(database, DeliveryState.SENT, clock)
    assert fault not in await codes(station)
    clock.advance(RECEIPT_WITHIN.total_seconds() + 1)  # this gateway confirms, and did not confirm this one
    assert (await codes(station))[0] == fault
    async with database.session() as session:
        await duty.change(session, clock.now(), "near", False)
    assert fault not in await codes(station)


async def became(database: Database, state: DeliveryState, clock: ManualClock | None = None) -> None:
    """Set the newest message's state; with a clock also when it was sent, or delivered."""
    async with database.session() as session:
        row = (await session.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(1))).one()
        row.state = state
        if clock is not None:
            row.sent_at = clock.now()
            row.delivered_at = clock.now() if state is DeliveryState.DELIVERED else None
