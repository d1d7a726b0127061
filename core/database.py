"""The station's only database: engine, sessions, declarative base and column types.

SQLite in WAL mode is the embedded default; the same code runs on PostgreSQL (`postgresql+psycopg://…`). Times are UTC;
the column type refuses a naive datetime.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import StrEnum
from typing import ParamSpec, TypeVar, cast

import aiosqlite
from sqlalchemy import (
    AdaptedConnection,
    Connection,
    CursorResult,
    DateTime,
    Delete,
    Dialect,
    MetaData,
    String,
    Update,
    event,
    types,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import in_greenlet

from core.database_errors import is_outage, to_storage_error
from core.database_kind import DatabaseKind
from core.error_codes import ErrorCode
from core.errors import StorageError
from core.tasks import Work, spawn

log = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 15
AUDIT_KEY = "audit_key"  # key in the `info` of a writing session
CONNECT_TIMEOUT_SECONDS = 10  # libpq would wait minutes for a machine that does not answer


class UtcDateTime(types.TypeDecorator[datetime]):
    """A UTC-aware datetime column; raises ValueError for naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


E = TypeVar("E", bound=StrEnum)
P = ParamSpec("P")


class EnumText(types.TypeDecorator[E]):
    """A StrEnum, stored as its text.

    Writing any other text raises ValueError. Reading it (another release wrote it) gives the plain string: one such row
    must not fail a whole list.
    """

    impl = String
    cache_ok = True

    def __init__(self, enum: type[E], length: int):
        super().__init__(length)
        self.enum = enum
        self._members: dict[str, E] = {member.value: member for member in enum}

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        if value is None:
            return None
        return cast("E", self._members.get(value, value))


class OptionalEnumText(EnumText[E]):
    """As EnumText, for a column that is never null: the empty text stands for None."""

    cache_ok = True

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str:
        return super().process_bind_param(value or None, dialect) or ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return super().process_result_value(value or None, dialect)


class Base(DeclarativeBase):
    """Declarative base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}


@dataclass(slots=True)
class Outage:
    """Logs once when the server stops answering, and once when it answers again."""

    watched: bool
    since: float | None = None

    def begin(self, error: StorageError) -> StorageError:
        if self.since is None:
            self.since = time.monotonic()
            log.error("the database does not answer: %s; recording continues", error)
        return error

    def end(self) -> None:
        if self.since is not None:
            log.warning("the database is back after %.0f s", time.monotonic() - self.since)
            self.since = None


class Database:
    """An engine and its sessions; one instance per process."""

    def __init__(self, url: str, audit_key: bytes | None = None):
        """`audit_key` seals rows of the audit trail (core.audit.audit_trail); without it none can be written."""
        self.url = url
        self.kind = DatabaseKind.of_url(url)
        self.audit_key = audit_key
        self.engine = _engine(url)
        self._outage = Outage(watched=self.kind is DatabaseKind.POSTGRESQL)
        # SQLite cannot upgrade a read transaction after another process has written: writers use BEGIN IMMEDIATE.
        writing = self.engine.execution_options(sqlite_begin="IMMEDIATE")
        self._writing = async_sessionmaker(writing, expire_on_commit=False, info={AUDIT_KEY: audit_key})
        self._reading = async_sessionmaker(self.engine, expire_on_commit=False)

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Return a transaction that may write: commits at the end of the block, rolls back on an error."""
        return self._transaction(self._writing)

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Return a read-only transaction: never waits for a writer."""
        return self._transaction(self._reading)

    @asynccontextmanager
    async def _transaction(self, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
        session = sessions()
        try:
            try:
                yield session
            except BaseException:
                await _finish_despite_cancel(session.rollback())
                raise
            else:
                await _finish_despite_cancel(session.commit())
            finally:
                await _finish_despite_cancel(session.close())
            self._outage.end()
        except (OperationalError, InterfaceError) as e:
            if self._outage.watched and is_outage(e):
                raise self._outage.begin(to_storage_error(e, self.url)) from e
            if "locked" in str(e):
                raise StorageError(
                    f"the database was locked by another process for {BUSY_TIMEOUT_SECONDS} s; "
                    "end the process that holds it, then try again",
                    ErrorCode.DATABASE_LOCKED,
                    seconds=BUSY_TIMEOUT_SECONDS,
                ) from e
            raise

    async def close(self) -> None:
        await self.engine.dispose()


async def changed_rows(session: AsyncSession, statement: Delete | Update) -> int:
    """Delete or update rows and return how many there were."""
    done = await session.execute(statement)
    assert isinstance(done, CursorResult)  # as of every statement that is not a query
    return done.rowcount


async def _finish_despite_cancel(ending: Work[None]) -> None:
    """Finish a commit or rollback even if the task is cancelled: otherwise the pool would lose its connection."""
    task = spawn(ending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=BUSY_TIMEOUT_SECONDS)
        raise


def _engine(url: str) -> AsyncEngine:
    if DatabaseKind.of_url(url) is DatabaseKind.POSTGRESQL:
        limit = {} if "connect_timeout" in url else {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
        return create_async_engine(url, pool_pre_ping=True, connect_args=limit)
    connect = _closing_if_cancelled(aiosqlite.connect)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(
        engine.sync_engine,
        "do_connect",
        lambda _dialect, _record, _args, options: options.update(async_creator_fn=connect),
    )
    event.listen(engine.sync_engine, "connect", sqlite_pragmas)
    event.listen(engine.sync_engine, "begin", sqlite_begin)
    event.listen(engine.sync_engine, "invalidate", _release_locks)
    return engine


def _closing_if_cancelled(connect: Callable[P, aiosqlite.Connection]) -> Callable[P, Work[aiosqlite.Connection]]:
    """Return a `connect` that closes the connection if its task is cancelled.

    aiosqlite would leak the file it just opened.
    """

    async def opened(connection: aiosqlite.Connection) -> aiosqlite.Connection:
        return await connection

    async def open_connection(*args: P.args, **options: P.kwargs) -> aiosqlite.Connection:
        connection = connect(*args, **options)
        connection._thread.daemon = True  # the process does not wait for open connections when it ends
        opening = spawn(opened(connection))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening}, timeout=BUSY_TIMEOUT_SECONDS)
            connection.stop()
            raise

    return open_connection


def _release_locks(
    connection: AdaptedConnection, _record: ConnectionPoolEntry, _exception: BaseException | None
) -> None:
    """Roll back before SQLAlchemy discards a connection, which happens when a task is cancelled inside a query.

    SQLite keeps a closed connection, with its write lock, for as long as one of its statements is referenced. A stored
    traceback holds such a reference, and every other writer would wait for the lock.
    """
    if in_greenlet():  # otherwise the garbage collector discards it, and no statement is referenced
        connection.run_async(lambda driver: asyncio.shield(driver.rollback()))


def sqlite_pragmas(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    """Set up a new connection: one of sqlite3, or SQLAlchemy's adapter of aiosqlite's with the same interface."""
    # pysqlite's own transaction handling begins late and breaks snapshots: `sqlite_begin` issues BEGIN instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def sqlite_begin(connection: Connection) -> None:
    """Begin a transaction in the mode of the execution option `sqlite_begin` (default: DEFERRED)."""
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
