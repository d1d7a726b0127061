"""Opening the audit trail: the key that seals it, made on the first start together with a row that says so and a seal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import func, select

from core.audit import audit_key, audit_trail, verification
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.errors import ConflictError, StorageError


async def key_of(database_url: str, data_dir: Path) -> bytes:
    """The station's key, made where the trail has no row under any. Raises StorageError where it is missing."""
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
            f"{data_dir / audit_key.NAME} is missing, with which the audit trail is sealed; restore it from the backup, or begin "
            "a new key, under which the rows there are cannot be verified any more: minwang audit new-key --reason …"
        )
    return await asyncio.to_thread(audit_key.make, data_dir)


async def begin(database: Database, data_dir: Path, actor: str = "system", reason: str = "") -> None:
    """The first row under this key, and the first seal, where they are missing."""
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
                verification.KEY_BEGUN,
                "audit trail",
                reason=reason,
                rows=rows,
                hash=digest,
                key=key,
                keys=await verification.keys(session),
            )
    if not keyed:  # a seal that was taken away is not made anew by itself
        await verification.seal_now(database, data_dir, SystemClock().now(), anew=True)


async def new_key(database_url: str, data_dir: Path, actor: str, reason: str) -> None:
    """Begin a new key in place of one that is lost. Raises ConflictError where it is there."""
    if await asyncio.to_thread(audit_key.load, data_dir) is not None:
        raise ConflictError(f"{data_dir / audit_key.NAME} is there; nothing to do")
    key = await asyncio.to_thread(audit_key.make, data_dir)
    await asyncio.to_thread((data_dir / verification.FILE).unlink, missing_ok=True)
    database = Database(database_url, key)
    try:
        await begin(database, data_dir, actor, reason)
    finally:
        await database.close()
