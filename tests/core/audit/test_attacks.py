"""Rows of the audit trail that were changed, truncated, emptied or rewritten are detected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.audit import audit_key, audit_trail, opening, verification
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock
from core.database import Database
from tests.core.audit.trails import Trail

Attack = Callable[["Trail"], Any]


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
