"""The enabled accounts of a role: whom the station tells about something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Role
from core.accounts.tables import User


async def with_role(session: AsyncSession, role: Role) -> Sequence[User]:
    """Return the enabled accounts of a role, by name."""
    return (
        await session.scalars(select(User).where(User.role == role, User.disabled.is_(False)).order_by(User.name))
    ).all()
