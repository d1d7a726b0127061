"""Verification of the audit trail: the hash chain, the row numbers, and the seal outside the database.

The seal is a file in the data folder, written every minute in which the trail has grown: the number of rows and the
last row's hash, under the station's audit key. A trail that was truncated, emptied or rewritten does not match it. Two
attacks are not detected: by somebody who has the key (root), and a database that was restored together with its old
seal. Against these, the printed and signed registers also show the number of rows and the last hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_key, audit_trail
from core.audit.actions import AuditAction
from core.audit.audit_trail import GENESIS, AuditRow, StoredRow
from core.clock import Clock
from core.database import Database
from core.database_kind import DatabaseKind
from core.error_codes import ErrorCode
from core.errors import StorageError
from core.files import write_atomic
from core.tasks import spawn

log = logging.getLogger(__name__)

FILE = "audit.seal"
BATCH_ROWS = 500
WAIT_S = 2.0  # how long an answer waits for a running verification
_COLUMNS = tuple(getattr(AuditRow, name) for name in StoredRow._fields)


@dataclass(frozen=True, slots=True)
class Seal:
    """State of the trail at one time: `rows` rows with numbers up to `last`, whose hash is `hash`."""

    rows: int
    last: int
    hash: str
    at: str
    key_id: str
    first: int | None = None  # number of the first row under this key; None: unknown, in seals of earlier versions

    def as_dict(self) -> dict[str, str | int]:
        """Return the content of the file without the MAC; the MAC is computed over it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def mac(self, key: bytes) -> str:
        return hmac.new(key, json.dumps(self.as_dict(), sort_keys=True).encode(), hashlib.sha256).hexdigest()


def read_seal(data_dir: Path, key: bytes) -> Seal | None:
    """Return the seal; None if there is none. Raises StorageError if it is unreadable or of another key. Blocking."""
    path = data_dir / FILE
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        mac = str(found.pop("mac"))
        seal = Seal(**found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
        raise StorageError(
            f"{path}: cannot be read; restore it from the backup, or see 'minwang audit seal --help'"
        ) from e
    if not hmac.compare_digest(mac, seal.mac(key)):
        raise StorageError(
            f"{path}: was not written under the station's audit key; the trail cannot be compared with it"
        )
    return seal


def write_seal(data_dir: Path, key: bytes, seal: Seal) -> None:
    """Replace the seal file. Blocking. Raises StorageError."""
    path = data_dir / FILE
    try:
        write_atomic(path, f"{json.dumps(seal.as_dict() | {'mac': seal.mac(key)})}\n".encode())
    except OSError as e:
        raise StorageError(f"{path}: cannot be written ({e.strerror}); the audit trail is not sealed") from e


async def seal_now(database: Database, data_dir: Path, at: datetime, *, replace_seal: bool = False) -> Seal | None:
    """Seal the trail as it is now and return the seal; None if the trail has not grown.

    A trail that does not match the existing seal is not sealed again (returns None) unless `replace_seal`. Raises
    StorageError.
    """
    key = database.audit_key
    assert key is not None
    async with database.reading() as session:
        former = None if replace_seal else await asyncio.to_thread(read_seal, data_dir, key)
        seal = await _seal_of(session, key, at, former)
        if seal is None or (former is not None and (seal.last <= former.last or await _seal_problem(session, former))):
            return None
    await asyncio.to_thread(write_seal, data_dir, key, seal)
    return seal


async def head(session: AsyncSession) -> tuple[int, str]:
    """Return the number of rows and the last row's hash, as registers print them."""
    rows = await session.scalar(select(func.count()).select_from(AuditRow)) or 0
    return rows, await session.scalar(select(AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)) or GENESIS


async def keys(session: AsyncSession) -> dict[str, int]:
    """Return the number of rows per key id; the empty id counts rows that were written before there was a key."""
    found = await session.execute(select(AuditRow.key_id, func.count()).group_by(AuditRow.key_id))
    return {row[0]: row[1] for row in found}


async def _seal_of(session: AsyncSession, key: bytes, at: datetime, former: Seal | None) -> Seal | None:
    last = (await session.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1))).first()
    if last is None:
        return None
    rows = await session.scalar(select(func.count()).where(AuditRow.id <= last.id)) or 0
    ours, first = audit_key.key_id(key), former.first if former else None
    if first is None:
        first = await session.scalar(select(AuditRow.id).where(AuditRow.key_id == ours).order_by(AuditRow.id).limit(1))
    return Seal(rows, last.id, last.hash, at.isoformat(), ours, first)


