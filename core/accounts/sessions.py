"""Sessions of accounts: resolves a session token to an identity, and ends sessions.

A session is a random 256-bit token in a cookie; the database stores only its SHA-256. A session ends after a time
without input, and in any case after twelve hours. A patrol officer's session belongs to the device that it was opened
on, and ends when the officer signs in on another. `core.accounts.sign_in` opens sessions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.permissions import ROLES_REQUIRING_VILLAGES, Permission, Role, allows
from core.accounts.tables import PendingSignIn, SecondFactor, SignIn, User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database, changed_rows
from core.error_codes import ErrorCode
from core.errors import ForbiddenError

MAX_SESSION_AGE = timedelta(hours=12)
ENDED_SESSION_RETENTION = timedelta(hours=24)  # a page can still say why the user has to sign in again
SESSION_ID_LENGTH = 16  # hexadecimal digits of the token's hash that name a session
SEEN_AT_RESOLUTION = timedelta(seconds=30)  # resolution of `seen_at`: saves a write per request
SESSION_CHANGED_MESSAGE = "the account or its session has changed; sign in again"


class SessionEnd(StrEnum):
    """Why a session is no longer valid."""

    IDLE = "idle"
    TOO_OLD = "too_old"
    REPLACED = "replaced"  # the patrol officer signed in on another phone
    REVOKED = "revoked"  # signed out, account disabled or changed, or the session never existed


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that makes a request, resolved from a session.

    `villages` is None for the whole town. `code_at`: when a one-time code was last given in the session. `session`
    distinguishes the sessions of one person; it is not a credential. `also_security`: see `permissions.allows`.
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
    has_second_factor: bool = False
    code_at: datetime | None = None
    also_security: bool = False

    def may(self, permission: Permission) -> bool:
        town = self.villages is None
        return allows(self.role, permission, whole_town=town, also_security=self.also_security)

    def sees_village(self, code: str | None) -> bool:
        return self.villages is None or (code is not None and code in self.villages)


class AccountSessions:
    """Resolves session tokens to identities; one instance per process.

    A session ends `idle` after the last request of a person, and `longest` after the sign-in.
    """

    def __init__(self, database: Database, clock: Clock, idle: timedelta, longest: timedelta):
        self._database = database
        self._clock = clock
        self._idle = idle
        self._longest = longest

    async def resolve(self, token: str, *, active: bool = False, device: str | None = None) -> Identity | None:
        """Return the identity of a token, or None if the session is unknown, idle too long or too old, or the account
        is disabled.

        `active`: a person caused this request; only such requests reset the idle time. `device`: the token of the
        device that sent it, empty if it sent none; None: no browser asks.
        """
        async with self._database.reading() as session:
            enrolled = and_(SecondFactor.user_id == User.id, SecondFactor.enrolled_at.is_not(None))
            query = select(SignIn, User, SecondFactor.enrolled_at).join(User, User.id == SignIn.user_id)
            found = (
                await session.execute(
                    query.outerjoin(SecondFactor, enrolled).where(SignIn.token_hash == fingerprint(token))
                )
            ).first()
        if found is None:
            return None
        sign_in, user, enrolled_at = found
        now = self._clock.now()
        if user.disabled or self._ended(sign_in, Role(user.role), now) is not None:
            return None
        # Enrolment ends the sessions without a code; this holds even if one were left.
        if (enrolled_at is not None and sign_in.code_at is None) or _foreign_device(sign_in, user, device):
            return None
        if active and now - sign_in.seen_at > min(SEEN_AT_RESOLUTION, self._idle / 10):
            async with self._database.session() as session:
                row = await session.get(SignIn, sign_in.token_hash)
                if row:
                    row.seen_at = now
        return Identity(
            user.id, user.name, user.display_name, Role(user.role), _villages(user), sign_in.purpose, user.vendor,
            sign_in.token_hash[:16], user.must_change, enrolled_at is not None, sign_in.code_at,
            user.also_security,
        )  # fmt: skip

    def _ended(self, sign_in: SignIn, role: Role, now: datetime) -> SessionEnd | None:
        if sign_in.replaced_at is not None:
            return SessionEnd.REPLACED
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

    async def open_sessions(self, user: User) -> list[OpenSession]:
        """Return the sessions of an account that `resolve` accepts, the newest first."""
        now, role = self._clock.now(), Role(user.role)
        async with self._database.reading() as session:
            query = select(SignIn).where(SignIn.user_id == user.id).order_by(SignIn.created_at.desc())
            rows = list(await session.scalars(query))
        return [
            OpenSession(s.token_hash[:SESSION_ID_LENGTH], s.created_at, s.seen_at, s.purpose)
            for s in rows
            if self._ended(s, role, now) is None
        ]

    async def end_sessions(
        self,
        user: User,
        actor: str,
        reason: str,
        *,
        session_id: str | None = None,
        requested_by: Identity | None = None,
    ) -> int:
        """End one session of an account, or all of them; returns how many ended. Audited.

        `requested_by`: the session of the person who makes the request, which must still be open (ForbiddenError).
        """
        mine = SignIn.user_id == user.id
        if session_id is not None:
            mine &= SignIn.token_hash.startswith(session_id, autoescape=True)
        async with self._database.session() as session:
            await require_open_session(session, requested_by)
            ended = await changed_rows(session, delete(SignIn).where(mine, SignIn.replaced_at.is_(None)))
            if session_id is None:
                await end_sessions_of(session, user.id)
            if ended:
                await audit_trail.record(
                    session, self._clock.now(), actor, AuditAction.SESSION_END, user.name, reason=reason, sessions=ended
                )
        return ended

    async def purge(self) -> int:
        """Delete sessions that ended more than a day ago; returns how many."""
        now = self._clock.now()
        gone = SignIn.created_at < now - self._longest - ENDED_SESSION_RETENTION
        async with self._database.session() as session:
            return await changed_rows(session, delete(SignIn).where(gone))

    async def set_purpose(self, token: str, purpose: str, actor: str) -> None:
        """Set the purpose of a session. Raises ForbiddenError if the session has ended."""
        async with self._database.session() as session:
            row = await session.get(SignIn, fingerprint(token))
            if row is None:
                raise ForbiddenError(SESSION_CHANGED_MESSAGE, ErrorCode.SESSION_CHANGED)
            row.purpose = purpose
            await audit_trail.record(
                session, self._clock.now(), actor, AuditAction.SESSION_PURPOSE, actor, reason=purpose
            )

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
            await audit_trail.record(session, self._clock.now(), actor, AuditAction.SESSION_CLOSE, actor)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One open session of an account. `id` names it in lists; it is not a credential."""

    id: str
    created_at: datetime
    seen_at: datetime
    purpose: str


