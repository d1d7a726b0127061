"""Schema migrations with Alembic: `upgrade` brings a database to the newest version, `downgrade` back to an older one.

The scripts are in core/migrations/versions, named by revision. For an existing database, its version row is compared
first; only if it differs does a short-lived process do the work (`python -m core.migrate`, the address on standard
input), so that a recorder does not keep Alembic in its memory.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import ConnectionPoolEntry

from core.database import Database, sqlite_pragmas
from core.database_errors import display_address, is_missing_table, to_storage_error
from core.database_kind import DatabaseKind
from core.errors import StorageError
from core.host.child_environment import child_environment
from core.logs import redact

SCRIPTS = Path(__file__).parent / "migrations"
LIMIT_SECONDS = 600


class DatabaseVersions(NamedTuple):
    schema: str
    server: str  # empty: SQLite, which has none


async def upgrade(database: Database, revision: str | None = None) -> None:
    """Bring the schema to the newest version, or to an older one on the way there.

    Raises StorageError if that fails or if a newer program made the database.
    """
    found = await version(database)
    if found is not None and found not in _REVISIONS:
        raise StorageError(
            f"{display_address(database.url)}: the database has version {found}, which this program (up to version "
            f"{newest()}) does not know; start the newer program that made it, or restore a backup: minwang restore"
        )
    if found != (revision or newest()):
        await _in_a_process(database, "upgrade", revision or newest())


async def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to an older version; drops what only newer versions store. Raises StorageError."""
    await _in_a_process(database, "downgrade", revision)


async def _in_a_process(database: Database, action: str, revision: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "core.migrate", action, revision,
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=child_environment(),
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(database.url.encode()), LIMIT_SECONDS)
    if process.returncode != 0:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StorageError(
            f"{display_address(database.url)}: the database could not be brought to version {revision} "
            f"({redact(' '.join(last))}); restore the backup, or report a bug"
        )


def newest() -> str:
    """Return the newest revision, by the names of the scripts."""
    return _REVISIONS[-1]


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    return _REVISIONS


_REVISIONS = sorted(p.name.partition("_")[0] for p in (SCRIPTS / "versions").glob("[0-9]*.py"))


async def version(database: Database) -> str | None:
    """Return the schema's revision; None if there is none yet. Raises StorageError if the database cannot be used."""
    try:
        async with database.engine.connect() as connection:  # not a session: that would log an outage at each attempt
            found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    except SQLAlchemyError as e:
        if is_missing_table(e):
            return None
        raise to_storage_error(e, database.url) from e


async def versions_of(session: AsyncSession) -> DatabaseVersions:
    """Return the versions of the schema and of the database server, for people."""
    schema = str(await session.scalar(text("SELECT version_num FROM alembic_version")))
    if DatabaseKind.of_session(session) is DatabaseKind.SQLITE:
        return DatabaseVersions(schema, "")
    return DatabaseVersions(schema, str(await session.scalar(text("SHOW server_version"))).split()[0])


def run(url: str, action: str = "upgrade", revision: str = "head") -> None:
    """Upgrade or downgrade the database at this address, in one transaction. Blocking."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(url.replace("+aiosqlite", ""))
    if engine.dialect.name == DatabaseKind.SQLITE:
        _prepare_sqlite(engine)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.upgrade if action == "upgrade" else command.downgrade)(config, revision)
            if engine.dialect.name == DatabaseKind.SQLITE and (
                broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            ):
                raise StorageError(f"a row of table {broken[0]} names a row of {broken[2]} that is not there")
    finally:
        engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    """Turn foreign keys off during the migration: rebuilding a table in SQLite would cascade to its child rows."""

    def connect(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        sqlite_pragmas(connection, record)
        connection.execute("PRAGMA foreign_keys = OFF")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))


def main() -> None:
    run(sys.stdin.read().strip(), *sys.argv[1:3])


if __name__ == "__main__":
    main()
