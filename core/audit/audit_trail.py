"""The audit trail: append-only rows; each is sealed together with the row before it by a key outside the database
(HMAC-SHA256).

Database triggers refuse UPDATE, DELETE and an INSERT over an existing row; `core.audit.verification` finds changes that
were made in spite of them. A row is written in the transaction of the action it records. Rows of versions without a key
(`key_id` is empty) are chained by SHA-256 only and stay unchanged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import JSON, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.audit import audit_key
from core.audit.actions import AuditAction
from core.clock import to_microseconds
from core.database import AUDIT_KEY, Base
from core.database_kind import DatabaseKind
from core.error_codes import ErrorCode
from core.errors import StorageError
from core.events import BigId
from core.json_types import JsonInput

GENESIS = "0" * 64
# Address of the client for which this task works; empty: the command line or the station itself.
CLIENT_ADDRESS: ContextVar[str] = ContextVar("client", default="")


class AuditRow(Base):
    """One row of the audit trail."""

    __tablename__ = "audit"
    __table_args__ = ({"comment": "Who did or looked at what, and why; append-only, chained by hash"},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Position in the chain; consecutive")
    at: Mapped[datetime] = mapped_column(index=True, comment="When it was done")
    actor: Mapped[str] = mapped_column(String(60), index=True, comment="Account name, or 'system'")
    action: Mapped[str] = mapped_column(String(60), index=True, comment="package.verb")
    object: Mapped[str] = mapped_column(String(120), comment="What it was done to")
    reason: Mapped[str] = mapped_column(String(400), comment="Case number or purpose given; may be empty")
    data: Mapped[dict[str, JsonValue]] = mapped_column(JSON, comment="Details without secrets")
    previous: Mapped[str] = mapped_column(String(64), comment="Hash of the row before")
    hash: Mapped[str] = mapped_column(String(64), comment="HMAC-SHA256 over all of the above; of old rows SHA-256")
    key_id: Mapped[str] = mapped_column(
        String(16), default="", server_default="", comment="Which key sealed it; empty: a row of before there was one"
    )


class StoredRow(NamedTuple):
    """An AuditRow as read for verification, outside the session; the columns in the order of the table."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    reason: str
    data: dict[str, JsonValue]
    previous: str
    hash: str
    key_id: str


# Executed by the migration that creates the table.
TRIGGER_STATEMENTS: dict[str, tuple[str, ...]] = {
    DatabaseKind.SQLITE: tuple(
        f"CREATE TRIGGER audit_no_{operation.lower()} BEFORE {operation} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for operation in ("UPDATE", "DELETE")
    ),
    DatabaseKind.POSTGRESQL: (
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION "
        "audit_refuse()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ),
}


# Added by the migration that introduces the key: INSERT OR REPLACE deletes rows without firing the DELETE trigger.
INSERT_TRIGGER_STATEMENTS: dict[str, tuple[str, ...]] = {
    DatabaseKind.SQLITE: (
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN NEW.id <= (SELECT max(id) FROM audit) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    DatabaseKind.POSTGRESQL: (
        "CREATE FUNCTION audit_at_the_end() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.id <= (SELECT max(id) FROM audit) THEN RAISE EXCEPTION 'the audit trail is append-only'; END "
        "IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_at_the_end()",
    ),
}
TRIGGERS = {
    DatabaseKind.SQLITE: {"audit_no_update", "audit_no_delete", "audit_no_replace"},
    DatabaseKind.POSTGRESQL: {"audit_append_only", "audit_no_truncate", "audit_no_replace"},
}
MAX_REASON, MAX_OBJECT, MAX_ACTOR = 400, 120, 60


async def record(
    session: AsyncSession,
    at: datetime,
    actor: str,
    action: AuditAction,
    object: str,
    *,
    reason: str = "",
    **data: JsonInput,
) -> AuditRow:
    """Append a row to the trail in the running (writing) transaction; adds the client's address to its data.

    Raises StorageError if the database was opened without the key.
    """
    key = session.info.get(AUDIT_KEY)
    if not key:
        raise StorageError(
            "the audit trail cannot be written: the database is open without the station's audit key",
            ErrorCode.AUDIT_KEY_MISSING,
        )
    if CLIENT_ADDRESS.get():
        data = {**data, "client": CLIENT_ADDRESS.get()}
    if DatabaseKind.of_session(session) is DatabaseKind.POSTGRESQL:
        # Two transactions must not chain to the same row; on SQLite the single writer guarantees that.
        await session.execute(text("SELECT pg_advisory_xact_lock(7281001)"))
    last = (await session.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1))).first()
    # Numbered here: the database's own sequence has gaps after a rolled-back transaction.
    row = AuditRow(
        id=last.id + 1 if last else 1, at=at, actor=actor[:MAX_ACTOR], action=action, object=object[:MAX_OBJECT],
        reason=reason[:MAX_REASON], data=json.loads(json.dumps(data)), previous=last.hash if last else GENESIS,
        key_id=audit_key.key_id(key),
    )  # fmt: skip
    row.hash = keyed_digest(key, row)
    session.add(row)
    await session.flush()
    return row


def keyed_digest(key: bytes, row: AuditRow | StoredRow) -> str:
    """Return the hash of a row under the key, as hexadecimal digits."""
    fields = [row.id, row.previous, to_microseconds(row.at), row.actor, row.action, row.object, row.reason, row.data]
    return hmac.new(key, json.dumps(fields, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def plain_digest(row: AuditRow | StoredRow) -> str:
    """Return the hash of a row that was written before there was a key, as hexadecimal digits."""
    fields = [row.previous, to_microseconds(row.at), row.actor, row.action, row.object, row.reason, row.data]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
