"""A phone's push subscription over HTTP: the station's key, subscribe, end; foreign services are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cameras.vault import open_vault
from core.accounts.permissions import Role
from core.clock import ManualClock
from core.database import Database
from core.notify import channel_secrets
from core.notify.channels import webpush
from core.secrets import KEY_FILE
from core.settings import Settings
from tests.core.notify.push_service import PushService
from tests.web.calls import get, post
from tests.web.conftest import SignIn

CHANNELS = "channels:\n  webpush: {type: webpush, secret: push, contact: 'mailto:a@b.example', services: ['https://p.example']}\n"


@pytest.fixture
async def public_key(station_settings: Settings, tmp_path: Path, database: Database, clock: ManualClock) -> str:
    station_settings.notify.channels = tmp_path / "notify.yaml"
    await asyncio.to_thread(station_settings.notify.channels.write_text, CHANNELS)
    key, vault = webpush.new_key(), await open_vault(database, station_settings.data.dir.absolute() / KEY_FILE)
    async with database.session() as session:
        await channel_secrets.put(session, clock.now(), vault, "push", key)
    return webpush.public_key(key)


async def test_an_officers_phone_subscribes_and_ends_it(sign_in: SignIn, public_key: str) -> None:
    officer, desk = await sign_in(Role.PATROL_OFFICER), await sign_in(Role.VIDEO_OFFICER)
    assert await get(officer, "/api/push") == {"public_key": public_key, "subscribed": False}
    phone = PushService(url="https://p.example").subscription()
    assert (await post(officer, "/api/push", phone))["subscribed"]
    assert (await get(officer, "/api/contacts"))["contacts"] == []  # no address that one types in
    assert not (await post(officer, "/api/push/end", {}))["subscribed"]
    await post(officer, "/api/push", phone | {"endpoint": "https://10.0.0.5/onvif"}, status=400)
    await post(officer, "/api/push", phone | {"auth": "AAAA"}, status=400)
    await post(desk, "/api/push", phone, status=403)


async def test_a_station_without_web_push_says_so(sign_in: SignIn) -> None:
    officer = await sign_in(Role.PATROL_OFFICER)
    assert await get(officer, "/api/push") == {"public_key": None, "subscribed": False}
    await post(officer, "/api/push", PushService(url="https://p.example").subscription(), status=409)
