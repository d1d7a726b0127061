"""Accounts and sessions: creates and changes accounts, and resolves a session token to an identity.

A session is a random 256-bit token in a cookie; the database stores only its SHA-256. A session ends after a time
without input, and in any case after twelve hours. `core.accounts.sign_in` opens sessions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import ModuleType
from typing import Any, Literal

from sqlalchemy import JSON, CursorResult, ForeignKey, String, delete, false, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.accounts.account_rules import check_name, check_password, check_scope, check_vendor
from core.accounts.permissions import ROLES_REQUIRING_VILLAGES, Permission, Role, allows
from core.audit import audit_trail
from core.clock import Clock
from core.database import Base, Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, TooManyError, UsageError
from core.executors import Executor

MAX_SESSION_AGE = timedelta(hours=12)
ENDED_SESSION_RETENTION = timedelta(hours=24)  # a page can still say why the user has to sign in again
SEEN_AT_RESOLUTION = timedelta(seconds=30)  # resolution of `seen_at`: saves a write per request
MAX_HASHES_WAITING = 60
SESSION_CHANGED_MESSAGE = "the account or its session has changed; sign in again"


class User(Base):
    """An account of the console."""

    __tablename__ = "user"
    __table_args__ = ({"comment": "People who may sign in"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    name: Mapped[str] = mapped_column(String(60), unique=True, comment="Log-in name")
    display_name: Mapped[str] = mapped_column(String(80), comment="Shown in watermarks and the audit trail")
    role: Mapped[str] = mapped_column(String(30), comment="core.accounts.permissions.Role")
    villages: Mapped[list[str] | None] = mapped_column(JSON, comment="Scope: village codes; null: the whole town")
    vendor: Mapped[str] = mapped_column(
        String(80), default="", server_default="", comment="Contractor: whose orders these are"
    )
    password_hash: Mapped[str] = mapped_column(String(200), comment="argon2id")
    disabled: Mapped[bool] = mapped_column(default=False, comment="Kept for the audit trail, may not sign in")
    must_change: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="Somebody else set the password: it is changed at the next sign-in",
    )

    @property
    def is_administrator(self) -> bool:
        """Whether this is an enabled administrator account."""
        return self.role == Role.ADMINISTRATOR and not self.disabled


class SignIn(Base):
    """An open session of an account."""

    __tablename__ = "sign_in"
    __table_args__ = ({"comment": "Open sessions"},)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the cookie's token")
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), index=True, comment="Account that signed in"
    )
    created_at: Mapped[datetime] = mapped_column(comment="When it signed in (UTC)")
    seen_at: Mapped[datetime] = mapped_column(comment="Last request; idle sessions end")
    purpose: Mapped[str] = mapped_column(String(400), default="", comment="Purpose or case number of this session")


class SessionEnd(StrEnum):
    """Why a session is no longer valid."""

    IDLE = "idle"
    TOO_OLD = "too_old"
    REVOKED = "revoked"  # signed out, account disabled or changed, or the session never existed


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that makes a request, resolved from a session.

    `villages` is None for the whole town. `session` distinguishes the sessions of one person; it is not a credential.
    """

    user_id: int
    name: str
    display_name: str
    role: Role
    villages: tuple[str, ...] | None
    purpose: str = ""
    vendor: str = ""
    session: str = ""
    must_change: bool = False

    def may(self, permission: Permission) -> bool:
        return allows(self.role, permission, whole_town=self.villages is None)

    def sees_village(self, code: str | None) -> bool:
        return self.villages is None or (code is not None and code in self.villages)