async def _seal_problem(session: AsyncSession, seal: Seal) -> str:
    """Return how the trail contradicts the seal, as a sentence; empty if it matches."""
    found = await session.scalar(select(AuditRow.hash).where(AuditRow.id == seal.last))
    if found is None:
        newest = await session.scalar(select(func.max(AuditRow.id))) or 0
        return f"the trail ends at row {newest}, but was sealed up to row {seal.last} on {seal.at}: rows were cut off"
    if found != seal.hash:
        return f"row {seal.last} is not the row that was sealed on {seal.at}: the trail was rewritten"
    # Rows before the first row of our key are not checked with it: moving that boundary would hide changes.
    if seal.first is not None:
        key_id = await session.scalar(select(AuditRow.key_id).where(AuditRow.id == seal.first))
        if key_id not in ("", seal.key_id):
            return f"the key id of row {seal.first} was changed since {seal.at}: rows up to it were changed"
    rows = await session.scalar(select(func.count()).where(AuditRow.id <= seal.last)) or 0
    return "" if rows == seal.rows else f"only {rows} of the {seal.rows} rows that were sealed on {seal.at} exist"


@dataclass(frozen=True, slots=True)
class ChainState:
    """How far the chain is verified.

    `unkeyed` rows were written before there was a key, `foreign` rows are sealed with a lost key.
    """

    last: int = 0
    hash: str = GENESIS
    rows: int = 0
    keyed: bool = False  # a row of our key was found
    unkeyed: int = 0
    foreign: int = 0
    # number of rows per key id (empty: none) before our first row
    keys: Mapping[str, int] = field(default_factory=dict)
    doubted: int = 0  # rows from a break up to the row with which a person sealed the trail again
    broken_at: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """`problem`: a sentence, empty if everything matches. `complete`: every existing row was checked."""

    problem: str
    broken_at: int | None
    rows: int
    last: int
    complete: bool
    unkeyed: int
    foreign: int
    doubted: int
    sealed_at: str | None


def verify_rows(state: ChainState, rows: Sequence[AuditRow | StoredRow], key: bytes) -> ChainState:
    """Check the next rows and return the new state; stops at the first row that does not match. Blocking."""
    ours = audit_key.key_id(key)
    for row in rows:
        # A row of ours that an older program copied has lost its key id, but not its hash.
        fits = row.key_id in ("", ours) and hmac.compare_digest(row.hash, audit_trail.keyed_digest(key, row))
        if wrong := _row_problem(state, row, ours, fits):
            return replace(state, broken_at=row.id, problem=f"row {row.id} {wrong}")
        state = replace(
            state,
            last=row.id,
            hash=row.hash,
            rows=state.rows + 1,
            keyed=state.keyed or fits,
            unkeyed=state.unkeyed + (not row.key_id and not fits),
            foreign=state.foreign + (row.key_id not in ("", ours)),
            keys=state.keys if fits else {**state.keys, row.key_id: state.keys.get(row.key_id, 0) + 1},
        )
    return state


def _row_problem(state: ChainState, row: AuditRow | StoredRow, ours: str, fits: bool) -> str:
    """Return what is wrong with the next row, as the end of a sentence. `fits`: its hash is right under our key."""
    if row.previous != state.hash:
        return "does not follow the row before it: rows between them were changed or removed"
    if row.key_id and state.last and row.id != state.last + 1:
        return f"follows row {state.last}: rows between them are missing"
    if row.key_id == ours or fits:
        return _key_start_problem(state, row) if fits else "was changed"
    if state.keyed:
        return "was not sealed with the station's key"
    return "was changed" if not row.key_id and row.hash != audit_trail.plain_digest(row) else ""


def _key_start_problem(state: ChainState, row: AuditRow | StoredRow) -> str:
    """Return what is wrong if `row`, the first row of our key, does not confirm the rows before it.

    Rows before it are trusted only as far as it records them: how many of which key id (the key id is not covered by a
    row's hash), and the hash of the last one.
    """
    if state.keyed or not state.rows:
        return ""
    told = row.data if row.action == AuditAction.AUDIT_KEY else {}
    known = (told.get("rows"), told.get("hash"), told.get("keys", {"": state.rows})) == (
        state.rows,
        state.hash,
        dict(state.keys),
    )
    return (
        ""
        if known
        else "is the first row of the station's key but does not confirm the rows before it: their key id was changed"
    )


