"""The secrets of channels: sealed in the database, named in notify.yaml, shown nowhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.notify.tables import ChannelSecret
from core.secrets import Vault


def _owner(name: str) -> str:
    return f"notify_secret:{name}"


async def put(session: AsyncSession, now: datetime, vault: Vault, name: str, value: str) -> None:
    """Set or replace a secret."""
    row = await session.get(ChannelSecret, name)
    if row is None:
        row = ChannelSecret(name=name)
        session.add(row)
    row.sealed, row.set_at = vault.seal(value, _owner(name)), now


async def names(session: AsyncSession) -> set[str]:
    """Return the names of the secrets that are set."""
    return set(await session.scalars(select(ChannelSecret.name)))


async def read(session: AsyncSession, vault: Vault) -> dict[str, str]:
    """Return the secrets by name. Raises SecretError if they were sealed with another key."""
    return {row.name: vault.open(row.sealed, _owner(row.name)) for row in await session.scalars(select(ChannelSecret))}
