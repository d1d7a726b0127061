"""Copying a station's database from SQLite to PostgreSQL, or back: table by table, resumable, compared row by row.

Blocking.

Rows are copied in the order of their primary key, one batch per transaction; the same transaction records the last key
in the target, so that an interrupted copy continues there. While that progress table exists, the target has no schema
version and no station starts on it. JSON is copied as text, so that a database NULL and a JSON null stay distinct.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core import migrate
from core.database import EnumText, UtcDateTime, sqlite_pragmas
from core.database_errors import first_line
from core.database_kind import DatabaseKind
from core.errors import ConflictError, StorageError, UsageError
from station.schema import METADATA

BATCH_ROWS, BATCH_BYTES = 2000, 16_000_000
StoredValue = str | int | float | bytes | memoryview | date | datetime | None  # what a column holds; JSON is text
PROGRESS_TABLE = "database_copy"  # progress table in the target, exists until the copy is finished

_PROGRESS = sa.Table(
    PROGRESS_TABLE, sa.MetaData(),
    sa.Column("name", sa.String(80), primary_key=True), sa.Column("last", sa.Text, nullable=False),
)  # fmt: skip


class _JsonText(sa.types.TypeDecorator[str]):
    """A JSON column read and written as its text."""

    impl = sa.Text
    cache_ok = True

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        return sa.cast(column, sa.Text)

    def bind_expression(self, bindparam: sa.BindParameter[str]) -> sa.ColumnElement[str]:
        return sa.cast(bindparam, sa.JSON) if self.server else bindparam

    def __init__(self, server: bool = False):
        super().__init__()
        self.server = server


@dataclass(slots=True)
class CopyResult:
    """Number of rows, and SHA-256 over all rows, of each table; equal in both databases."""

    rows: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    resumed: bool = False


class DatabaseSide:
    """One of the two databases."""

    def __init__(self, url: str):
        self.url = url
        self.engine = sa.create_engine(url.replace("+aiosqlite", ""))
        self.server = DatabaseKind.of_url(url) is DatabaseKind.POSTGRESQL
        if not self.server:
            sa.event.listen(self.engine, "connect", sqlite_pragmas)
            sa.event.listen(self.engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
        self.tables = {t.name: self._table(t) for t in METADATA.sorted_tables}

    def _table(self, table: sa.Table) -> sa.Table:
        """Return the table as in the schema, but with JSON and enumerations as the stored text."""
        columns = [sa.Column(c.name, self._stored_type(c.type), primary_key=c.primary_key) for c in table.columns]
        return sa.Table(table.name, sa.MetaData(), *columns)

    def _stored_type(self, kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
        """Rows are copied as stored, also where their text is no value of the enumeration; text keys have an order."""
        if isinstance(kind, sa.JSON):
            return _JsonText(self.server)
        return sa.String() if isinstance(kind, EnumText) else kind

    def key(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """Return the primary key with an order that both databases share: text is ordered by its bytes."""
        return [
            sa.collate(c, "C" if self.server else "BINARY") if isinstance(c.type, sa.String) else c
            for c in table.primary_key
        ]

    def names(self, connection: sa.Connection) -> set[str]:
        return set(sa.inspect(connection).get_table_names())

    def version(self, connection: sa.Connection) -> str:
        if "alembic_version" not in self.names(connection):
            return ""
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")

    def rows(self, name: str) -> Generator[tuple[StoredValue, ...], None, None]:
        """Yield all rows in the order of the key."""
        table = self.tables[name]
        query = sa.select(table).order_by(*self.key(table)).execution_options(yield_per=500)
        with self.engine.connect() as connection, contextlib.closing(connection.execute(query)) as result:
            yield from (tuple(r) for r in result)


def copy(source_url: str, target_url: str, tell: Callable[[str], None] = lambda _: None) -> CopyResult:
    """Copy all tables and compare them. Raises UsageError, ConflictError or StorageError; it can then be run again."""
    source, target = DatabaseSide(source_url), DatabaseSide(target_url)
    try:
        with _readable_errors():
            done = CopyResult(resumed=_prepare(source, target))
            for name in source.tables:
                _copy_table(source, target, name, tell)
            tell("comparing all rows")
            for name in source.tables:
                done.rows[name], done.digests[name] = _compare(source, target, name)
            return done
    finally:
        source.engine.dispose()
        target.engine.dispose()


def finish(target_url: str) -> None:
    """Set the sequences and the schema version and drop the progress table: a station can then start on the target."""
    target = DatabaseSide(target_url)
    try:
        with _readable_errors(), target.engine.begin() as connection:
            if target.server:
                _set_sequences(target, connection)
            connection.execute(sa.text("DELETE FROM alembic_version"))
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": migrate.newest()})
            _PROGRESS.drop(connection)
    finally:
        target.engine.dispose()


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as e:
        raise StorageError(f"the databases could not be copied: {first_line(e)[:300]}") from e


def _prepare(source: DatabaseSide, target: DatabaseSide) -> bool:
    """Create the target's tables; True if the target holds an unfinished copy."""
    if sa.make_url(source.url) == sa.make_url(target.url):
        raise UsageError("source and target are the same database; name another one")
    with source.engine.connect() as connection:
        if (version := source.version(connection)) != migrate.newest():
            raise ConflictError(
                f"the database to copy has version {version or 'none'}, this program {migrate.newest()}; start the "
                f"station once, then stop it"
            )
    with target.engine.connect() as connection:
        there = target.names(connection)
    if PROGRESS_TABLE in there:
        return True
    if there:
        raise UsageError(
            f"the target holds tables ({', '.join(sorted(there)[:3])} …); name an empty database: createdb"
        )
    migrate.run(target.url)
    with target.engine.begin() as connection:
        _PROGRESS.create(connection)
        connection.execute(sa.text("DELETE FROM alembic_version"))
    return False


