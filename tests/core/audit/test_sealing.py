"""The seal of the audit trail, its key, and what a verification reads."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from core.audit import audit_key, audit_trail, opening, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, StorageError
from tests.core.audit.trails import Trail, mode, put


async def test_the_seal_itself_is_forged_or_gone(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    trail = await Trail(database, clock, tmp_path).made()
    seal = tmp_path / verification.FILE
    assert await asyncio.to_thread(mode, seal) == 0o600
    good = await asyncio.to_thread(seal.read_text)
    await put(seal, json.dumps(json.loads(good) | {"rows": 3, "last": 3}))
    assert "not written under the station's audit key" in (await trail.verify()).problem
    for broken in ("", "[]", "{}", "null", '{"mac": 1}', json.dumps(json.loads(good) | {"more": 1})):
        await put(seal, broken)
        assert "cannot be read" in (await trail.verify()).problem, broken
    await asyncio.to_thread(seal.unlink)
    assert "is missing" in (await trail.verify()).problem
    await put(seal, good)
    assert (await trail.verify()).problem == ""


async def test_verification_goes_on_where_it_was(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    trail = await Trail(database, clock, tmp_path).made()
    looked_at: list[int] = []
    original = verification.verify_rows

    def counted(state: verification.ChainState, rows: Any, key: bytes) -> verification.ChainState:
        looked_at.append(len(rows))
        return original(state, rows, key)

    verification.verify_rows = counted  # type: ignore[assignment]
    try:
        assert (await trail.verifier.verify_new_rows()).rows == 12
        await trail.write(3)
        assert (await trail.verifier.verify_new_rows()).rows == 15
        assert looked_at == [12, 3]
        await trail.execute("UPDATE audit SET actor = 'li' WHERE id = 15")
        await trail.execute("DELETE FROM audit WHERE id = 15")
        assert "row 15 was changed or removed after" in (await trail.verifier.verify_new_rows()).problem
        await trail.execute("UPDATE audit SET actor = 'li' WHERE id = 2")
        assert (await trail.verifier.verify_all_rows()).broken_at == 2
    finally:
        verification.verify_rows = original  # type: ignore[assignment]


async def test_a_long_trail_is_verified_behind_the_answer(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BATCH_ROWS", 4)
    trail = await Trail(database, clock, tmp_path).made()
    first = await trail.verifier.verify_new_rows(wait_s=0)
    assert not first.complete and first.rows < 12
    last = await trail.verifier.verify_new_rows(wait_s=None)
    assert last.complete and last.rows == 12


async def test_rows_of_before_the_key_stay_as_they_were(
    either_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    previous = audit_trail.GENESIS
    async with either_database.session() as session:
        for number in (1, 2, 5, 6):  # PostgreSQL left gaps
            row = AuditRow(
                id=number,
                at=clock.now(),
                actor="zhang",
                action="a.b",
                object="x",
                reason="",
                data={"n": 1},
                previous=previous,
            )
            row.hash = previous = audit_trail.plain_digest(row)
            session.add(row)
            await session.flush()
    await opening.write_first_row(either_database, tmp_path)
    trail = Trail(either_database, clock, tmp_path)
    await trail.write(2)
    async with either_database.reading() as session:
        change = await session.get_one(AuditRow, 7)
    assert (change.action, change.data["rows"], change.data["hash"]) == ("audit.key", 4, previous)
    found = await trail.verify()
    assert (found.problem, found.rows, found.unkeyed) == ("", 7, 4)
    await trail.rewrite(b"", 1, actor="li")
    assert (await trail.verify()).problem
    await trail.execute("UPDATE audit SET actor = 'li' WHERE id = 2")


async def test_a_key_is_made_once_and_never_by_surprise(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(audit_key.create, tmp_path) for _ in range(8)))
    assert len(set(made)) == 1 and len(made[0]) == 32
    assert await asyncio.to_thread(mode, tmp_path / audit_key.NAME) == 0o600
    assert await opening.load_or_create_key(database.url, tmp_path) == made[0]
    await Trail(database, clock, tmp_path).write(1)
    await asyncio.to_thread((tmp_path / audit_key.NAME).unlink)
    with pytest.raises(StorageError, match="Restore it from the backup"):
        await opening.load_or_create_key(database.url, tmp_path)
    for wrong in ("", "00", "zz" * 32):
        await put(tmp_path / audit_key.NAME, wrong)
        with pytest.raises(StorageError, match="is not a key"):
            await opening.load_or_create_key(database.url, tmp_path)


async def test_a_lost_key_is_followed_by_another_and_said(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    await Trail(database, clock, tmp_path).made()
    await opening.new_key(database.url, tmp_path, "command line: root", "the disk is broken")
    with pytest.raises(ConflictError):
        await opening.new_key(database.url, tmp_path, "command line: root", "again")
    other = Database(database.url, await opening.load_or_create_key(database.url, tmp_path))
    try:
        trail = Trail(other, clock, tmp_path)
        await trail.write(1)
        found = await trail.verify()
        assert (found.problem, found.rows, found.foreign) == ("", 14, 12)
    finally:
        await other.close()


async def test_a_database_without_its_key_writes_no_rows(database: Database, clock: ManualClock) -> None:
    bare = Database(database.url)
    with pytest.raises(StorageError, match="audit key"):
        async with bare.session() as session:
            await audit_trail.record(session, clock.now(), "a", AuditAction.CASE_OPEN, "d")
    await bare.close()


async def test_a_seal_counts_what_it_seals(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    trail = Trail(database, clock, tmp_path)
    async with database.reading() as session:
        assert await verification.head(session) == (0, audit_trail.GENESIS)
        assert await verification.keys(session) == {}
    assert await trail.seal() is None
    await trail.write(3)
    seal = await trail.seal()
    assert seal is not None and (seal.rows, seal.last, seal.first) == (3, 3, 1)
    assert await trail.seal() is None  # it has not grown
    assert await verification.seal_now(database, tmp_path, clock.now(), replace_seal=True) == seal
    async with database.reading() as session:
        assert await verification.head(session) == (3, seal.hash)
        assert await verification.keys(session) == {seal.key_id: 3}
    await trail.write(2)
    later = await trail.seal()
    assert later is not None and (later.rows, later.last, later.first) == (5, 5, 1)
    assert (await trail.verify()).sealed_at == later.at


async def test_a_break_that_a_person_sealed_again_is_passed_over(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    trail = await Trail(database, clock, tmp_path).made()
    await trail.execute("UPDATE audit SET actor = 'li' WHERE id = 5")
    broken = await trail.verify()
    assert (broken.broken_at, broken.complete, broken.rows) == (5, False, 4)
    for told in ({"broken_at": 5}, {"broken_at": 6, "problem": broken.problem}, {"problem": broken.problem}):
        async with database.session() as session:
            await audit_trail.record(session, clock.now(), "root", AuditAction.AUDIT_SEAL, "audit trail", **told)
        assert (await trail.verify()).broken_at == 5
    async with database.session() as session:
        row = await audit_trail.record(
            session, clock.now(), "root", AuditAction.AUDIT_SEAL, "audit trail", broken_at=5, problem=broken.problem
        )
    await verification.seal_now(database, tmp_path, clock.now(), replace_seal=True)
    found = await trail.verify()
    assert (found.problem, found.broken_at, found.complete) == ("", None, True)
    assert (found.doubted, found.last, found.rows) == (row.id - 5, row.id, 5)
    await trail.execute("UPDATE audit SET actor = 'li' WHERE id = 2")
    assert (await trail.verify()).broken_at == 2


async def test_the_head_is_logged_once_an_hour(
    database: Database, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "core.audit.verification")
    trail = Trail(database, clock, tmp_path)
    await trail.write(2)
    sealing = verification.AuditSealer(database, tmp_path, clock, trail.verifier)
    await sealing.seal()
    await sealing.seal()
    assert caplog.text.count("audit trail: 2 rows") == 1
    clock.advance(3600)
    await sealing.seal()
    assert caplog.text.count("audit trail: 2 rows") == 2
    await sealing.verify()
    assert "is not valid" not in caplog.text
    await trail.execute("DELETE FROM audit WHERE id = 2")
    await sealing.verify()
    assert "the audit trail is not valid: the trail ends at row 1" in caplog.text
