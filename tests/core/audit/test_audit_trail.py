"""The rows of the audit trail: one chain, their columns, and its beginning."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import audit_key, audit_trail, opening, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError
from tests.core.audit.trails import Trail


async def test_concurrent_rows_form_one_chain(either_database: Database, clock: ManualClock, tmp_path: Path) -> None:
    trail = Trail(either_database, clock, tmp_path)

    async def and_roll_back() -> None:
        with pytest.raises(RuntimeError):
            async with either_database.session() as session:
                await audit_trail.record(session, clock.now(), "zhang", AuditAction.CASE_OPEN, "undone")
                raise RuntimeError

    await asyncio.gather(*(trail.write(1) for _ in range(8)), and_roll_back(), *(trail.write(1) for _ in range(8)))
    await trail.seal()
    found = await trail.verify()
    assert (found.problem, found.rows, found.last) == ("", 16, 16)  # and no gap after the rollback


async def test_odd_data_come_back_as_they_were_sealed(
    either_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    trail = Trail(either_database, clock, tmp_path)
    odd: dict[str, Any] = {"t": (1, 2), "f": 0.1 + 0.2, "big": 2**80, "文": '字\n\\"', "n": None, "d": {3: "x", 1: "y"}}
    async with either_database.session() as session:
        await audit_trail.record(
            session, clock.now(), "名" * 80, AuditAction.CASE_OPEN, "o" * 300, reason="r" * 900, **odd
        )
    await trail.seal()
    assert (await trail.verify()).problem == ""
    assert to_microseconds(clock.now())


async def test_a_row_holds_at_most_its_columns_and_the_client_s_address(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        token = audit_trail.CLIENT_ADDRESS.set("10.0.0.7")
        try:
            first = await audit_trail.record(
                session, clock.now(), "a" * 61, AuditAction.CASE_OPEN, "o" * 121, reason="r" * 401, n=(1,)
            )
        finally:
            audit_trail.CLIENT_ADDRESS.reset(token)
        second = await audit_trail.record(session, clock.now(), "a", AuditAction.CASE_OPEN, "d")
        assert (len(first.actor), len(first.object), len(first.reason)) == (60, 120, 400)
        assert first.data == {"n": [1], "client": "10.0.0.7"} and second.data == {}
        assert (first.id, first.previous) == (1, audit_trail.GENESIS)
        assert (second.id, second.previous, second.reason) == (2, first.hash, "")
        assert first.key_id == second.key_id == audit_key.key_id(database.audit_key or b"")


async def test_a_trail_is_begun_once(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    await opening.write_first_row(database, tmp_path, "zhang", "first start")
    await opening.write_first_row(database, tmp_path)
    seal = tmp_path / verification.FILE
    assert await asyncio.to_thread(seal.exists)
    await asyncio.to_thread(seal.unlink)
    await opening.write_first_row(database, tmp_path)  # a seal that somebody removed is not renewed
    assert not await asyncio.to_thread(seal.exists)
    async with database.reading() as session:
        (row,) = (await session.scalars(select(AuditRow))).all()
    assert (row.actor, row.action, row.reason) == ("zhang", "audit.key", "first start")
    assert row.data["rows"] == 0 and row.data["keys"] == {} and row.data["hash"] == audit_trail.GENESIS
    with pytest.raises(ConflictError, match="nothing to do"):
        await asyncio.to_thread(audit_key.create, tmp_path)
        await opening.new_key(database.url, tmp_path, "root", "again")
