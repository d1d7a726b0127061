"""Accounts: creates and changes them. Each change of an account ends its sessions (core.accounts.sessions)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import separation
from core.accounts.account_rules import check_name, check_password, check_scope, check_vendor
from core.accounts.password_hashing import PasswordHashing
from core.accounts.permissions import Role
from core.accounts.second_factor import rows
from core.accounts.sessions import (
    MAX_SESSION_AGE,
    SESSION_CHANGED_MESSAGE,
    AccountSessions,
    Identity,
    end_sessions_of,
    require_open_session,
)
from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from core.json_types import JsonInput


class Accounts:
    """Creates and changes accounts; one instance per process, with the `sessions` and the `passwords` of the accounts.

    A session ends `idle` after the last request of a person, and `longest` after the sign-in.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        idle: timedelta = timedelta(minutes=30),
        longest: timedelta = MAX_SESSION_AGE,
    ):
        self._database = database
        self._clock = clock
        self.sessions = AccountSessions(database, clock, idle, longest)
        self.passwords = PasswordHashing()

    async def create(
        self,
        name: str,
        password: str,
        role: Role,
        *,
        display_name: str = "",
        villages: list[str] | None = None,
        vendor: str = "",
        actor: str,
        reason: str = "",
        must_change: bool = False,
        requested_by: Identity | None = None,
    ) -> None:
        """Add an account. `must_change`: the user must choose a new password at the first sign-in.

        `requested_by`: the session of the person who makes the request; if it has ended in the meantime, ForbiddenError
        is raised. Raises UsageError, ConflictError, ForbiddenError.
        """
        check_name(name)
        check_vendor(role, vendor)
        check_scope(role, villages)
        password_hash = await self.passwords.hash(password)
        async with self._database.session() as session:
            await require_open_session(session, requested_by)
            await _refuse_used_name(session, name)
            everyone = await _everyone(session)
            user = User(
                name=name,
                display_name=display_name or name,
                role=role,
                villages=villages,
                vendor=vendor,
                password_hash=password_hash,
                must_change=must_change,
                disabled=False,
            )
            user.also_security = separation.must_manage_accounts_too(user, everyone)
            session.add(user)
            now, action = self._clock.now(), AuditAction.USER_CREATE
            both = {"also_security": True} if user.also_security else {}
            await audit_trail.record(
                session, now, actor, action, name, reason=reason, role=role, villages=villages, **both
            )
            await separation.end_double_duties(session, [user, *everyone], actor, reason, now)

    async def reset_password(
        self,
        name: str,
        password: str,
        *,
        actor: str,
        reason: str = "",
        must_change: bool = False,
        requested_by: Identity | None = None,
    ) -> None:
        """Set the password of another account and end all its sessions. `requested_by`: see `create`.

        Raises NotFoundError, UsageError, ForbiddenError.
        """
        password_hash = await self.passwords.hash(password)
        async with self._database.session() as session:
            await require_open_session(session, requested_by)
            user = await _user_by_name(session, name)
            user.password_hash, user.must_change = password_hash, must_change
            await end_sessions_of(session, user.id)
            await audit_trail.record(session, self._clock.now(), actor, AuditAction.USER_RESET, name, reason=reason)

    async def change_own_password(self, identity: Identity, old: str, new: str) -> None:
        """Set the caller's own password and end all sessions of the account, including this one.

        Raises ForbiddenError if the old password is wrong, or if the account or the session changed or ended while the
        passwords were checked; UsageError if the new password is not acceptable. The caller counts the attempt first.
        """
        check_password(new)
        async with self._database.reading() as session:
            stored = await session.scalar(select(User.password_hash).where(User.id == identity.user_id))
        if not await self.passwords.verify(stored, old):
            raise ForbiddenError("the present password is wrong", ErrorCode.PRESENT_PASSWORD_WRONG)
        if old == new:
            raise UsageError("the new password is the present one; choose another", ErrorCode.PASSWORD_UNCHANGED)
        password_hash = await self.passwords.hash(new)
        async with self._database.session() as session:
            user = await session.scalar(select(User).where(User.id == identity.user_id).with_for_update())
            await require_open_session(session, identity)
            # Hashing takes a while: someone who knows the old password must not undo a reset or a disabling made
            # meanwhile.
            if user is None or user.disabled or user.password_hash != stored:
                raise ForbiddenError(SESSION_CHANGED_MESSAGE, ErrorCode.SESSION_CHANGED)
            user.password_hash, user.must_change = password_hash, False
            await end_sessions_of(session, user.id)
            await audit_trail.record(session, self._clock.now(), user.name, AuditAction.USER_PASSWORD, user.name)

    async def reset_second_factor(
        self, name: str, *, actor: str, reason: str = "", requested_by: Identity | None = None
    ) -> bool:
        """Delete the second factor of an account and end its sessions; returns whether it had one.

        `requested_by`: see `create`. Raises NotFoundError, ForbiddenError.
        """
        async with self._database.session() as session:
            await require_open_session(session, requested_by)
            user = await _user_by_name(session, name, lock=True)
            had = await rows.delete_factor(session, user.id)
            if had:
                await end_sessions_of(session, user.id)
                now, action = self._clock.now(), AuditAction.SECOND_FACTOR_RESET
                await audit_trail.record(session, now, actor, action, name, reason=reason)
            return had

    async def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        villages: list[str] | Literal["all"] | None = None,
        vendor: str | None = None,
        display_name: str | None = None,
        disabled: bool | None = None,
        actor: str,
        reason: str = "",
        requested_by: Identity | None = None,
    ) -> dict[str, JsonInput]:
        """Set every field that is not None and end the account's sessions. Returns the changes, field → new value.

        `villages='all'` means the whole town; `requested_by`: see `create`. Raises NotFoundError, UsageError,
        ForbiddenError, and ConflictError if nobody would be left who runs the system or manages the accounts.
        """
        async with self._database.session() as session:
            # Lock all rows, so that of two administrators who disable each other at the same time one is left.
            everyone = {u.name: u for u in await _everyone(session)}
            await require_open_session(session, requested_by)
            user = everyone.get(name)
            if user is None:
                raise _not_found(name)
            duties = separation.held(everyone.values())
            wanted = _wanted_fields(user, role, villages, vendor, display_name, disabled)
            before = _apply(user, wanted)
            if not before:
                return {}
            separation.require_same(duties, everyone.values(), name)
            await end_sessions_of(session, user.id)
            changed = {field: wanted[field] for field in before}
            now = self._clock.now()
            await audit_trail.record(
                session, now, actor, AuditAction.USER_CHANGE, name, reason=reason, old=before, new=changed
            )
            await separation.end_double_duties(session, everyone.values(), actor, reason, now)
            return changed

    async def with_second_factor(self) -> set[int]:
        """Return the ids of the accounts that have a second factor."""
        async with self._database.reading() as session:
            return await rows.enrolled(session)

    async def list_users(self) -> list[User]:
        async with self._database.reading() as session:
            return list(await session.scalars(select(User).order_by(User.name)))


