"""Separation of duties (R-ROLE-2): no account holds two of system administration, security administration and audit.

An account has one role, so the roles are separate. A station starts with one account, though, and stations of older
releases have no security administrator: there an administrator of the whole town manages the accounts too
(`User.also_security`). That ends, audited, with the first enabled security administrator, and does not come back:
somebody must always be left who manages the accounts, and somebody who runs the system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import Role
from core.accounts.sessions import end_sessions_of
from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Duties:
    """Which duties an enabled account holds."""

    system: bool
    security: bool


@dataclass(frozen=True, slots=True)
class Separation:
    """The enabled accounts by duty, as log-in names. `double`: run the system and manage the accounts."""

    system: list[str]
    security: list[str]
    audit: list[str]
    double: list[str]

    @property
    def complete(self) -> bool:
        """Whether each duty has an account of its own."""
        return not self.double and bool(self.system and self.security and self.audit)


async def separation(session: AsyncSession) -> Separation:
    """Return who holds which duty."""
    users = list(await session.scalars(select(User).where(User.disabled.is_(False)).order_by(User.name)))
    return Separation(
        system=[u.name for u in users if u.role == Role.ADMINISTRATOR],
        security=[u.name for u in users if u.role == Role.SECURITY_ADMINISTRATOR],
        audit=[u.name for u in users if u.role == Role.AUDITOR],
        double=[u.name for u in users if u.also_security],
    )


def held(users: Iterable[User]) -> Duties:
    """Return which duties somebody holds."""
    users = list(users)
    return Duties(any(u.is_administrator for u in users), any(u.manages_accounts for u in users))


def require_same(before: Duties, users: Iterable[User], changed: str) -> None:
    """Raise ConflictError if a duty that was held before is not held any more; `changed`: the account that held it."""
    now = held(users)
    if before.system and not now.system:
        raise ConflictError(
            f"'{changed}' is the last enabled administrator of the whole town; add or enable another one first",
            ErrorCode.LAST_ADMINISTRATOR,
            account=changed,
        )
    if before.security and not now.security:
        raise ConflictError(
            f"'{changed}' is the last enabled account that manages the accounts; add or enable a security "
            "administrator first",
            ErrorCode.LAST_SECURITY_ADMINISTRATOR,
            account=changed,
        )


def must_manage_accounts_too(new: User, others: Iterable[User]) -> bool:
    """Return whether a new account is an administrator of the whole town where nobody manages the accounts."""
    return new.is_administrator and not any(u.manages_accounts for u in others)


async def end_double_duties(
    session: AsyncSession, users: Iterable[User], actor: str, reason: str, now: datetime
) -> None:
    """Once there is an enabled security administrator, administrators no longer manage accounts; audited."""
    users = list(users)
    if not any(u.role == Role.SECURITY_ADMINISTRATOR and not u.disabled for u in users):
        return
    for user in users:
        if user.also_security:
            user.also_security = False
            await end_sessions_of(session, user.id)
            await audit_trail.record(
                session, now, actor, AuditAction.USER_CHANGE, user.name, reason=reason,
                old={"also_security": True}, new={"also_security": False},
            )  # fmt: skip
