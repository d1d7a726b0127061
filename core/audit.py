"""The audit trail: append-only rows, each sealed over the one before it by SHA-256.

Triggers in the database refuse UPDATE and DELETE; `verify` finds the first row that somebody
changed all the same. A row is written in the transaction of the deed itself.
"""

from __future__ import annotations

import hashlib
import json
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import to_microseconds
from core.database import Base
from core.events import BigId

GENESIS = "0" * 64
# Address of the client on whose behalf this task works; empty: the command line or the station itself.
CLIENT: ContextVar[str] = ContextVar("client", default="")


class AuditRow(Base):
    __tablename__ = "audit"
    __table_args__ = ({"comment": "Who did or looked at what, and why; append-only, chained by hash"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(comment="When it was done")
    actor: Mapped[str] = mapped_column(String(60), index=True, comment="Account name, or 'system'")
    action: Mapped[str] = mapped_column(String(60), index=True, comment="room.verb")
    object: Mapped[str] = mapped_column(String(120), comment="What it was done to")
    reason: Mapped[str] = mapped_column(String(400), comment="Case number or purpose given; may be empty")
    data: Mapped[dict[str, Any]] = mapped_column(JSON, comment="Details without secrets")
    previous: Mapped[str] = mapped_column(String(64), comment="Hash of the row before")
    hash: Mapped[str] = mapped_column(String(64), comment="SHA-256 over all of the above")


# Run by the migration that makes the table.
GUARDS: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{operation.lower()} BEFORE {operation} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for operation in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ),
}


async def record(
    session: AsyncSession,
    at: datetime,
    actor: str,
    action: str,
    object: str,
    *,
    reason: str = "",
    **data: Any,
) -> AuditRow:
    """Append a row to the trail inside the running (writing) transaction; its data tell the client's address."""
    if CLIENT.get():
        data = {**data, "client": CLIENT.get()}
    if session.get_bind().dialect.name == "postgresql":
        # Two transactions must not chain to the same row; SQLite's single writer gives that for free.
        await session.execute(text("SELECT pg_advisory_xact_lock(7281001)"))
    previous = await session.scalar(select(AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)) or GENESIS
    row = AuditRow(at=at, actor=actor, action=action, object=object, reason=reason, data=data, previous=previous)
    row.hash = _digest(row)
    session.add(row)
    await session.flush()
    return row


async def verify(session: AsyncSession) -> int | None:
    """Id of the first row that does not fit the chain, or None where all fit."""
    previous = GENESIS
    rows = await session.stream_scalars(select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=500))
    try:
        async for row in rows:
            if row.previous != previous or row.hash != _digest(row):
                return row.id
            previous = row.hash
    finally:
        await rows.close()  # PostgreSQL keeps the cursor open until then
    return None


def _digest(row: AuditRow) -> str:
    fields = [row.previous, to_microseconds(row.at), row.actor, row.action, row.object, row.reason, row.data]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
