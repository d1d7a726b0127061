"""Which of the two database systems an address or a session belongs to."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession


class DatabaseKind(StrEnum):
    """Values are the names of SQLAlchemy's dialects; manifests of backups store them."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"

    @classmethod
    def of_url(cls, url: str) -> DatabaseKind:
        """Return the kind of an SQLAlchemy address. Raises ValueError for any other database."""
        return cls(make_url(url).get_backend_name())

    @classmethod
    def of_session(cls, session: AsyncSession) -> DatabaseKind:
        return cls(session.get_bind().dialect.name)
