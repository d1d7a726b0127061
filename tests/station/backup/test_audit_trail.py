"""The audit trail stays valid when its database is restored from a backup or copied to the other kind of database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core import migrate
from core.audit import audit_key, audit_trail, opening, verification
from core.audit.actions import AuditAction
from core.audit.verification import VerificationResult, Verifier
from core.clock import SystemClock
from core.database import Database
from core.settings import DataSettings, Settings
from station import database_copy
from station.backup import restore
from station.backup.create import BackupRequest, backup
from tests import postgres
from tests.station.backup.conftest import PASSPHRASE


async def write(database: Database, count: int) -> None:
    async with database.session() as session:
        for number in range(count):
            await audit_trail.record(
                session,
                SystemClock().now(),
                "zhang",
                AuditAction.CASE_OPEN,
                "x",
                f=0.1 + number,
                text="文'\\",
                none=None,
            )


async def trail_in(data: Path, migrated_file: bytes) -> Database:
    def make() -> bytes:
        data.mkdir()
        (data / "minwang.db").write_bytes(migrated_file)
        return audit_key.create(data)

    database = Database(f"sqlite+aiosqlite:///{data / 'minwang.db'}", await asyncio.to_thread(make))
    await opening.write_first_row(database, data)
    await write(database, 4)
    await verification.seal_now(database, data, SystemClock().now())
    return database


async def verdict(url: str, data: Path) -> VerificationResult:
    database = Database(url, await asyncio.to_thread(audit_key.load, data))
    try:
        return await Verifier(database, data).verify_all_rows()
    finally:
        await database.close()


async def test_a_restored_trail_holds_although_rows_were_written_meanwhile(
    tmp_path: Path, migrated_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, new = tmp_path / "data", tmp_path / "new"
    database = await trail_in(data, migrated_file)
    made = await asyncio.to_thread(backup, Settings(data=DataSettings(dir=data)), BackupRequest(tmp_path, PASSPHRASE))
    await write(database, 3)
    await verification.seal_now(database, data, SystemClock().now())
    await database.close()
    await asyncio.to_thread(restore.restore, made.path, new, PASSPHRASE)
    url = f"sqlite+aiosqlite:///{new / 'minwang.db'}"
    found = await verdict(url, new)
    assert (found.problem, found.rows) == ("", 5)
    assert await asyncio.to_thread(lambda: (new / audit_key.NAME).stat().st_mode & 0o777) == 0o600
    # An attacker who wants rows to vanish would combine the old database with the station's newer seal.
    await asyncio.to_thread(lambda: (new / verification.FILE).write_bytes((data / verification.FILE).read_bytes()))
    assert "rows were cut off" in (await verdict(url, new)).problem


async def test_a_copied_trail_holds(tmp_path: Path, migrated_file: bytes, postgresql: str) -> None:
    data = tmp_path / "data"
    database = await trail_in(data, migrated_file)
    await database.close()
    with postgres.empty_database(postgresql) as target:
        await asyncio.to_thread(database_copy.copy, database.url, target)
        await asyncio.to_thread(database_copy.finish, target)
        found = await verdict(target, data)
        assert (found.problem, found.rows) == ("", 5)
        new = Database(target, database.audit_key)
        assert await migrate.version(new) == migrate.newest()
        await write(new, 2)
        await new.close()
        assert (await verdict(target, data)).rows == 7
