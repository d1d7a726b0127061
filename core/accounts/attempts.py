"""Attempts to sign in or to give a code: counted by account *and* source before anything is checked.

After five attempts from one source the account has to wait at that source, from one minute up to a quarter of an hour;
other sources are not affected. A source is the client's address, or a device that this account has signed in from
before (a random token in its own cookie), so that another client behind the same address cannot lock the account out
either. Codes of the second factor have sources of their own. Unknown names are counted and answered in the same way.
"""

from __future__ import annotations

import math
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

from sqlalchemy import Integer, String, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.accounts.sessions import fingerprint
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import Clock
from core.database import Base, Database, changed_rows
from core.database_kind import DatabaseKind
from core.error_codes import ErrorCode
from core.errors import TooManyError

ATTEMPTS_BEFORE_WAIT = 5
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
ATTEMPT_RETENTION = timedelta(days=1)
DEVICE_RETENTION = timedelta(days=90)
MAX_ROWS = 50_000
MAX_WAITING_SOURCES = 10_000  # (name, source) pairs that wait, in memory


class SignInSource(Base):
    """Sign-in attempts of one name from one source."""

    __tablename__ = "sign_in_source"
    __table_args__ = ({"comment": "Tries to sign in, by account and source"},)

    name: Mapped[str] = mapped_column(
        String(60), primary_key=True, comment="Log-in name as it was given, whether there is one or not"
    )
    source: Mapped[str] = mapped_column(
        String(80), primary_key=True, comment="Client's address (IPv6: /64), or a device that it knows"
    )
    failures: Mapped[int] = mapped_column(
        Integer, comment="Tries since the last success, each counted before it is checked"
    )
    wait_until: Mapped[datetime | None] = mapped_column(comment="No try before this")
    tried_at: Mapped[datetime] = mapped_column(index=True, comment="When the latest attempt was made (UTC)")
    known: Mapped[bool] = mapped_column(comment="A device that this account has signed in from")


