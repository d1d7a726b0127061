"""The hash chain, the seal and the key file of the audit trail, without a database."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from core.audit import audit_key, audit_trail, verification
from core.audit.actions import AuditAction
from core.audit.audit_trail import GENESIS, AuditRow
from core.audit.verification import ChainState, Seal, verify_rows
from core.errors import StorageError

KEY, LOST = b"k" * 32, b"l" * 32
AT = datetime(2026, 11, 29, tzinfo=timezone.utc)


def chain(*keys: bytes, after: AuditRow | None = None, **fields: Any) -> list[AuditRow]:
    """Make one row for each key (empty: of before there was a key), chained to each other."""
    rows: list[AuditRow] = []
    last = after
    for key in keys:
        row = AuditRow(
            **{
                "id": last.id + 1 if last else 1, "at": AT, "actor": "zhang", "action": "a.b", "object": "x",
                "reason": "", "data": {}, "previous": last.hash if last else GENESIS,
                "key_id": audit_key.key_id(key) if key else "",
            }
            | fields
        )  # fmt: skip
        row.hash = audit_trail.keyed_digest(key, row) if key else audit_trail.plain_digest(row)
        rows.append(row)
        last = row
    return rows


def problem(rows: list[AuditRow]) -> str:
    found = verify_rows(ChainState(), rows, KEY)
    assert (found.broken_at is None) == (found.problem == "")
    return found.problem


def test_rows_of_our_key_are_counted_and_remembered() -> None:
    rows = chain(KEY, KEY, KEY)
    state = verify_rows(ChainState(), rows[:2], KEY)
    assert state == ChainState(last=2, hash=rows[1].hash, rows=2, keyed=True)
    assert verify_rows(state, rows[2:], KEY) == ChainState(last=3, hash=rows[2].hash, rows=3, keyed=True)
    assert verify_rows(ChainState(), [], KEY) == ChainState()


def test_rows_without_a_key_and_of_a_lost_one_are_counted_by_key() -> None:
    rows = chain(b"", b"", LOST)
    state = verify_rows(ChainState(), rows, KEY)
    lost = audit_key.key_id(LOST)
    assert (state.rows, state.last, state.keyed, state.problem) == (3, 3, False, "")
    assert (state.unkeyed, state.foreign, state.keys) == (2, 1, {"": 2, lost: 1})


@pytest.mark.parametrize("key", [KEY, LOST, b""])
def test_a_deleted_row_is_found_by_the_link_of_the_next_one(key: bytes) -> None:
    """Numbers of rows that were written before there was a key may have gaps: only the link tells."""
    rows = chain(key, key, key)
    found = verify_rows(ChainState(), [rows[0], rows[2]], KEY)
    assert found.broken_at == 3 and "does not follow the row before it" in found.problem
    assert (found.rows, found.last, found.hash) == (1, 1, rows[0].hash)
    assert "row 2 does not follow" in problem(rows[1:])


def test_numbers_of_rows_with_a_key_have_no_gap() -> None:
    first = chain(KEY)
    assert "row 3 follows row 1: rows between them are missing" in problem([*first, *chain(KEY, after=first[0], id=3)])
    assert "row 1 follows row 1" in problem([*first, *chain(KEY, after=first[0], id=1)])
    assert problem(chain(KEY, id=5)) == ""  # nothing is known of the rows before
    old = chain(b"")
    assert problem([*old, *chain(b"", after=old[0], id=7)]) == ""  # PostgreSQL left gaps


@pytest.mark.parametrize("key", [KEY, b""])
def test_a_changed_row_is_found(key: bytes) -> None:
    rows = chain(key, key)
    rows[1].actor = "li"
    found = verify_rows(ChainState(), rows, KEY)
    assert (found.broken_at, found.problem) == (2, "row 2 was changed")


@pytest.mark.parametrize("key", [LOST, b""])
def test_rows_of_another_key_after_ours_are_refused(key: bytes) -> None:
    assert problem(chain(KEY, key)) == "row 2 was not sealed with the station's key"


def test_a_row_of_ours_whose_key_id_was_lost_is_still_ours() -> None:
    rows = chain(KEY, KEY)
    rows[1].key_id = ""
    state = verify_rows(ChainState(), rows, KEY)
    assert (state.problem, state.unkeyed, state.foreign, state.keys) == ("", 0, 0, {})
    assert verify_rows(ChainState(), rows[:1], LOST).foreign == 1


VOUCHED: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"rows": 1}, False),
    ({"rows": 3}, False),
    ({"hash": GENESIS}, False),
    ({"keys": {"": 1}}, False),
    ({"keys": {"": 2}}, True),
]


@pytest.mark.parametrize(("wrong", "believed"), VOUCHED)
def test_the_first_row_of_our_key_vouches_for_those_before(wrong: dict[str, Any], believed: bool) -> None:
    old = chain(b"", b"")
    told = {"rows": 2, "hash": old[1].hash} | wrong
    rows = [*old, *chain(KEY, after=old[1], action=AuditAction.AUDIT_KEY, data=told)]
    assert (problem(rows) == "") == believed
    if not believed:
        assert "row 3 is the first row of the station's key but does not confirm" in problem(rows)


def test_another_action_vouches_for_nothing_and_later_rows_need_not() -> None:
    old = chain(b"")
    told = {"rows": 1, "hash": old[0].hash}
    assert "does not confirm" in problem([*old, *chain(KEY, after=old[0], action="a.b", data=told)])
    first = chain(KEY, after=old[0], action=AuditAction.AUDIT_KEY, data=told)
    assert problem([*old, *first, *chain(KEY, KEY, after=first[0])]) == ""


def test_a_hash_covers_every_field() -> None:
    (row,) = chain(KEY)
    before = audit_trail.keyed_digest(KEY, row), audit_trail.plain_digest(row)
    assert len(set(before)) == 2 and all(len(h) == 64 for h in before)
    changes = {
        "at": AT + timedelta(microseconds=1), "actor": "li", "action": "b.a", "object": "y", "reason": "r",
        "data": {"n": 1}, "previous": "1" * 64,
    }  # fmt: skip
    for name, value in changes.items():
        kept = getattr(row, name)
        setattr(row, name, value)
        assert audit_trail.keyed_digest(KEY, row) != before[0] and audit_trail.plain_digest(row) != before[1], name
        setattr(row, name, kept)
    row.id = 2
    assert audit_trail.keyed_digest(KEY, row) != before[0]
    assert audit_trail.plain_digest(row) == before[1]


SEAL = Seal(3, 4, "f" * 64, "2026-11-29T00:00:00+00:00", "0123456789abcdef", 2)


def test_a_seal_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert verification.read_seal(tmp_path, KEY) is None
    verification.write_seal(tmp_path, KEY, SEAL)
    assert verification.read_seal(tmp_path, KEY) == SEAL
    assert [p.name for p in tmp_path.iterdir()] == [verification.FILE]
    written = json.loads((tmp_path / verification.FILE).read_text())
    assert written == {**SEAL.as_dict(), "mac": SEAL.mac(KEY)} and len(SEAL.as_dict()) == 6
    with pytest.raises(StorageError, match="not written under the station's audit key"):
        verification.read_seal(tmp_path, LOST)


def test_a_seal_without_its_first_row_says_nothing_of_it() -> None:
    earlier = Seal(3, 4, "f" * 64, "2026-11-29T00:00:00+00:00", "0123456789abcdef")
    assert earlier.first is None and "first" not in earlier.as_dict()
    assert len({SEAL.mac(KEY), SEAL.mac(LOST), earlier.mac(KEY)}) == 3


def test_a_seal_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / verification.FILE).mkdir()
    with pytest.raises(StorageError, match="is not sealed"):
        verification.write_seal(tmp_path, KEY, SEAL)
    assert [p.name for p in tmp_path.iterdir()] == [verification.FILE]
    with pytest.raises(StorageError, match="cannot be read"):
        verification.read_seal(tmp_path, KEY)


def test_a_key_id_is_stable_and_short() -> None:
    assert len(audit_key.key_id(KEY)) == 16 and int(audit_key.key_id(KEY), 16)
    assert audit_key.key_id(KEY) != audit_key.key_id(LOST)


def test_a_key_is_read_as_it_was_made(tmp_path: Path) -> None:
    assert audit_key.load(tmp_path) is None
    made = audit_key.create(tmp_path)
    assert len(made) == 32 and audit_key.create(tmp_path) == made == audit_key.load(tmp_path)
    file = tmp_path / audit_key.NAME
    assert [p.name for p in tmp_path.iterdir()] == [audit_key.NAME]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == made.hex() + "\n"


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 31, "00" * 33])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / audit_key.NAME).write_text(text)
    with pytest.raises(StorageError, match="is not a key"):
        audit_key.load(tmp_path)


def test_a_key_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / audit_key.NAME).mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        audit_key.load(tmp_path)
    with pytest.raises(StorageError, match="cannot be written"):
        audit_key.create(tmp_path / "missing")


async def test_a_database_without_a_key_is_not_verified(tmp_path: Path) -> None:
    class Bare:
        audit_key = None

    verifier = verification.Verifier(Bare(), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="audit key is not there"):
        await verifier.verify_new_rows(None)
    await asyncio.sleep(0)
