"""The station's vault: the key file, and what must fit to it.

A new key is made only where nothing was sealed yet. Where sealed passwords are in the database and their key is not there, a
new key would make them unreadable for ever without a word; the user is told to restore it instead.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sqlalchemy import select

from cameras.tables import Credential
from core.database import Database
from core.errors import SecretError
from core.secrets import Vault

log = logging.getLogger(__name__)


async def open_vault(database: Database, path: Path) -> Vault:
    """Open the key file; make one where nothing is sealed. Raises SecretError where it is lost or cannot be used."""
    if not await asyncio.to_thread(path.exists) and (names := [name for name, _ in await _sealed(database)]):
        raise SecretError(
            f"{path}: the key file is missing, and {len(names)} sealed camera passwords ({_some(names)}) cannot be opened "
            "without it; restore the key file from the backup"
        )
    return await asyncio.to_thread(Vault.open_or_create, path)


async def check_vault(database: Database, vault: Vault, path: Path) -> None:
    """Whether the key opens what is sealed. Raises SecretError where it opens none of it; some that it does not open are
    logged: their cameras are not recorded, the others are."""
    sealed = await _sealed(database)
    foreign = [name for name, text in sealed if not await asyncio.to_thread(_opens, vault, name, text)]
    if foreign and len(foreign) == len(sealed):
        raise SecretError(
            f"{path}: this is not the key that sealed the camera passwords ({_some(foreign)}); "
            "restore the key file from the backup"
        )
    for name in foreign:
        log.error(
            "the password of '%s' was sealed with another key; give it again: minwang inventory password %s", name, name
        )


async def _sealed(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as session:
        rows = await session.execute(select(Credential.name, Credential.sealed).order_by(Credential.name))
        return [(name, sealed) for name, sealed in rows if sealed]


def _opens(vault: Vault, name: str, sealed: str) -> bool:
    try:
        vault.open(sealed, f"credential:{name}")
    except SecretError:
        return False
    return True


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
