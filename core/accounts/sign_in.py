"""Sign-in: the password, then the one-time code of accounts that have a second factor.

An attempt is counted before it is checked (core.accounts.attempts). A right password of an account with a second factor
opens no session: the page gets a token that is good for three minutes and for the code alone. Codes are counted by
account, whatever address they come from, so that many addresses guess no faster than one; only a device that the
account knows has a count of its own.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import attempts
from core.accounts.accounts import Accounts
from core.accounts.attempts import Attempts
from core.accounts.permissions import Role
from core.accounts.second_factor import checking, rows
from core.accounts.second_factor.checking import CodeKind
from core.accounts.second_factor.service import WRONG_MESSAGE, VaultSource
from core.accounts.sessions import Identity, fingerprint
from core.accounts.tables import PendingSignIn, SignIn, User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database, changed_rows
from core.error_codes import ErrorCode
from core.errors import ForbiddenError

# The sources under which wrong guesses of the present password, and wrong codes at sign-in, are counted
PASSWORD_CHANGE_SOURCE = "change of password"
CODE_SOURCE = "code at sign-in"
CODE_AWAITED_FOR = timedelta(minutes=3)
ANONYMOUS = "anonymous"
REFUSED_MESSAGE = "name or password is wrong"
EXPIRED_MESSAGE = "the time for the code is over; sign in again"


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """The token of a new session, and the token that identifies the device from now on."""

    token: str
    device: str


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The password was right; `pending` and a code open the session within `CODE_AWAITED_FOR`."""

    pending: str


class SignInService:
    """Opens sessions and changes passwords, and limits the attempts; one instance per process."""

    def __init__(self, database: Database, clock: Clock, accounts: Accounts, vault: VaultSource):
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._vault = vault
        self.attempts = Attempts(database, clock)

    async def open(
        self, name: str, password: str, source: str = "", device: str = "", code_at: datetime | None = None
    ) -> OpenedSession | CodeNeeded:
        """Check the password and open a session, or await the code.

        `code_at`: when a code was given in the session that this one replaces; no other is needed then. Raises
        ForbiddenError with the same text whether the name or the password is wrong, and TooManyError if this account
        has to wait at this source.
        """
        counted = await self.attempts.count(name, source, device)
        async with self._database.reading() as session:
            user = await session.scalar(select(User).where(User.name == name))
        good = await self._accounts.passwords.verify(user.password_hash if user else None, password)
        if user is None or user.disabled or not good:
            await self._refuse(name)
            raise ForbiddenError(REFUSED_MESSAGE, ErrorCode.SIGN_IN_REFUSED)
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.scalar(select(User).where(User.id == user.id).with_for_update())
            if row is None or row.disabled or row.password_hash != user.password_hash:
                # Changed while the password was checked.
                raise ForbiddenError(REFUSED_MESSAGE, ErrorCode.SIGN_IN_REFUSED)
            if code_at is None and await rows.is_enrolled(session, row.id):
                await attempts.take_back(session, name, counted)
                return CodeNeeded(await _await_code(session, row, counted, now))
            await attempts.forget(session, name, counted, now)
            return await _open_session(session, row, device, now, code_at)

    async def open_with_code(self, pending: str, code: str, device: str = "") -> OpenedSession:
        """Check the code of a sign-in whose password was right, and open the session.

        Raises ForbiddenError if the code is wrong or the time is over, and TooManyError as `open` does.
        """
        awaited = PendingSignIn.token_hash == fingerprint(pending)
        fresh = PendingSignIn.created_at > self._clock.now() - CODE_AWAITED_FOR
        async with self._database.reading() as session:
            mine = select(User.id, User.name).join(PendingSignIn, PendingSignIn.user_id == User.id)
            found = (await session.execute(mine.where(awaited, fresh))).first()
        if found is None:
            raise ForbiddenError(EXPIRED_MESSAGE, ErrorCode.SECOND_FACTOR_EXPIRED)
        counted, vault = await self.attempts.count(found.name, CODE_SOURCE, device), await self._vault()
        opened: OpenedSession | None = None
        async with self._database.session() as session:
            now = self._clock.now()
            user = await session.scalar(select(User).where(User.id == found.id).with_for_update())
            # Gone: used, or the account changed meanwhile, which ends what waits for a code.
            waiting = await session.scalar(select(PendingSignIn).where(awaited).with_for_update())
            if user is None or user.disabled or waiting is None:
                raise ForbiddenError(EXPIRED_MESSAGE, ErrorCode.SECOND_FACTOR_EXPIRED)
            kind = await checking.accept(session, vault, user.id, code, now)
            if kind is None:
                await audit_trail.record(session, now, ANONYMOUS, AuditAction.SECOND_FACTOR_REFUSED, user.name)
            else:
                for source in (waiting.source, counted):
                    await attempts.forget(session, user.name, source, now)
                await session.delete(waiting)
                opened = await _open_session(session, user, device, now, now)
            if kind is CodeKind.RECOVERY:
                await audit_trail.record(session, now, user.name, AuditAction.SECOND_FACTOR_RECOVERY, user.name)
        if opened is None:  # raised after the transaction, so that the refusal is recorded
            raise ForbiddenError(WRONG_MESSAGE, ErrorCode.SECOND_FACTOR_WRONG)
        return opened

    async def change_password(self, identity: Identity, old: str, new: str, source: str = "", device: str = "") -> None:
        """Change the caller's own password; guesses of the present password are limited as at sign-in.

        Raises the errors of `open`, and UsageError.
        """
        counted = await self.attempts.count(
            identity.name, PASSWORD_CHANGE_SOURCE, ""
        )  # independent of the source or device of the session
        try:
            await self._accounts.change_own_password(identity, old, new)
        except ForbiddenError as e:
            async with self._database.session() as session:
                await audit_trail.record(
                    session,
                    self._clock.now(),
                    identity.name,
                    AuditAction.USER_PASSWORD_REFUSED,
                    identity.name,
                    why=str(e),
                    source=source,
                    by_session=identity.session,
                )
            raise
        async with self._database.session() as session:
            await attempts.forget(session, identity.name, counted, self._clock.now())

    async def _refuse(self, name: str) -> None:
        async with self._database.session() as session:
            await audit_trail.record(
                session, self._clock.now(), ANONYMOUS, AuditAction.SESSION_REFUSED, "sign-in", name=name[:60]
            )


