"""Which accounts have a second factor, and its deletion: for what needs no key and no code."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.tables import RecoveryCode, SecondFactor


async def enrolled(session: AsyncSession) -> set[int]:
    """Return the ids of the accounts that have a second factor."""
    return set(await session.scalars(select(SecondFactor.user_id).where(SecondFactor.enrolled_at.is_not(None))))


async def is_enrolled(session: AsyncSession, user_id: int) -> bool:
    """Return whether an account has a second factor."""
    its = select(SecondFactor.user_id).where(SecondFactor.user_id == user_id, SecondFactor.enrolled_at.is_not(None))
    return await session.scalar(its) is not None


async def delete_factor(session: AsyncSession, user_id: int) -> bool:
    """Delete the second factor of an account with its recovery codes; returns whether it had one that counted."""
    had = await is_enrolled(session, user_id)
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
    return had