class Accounts:
    """Creates and changes accounts, and resolves session tokens to identities; one instance per process.

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
        self._idle = idle
        self._longest = longest
        self._hashing = Executor("hashing", 2)  # one argon2 hash takes 19 MB and 0.1 s
        self._waiting = 0

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
        password_hash = await self._hash(password)
        async with self._database.session() as session:
            await _require_open_session(session, requested_by)
            if await session.scalar(select(User.id).where(User.name == name)):
                raise ConflictError(
                    f"user '{name}' already exists; choose another name, or set a new password with 'user password'"
                )
            session.add(
                User(
                    name=name,
                    display_name=display_name or name,
                    role=role,
                    villages=villages,
                    vendor=vendor,
                    password_hash=password_hash,
                    must_change=must_change,
                )
            )
            now = self._clock.now()
            await audit_trail.record(
                session, now, actor, "user.create", name, reason=reason, role=role, villages=villages
            )

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
        password_hash = await self._hash(password)
        async with self._database.session() as session:
            await _require_open_session(session, requested_by)
            user = await _user_by_name(session, name)
            user.password_hash, user.must_change = password_hash, must_change
            await session.execute(delete(SignIn).where(SignIn.user_id == user.id))
            await audit_trail.record(session, self._clock.now(), actor, "user.reset", name, reason=reason)

    async def change_own_password(self, identity: Identity, old: str, new: str) -> None:
        """Set the caller's own password and end all sessions of the account, including this one.

        Raises ForbiddenError if the old password is wrong, or if the account or the session changed or ended while the
        passwords were checked; UsageError if the new password is not acceptable. The caller counts the attempt first.
        """
        check_password(new)
        async with self._database.reading() as session:
            stored = await session.scalar(select(User.password_hash).where(User.id == identity.user_id))
        if not await self.verify_password(stored, old):
            raise ForbiddenError("the present password is wrong")
        if old == new:
            raise UsageError("the new password is the present one; choose another")
        password_hash = await self._hash(new)
        async with self._database.session() as session:
            user = await session.scalar(select(User).where(User.id == identity.user_id).with_for_update())
            await _require_open_session(session, identity)
            # Hashing takes a while: someone who knows the old password must not undo a reset or a disabling made
            # meanwhile.
            if user is None or user.disabled or user.password_hash != stored:
                raise ForbiddenError(SESSION_CHANGED_MESSAGE)
            user.password_hash, user.must_change = password_hash, False
            await session.execute(delete(SignIn).where(SignIn.user_id == user.id))
            await audit_trail.record(session, self._clock.now(), user.name, "user.password", user.name)

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
    ) -> dict[str, Any]:
        """Set every field that is not None and end the account's sessions. Returns the changes, field → new value.

        `villages='all'` means the whole town; `requested_by`: see `create`. Raises NotFoundError, UsageError,
        ForbiddenError, and ConflictError if no enabled administrator would be left.
        """
        async with self._database.session() as session:
            # Lock all rows, so that of two administrators who disable each other at the same time one is left.
            everyone = {u.name: u for u in await session.scalars(select(User).order_by(User.id).with_for_update())}
            await _require_open_session(session, requested_by)
            user = everyone.get(name)
            if user is None:
                raise NotFoundError(f"user '{name}' not found; 'user list' shows all accounts")
            new_role = role or Role(user.role)
            kept = (vendor if vendor is not None else user.vendor) if new_role is Role.CONTRACTOR else vendor or ""
            check_vendor(new_role, kept)
            scope = user.villages if villages is None else _scope(villages)
            wanted = {
                "role": new_role.value,
                "vendor": kept,
                "villages": scope,
                "display_name": display_name or user.display_name,
                "disabled": user.disabled if disabled is None else disabled,
            }
            check_scope(new_role, scope)
            old = {field: getattr(user, field) for field in wanted}
            administrators = sum(u.is_administrator for u in everyone.values())
            changed = {field: value for field, value in wanted.items() if value != old[field]}
            if not changed:
                return {}
            for field, value in changed.items():
                setattr(user, field, value)
            if administrators and not any(u.is_administrator for u in everyone.values()):
                raise ConflictError(f"'{name}' is the last enabled administrator; add or enable another one first")
            await session.execute(delete(SignIn).where(SignIn.user_id == user.id))
            before = {field: old[field] for field in changed}
            await audit_trail.record(
                session, self._clock.now(), actor, "user.change", name, reason=reason, old=before, new=changed
            )
            return changed

    async def list_users(self) -> list[User]:
        async with self._database.reading() as session:
            return list(await session.scalars(select(User).order_by(User.name)))

    async def resolve(self, token: str, *, active: bool = False) -> Identity | None:
        """Return the identity of a token, or None if the session is unknown, idle too long or too old, or the account
        is disabled.

        `active`: a person caused this request; only such requests reset the idle time.
        """
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(SignIn, User)
                    .join(User, User.id == SignIn.user_id)
                    .where(SignIn.token_hash == fingerprint(token))
                )
            ).first()
        if found is None:
            return None
        sign_in, user = found
        now = self._clock.now()
        if user.disabled or self._ended(sign_in, Role(user.role), now) is not None:
            return None
        if active and now - sign_in.seen_at > min(SEEN_AT_RESOLUTION, self._idle / 10):
            async with self._database.session() as session:
                row = await session.get(SignIn, sign_in.token_hash)
                if row:
                    row.seen_at = now
        return Identity(
            user.id, user.name, user.display_name, Role(user.role), _villages(user), sign_in.purpose, user.vendor,
            sign_in.token_hash[:16], user.must_change,
        )  # fmt: skip

    def _ended(self, sign_in: SignIn, role: Role, now: datetime) -> SessionEnd | None:
        if now - sign_in.created_at > self._longest:
            return SessionEnd.TOO_OLD
        # A patrol officer's phone waits in a pocket for alerts and shows nothing else: only consoles become idle.
        idle = role is not Role.PATROL_OFFICER and now - sign_in.seen_at > self._idle
        return SessionEnd.IDLE if idle else None

    async def end_reason(self, token: str) -> SessionEnd:
        """Return why `resolve` returns None for this token."""
        async with self._database.reading() as session:
            sign_in = await session.get(SignIn, fingerprint(token))
            user = await session.get(User, sign_in.user_id) if sign_in else None
        if sign_in is None or user is None or user.disabled:
            return SessionEnd.REVOKED
        return self._ended(sign_in, Role(user.role), self._clock.now()) or SessionEnd.REVOKED

    async def open_session_fingerprints(self) -> set[str]:
        """Return the token hashes (`fingerprint`) of all sessions that `resolve` accepts."""
        now = self._clock.now()
        async with self._database.reading() as session:
            query = select(SignIn, User).join(User, User.id == SignIn.user_id)
            found = await session.execute(
                query.where(User.disabled.is_(False), SignIn.created_at > now - self._longest)
            )
        return {s.token_hash for s, user in found if self._ended(s, Role(user.role), now) is None}

    async def purge(self) -> int:
        """Delete sessions that ended more than a day ago; returns how many."""
        now = self._clock.now()
        gone = SignIn.created_at < now - self._longest - ENDED_SESSION_RETENTION
        async with self._database.session() as session:
            done: CursorResult[Any] = await session.execute(delete(SignIn).where(gone))  # type: ignore[assignment]
            return done.rowcount

    async def set_purpose(self, token: str, purpose: str, actor: str) -> None:
        """Set the purpose of a session. Raises ForbiddenError if the session has ended."""
        async with self._database.session() as session:
            row = await session.get(SignIn, fingerprint(token))
            if row is None:
                raise ForbiddenError(SESSION_CHANGED_MESSAGE)
            row.purpose = purpose
            await audit_trail.record(session, self._clock.now(), actor, "session.purpose", actor, reason=purpose)

    async def recent_purpose(self, identity: Identity) -> str:
        """Return the purpose of the person's newest session of the last twelve hours (one shift) that has one; else
        empty.

        A session that was signed out is not considered.
        """
        query = select(SignIn.purpose).where(
            SignIn.user_id == identity.user_id,
            SignIn.purpose != "",
            SignIn.created_at > self._clock.now() - MAX_SESSION_AGE,
        )
        async with self._database.reading() as session:
            return await session.scalar(query.order_by(SignIn.created_at.desc()).limit(1)) or ""

    async def sign_out(self, token: str, actor: str) -> None:
        async with self._database.session() as session:
            await session.execute(delete(SignIn).where(SignIn.token_hash == fingerprint(token)))
            await audit_trail.record(session, self._clock.now(), actor, "session.close", actor)

    async def _hash(self, password: str) -> str:
        check_password(password)
        return await self._hashing.run(_passwords().hash_password, password)

    async def verify_password(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches; None (no such account) takes the same time.

        Raises TooManyError if MAX_HASHES_WAITING checks are waiting already.
        """
        if self._waiting >= MAX_HASHES_WAITING:
            raise TooManyError("too many sign-ins at the moment; try again in a few seconds")
        self._waiting += 1
        try:
            return await self._hashing.run(_passwords().verify_password, stored, password)
        finally:
            self._waiting -= 1


