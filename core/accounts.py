"""Accounts and sign-in: argon2id passwords, revocable sessions, lock after five failures.

A session is a random 256-bit token in a cookie; only its SHA-256 is stored.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from core import audit
from core.clock import Clock
from core.database import Base, Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from core.executors import Executor
from core.permissions import Permission, Role, allows

LOCK_AFTER = 5
LOCK_FOR = timedelta(minutes=15)
MIN_PASSWORD = 10


class User(Base):
    __tablename__ = "user"
    __table_args__ = ({"comment": "People who may sign in"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True, comment="Log-in name")
    display_name: Mapped[str] = mapped_column(String(80), comment="Shown in watermarks and the audit trail")
    role: Mapped[str] = mapped_column(String(30), comment="core.permissions.Role")
    villages: Mapped[list[str] | None] = mapped_column(JSON, comment="Scope: village codes; null: the whole town")
    vendor: Mapped[str] = mapped_column(String(80), default="", server_default="", comment="Contractor: whose orders these are")
    password_hash: Mapped[str] = mapped_column(String(200), comment="argon2id")
    failures: Mapped[int] = mapped_column(default=0, comment="Wrong passwords since the last success")
    locked_until: Mapped[datetime | None] = mapped_column(comment="No sign-in before this")
    disabled: Mapped[bool] = mapped_column(default=False, comment="Kept for the audit trail, may not sign in")

    @property
    def is_administrator(self) -> bool:
        """One who may sign in."""
        return self.role == Role.ADMINISTRATOR and not self.disabled


class SignIn(Base):
    __tablename__ = "sign_in"
    __table_args__ = ({"comment": "Open sessions"},)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the cookie's token")
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column()
    seen_at: Mapped[datetime] = mapped_column(comment="Last request; idle sessions end")
    purpose: Mapped[str] = mapped_column(String(400), default="", comment="Purpose or case number of this session")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, resolved from a session. `villages` is None for the whole town."""

    user_id: int
    name: str
    display_name: str
    role: Role
    villages: tuple[str, ...] | None
    purpose: str = ""
    vendor: str = ""

    def may(self, permission: Permission) -> bool:
        return allows(self.role, permission)

    def sees_village(self, code: str | None) -> bool:
        return self.villages is None or (code is not None and code in self.villages)


