"""Opening the audit trail: on the first start, creates its key, a row that records the key, and the first seal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import func, select

from core.audit import audit_key, audit_trail, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import ConflictError, StorageError


async def load_or_create_key(database_url: str, data_dir: Path) -> bytes:
    """Return the station's key; creates it if no row of the trail has a key.

    Raises StorageError if the key is missing although rows were sealed with one.
    """
    key = await asyncio.to_thread(audit_key.load, data_dir)
    if key is not None:
        return key
    database = Database(database_url)
    try:
        async with database.reading() as session:
            keyed = await session.scalar(select(func.count()).where(AuditRow.key_id != ""))
    finally:
        await database.close()
    if keyed:
        raise StorageError(
            f"{data_dir / audit_key.NAME} is missing; it seals the audit trail. Restore it from the backup, or "
            "create a new key, with which existing rows cannot be verified: minwang audit new-key --reason …",
            ErrorCode.AUDIT_KEY_MISSING,
        )
    return await asyncio.to_thread(audit_key.create, data_dir)


async def write_first_row(database: Database, data_dir: Path, actor: str = "system", reason: str = "") -> None:
    """Write the first row and the first seal under this key if they are missing."""
    assert database.audit_key is not None
    if await asyncio.to_thread((data_dir / verification.FILE).exists):
        return
    async with database.session() as session:
        keyed = await session.scalar(
            select(func.count()).where(AuditRow.key_id == audit_key.key_id(database.audit_key))
        )
        if not keyed:
            rows, digest = await verification.head(session)
            now = SystemClock().now()
            key = audit_key.key_id(database.audit_key)
            await audit_trail.record(
                session,
                now,
                actor,
                AuditAction.AUDIT_KEY,
                "audit trail",
                reason=reason,
                rows=rows,
                hash=digest,
                key=key,
                keys=await verification.keys(session),
            )
    if not keyed:  # a seal that somebody removed is not renewed automatically
        await verification.seal_now(database, data_dir, SystemClock().now(), replace_seal=True)


async def new_key(database_url: str, data_dir: Path, actor: str, reason: str) -> None:
    """Create a new key in place of a lost one. Raises ConflictError if the key still exists."""
    if await asyncio.to_thread(audit_key.load, data_dir) is not None:
        raise ConflictError(f"{data_dir / audit_key.NAME} exists; nothing to do")
    key = await asyncio.to_thread(audit_key.create, data_dir)
    await asyncio.to_thread((data_dir / verification.FILE).unlink, missing_ok=True)
    database = Database(database_url, key)
    try:
        await write_first_row(database, data_dir, actor, reason)
    finally:
        await database.close()