async def _await_code(session: AsyncSession, user: User, source: str, now: datetime) -> str:
    """Add a sign-in that waits for its code, delete those whose time is over, and return its token."""
    await session.execute(delete(PendingSignIn).where(PendingSignIn.created_at <= now - CODE_AWAITED_FOR))
    token = secrets.token_urlsafe(32)
    session.add(PendingSignIn(token_hash=fingerprint(token), user_id=user.id, source=source[:80], created_at=now))
    return token


async def _open_session(
    session: AsyncSession, user: User, device: str, now: datetime, code_at: datetime | None
) -> OpenedSession:
    """Add a session of the account, whose row the caller has locked."""
    device, token = await attempts.known_device(session, user.name, device, now), secrets.token_urlsafe(32)
    named = fingerprint(token)
    if user.role == Role.PATROL_OFFICER:
        await _replace_sessions(session, user, fingerprint(device), now)
    session.add(
        SignIn(
            token_hash=named, user_id=user.id, created_at=now, seen_at=now, purpose="",
            device=fingerprint(device), code_at=code_at, replaced_at=None,
        )
    )  # fmt: skip
    await audit_trail.record(session, now, user.name, AuditAction.SESSION_OPEN, user.name, by_session=named[:16])
    return OpenedSession(token, device)


async def _replace_sessions(session: AsyncSession, user: User, device: str, now: datetime) -> None:
    """End the other sessions of a patrol officer, who has one phone; recorded where they were on another device."""
    mine = SignIn.user_id == user.id, SignIn.replaced_at.is_(None)
    await session.execute(delete(SignIn).where(*mine, SignIn.device == device))
    replaced = await changed_rows(session, update(SignIn).where(*mine).values(replaced_at=now))
    if replaced:
        await audit_trail.record(session, now, user.name, AuditAction.SESSION_REPLACED, user.name, sessions=replaced)
