"""The enabled accounts of a role: whom the station tells about something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Role
from core.accounts.scope import covers
from core.accounts.tables import User


async def with_role(session: AsyncSession, role: Role) -> Sequence[User]:
    """Return the enabled accounts of a role, by name."""
    return (
        await session.scalars(select(User).where(User.role == role, User.disabled.is_(False)).order_by(User.name))
    ).all()


async def of_village(session: AsyncSession, role: Role, village: str) -> list[str]:
    """Return the names of the enabled accounts of a role whose scope includes a village."""
    return [u.name for u in await with_role(session, role) if covers(u.villages, [village])]