async def _require_open_session(session: AsyncSession, identity: Identity | None) -> None:
    """Raise ForbiddenError if the session of this request has ended. None: a command, without a session."""
    if identity is None:
        return
    its = SignIn.user_id == identity.user_id, SignIn.token_hash.startswith(identity.session, autoescape=True)
    if not identity.session or not await session.scalar(select(SignIn.user_id).where(*its).limit(1)):
        raise ForbiddenError(SESSION_CHANGED_MESSAGE)


async def _user_by_name(session: AsyncSession, name: str) -> User:
    user = await session.scalar(select(User).where(User.name == name))
    if user is None:
        raise NotFoundError(f"user '{name}' not found; 'user list' shows all accounts")
    return user


def _scope(villages: list[str] | Literal["all"]) -> list[str] | None:
    return None if villages == "all" else villages


def _villages(user: User) -> tuple[str, ...] | None:
    """Return the account's scope; empty if it must name villages but names none (made by an older release)."""
    if user.villages is None:
        return () if user.role in ROLES_REQUIRING_VILLAGES else None
    return tuple(user.villages)


def _passwords() -> ModuleType:
    from core.accounts import passwords  # imports argon2: only processes that sign people in need it

    return passwords


def fingerprint(token: str) -> str:
    """Return the SHA-256 of a token, which is what the database stores."""
    return hashlib.sha256(token.encode()).hexdigest()