async def end_sessions_of(session: AsyncSession, user_id: int) -> None:
    """End all sessions of an account, and the sign-ins that wait for a code."""
    await session.execute(delete(SignIn).where(SignIn.user_id == user_id))
    await session.execute(delete(PendingSignIn).where(PendingSignIn.user_id == user_id))


async def require_open_session(session: AsyncSession, identity: Identity | None) -> None:
    """Raise ForbiddenError if the session of this request has ended. None: a command, without a session."""
    if identity is None:
        return
    mine = SignIn.token_hash.startswith(identity.session, autoescape=True)
    its = SignIn.user_id == identity.user_id, mine, SignIn.replaced_at.is_(None)
    if not identity.session or not await session.scalar(select(SignIn.user_id).where(*its).limit(1)):
        raise ForbiddenError(SESSION_CHANGED_MESSAGE, ErrorCode.SESSION_CHANGED)


def _foreign_device(sign_in: SignIn, user: User, device: str | None) -> bool:
    """Whether a patrol officer's session is used on another device than the one it was opened on."""
    if user.role != Role.PATROL_OFFICER or not sign_in.device or device is None:
        return False
    return fingerprint(device) != sign_in.device


def _villages(user: User) -> tuple[str, ...] | None:
    """Return the account's scope; empty if it must name villages but names none (made by an older release)."""
    if user.villages is None:
        return () if user.role in ROLES_REQUIRING_VILLAGES else None
    return tuple(user.villages)


def fingerprint(token: str) -> str:
    """Return the SHA-256 of a token, which is what the database stores."""
    return hashlib.sha256(token.encode()).hexdigest()
