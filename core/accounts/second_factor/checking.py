"""Accepts a code of an account once, in the transaction of what it is given for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.second_factor import codes
from core.accounts.tables import RecoveryCode, SecondFactor
from core.database import changed_rows
from core.secrets import Vault


class CodeKind(StrEnum):
    """Which code was right."""

    TIME = "time"  # of the authenticator
    RECOVERY = "recovery"


async def accept(session: AsyncSession, vault: Vault, user_id: int, code: str, now: datetime) -> CodeKind | None:
    """Return which kind of code this is, and use it up; None if it is wrong, was used, or there is no second factor.

    Raises SecretError if the secret was sealed with another key.
    """
    given = codes.normalised(code)
    factor = await session.scalar(select(SecondFactor).where(SecondFactor.user_id == user_id).with_for_update())
    if factor is None or factor.enrolled_at is None:
        return None
    if codes.is_time_code(given):
        step = codes.accepted_step(open_secret(vault, factor), given, now, factor.last_step)
        if step is not None:
            factor.last_step = step
        return CodeKind.TIME if step is not None else None
    mine = RecoveryCode.user_id == user_id, RecoveryCode.digest == recovery_digest(vault, user_id, given)
    return CodeKind.RECOVERY if await changed_rows(session, delete(RecoveryCode).where(*mine)) else None


async def issue_recovery_codes(session: AsyncSession, vault: Vault, user_id: int) -> list[str]:
    """Replace the recovery codes of an account by new ones, and return them: the database has only their digests."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    made = codes.new_recovery_codes()
    session.add_all(
        RecoveryCode(digest=recovery_digest(vault, user_id, codes.normalised(code)), user_id=user_id) for code in made
    )
    return made


def seal_secret(vault: Vault, user_id: int, secret: str) -> str:
    return vault.seal(secret, _owner(user_id))


def open_secret(vault: Vault, factor: SecondFactor) -> str:
    return vault.open(factor.sealed, _owner(factor.user_id))


def recovery_digest(vault: Vault, user_id: int, normalised: str) -> str:
    return vault.digest(normalised, _owner(user_id))


def _owner(user_id: int) -> str:
    return f"second_factor:{user_id}"