def _copy_table(source: DatabaseSide, target: DatabaseSide, name: str, tell: Callable[[str], None]) -> None:
    last, made = _last(target, name), 0
    while batch := _batch(source, name, last):
        last = [batch[-1][c.name] for c in source.tables[name].primary_key]
        try:
            with target.engine.begin() as connection:
                connection.execute(sa.insert(target.tables[name]), batch)
                _save_progress(connection, name, last)
        except SQLAlchemyError as e:
            first = [batch[0][c.name] for c in source.tables[name].primary_key]
            raise StorageError(
                f"table {name}, rows {first} to {last}: the target refuses them: {first_line(e)[:200]}"
            ) from e
        made += len(batch)
    if made:
        tell(f"{name}: {made} rows")


def _last(target: DatabaseSide, name: str) -> list[StoredValue] | None:
    """Return the key of the last row in the target; None if there is none."""
    with target.engine.connect() as connection:
        text = connection.scalar(sa.select(_PROGRESS.c.last).where(_PROGRESS.c.name == name))
    if text is None:
        return None
    columns = target.tables[name].primary_key.columns
    return [
        datetime.fromisoformat(v) if isinstance(c.type, UtcDateTime) else v
        for c, v in zip(columns, json.loads(text), strict=True)
    ]


def _save_progress(connection: sa.Connection, name: str, last: Sequence[StoredValue]) -> None:
    text = json.dumps([v.isoformat() if isinstance(v, datetime) else v for v in last])
    if not connection.execute(sa.update(_PROGRESS).where(_PROGRESS.c.name == name).values(last=text)).rowcount:
        connection.execute(sa.insert(_PROGRESS).values(name=name, last=text))


def _batch(source: DatabaseSide, name: str, last: list[StoredValue] | None) -> list[dict[str, StoredValue]]:
    """Return the rows after a key, at most BATCH_ROWS rows or about BATCH_BYTES bytes."""
    table = source.tables[name]
    query = sa.select(table).order_by(*source.key(table)).limit(BATCH_ROWS)
    if last is not None:
        query = query.where(
            sa.tuple_(*source.key(table))
            > sa.tuple_(*(sa.literal(v, c.type) for v, c in zip(last, table.primary_key, strict=True)))
        )
    found, size = list[dict[str, StoredValue]](), 0
    with (
        source.engine.connect() as connection,
        contextlib.closing(connection.execute(query.execution_options(yield_per=100))) as rows,
    ):
        for row in rows.mappings():
            found.append(dict(row))
            size += sum(len(v) for v in row.values() if isinstance(v, bytes | str))
            if size > BATCH_BYTES:
                break
    return found


def _compare(source: DatabaseSide, target: DatabaseSide, name: str) -> tuple[int, str]:
    """Return (rows, SHA-256) of a table. Raises ConflictError for the first row that differs between the databases."""
    digest, count = hashlib.sha256(), 0
    plain = [_plain(c) for c in source.tables[name].columns]
    with contextlib.closing(source.rows(name)) as ours, contextlib.closing(target.rows(name)) as theirs:
        for one, other in zip_longest(ours, theirs):
            texts = [
                None if row is None else repr([p(v) for p, v in zip(plain, row, strict=True)]) for row in (one, other)
            ]
            if texts[0] != texts[1]:
                keys = [i for i, c in enumerate(source.tables[name].columns) if c.primary_key]
                which = [(one or other or ())[i] for i in keys]
                raise ConflictError(
                    f"table {name}: the row {which} is not the same in both; was the station started meanwhile? "
                    "Empty the target (dropdb, createdb) and copy again"
                )
            digest.update(str(texts[0]).encode())
            count += 1
    return count, digest.hexdigest()


def _plain(column: sa.Column[Any]) -> Callable[[StoredValue], StoredValue]:
    """Return the function that makes values of a column comparable between the databases."""
    if isinstance(column.type, sa.Float):
        return _as_float
    if isinstance(column.type, sa.LargeBinary):
        return _as_bytes
    return lambda value: value


def _as_float(value: StoredValue) -> StoredValue:
    """Return a number as a float: SQLite stores a whole number in a float column as an integer."""
    return float(value) if isinstance(value, int | float) else value


def _as_bytes(value: StoredValue) -> StoredValue:
    return bytes(value) if isinstance(value, memoryview) else value


def _set_sequences(target: DatabaseSide, connection: sa.Connection) -> None:
    """Set the sequences so that new rows get ids after the copied ones."""
    for name, table in target.tables.items():
        for column in table.primary_key.columns:
            sequence = connection.scalar(
                sa.text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": f'"{name}"', "c": column.name}
            )
            highest = connection.scalar(sa.select(sa.func.max(column))) if sequence else None
            if highest is not None:
                connection.execute(sa.select(sa.func.setval(sequence, highest)))