class Attempts:
    """Counts attempts, and knows the devices of accounts; one instance per process."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        # Until when a name waits at a source (wall time): an attempt during the wait causes no database write.
        self._waiting: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    async def is_known_device(self, name: str, device: str) -> bool:
        """Whether the account has signed in from this device before."""
        async with self._database.reading() as session:
            return await _is_known_device(session, name, device)

    async def known_devices(self) -> set[str]:
        """Return the devices that any account has signed in from, as named by `device_source`."""
        async with self._database.reading() as session:
            return set(await session.scalars(select(SignInSource.source).where(SignInSource.known)))

    async def waits(self) -> dict[str, datetime]:
        """Return until when accounts have to wait at some source, by log-in name."""
        now, found = self._clock.now(), dict[str, datetime]()
        async with self._database.reading() as session:
            query = select(SignInSource.name, SignInSource.wait_until).where(SignInSource.wait_until > now)
            for name, until in await session.execute(query):
                if until is not None:
                    found[name] = max(until, found.get(name, until))
        return found

    async def unlock(self, name: str, actor: str, reason: str) -> bool:
        """End the waits of an account at all sources; returns whether there was one. Audited."""
        now = self._clock.now()
        async with self._database.session() as session:
            rows = await session.scalars(select(SignInSource).where(SignInSource.name == name[:60]))
            waiting = [r for r in rows if r.failures]
            for row in waiting:
                row.failures, row.wait_until = 0, None
            if waiting:
                await audit_trail.record(session, now, actor, AuditAction.USER_UNLOCK, name, reason=reason)
        for asked in [a for a in self._waiting if a[0] == name]:
            del self._waiting[asked]
        return bool(waiting)

    async def purge(self) -> int:
        """Delete expired attempts and devices; returns the number of rows."""
        now = self._clock.now()
        old = (SignInSource.known.is_(False) & (SignInSource.tried_at < now - ATTEMPT_RETENTION)) | (
            SignInSource.tried_at < now - DEVICE_RETENTION
        )
        async with self._database.session() as session:
            expired = await changed_rows(session, delete(SignInSource).where(old))
            await _delete_excess_rows(session)
            return expired

    async def count(self, name: str, source: str, device: str) -> str:
        """Count an attempt and return the source that it was counted under.

        Raises TooManyError if the account has to wait there; such an attempt is not counted.
        """
        if device and await self.is_known_device(name, device):
            source = device_source(device)
        now, asked, wait = self._clock.now(), (name, source), timedelta()
        if now < (until := self._waiting.get(asked, now)):
            raise _wait_error(until - now)
        async with self._database.session() as session:
            row = await _lock_row(session, name, source, now)
            if row.wait_until is not None and row.wait_until > now:
                wait = row.wait_until - now
            else:
                row.failures, row.tried_at = row.failures + 1, now
                if row.failures >= ATTEMPTS_BEFORE_WAIT:
                    row.wait_until = now + min(
                        FIRST_WAIT * 2 ** min(row.failures - ATTEMPTS_BEFORE_WAIT, 10), LONGEST_WAIT
                    )
        if wait:
            self._waiting[asked] = now + wait
            while len(self._waiting) > MAX_WAITING_SOURCES:
                self._waiting.popitem(last=False)
            raise _wait_error(wait)
        return source


def _wait_error(left: timedelta) -> TooManyError:
    minutes = math.ceil(left.total_seconds() / 60)
    sentence = f"too many tries for this name from here; try again in {minutes} min"
    return TooManyError(
        sentence, ErrorCode.SIGN_IN_ATTEMPTS, minutes=minutes, retry_after_s=math.ceil(left.total_seconds())
    )


def device_source(token: str) -> str:
    """Return the source under which attempts from a known device are counted."""
    return f"device {fingerprint(token)}"


async def _is_known_device(session: AsyncSession, name: str, device: str) -> bool:
    row = await session.get(SignInSource, (name[:60], device_source(device)))
    return row is not None and row.known


async def _lock_row(session: AsyncSession, name: str, source: str, now: datetime) -> SignInSource:
    """Return the locked row of this name and source; creates it if it is missing and resets it if it has expired."""
    key = SignInSource.name == name[:60], SignInSource.source == source[:80]
    if DatabaseKind.of_session(session) is DatabaseKind.POSTGRESQL:  # a row that does not exist yet cannot be locked
        await session.execute(select(func.pg_advisory_xact_lock(7281002)))
    row = await session.scalar(select(SignInSource).where(*key).with_for_update())
    if row is None:
        row = SignInSource(name=name[:60], source=source[:80], failures=0, wait_until=None, tried_at=now, known=False)
        session.add(row)
    elif not row.known and row.tried_at < now - ATTEMPT_RETENTION:
        row.failures, row.wait_until = 0, None
    return row


async def forget(session: AsyncSession, name: str, source: str, now: datetime) -> None:
    """Begin counting from nothing: an attempt succeeded."""
    row = await session.get(SignInSource, (name[:60], source[:80]))
    if row is not None:
        row.failures, row.wait_until, row.tried_at = 0, None, now


async def take_back(session: AsyncSession, name: str, source: str) -> None:
    """Take back one attempt, which was right but not enough: those before it stay counted."""
    row = await session.get(SignInSource, (name[:60], source[:80]))
    if row is not None:
        row.failures, row.wait_until = max(0, row.failures - 1), None


async def known_device(session: AsyncSession, name: str, device: str, now: datetime) -> str:
    """Return the token of a device of the account: the given one if it is known, else a new one, known from now on."""
    if device and await _is_known_device(session, name, device):
        return device
    device = secrets.token_urlsafe(32)
    row = SignInSource(name=name, source=device_source(device), failures=0, wait_until=None, tried_at=now, known=True)
    session.add(row)
    return device


async def _delete_excess_rows(session: AsyncSession) -> None:
    """Keep at most MAX_ROWS rows: delete the oldest first, known devices last."""
    total = await session.scalar(select(func.count()).select_from(SignInSource)) or 0
    if total <= MAX_ROWS:
        return
    oldest = select(SignInSource.name, SignInSource.source).order_by(SignInSource.known, SignInSource.tried_at)
    for row in (await session.execute(oldest.limit(total - MAX_ROWS))).all():
        await session.execute(
            delete(SignInSource).where(SignInSource.name == row.name, SignInSource.source == row.source)
        )