class Verifier:
    """Verifies the trail incrementally from where the last run ended; one instance per process."""

    def __init__(self, database: Database, data_dir: Path):
        self._database = database
        self._data_dir = data_dir
        self._state = ChainState()
        self._work: asyncio.Task[VerificationResult] | None = None

    async def verify_new_rows(self, wait_s: float | None = WAIT_S) -> VerificationResult:
        """Return what is known now. `wait_s`: longest wait for a running verification, which then continues; None:
        until it ends.

        Raises StorageError if there is no key.
        """
        if self._work is None or self._work.done():
            self._work = spawn(self._verify_batches(), "audit verification")
        await asyncio.wait({self._work}, timeout=wait_s)
        return self._work.result() if self._work.done() else await self._result(complete=False)

    async def verify_all_rows(self) -> VerificationResult:
        """Verify every row again: verified rows may have been changed since."""
        if self._work is not None and not self._work.done():
            await asyncio.wait({self._work})
        self._state = ChainState()
        return await self.verify_new_rows(None)

    async def _verify_batches(self) -> VerificationResult:
        key = self._key()
        while self._state.broken_at is None:
            async with self._database.reading() as session:
                query = select(*_COLUMNS).where(AuditRow.id > self._state.last).order_by(AuditRow.id).limit(BATCH_ROWS)
                rows = [StoredRow(*row) for row in await session.execute(query)]
            self._state = await asyncio.to_thread(verify_rows, self._state, rows, key)
            if self._state.broken_at is not None:
                self._state = await self._skip_resealed_break(self._state, key)
            elif len(rows) < BATCH_ROWS:
                break
            await asyncio.sleep(0)
        return await self._result(complete=True)

    async def _skip_resealed_break(self, state: ChainState, key: bytes) -> ChainState:
        """Return the state after the row where a person sealed the trail again because of this break; else `state`."""
        query = (
            select(*_COLUMNS)
            .where(AuditRow.action == AuditAction.AUDIT_SEAL, AuditRow.id > state.broken_at)
            .order_by(AuditRow.id)
        )
        async with self._database.reading() as session:
            rows = [StoredRow(*row) for row in await session.execute(query)]
        for row in rows:
            known = row.data.get("broken_at") == state.broken_at and row.data.get("problem") == state.problem
            if known and hmac.compare_digest(row.hash, audit_trail.keyed_digest(key, row)):
                doubted = state.doubted + row.id - (state.broken_at or 0)
                return replace(
                    state, last=row.id - 1, hash=row.previous, keyed=True, doubted=doubted, broken_at=None, problem=""
                )  # fmt: skip
        return state

    async def _result(self, *, complete: bool) -> VerificationResult:
        state, sealed_at, problem = self._state, None, self._state.problem
        try:
            seal = await asyncio.to_thread(read_seal, self._data_dir, self._key())
        except StorageError as e:
            seal, problem = None, problem or str(e)
        else:
            if seal is None:
                problem = problem or f"{self._data_dir / FILE} is missing: a truncation cannot be detected"
        async with self._database.reading() as session:
            if seal is not None:
                sealed_at, problem = seal.at, problem or await _seal_problem(session, seal)
            if complete and self._state.rows and not self._state.keyed:
                problem = problem or "no row is sealed with the station's key: the key ids were changed"
            problem = problem or await _trigger_problem(session)
            if complete and not problem and (still := await self._last_row_problem(session)):
                problem = still
        return VerificationResult(
            problem, state.broken_at, state.rows, state.last, complete and state.broken_at is None, state.unkeyed,
            state.foreign, state.doubted, sealed_at,
        )  # fmt: skip

    async def _last_row_problem(self, session: AsyncSession) -> str:
        """Return a problem if the last verified row was changed or removed: a cheap check between full runs."""
        if not self._state.last:
            return ""
        found = await session.scalar(select(AuditRow.hash).where(AuditRow.id == self._state.last))
        return (
            "" if found == self._state.hash else f"row {self._state.last} was changed or removed after it was verified"
        )

    def _key(self) -> bytes:
        if self._database.audit_key is None:
            raise StorageError(
                "the audit trail cannot be verified: the station's audit key is not there", ErrorCode.AUDIT_KEY_MISSING
            )
        return self._database.audit_key


async def _trigger_problem(session: AsyncSession) -> str:
    """Return which database trigger is missing, as a sentence; empty if none is."""
    kind = DatabaseKind.of_session(session)
    query = {
        DatabaseKind.SQLITE: "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'",
        DatabaseKind.POSTGRESQL: (
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND NOT tgisinternal AND tgenabled <> 'D'"
        ),
    }[kind]
    missing = sorted(audit_trail.TRIGGERS[kind] - set(await session.scalars(text(query))))
    return (
        f"the database no longer rejects changes of the audit trail: trigger {missing[0]} is missing" if missing else ""
    )


class AuditSealer:
    """Timed work of the station: seals the trail, and logs its head once an hour so that a log server keeps a copy."""

    def __init__(self, database: Database, data_dir: Path, clock: Clock, verifier: Verifier):
        self._database, self._data_dir, self._clock, self._verifier = database, data_dir, clock, verifier
        self._said = ""

    async def seal(self) -> None:
        """Seal the trail; called every minute."""
        now = self._clock.now()
        await seal_now(self._database, self._data_dir, now)
        hour = now.strftime("%Y-%m-%dT%H")
        if hour != self._said:
            async with self._database.reading() as session:
                rows, digest = await head(session)
            log.info("audit trail: %d rows, last hash %s", rows, digest)
            self._said = hour

    async def verify(self) -> None:
        """Verify all rows; called once a day."""
        found = await self._verifier.verify_all_rows()
        if found.problem:
            log.error(
                "the audit trail is not valid: %s; inform the auditor, and compare it with the backups", found.problem
            )
