"""Secrets of channels are sealed, replaced, and bound to their name."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.database import Database
from core.errors import SecretError
from core.notify import channel_secrets
from core.notify.tables import ChannelSecret
from core.secrets import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open_or_create(tmp_path / "secret.key")


async def test_a_secret_is_sealed_and_replaced(database: Database, clock: ManualClock, vault: Vault) -> None:
    for value in ("first", "second"):
        async with database.session() as session:
            await channel_secrets.put(session, clock.now(), vault, "sms", value)
    async with database.reading() as session:
        (row,) = await session.scalars(select(ChannelSecret))
        assert await channel_secrets.read(session, vault) == {"sms": "second"}
    assert "second" not in row.sealed


async def test_a_sealed_value_under_another_name_is_refused(
    database: Database, clock: ManualClock, vault: Vault
) -> None:
    async with database.session() as session:
        await channel_secrets.put(session, clock.now(), vault, "sms", "value")
        row = await session.get_one(ChannelSecret, "sms")
        session.add(ChannelSecret(name="mail", sealed=row.sealed, set_at=row.set_at))
    async with database.reading() as session:
        with pytest.raises(SecretError):
            await channel_secrets.read(session, vault)
