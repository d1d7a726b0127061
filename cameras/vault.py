"""Open the station's vault and check that its key file matches the sealed passwords.

A new key is created only if nothing is sealed yet. If the database holds sealed passwords and the key file is missing,
a new key would make them unreadable; the user gets an error that asks to restore the key file.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sqlalchemy import select

from cameras.tables import Credential
from core.accounts.tables import SecondFactor
from core.database import Database
from core.errors import SecretError
from core.notify.tables import ChannelSecret
from core.secrets import Vault

log = logging.getLogger(__name__)


async def open_vault(database: Database, path: Path) -> Vault:
    """Open the key file; create one if nothing is sealed. Raises SecretError if the key file is missing or unusable."""
    if not await asyncio.to_thread(path.exists):
        if names := [name for name, _ in await _sealed(database)]:
            raise SecretError(
                f"{path}: the key file is missing, and {len(names)} sealed camera passwords ({_some(names)}) "
                "cannot be opened without it; restore the key file from the backup"
            )
        if await _others_sealed(database):
            raise SecretError(
                f"{path}: the key file is missing, and secrets of second factors or of message channels cannot be "
                "opened without it; restore the key file from the backup"
            )
    return await asyncio.to_thread(Vault.open_or_create, path)


async def check_vault(database: Database, vault: Vault, path: Path) -> None:
    """Check that the key opens the sealed passwords. Raises SecretError if it opens none of them.

    Passwords that it does not open are logged; only their cameras are not recorded.
    """
    sealed = await _sealed(database)
    foreign = [name for name, text in sealed if not await asyncio.to_thread(_opens, vault, name, text)]
    if foreign and len(foreign) == len(sealed):
        raise SecretError(
            f"{path}: this is not the key that sealed the camera passwords ({_some(foreign)}); "
            "restore the key file from the backup"
        )
    for name in foreign:
        log.error(
            "the password of '%s' was sealed with another key; set it again: minwang inventory password %s", name, name
        )


async def _sealed(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as session:
        rows = await session.execute(select(Credential.name, Credential.sealed).order_by(Credential.name))
        return [(name, sealed) for name, sealed in rows if sealed]


async def _others_sealed(database: Database) -> bool:
    """Whether accounts have second factors, or channels of messages have secrets."""
    async with database.reading() as session:
        found = [await session.scalar(select(column).limit(1)) for column in (SecondFactor.user_id, ChannelSecret.name)]
    return any(key is not None for key in found)


def _opens(vault: Vault, name: str, sealed: str) -> bool:
    try:
        vault.open(sealed, f"credential:{name}")
    except SecretError:
        return False
    return True


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