def _wanted_fields(
    user: User,
    role: Role | None,
    villages: list[str] | Literal["all"] | None,
    vendor: str | None,
    display_name: str | None,
    disabled: bool | None,
) -> dict[str, JsonInput]:
    """Return the fields that the account shall have; None: as now. Raises UsageError if they contradict each other."""
    new_role = role or Role(user.role)
    kept = (vendor if vendor is not None else user.vendor) if new_role is Role.CONTRACTOR else vendor or ""
    check_vendor(new_role, kept)
    scope = user.villages if villages is None else None if villages == "all" else villages
    check_scope(new_role, scope)
    system = new_role is Role.ADMINISTRATOR and scope is None
    return {
        "role": new_role.value,
        "also_security": user.also_security and system,
        "vendor": kept,
        "villages": scope,
        "display_name": display_name or user.display_name,
        "disabled": user.disabled if disabled is None else disabled,
    }


def _apply(user: User, wanted: dict[str, JsonInput]) -> dict[str, JsonInput]:
    """Set the fields and return the former values of those that differed."""
    before = {field: getattr(user, field) for field, value in wanted.items() if value != getattr(user, field)}
    for field in before:
        setattr(user, field, wanted[field])
    return before


async def _everyone(session: AsyncSession) -> list[User]:
    """Return all accounts, by id, with their rows locked."""
    return list(await session.scalars(select(User).order_by(User.id).with_for_update()))


async def _refuse_used_name(session: AsyncSession, name: str) -> None:
    if await session.scalar(select(User.id).where(User.name == name)):
        raise ConflictError(
            f"user '{name}' already exists; choose another name, or set a new password with 'user password'",
            ErrorCode.ACCOUNT_EXISTS,
            account=name,
        )


def _not_found(name: str) -> NotFoundError:
    return NotFoundError(
        f"user '{name}' not found; 'user list' shows all accounts", ErrorCode.ACCOUNT_NOT_FOUND, account=name
    )


async def _user_by_name(session: AsyncSession, name: str, *, lock: bool = False) -> User:
    query = select(User).where(User.name == name)
    user = await session.scalar(query.with_for_update() if lock else query)
    if user is None:
        raise _not_found(name)
    return user
