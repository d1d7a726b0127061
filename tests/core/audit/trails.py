"""An audit trail to write, seal, attack and verify."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from core.audit import audit_trail, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.audit.verification import VerificationResult, Verifier
from core.clock import ManualClock
from core.database import Database
from core.database_kind import DatabaseKind


class Trail:
    """Twelve rows, sealed after the tenth."""

    def __init__(self, database: Database, clock: ManualClock, folder: Path):
        self.database, self.clock, self.folder = database, clock, folder
        self.verifier = Verifier(database, folder)

    async def write(self, count: int) -> None:
        async with self.database.session() as session:
            for n in range(count):
                await audit_trail.record(session, self.clock.now(), "zhang", AuditAction.CASE_OPEN, f"thing {n}", n=n)

    async def seal(self) -> verification.Seal | None:
        return await verification.seal_now(self.database, self.folder, self.clock.now())

    async def made(self) -> Trail:
        await self.write(10)
        await self.seal()
        await self.write(2)
        return self

    async def verify(self) -> VerificationResult:
        return await Verifier(self.database, self.folder).verify_all_rows()

    async def execute(self, *statements: str, **values: Any) -> None:
        """Run statements as an attacker with database access who restores the triggers afterwards."""
        async with self.database.session() as session:
            dialect = DatabaseKind(session.get_bind().dialect.name)
            for name in audit_trail.TRIGGERS[dialect]:
                await session.execute(
                    text(f"DROP TRIGGER {name}{' ON audit' if dialect is DatabaseKind.POSTGRESQL else ''}")
                )
            for statement in statements:
                await session.execute(text(statement), values)
            for statement in (
                *audit_trail.TRIGGER_STATEMENTS[dialect],
                *audit_trail.INSERT_TRIGGER_STATEMENTS[dialect],
            ):
                if "FUNCTION audit_" not in statement or "TRIGGER audit" in statement:
                    await session.execute(text(statement))

    async def rewrite(self, key: bytes, first: int = 1, **changes: Any) -> None:
        """Rewrite every row from `first` on with `changes`, chained under `key`; empty key: as before there was one."""
        async with self.database.reading() as session:
            rows = (await session.scalars(select(AuditRow).order_by(AuditRow.id))).all()
        previous, statements = audit_trail.GENESIS, []
        for row in rows:
            if row.id >= first:
                row.previous = previous
                for name, value in changes.items():
                    setattr(row, name, value)
                row.key_id = row.key_id if key else ""
                row.hash = audit_trail.keyed_digest(key, row) if key else audit_trail.plain_digest(row)
                statements.append(
                    f"UPDATE audit SET actor = '{row.actor}', previous = '{row.previous}', hash = '{row.hash}', key_id "
                    f"= '{row.key_id}' "
                    f"WHERE id = {row.id}"
                )
            previous = row.hash
        await self.execute(*statements)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def put(path: Path, content: str) -> None:
    await asyncio.to_thread(path.write_text, content)
