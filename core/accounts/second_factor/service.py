"""Enrols and removes the second factor of the own account, and confirms a session by a code.

Enrolment: `begin` makes a secret that counts for nothing; `complete` takes the first code of the authenticator, hands
out the recovery codes and ends the account's other sessions, which were opened with the password alone. Everything
else needs a code. Wrong codes are counted like wrong passwords and recorded; `Accounts.reset_second_factor` is the way
back for whoever lost authenticator and recovery codes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import attempts
from core.accounts.attempts import Attempts
from core.accounts.second_factor import checking, codes, rows
from core.accounts.second_factor.checking import CodeKind
from core.accounts.sessions import Identity, require_open_session
from core.accounts.tables import PendingSignIn, RecoveryCode, SecondFactor, SignIn, User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError
from core.secrets import Vault

T = TypeVar("T")
VaultSource: TypeAlias = Callable[[], Awaitable[Vault]]
Work: TypeAlias = Callable[[AsyncSession, datetime, Vault], Awaitable[T]]
# The source under which wrong codes in a session are counted, whatever device it is on
CONFIRM_SOURCE = "code in a session"
WRONG_MESSAGE = "the code is wrong or was used already; wait for the next one"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator needs. `uri`: the same as an otpauth:// address."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """The second factor of an account. `enrolled_at` None: it has none."""

    enrolled_at: datetime | None
    recovery_codes: int


class SecondFactors:
    """The second factors of signed-in people; one instance per process. Methods raise SecretError without the key."""

    def __init__(self, database: Database, clock: Clock, counter: Attempts, vault: VaultSource, issuer: str):
        self._database, self._clock, self._counter = database, clock, counter
        self._vault, self._issuer = vault, issuer

    async def state(self, user_id: int) -> SecondFactorState:
        async with self._database.reading() as session:
            factor = await session.get(SecondFactor, user_id)
            left = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
            return SecondFactorState(factor.enrolled_at if factor else None, await session.scalar(left) or 0)

    async def begin(self, identity: Identity) -> Enrolment:
        """Make a new secret for the account, in place of one that was never confirmed. Raises ConflictError."""
        vault, secret = await self._vault(), codes.new_secret()
        async with self._database.session() as session:
            await _lock_account(session, identity)
            await self._refuse_second(session, identity)
            await session.execute(delete(SecondFactor).where(SecondFactor.user_id == identity.user_id))
            sealed = checking.seal_secret(vault, identity.user_id, secret)
            session.add(SecondFactor(user_id=identity.user_id, sealed=sealed, enrolled_at=None, last_step=0))
        return Enrolment(secret, codes.provisioning_uri(secret, identity.name, self._issuer))

    async def complete(self, identity: Identity, code: str) -> list[str]:
        """Confirm the new secret by its first code and return the recovery codes; the account's other sessions end.

        Raises ConflictError if there is nothing to confirm, and the errors of `confirm`.
        """

        async def check(session: AsyncSession, now: datetime, vault: Vault) -> CodeKind | None:
            await self._refuse_second(session, identity)
            factor = await session.get(SecondFactor, identity.user_id)
            if factor is None:
                raise ConflictError("begin the enrolment first", ErrorCode.SECOND_FACTOR_MISSING)
            step = codes.accepted_step(checking.open_secret(vault, factor), codes.normalised(code), now, 0)
            if step is None:
                return None
            factor.enrolled_at, factor.last_step = now, step
            return CodeKind.TIME

        async def enrol(session: AsyncSession, now: datetime, vault: Vault) -> list[str]:
            mine = SignIn.user_id == identity.user_id
            others = mine & ~SignIn.token_hash.startswith(identity.session, autoescape=True)
            await session.execute(delete(SignIn).where(others))
            await session.execute(delete(PendingSignIn).where(PendingSignIn.user_id == identity.user_id))
            await self._record(session, now, identity, AuditAction.SECOND_FACTOR_ENROL)
            return await checking.issue_recovery_codes(session, vault, identity.user_id)

        return await self._with_code(identity, check, enrol)

    async def confirm(self, identity: Identity, code: str) -> None:
        """Note that a code was given in this session, for what needs a fresh one.

        Raises ForbiddenError for a wrong code or an ended session, and TooManyError after several wrong codes.
        """

        async def note(session: AsyncSession, now: datetime, _vault: Vault) -> None:
            await self._record(session, now, identity, AuditAction.SECOND_FACTOR_CONFIRM)

        await self._with_code(identity, self._accepting(identity, code), note)

    async def renew_recovery_codes(self, identity: Identity, code: str) -> list[str]:
        """Replace the recovery codes; raises the errors of `confirm`."""

        async def renew(session: AsyncSession, now: datetime, vault: Vault) -> list[str]:
            await self._record(session, now, identity, AuditAction.SECOND_FACTOR_CODES)
            return await checking.issue_recovery_codes(session, vault, identity.user_id)

        return await self._with_code(identity, self._accepting(identity, code), renew)

    async def remove(self, identity: Identity, code: str) -> None:
        """Remove the own second factor and end the other sessions; raises the errors of `confirm`."""

        async def drop(session: AsyncSession, now: datetime, _vault: Vault) -> None:
            mine = SignIn.user_id == identity.user_id
            others = mine & ~SignIn.token_hash.startswith(identity.session, autoescape=True)
            await session.execute(delete(SignIn).where(others))
            await rows.delete_factor(session, identity.user_id)
            await self._record(session, now, identity, AuditAction.SECOND_FACTOR_REMOVE)

        await self._with_code(identity, self._accepting(identity, code), drop)

    def _accepting(self, identity: Identity, code: str) -> Work[CodeKind | None]:
        async def check(session: AsyncSession, now: datetime, vault: Vault) -> CodeKind | None:
            kind = await checking.accept(session, vault, identity.user_id, code, now)
            if kind is CodeKind.RECOVERY:
                await self._record(session, now, identity, AuditAction.SECOND_FACTOR_RECOVERY)
            return kind

        return check

    async def _with_code(self, identity: Identity, check: Work[CodeKind | None], work: Work[T]) -> T:
        """Count the attempt, check the code, and do the work in the same transaction."""
        counted, vault = await self._counter.count(identity.name, CONFIRM_SOURCE, ""), await self._vault()
        done: list[T] = []
        async with self._database.session() as session:
            sign_in, now = await _lock_account(session, identity), self._clock.now()
            if await check(session, now, vault) is None:
                # Committed: the error is raised after the transaction.
                await self._record(session, now, identity, AuditAction.SECOND_FACTOR_REFUSED)
            else:
                await attempts.forget(session, identity.name, counted, now)
                sign_in.code_at = now
                done.append(await work(session, now, vault))
        if not done:
            raise ForbiddenError(WRONG_MESSAGE, ErrorCode.SECOND_FACTOR_WRONG)
        return done[0]

    async def _refuse_second(self, session: AsyncSession, identity: Identity) -> None:
        if await rows.is_enrolled(session, identity.user_id):
            raise ConflictError("there is a second factor already; remove it first", ErrorCode.SECOND_FACTOR_EXISTS)

    async def _record(self, session: AsyncSession, now: datetime, identity: Identity, action: AuditAction) -> None:
        await audit_trail.record(session, now, identity.name, action, identity.name, by_session=identity.session)


async def _lock_account(session: AsyncSession, identity: Identity) -> SignIn:
    """Lock the account, as a sign-in does, and return the row of this session. Raises ForbiddenError if it ended."""
    await session.scalar(select(User.id).where(User.id == identity.user_id).with_for_update())
    await require_open_session(session, identity)
    its = SignIn.user_id == identity.user_id, SignIn.token_hash.startswith(identity.session, autoescape=True)
    return (await session.scalars(select(SignIn).where(*its).limit(1))).one()
