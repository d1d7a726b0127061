"""The tables of accounts, of their open sessions, and of their second factors."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from core.accounts.permissions import Role
from core.database import Base, EnumText


class User(Base):
    """An account of the console."""

    __tablename__ = "user"
    __table_args__ = (
        # R-ROLE-2: no account holds two of system, security and audit. This column is for the time before the first
        # security administrator (core.accounts.separation).
        CheckConstraint("NOT also_security OR role = 'administrator'", name="one_duty"),
        {"comment": "People who may sign in"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    name: Mapped[str] = mapped_column(String(60), unique=True, comment="Log-in name")
    display_name: Mapped[str] = mapped_column(String(80), comment="Shown in watermarks and the audit trail")
    role: Mapped[Role] = mapped_column(EnumText(Role, 30), comment="core.accounts.permissions.Role")
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

    also_security: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="Administrator who also manages the accounts, until the station has a security administrator",
    )

    @property
    def is_administrator(self) -> bool:
        """Whether this is an enabled account that runs the system of the whole town."""
        return self.role == Role.ADMINISTRATOR and self.villages is None and not self.disabled

    @property
    def manages_accounts(self) -> bool:
        """Whether this is an enabled account that manages the accounts."""
        return not self.disabled and (self.role == Role.SECURITY_ADMINISTRATOR or self.also_security)


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
    device: Mapped[str] = mapped_column(
        String(64), default="", server_default="", comment="SHA-256 of the device's token; empty: an older release's"
    )
    code_at: Mapped[datetime | None] = mapped_column(
        comment="When a one-time code was last given in it (UTC); null: never"
    )
    replaced_at: Mapped[datetime | None] = mapped_column(
        comment="When a sign-in on another phone ended it (UTC); null: it was not"
    )


class PendingSignIn(Base):
    """A sign-in whose password was right and whose one-time code is awaited. It is no session."""

    __tablename__ = "sign_in_pending"
    __table_args__ = ({"comment": "Sign-ins that wait for a one-time code, for three minutes"},)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the page's token")
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), index=True, comment="Account whose password was given"
    )
    source: Mapped[str] = mapped_column(String(80), comment="Source under which its password was counted")
    created_at: Mapped[datetime] = mapped_column(index=True, comment="When the password was given (UTC)")


class SecondFactor(Base):
    """The authenticator of an account (RFC 6238)."""

    __tablename__ = "second_factor"
    __table_args__ = ({"comment": "Authenticators of accounts: time-based one-time codes"},)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, comment="Account that it belongs to"
    )
    sealed: Mapped[str] = mapped_column(String(400), comment="Its secret, sealed with the station's key (core.secrets)")
    enrolled_at: Mapped[datetime | None] = mapped_column(
        comment="When its first code was given (UTC); null: not yet, it counts for nothing"
    )
    last_step: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="Time step of the newest code accepted; none up to it is accepted again"
    )


class RecoveryCode(Base):
    """A code that replaces the authenticator once."""

    __tablename__ = "recovery_code"
    __table_args__ = ({"comment": "Recovery codes of accounts that were not used yet"},)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True, comment="HMAC-SHA256 under the station's key")
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), index=True, comment="Account that it belongs to"
    )
