"""One's own contacts over HTTP: shortened, changed with a fresh code, used for a day after a change, tested."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.database import Database
from core.notify.tables import Contact, Delivery
from core.notify.vocabulary import MessageKind
from core.settings import SecondFactorPolicy, Settings
from tests.web.calls import get, post
from tests.web.conftest import SignIn

CHANNELS = "channels:\n  sms: {type: http, url: 'https://sms.example.org/', body: {to: '{address}', text: '{text}'}}\n"


@pytest.fixture
async def described(station_settings: Settings, tmp_path: Path) -> None:
    station_settings.notify.channels = tmp_path / "notify.yaml"
    await asyncio.to_thread(station_settings.notify.channels.write_text, CHANNELS)


@pytest.mark.usefixtures("described")
async def test_an_officer_changes_and_withdraws_his_contact(sign_in: SignIn, database: Database) -> None:
    officer, other = await sign_in(Role.PATROL_OFFICER), await sign_in(Role.VIDEO_OFFICER)
    assert await get(officer, "/api/contacts") == {"channels": ["sms"], "contacts": []}
    await post(officer, "/api/contacts", {"channel": "sms", "address": "13800001234"})
    told = await post(officer, "/api/contacts", {"channel": "sms", "address": "13900005678"})
    assert [(c["address"], c["until"] is None) for c in told["contacts"]] == [
        ("138****34", False),
        ("139****78", True),
    ]
    told = await post(officer, "/api/contacts/withdraw", {"channel": "sms"})
    assert all(c["until"] for c in told["contacts"])
    missing = await post(officer, "/api/contacts/withdraw", {"channel": "sms"}, 404)
    assert missing["code"] == "contact_missing"
    assert (await get(other, "/api/contacts"))["contacts"] == []
    async with database.reading() as session:
        messages = (await session.scalars(select(Delivery.kind))).all()
        actions = (await session.scalars(select(AuditRow.action).where(AuditRow.action.like("contact.%")))).all()
    assert messages == [MessageKind.CONTACT_CHANGED] * 2
    assert actions == ["contact.change", "contact.change", "contact.withdraw"]


@pytest.mark.usefixtures("described")
async def test_withdrawing_first_hides_no_change(sign_in: SignIn, database: Database) -> None:
    """The rules about unusual changes look at what replaces something (R-CONTACT-2)."""
    officer = await sign_in(Role.PATROL_OFFICER)
    await post(officer, "/api/contacts", {"channel": "sms", "address": "13800001234"})
    await post(officer, "/api/contacts/withdraw", {"channel": "sms"})
    await post(officer, "/api/contacts", {"channel": "sms", "address": "13900005678"})
    async with database.reading() as session:
        first, second = (await session.scalars(select(Contact).order_by(Contact.id))).all()
    assert second.replaces == first.id


@pytest.mark.usefixtures("described")
async def test_a_change_needs_a_second_factor(sign_in: SignIn, station_settings: Settings) -> None:
    officer = await sign_in(Role.PATROL_OFFICER)
    station_settings.accounts.second_factor = SecondFactorPolicy.REQUIRED
    for path, body in (("", {"channel": "sms", "address": "13800001234"}), ("/withdraw", {"channel": "sms"})):
        refused = await post(officer, f"/api/contacts{path}", body, 403)
        assert refused["code"] == "second_factor_missing"
    assert (await get(officer, "/api/contacts"))["contacts"] == []


@pytest.mark.usefixtures("described")
async def test_a_test_is_sent_once_a_minute(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.PATROL_OFFICER)
    assert (await post(officer, "/api/contacts/test", {}, 409))["code"] == "contact_missing"
    await post(officer, "/api/contacts", {"channel": "sms", "address": "13800001234"})
    await post(officer, "/api/contacts/test")
    assert (await post(officer, "/api/contacts/test", {}, 429))["code"] == "contact_test_too_soon"
    async with database.reading() as session:
        assert (await session.scalars(select(Delivery.kind))).all() == [MessageKind.TEST]


async def test_a_wrong_address_is_told(sign_in: SignIn) -> None:
    officer = await sign_in(Role.PATROL_OFFICER)
    for channel, address in (("sms", "12"), ("email", "nobody"), ("webhook", "x")):
        refused = await post(officer, "/api/contacts", {"channel": channel, "address": address}, 400)
        assert refused["code"] == "contact_address_invalid"
    assert (await get(officer, "/api/contacts")) == {"channels": [], "contacts": []}
