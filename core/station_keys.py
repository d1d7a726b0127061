"""The station's signing keys: Ed25519 (RFC 8032), the private part sealed in the vault.

One key signs; earlier ones are kept, because packages and reports that they signed must stay verifiable. The name of a
key is its fingerprint: the SHA-256 of its 32 public bytes, in hexadecimal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.database import Base
from core.error_codes import ErrorCode
from core.errors import ConflictError, SecretError
from core.secrets import Vault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEALED_FOR = "station key"


class StationKeyRow(Base):
    __tablename__ = "station_key"
    __table_args__ = ({"comment": "Keys with which the station signs evidence packages; the newest signs"},)

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the public key")
    public: Mapped[bytes] = mapped_column(LargeBinary, comment="Ed25519 public key, 32 bytes")
    sealed: Mapped[str] = mapped_column(String(200), comment="Its private part, sealed by the vault (core.secrets)")
    made_at: Mapped[datetime] = mapped_column(comment="When it was made (UTC)")
    made_by: Mapped[str] = mapped_column(String(60), comment="Account, or user of the machine")
    retired_at: Mapped[datetime | None] = mapped_column(comment="When another one took its place (UTC); null: it signs")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs now."""

    fingerprint: str
    public: bytes
    _private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._private.sign(message)


async def make(session: AsyncSession, vault: Vault, now: datetime, actor: str, *, reason: str = "") -> str:
    """Make the first key, or one that takes the place of the present one; return its fingerprint."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    before = await _present(session)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    name = fingerprint_of(public)
    if before is not None:
        before.retired_at = now
        await session.flush()
    sealed = vault.seal(private.private_bytes_raw().hex(), f"{_SEALED_FOR} {name}")
    session.add(StationKeyRow(fingerprint=name, public=public, sealed=sealed, made_at=now, made_by=actor))
    await session.flush()
    action = AuditAction.STATION_KEY_MAKE if before is None else AuditAction.STATION_KEY_ROTATE
    replaced = {} if before is None else {"replaced": before.fingerprint}
    await audit_trail.record(session, now, actor, action, name, reason=reason, **replaced)
    return name


async def signing_key(session: AsyncSession, vault: Vault) -> SigningKey:
    """Return the key that signs now.

    Raises ConflictError if none was made yet, SecretError if the vault cannot open it or it is not its public part's.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    row = await _present(session)
    if row is None:
        raise ConflictError(
            "the station has no signing key yet; an administrator runs: minwang keys make", ErrorCode.NO_STATION_KEY
        )
    secret = bytes.fromhex(vault.open(row.sealed, f"{_SEALED_FOR} {row.fingerprint}"))
    private = Ed25519PrivateKey.from_private_bytes(secret)
    if private.public_key().public_bytes_raw() != row.public or fingerprint_of(row.public) != row.fingerprint:
        raise SecretError(f"the station key {row.fingerprint[:16]} does not fit its public part; restore the database")
    return SigningKey(row.fingerprint, row.public, private)


async def all_keys(session: AsyncSession) -> list[StationKeyRow]:
    """Return every key, the newest first."""
    return list(await session.scalars(select(StationKeyRow).order_by(StationKeyRow.made_at.desc())))


def fingerprint_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()


def grouped(fingerprint: str) -> str:
    """Return a fingerprint in groups of four digits, as papers print it."""
    return " ".join(fingerprint[i : i + 4] for i in range(0, len(fingerprint), 4))


async def _present(session: AsyncSession) -> StationKeyRow | None:
    query = select(StationKeyRow).where(StationKeyRow.retired_at.is_(None)).order_by(StationKeyRow.made_at.desc())
    return await session.scalar(query.limit(1))
