"""The audit trail: rows that were changed, truncated, emptied or rewritten are detected."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from core.audit import audit_key, audit_trail, opening, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.audit.verification import VerificationResult, Verifier
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, StorageError

Attack = Callable[["Trail"], Any]


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
            dialect = session.get_bind().dialect.name
            for name in audit_trail.TRIGGERS[dialect]:
                await session.execute(text(f"DROP TRIGGER {name}{' ON audit' if dialect == 'postgresql' else ''}"))
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


@pytest.fixture
async def trail(either_database: Database, clock: ManualClock, tmp_path: Path) -> Trail:
    return await Trail(either_database, clock, tmp_path).made()


@pytest.mark.parametrize(
    "operation",
    [
        "UPDATE audit SET actor = 'li' WHERE id = 3",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 3",
        "REPLACE INTO audit SELECT * FROM audit WHERE id = 12",
        "UPDATE OR REPLACE audit SET id = 5 WHERE id = 6",
        "INSERT INTO audit SELECT * FROM audit WHERE id = 3 ON CONFLICT (id) DO UPDATE SET actor = 'li'",
        "INSERT INTO audit SELECT 0, at, actor, action, object, reason, data, previous, hash, key_id FROM audit WHERE "
        "id = 1",
    ],
)
async def test_the_database_refuses_every_change(trail: Trail, operation: str) -> None:
    with pytest.raises(Exception, match=r"append-only|syntax error"):
        async with trail.database.session() as session:
            await session.execute(text(operation))
    found = await trail.verify()
    assert (found.problem, found.rows, found.complete) == ("", 12, True)


async def empty(t: Trail) -> None:
    await t.execute("DELETE FROM audit")


async def refill(t: Trail) -> None:
    await t.execute("DELETE FROM audit")
    t.clock.advance(1)
    await t.write(12)  # written by the station itself, which keeps running


ATTACKS: dict[str, tuple[Attack, str]] = {
    "changed": (lambda t: t.execute("UPDATE audit SET actor = 'li' WHERE id = 3"), "row 3 was changed"),
    "changed data": (lambda t: t.execute("UPDATE audit SET data = '{\"n\": 7}' WHERE id = 5"), "row 5 was changed"),
    "taken out": (lambda t: t.execute("DELETE FROM audit WHERE id = 4"), "row 5 does not follow"),
    "cut off": (lambda t: t.execute("DELETE FROM audit WHERE id > 6"), "ends at row 6, but was sealed up to row 10"),
    "emptied": (empty, "ends at row 0, but was sealed up to row 10"),
    "emptied and gone on": (refill, "row 10 is not the row that was sealed"),
    "beheaded": (lambda t: t.execute("DELETE FROM audit WHERE id < 4"), "row 4 does not follow"),
    "forged with another key": (lambda t: t.rewrite(bytes(32), 3, actor="li"), "row 3 was changed"),
    "forged as rows without a key": (
        lambda t: t.rewrite(b"", 1, actor="li"),
        "was sealed|was not sealed|is not the one",
    ),
    "forged from the middle without a key": (
        lambda t: t.rewrite(b"", 5, actor="li"),
        "row 5 was not sealed with the station's key",
    ),
    "a row at the end": (
        lambda t: t.execute(
            "INSERT INTO audit SELECT 13, at, actor, action, object, reason, data, hash, hash, key_id FROM audit WHERE "
            "id = 12"
        ),
        "row 13 was changed",
    ),
    "a row far away": (
        lambda t: t.execute(
            "INSERT INTO audit SELECT 90, at, actor, action, object, reason, data, hash, hash, key_id FROM audit WHERE "
            "id = 12"
        ),
        "row 90 follows row 12",
    ),
    "a key that nobody knows": (
        lambda t: t.execute("UPDATE audit SET key_id = 'x' WHERE id = 8"),
        "row 8 was not sealed with",
    ),
}


FOREIGN = "UPDATE audit SET key_id = '00deadbeef000000' WHERE id <= "


@pytest.mark.parametrize("rows", [1, 9, 10, 12])
async def test_rows_given_another_key_are_not_believed(trail: Trail, clock: ManualClock, rows: int) -> None:
    """A row's hash does not cover its key id: rows before our first row must be checked in another way."""
    await trail.execute("UPDATE audit SET actor = 'li', object = 'harmless' WHERE id IN (1, 9)", f"{FOREIGN}{rows}")
    assert (await trail.verify()).problem
    clock.advance(60)
    await trail.write(1)
    assert await trail.seal() is None
    assert "key" in (await trail.verify()).problem


async def test_rows_before_a_lost_key_are_counted_by_key(
    either_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """The first row of a key fixes how many rows of which key precede it: no other row can claim a lost key."""
    row = AuditRow(
        id=1, at=clock.now(), actor="zhang", action="a.b", object="x", reason="", data={}, previous=audit_trail.GENESIS
    )  # fmt: skip
    row.hash = audit_trail.plain_digest(row)
    async with either_database.session() as session:
        session.add(row)
    trail = Trail(either_database, clock, tmp_path)
    await opening.write_first_row(either_database, tmp_path)
    await trail.write(2)
    other = Database(either_database.url, b"k" * 32)
    try:
        await asyncio.to_thread((tmp_path / verification.FILE).unlink)
        await opening.write_first_row(other, tmp_path, "root", "the disk is broken")
        trail = Trail(other, clock, tmp_path)
        await trail.write(2)
        found = await trail.verify()
        assert (found.problem, found.unkeyed, found.foreign) == ("", 1, 3)
        gone = audit_key.key_id(either_database.audit_key or b"")
        await trail.execute(f"UPDATE audit SET actor = 'li', key_id = '{gone}' WHERE id = 1")
        assert "does not confirm" in (await trail.verify()).problem
        await trail.execute("UPDATE audit SET actor = 'zhang', key_id = '' WHERE id = 1")
        assert (await trail.verify()).problem == ""
        await trail.execute(f"UPDATE audit SET key_id = '{gone}' WHERE id IN (2, 3, 4, 5)")
        assert (await trail.verify()).problem
    finally:
        await other.close()


@pytest.mark.parametrize("name", ATTACKS)
async def test_every_attack_on_the_database_is_found(trail: Trail, name: str) -> None:
    attack, sentence = ATTACKS[name]
    assert (await trail.verify()).problem == ""
    await attack(trail)
    found = await trail.verify()
    assert found.problem
    assert re.search(sentence, found.problem), found.problem


async def test_a_running_station_does_not_seal_over_what_was_cut_off(trail: Trail, clock: ManualClock) -> None:
    await trail.execute("DELETE FROM audit WHERE id > 6")
    clock.advance(1)
    await trail.write(9)
    assert await trail.seal() is None
    assert "is not the row that was sealed" in (await trail.verify()).problem


async def test_taking_a_trigger_away_is_found(trail: Trail) -> None:
    async with trail.database.session() as session:
        where = " ON audit" if session.get_bind().dialect.name == "postgresql" else ""
        await session.execute(text(f"DROP TRIGGER audit_no_replace{where}"))
    assert "trigger audit_no_replace is missing" in (await trail.verify()).problem


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
