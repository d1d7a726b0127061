"""Days of sightings: opened on demand, written together with the reader's position, deleted as a whole.

SQLite: `<folder>/YYYYMMDD/rows.db`, one file per day. PostgreSQL: the schema `sightings`, its table partitioned by day.
Thumbnails and vectors are in the day's folder in both cases. All functions block; call them from a thread.

A day's rows and the position of the stream they come from are written in one transaction. A process killed at any
moment therefore neither skips nor duplicates sightings: the next reader of the log continues at that position.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from core.database import BUSY_TIMEOUT_SECONDS, sqlite_begin, sqlite_pragmas
from search.store import ids
from search.store.rows import METADATA, NAMES, PENDING, PROGRESS, SIGHTING, Sighting
from search.store.vectors import Floats, open_shard

MAX_OPEN_DAYS = 40
DELETED_SUFFIX = ".gone"
ALWAYS_CHECKED_DAYS = 3  # newest days that are always read for pending entries
RECHECK_PENDING_S = 600.0
_UPDATE = (
    sa.update(SIGHTING)
    .where(SIGHTING.c.id == sa.bindparam("_id"))
    .values({n: sa.bindparam(n) for n in NAMES if n not in ("id", "camera")})
)


@dataclass(slots=True)
class PreparedStatement:
    """SQL text with its values; `positions`: their order, if the driver uses positional parameters."""

    store: SightingStore
    sql: str
    values: dict[str, object]
    positions: list[str]

    def run(self, day: str, **bound: object) -> list[int]:
        """Return the ids of a day; `bound` replaces values of the statement. Empty if the day was deleted."""
        values = self.values | bound
        return self.store.execute(day, self.sql, tuple(values[n] for n in self.positions) if self.positions else values)


class _Compiler(SQLiteCompiler):
    """Renders INDEXED BY for a query that names its index.

    The planner has no statistics of the day files and chooses badly.
    """

    def get_from_hint_text(self, table: object, text: str | None) -> str | None:
        return text


@dataclass(slots=True)
class Batch:
    """The result of one batch of a stream. Position 0: this day does not hold the stream's position.

    `replace`: (camera, from, until) in ms; these sightings of the day are deleted first.
    """

    stream: str
    position_us: int
    new: list[Sighting] = field(default_factory=list)
    changed: list[Sighting] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)  # ids for the watch list
    replace: tuple[int, int, int] | None = None


class SightingStore:
    """Stores sightings by day. Thread-safe."""

    def __init__(self, folder: Path, url: str = ""):
        """`url`: the PostgreSQL database; any other value selects SQLite files in `folder`."""
        self.folder = folder
        self._open: OrderedDict[str, sa.Engine] = OrderedDict()
        self._lock = threading.Lock()
        self._server = sa.create_engine(url, pool_pre_ping=True) if url.startswith("postgresql") else None
        self._partitions: set[str] = set()
        self._without_pending: set[str] = set()
        self._checked_all_at = 0.0  # monotonic s
        # Compiled once: SQLAlchemy would otherwise take half of the time of a row.
        dialect = _DAY_DIALECT if self._server is None else postgresql_dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        text = str(sa.insert(SIGHTING).compile(dialect=dialect))
        self._insert = text if self._server is not None else text.replace("sightings.", "")

    def day_dir(self, day: str) -> Path:
        """Return the folder of a day's files."""
        return self.folder / day

    def days(self, start_ms: int | None = None, end_ms: int | None = None) -> list[str]:
        """Return the stored days that overlap [start, end), newest first."""
        first = ids.day_of(max(0, start_ms)) if start_ms is not None else ""
        last = ids.day_of(max(0, end_ms - 1)) if end_ms is not None else "9"
        return sorted((d for d in self._stored_days() if first <= d <= last), reverse=True)

    def _stored_days(self) -> set[str]:
        if self._server is None:
            return {p.parent.name for p in self.folder.glob("[0-9]*/rows.db") if p.parent.name.isdigit()}
        with self._server.connect() as connection:
            try:
                rows = connection.execute(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'sightings'"))
            except ProgrammingError:
                return set()
            return {str(r[0]).removeprefix("sighting_") for r in rows if str(r[0]).startswith("sighting_2")}

    def write(self, day: str, batches: Sequence[Batch]) -> None:
        """Write all batches of a day, including positions, in one transaction."""
        with self._engine(day, create=True).begin() as connection:
            for batch in batches:
                if batch.replace is not None:
                    _delete_range(connection, *batch.replace)
            if new := [s.as_tuple() for b in batches for s in b.new]:
                connection.exec_driver_sql(self._insert, new)
            if changed := [{**s.as_row(), "_id": s.id} for b in batches for s in b.changed]:
                connection.execute(_UPDATE, changed)
            if pending := [{"day": day, "sighting": n} for b in batches for n in b.pending]:
                connection.execute(sa.insert(PENDING), pending)
            for batch in batches:
                if batch.position_us:
                    _set_position(connection, day, batch)
        self._without_pending.discard(day)

    def positions(self) -> dict[str, int]:
        """Return how far each stream is indexed, the maximum over all days, µs UTC."""
        found: dict[str, int] = {}
        for day in self.days():
            with self._engine(day).connect() as connection:
                rows = connection.execute(
                    sa.select(PROGRESS.c.stream, PROGRESS.c.position_us).where(PROGRESS.c.day == day)
                )
                for stream, position in rows:
                    found[stream] = max(position, found.get(stream, 0))
        return found

    def forget(self, stream: str) -> None:
        """Delete the position of a stream."""
        for day in self.days():
            with self._engine(day).begin() as connection:
                connection.execute(sa.delete(PROGRESS).where(PROGRESS.c.stream == stream))

    def prepare(self, statement: sa.Select[tuple[int]]) -> PreparedStatement:
        """Compile a statement that selects ids, for use with many days."""
        dialect = self._server.dialect if self._server is not None else _DAY_DIALECT
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        # A day's file has no schemas. Values are bound, so the text contains only names.
        text = str(compiled) if self._server is not None else str(compiled).replace("sightings.", "")
        return PreparedStatement(self, text, dict(compiled.params), list(compiled.positiontup or ()))

    def run(self, day: str, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Return the rows of a day. Empty if the day was deleted meanwhile."""
        if not self._exists(day):
            return []
        with self._engine(day).connect() as connection:
            return connection.execute(statement).all()

    def execute(self, day: str, sql: str, values: tuple[object, ...] | dict[str, object]) -> list[int]:
        """Execute SQL text from `prepare` and return the first column; otherwise as `run`."""
        if not self._exists(day):
            return []
        with self._engine(day).connect() as connection:
            return [row[0] for row in connection.exec_driver_sql(sql, values)]

    def sightings(self, day: str, statement: sa.Select[Any]) -> list[Sighting]:
        """Return whole rows of the table as sightings; otherwise as `run`."""
        return [Sighting.of_row(row) for row in self.run(day, statement)]

    def get(self, number: int) -> Sighting | None:
        """Return a sighting by id; None if it is not stored."""
        day = ids.day_of(ids.milliseconds(number)) if 0 < number < 2**63 else ""
        found = self.sightings(day, sa.select(SIGHTING).where(SIGHTING.c.id == number)) if day else []
        return found[0] if found else None

    def many(self, numbers: Iterable[int]) -> dict[int, Sighting]:
        """Return sightings by id; leave out those no longer stored."""
        by_day: dict[str, list[int]] = {}
        for n in numbers:
            by_day.setdefault(ids.day_of(ids.milliseconds(n)), []).append(n)
        return {
            s.id: s
            for day, wanted in by_day.items()
            for at in range(0, len(wanted), 5000)
            for s in self.sightings(day, sa.select(SIGHTING).where(SIGHTING.c.id.in_(wanted[at : at + 5000])))
        }

    def vectors(self, sightings: Sequence[Sighting]) -> dict[int, Floats]:
        """Return the unit vector of each sighting that has one."""
        by_shard: dict[tuple[str, int], list[Sighting]] = {}
        for s in sightings:
            if s.vector >= 0:
                by_shard.setdefault((ids.day_of(s.start_ms), s.embedder), []).append(s)
        found: dict[int, Floats] = {}
        for (day, pack), rows in by_shard.items():
            shard = open_shard(self.day_dir(day), pack)
            there = [] if shard is None else [s for s in rows if s.vector < len(shard.ids)]
            if shard is not None and there:
                found |= dict(zip((s.id for s in there), shard.vectors([s.vector for s in there]), strict=True))
        return found

    def pending(self, limit: int) -> list[tuple[str, int, int]]:
        """Return up to `limit` (day, n, sighting) not yet checked by the watch list, oldest day first."""
        if self._server is not None:
            return self._pending_on_server(self._server, limit)
        found: list[tuple[str, int, int]] = []
        for day in self._days_to_check():
            query = sa.select(PENDING.c.n, PENDING.c.sighting).where(PENDING.c.day == day).order_by(PENDING.c.n)
            self._without_pending.add(day)  # before the query: `write` removes it again after its commit
            rows = self.run(day, query.limit(limit - len(found)))
            if rows:
                self._without_pending.discard(day)
            found += [(day, row.n, row.sighting) for row in rows]
            if len(found) >= limit:
                break
        return found

    def _pending_on_server(self, server: sa.Engine, limit: int) -> list[tuple[str, int, int]]:
        query = sa.select(PENDING.c.day, PENDING.c.n, PENDING.c.sighting).order_by(PENDING.c.day, PENDING.c.n)
        with server.connect() as connection:
            try:
                return [(row.day, row.n, row.sighting) for row in connection.execute(query.limit(limit))]
            except ProgrammingError:  # nothing was ever written
                return []

    def _days_to_check(self) -> list[str]:
        """Return the days that may have pending entries, oldest first.

        Reading every day's file at each call would be slow. The newest days are read always; an older one that had no
        entries is read again when this process has written to it, or RECHECK_PENDING_S later.
        """
        now = time.monotonic()
        if now - self._checked_all_at >= RECHECK_PENDING_S:
            self._checked_all_at = now
            self._without_pending.clear()
        days = self.days()
        return sorted({d for d in days if d not in self._without_pending} | set(days[:ALWAYS_CHECKED_DAYS]))

    def acknowledge(self, done: Sequence[tuple[str, int, int]]) -> None:
        """Delete entries returned by `pending`."""
        for day in {d for d, _, _ in done}:
            if not self._exists(day):  # deleted meanwhile
                continue
            numbers = [n for d, n, _ in done if d == day]
            with self._engine(day).begin() as connection:
                connection.execute(sa.delete(PENDING).where(PENDING.c.n.in_(numbers)))

    def drop(self, day: str) -> None:
        """Delete a day with its rows, thumbnails and vectors.

        Renames its folder first, so that no reader sees half a day.
        """
        with self._lock:
            engine = self._open.pop(day, None)
        if engine is not None:
            engine.dispose()
        if self._server is not None:
            with self._server.begin() as connection:
                connection.execute(sa.text(f"DROP TABLE IF EXISTS sightings.sighting_{int(day):08d}"))
                connection.execute(sa.delete(PROGRESS).where(PROGRESS.c.day == day))
                connection.execute(sa.delete(PENDING).where(PENDING.c.day == day))
            self._partitions.discard(day)
        with suppress(FileNotFoundError):
            self.day_dir(day).rename(self.day_dir(day).with_suffix(DELETED_SUFFIX))
        self.finish_deletions()

    def finish_deletions(self) -> None:
        """Finish deletions interrupted by a crash."""
        for left in self.folder.glob(f"*{DELETED_SUFFIX}"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def connected(self, day: str, *, create: bool = False) -> Iterator[sa.Connection]:
        """Open a transaction on a day, for functions that move whole days."""
        with self._engine(day, create=create).begin() as connection:
            yield connection

    def of_day(self, day: str) -> sa.ColumnElement[bool]:
        """Return the condition that selects the ids of a day."""
        start = ids.day_start(day)
        return sa.and_(SIGHTING.c.id >= ids.first_at(start), SIGHTING.c.id < ids.first_at(start + ids.DAY_MS))

    def whole_day(self, connection: sa.Connection, day: str) -> sa.Result[tuple[object, ...]]:
        """Return all sightings of a day by id, streamed in parts."""
        query = sa.select(SIGHTING).where(self.of_day(day)).order_by(SIGHTING.c.id)
        return connection.execution_options(yield_per=500).execute(query)

    def close(self) -> None:
        """Close all database connections."""
        for engine in [*self._open.values(), *([self._server] if self._server else [])]:
            engine.dispose()
        self._open.clear()

    def _exists(self, day: str) -> bool:
        return (
            (self.day_dir(day) / "rows.db").is_file()
            if self._server is None
            else day in self._partitions or day in self._stored_days()
        )

    def _engine(self, day: str, *, create: bool = False) -> sa.Engine:
        with self._lock:
            if self._server is not None:
                if create and day not in self._partitions:
                    self._create_partition(self._server, day)
                return self._server
            path = self.day_dir(day) / "rows.db"
            engine = self._open.get(day)
            # Another process may have deleted the day: then the open file has no name any more.
            if engine is not None and not path.exists():
                self._open.pop(day).dispose()
                engine = None
            if engine is None:
                if not (create or path.exists()):
                    raise FileNotFoundError(path)
                engine = self._open[day] = _open_day_file(path, create=create)
                while len(self._open) > MAX_OPEN_DAYS:
                    self._open.popitem(last=False)[1].dispose()
            self._open.move_to_end(day)
            return engine

    def _create_partition(self, server: sa.Engine, day: str) -> None:
        self.day_dir(day).mkdir(parents=True, exist_ok=True)
        start = ids.day_start(day)
        bounds = f"FROM ({ids.first_at(start)}) TO ({ids.first_at(start + ids.DAY_MS)})"
        with server.begin() as connection:
            # two analysts may create the partition at midnight
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(6021)"))
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS sightings"))
            if not sa.inspect(connection).has_table("sighting", schema="sightings"):
                SIGHTING.dialect_options["postgresql"]["partition_by"] = "RANGE (id)"
                METADATA.create_all(connection)
            name = f"sightings.sighting_{int(day):08d}"
            connection.execute(
                sa.text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF sightings.sighting FOR VALUES {bounds}")
            )
        self._partitions.add(day)


_DAY_DIALECT = sqlite_dialect()
_DAY_DIALECT.statement_compiler = _Compiler


def _open_day_file(path: Path, *, create: bool) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    )
    engine.dialect.statement_compiler = _Compiler
    engine = engine.execution_options(schema_translate_map={"sightings": None})

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA page_size = 8192")
        sqlite_pragmas(connection, record)
        connection.execute("PRAGMA mmap_size = 268435456")

    event.listen(engine, "begin", sqlite_begin)
    if create:
        # Several processes may create the same day: the lock makes the second one find it.
        with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            METADATA.create_all(connection)
    return engine


def _delete_range(connection: sa.Connection, camera: int, start_ms: int, end_ms: int) -> None:
    condition = sa.and_(
        SIGHTING.c.camera == camera, SIGHTING.c.id >= ids.first_at(start_ms), SIGHTING.c.id < ids.first_at(end_ms)
    )
    connection.execute(sa.delete(SIGHTING).where(condition))


def _set_position(connection: sa.Connection, day: str, batch: Batch) -> None:
    mine = sa.and_(PROGRESS.c.day == day, PROGRESS.c.stream == batch.stream)
    if not connection.execute(sa.update(PROGRESS).where(mine).values(position_us=batch.position_us)).rowcount:
        connection.execute(sa.insert(PROGRESS).values(day=day, stream=batch.stream, position_us=batch.position_us))