class Accounts:
    def __init__(self, database: Database, clock: Clock, idle: timedelta = timedelta(minutes=30)):
        self._database = database
        self._clock = clock
        self._idle = idle
        self._hashing = Executor("hashing", 2)  # argon2 takes 19 MB and 0.1 s each

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
    ) -> None:
        check_name(name)
        _check_vendor(role, vendor)
        hashed = await self._hash(password)
        async with self._database.session() as session:
            if await session.scalar(select(User.id).where(User.name == name)):
                raise ConflictError(f"there is a user '{name}' already; choose another name or run 'user reset'")
            session.add(
                User(
                    name=name,
                    display_name=display_name or name,
                    role=role,
                    villages=villages,
                    vendor=vendor,
                    password_hash=hashed,
                )
            )
            await audit.record(session, self._clock.now(), actor, "user.create", name, role=role, villages=villages)

    async def reset_password(self, name: str, password: str, *, actor: str) -> None:
        """Set a new password, lift the lock, end all sessions of the account."""
        hashed = await self._hash(password)
        async with self._database.session() as session:
            user = await session.scalar(select(User).where(User.name == name))
            if user is None:
                raise NotFoundError(f"there is no user '{name}'; 'user list' shows who there is")
            user.password_hash, user.failures, user.locked_until = hashed, 0, None
            await session.execute(delete(SignIn).where(SignIn.user_id == user.id))
            await audit.record(session, self._clock.now(), actor, "user.reset", name)

    async def change(
        self, name: str, *, role: Role | None = None, villages: list[str] | Literal["all"] | None = None, vendor: str | None = None,
        display_name: str | None = None, disabled: bool | None = None, actor: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Set what is not None ('all': the whole town) and end the account's sessions; returns what changed, field → new value.

        Raises NotFoundError, UsageError, and ConflictError where no enabled administrator would be left.
        """
        async with self._database.session() as session:
            # Locked, so that two who disable each other at once leave one of them.
            everyone = {u.name: u for u in await session.scalars(select(User).order_by(User.id).with_for_update())}
            user = everyone.get(name)
            if user is None:
                raise NotFoundError(f"there is no user '{name}'; 'user list' shows who there is")
            new_role = role or Role(user.role)
            kept = (vendor if vendor is not None else user.vendor) if new_role is Role.CONTRACTOR else vendor or ""
            _check_vendor(new_role, kept)
            wanted = {
                "role": new_role.value, "vendor": kept, "villages": user.villages if villages is None else _scope(villages),
                "display_name": display_name or user.display_name, "disabled": user.disabled if disabled is None else disabled,
            }  # fmt: skip
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
            await audit.record(session, self._clock.now(), actor, "user.change", name, old=before, new=changed)
            return changed

    async def users(self) -> list[User]:
        async with self._database.reading() as session:
            return list(await session.scalars(select(User).order_by(User.name)))

    async def sign_in(self, name: str, password: str) -> str:
        """Check the password and open a session; returns its token.

        Raises ForbiddenError, with the same words whether the name or the password is wrong.
        """
        async with self._database.reading() as session:
            user = await session.scalar(select(User).where(User.name == name))
        now = self._clock.now()
        if user and user.locked_until and user.locked_until > now:
            raise ForbiddenError("too many wrong passwords; try again in 15 minutes or ask the administrator")
        good = await self._verify(user.password_hash if user else None, password)
        if user is None or user.disabled or not good:
            await self._note_failure(name)
            raise ForbiddenError("name or password is wrong")
        token = secrets.token_urlsafe(32)
        async with self._database.session() as session:
            row = await session.get_one(User, user.id)
            row.failures, row.locked_until = 0, None
            session.add(SignIn(token_hash=_fingerprint(token), user_id=user.id, created_at=now, seen_at=now, purpose=""))
            await audit.record(session, now, name, "session.open", name)
        return token

    async def resolve(self, token: str) -> Identity | None:
        """The identity behind a token, or None where the session is unknown, idle too long or disabled."""
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(SignIn, User).join(User, User.id == SignIn.user_id).where(SignIn.token_hash == _fingerprint(token))
                )
            ).first()
        if found is None:
            return None
        sign_in, user = found
        now = self._clock.now()
        if user.disabled or now - sign_in.seen_at > self._idle:
            return None
        if now - sign_in.seen_at > self._idle / 10:
            async with self._database.session() as session:
                row = await session.get(SignIn, sign_in.token_hash)
                if row:
                    row.seen_at = now
        villages = None if user.villages is None else tuple(user.villages)
        return Identity(user.id, user.name, user.display_name, Role(user.role), villages, sign_in.purpose, user.vendor)

    async def set_purpose(self, token: str, purpose: str, actor: str) -> None:
        async with self._database.session() as session:
            row = await session.get_one(SignIn, _fingerprint(token))
            row.purpose = purpose
            await audit.record(session, self._clock.now(), actor, "session.purpose", actor, reason=purpose)

    async def sign_out(self, token: str, actor: str) -> None:
        async with self._database.session() as session:
            await session.execute(delete(SignIn).where(SignIn.token_hash == _fingerprint(token)))
            await audit.record(session, self._clock.now(), actor, "session.close", actor)

    async def _note_failure(self, name: str) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            # Locked: of many tries at once PostgreSQL would else count one.
            user = await session.scalar(select(User).where(User.name == name).with_for_update())
            if user:
                user.failures += 1
                if user.failures >= LOCK_AFTER:
                    user.failures, user.locked_until = 0, now + LOCK_FOR
            await audit.record(session, now, name[:60], "session.refused", name[:60])

    async def _hash(self, password: str) -> str:
        check_password(password)
        return await self._hashing.run(_passwords().hashed, password)

    async def _verify(self, hashed: str | None, password: str) -> bool:
        return await self._hashing.run(_passwords().matches, hashed, password)


def _check_vendor(role: Role, vendor: str) -> None:
    if (role is Role.CONTRACTOR) != bool(vendor):
        raise UsageError("a contractor's account, and no other, names the company whose orders it sees (--vendor)")


def _scope(villages: list[str] | Literal["all"]) -> list[str] | None:
    return None if villages == "all" else villages


def check_name(name: str) -> None:
    """Raises UsageError for what cannot be a log-in name."""
    if not re.fullmatch(r"[\w.@-]{2,60}", name):
        raise UsageError(f"'{name}' cannot be a log-in name; use 2 to 60 letters, digits, '.', '-', '_' or '@'")


def check_password(password: str) -> None:
    """Raises UsageError for a password that an account may not have."""
    if len(password) < MIN_PASSWORD:
        raise UsageError(f"a password needs at least {MIN_PASSWORD} characters")


def _passwords() -> ModuleType:
    from core import passwords  # with argon2: only who signs people in needs it

    return passwords


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
