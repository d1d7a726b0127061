"""The tables of accounts and of their open sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from core.accounts.permissions import Role
from core.database import Base, EnumText


class User(Base):
    """An account of the console."""

    __tablename__ = "user"
    __table_args__ = ({"comment": "People who may sign in"},)

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
