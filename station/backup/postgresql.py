"""Dumping and restoring a PostgreSQL database with pg_dump and pg_restore. Blocking.

The connection, including the password, is passed in environment variables (libpq), never on a command line that other
users can list.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.database_errors import first_line
from core.errors import BackupError, UsageError

_LIBPQ = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE", "service": "PGSERVICE", "connect_timeout": "PGCONNECT_TIMEOUT",
}  # fmt: skip


def environment(url: str) -> dict[str, str]:
    """Return the environment with which the programs reach the database of an SQLAlchemy URL."""
    parts = sa.make_url(url)
    given = {
        "host": parts.host, "port": str(parts.port) if parts.port else None, "user": parts.username,
        "password": str(parts.password) if parts.password else None, "dbname": parts.database,
        **{k: v if isinstance(v, str) else ",".join(v) for k, v in parts.query.items()},
    }  # fmt: skip
    return {**os.environ, **{_LIBPQ[k]: v for k, v in given.items() if v and k in _LIBPQ}}


def dump(url: str, target: Path, *, sightings: bool) -> tuple[str, dict[str, int]]:
    """Write the dump; returns (revision, rows of each table) of the same snapshot."""
    with _snapshot(url) as (connection, snapshot):
        found = _facts(connection)
        leave = [] if sightings else ["--exclude-schema=sightings"]
        _run(
            "pg_dump",
            url,
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            *leave,
            f"--file={target}",
        )
    return found


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[sa.Connection, str]]:
    engine = sa.create_engine(url, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection:
            yield connection, str(connection.scalar(sa.text("SELECT pg_export_snapshot()")))
    except SQLAlchemyError as e:
        raise BackupError(f"the database cannot be read: {first_line(e)}") from e
    finally:
        engine.dispose()


def facts(url: str) -> tuple[str, dict[str, int]]:
    """Return (revision, rows of each table)."""
    with _connected(url) as connection:
        return _facts(connection)


def _facts(connection: sa.Connection) -> tuple[str, dict[str, int]]:
    names = [n for n in sa.inspect(connection).get_table_names() if n != "alembic_version"]
    rows = {n: int(connection.scalar(sa.select(sa.func.count()).select_from(sa.table(n))) or 0) for n in sorted(names)}
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""), rows


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as e:
        raise BackupError(f"the database cannot be read: {first_line(e)}") from e
    finally:
        engine.dispose()


def sealed_passwords(url: str) -> list[tuple[str, str]]:
    """Return (name, sealed text) of camera accounts."""
    query = sa.text("SELECT name, sealed FROM credential WHERE sealed IS NOT NULL")
    with _connected(url) as connection:
        return [(str(n), str(s)) for n, s in connection.execute(query)]


def volumes(url: str) -> list[tuple[int, str, str]]:
    """Return (number, identity, path) of the disks of recordings."""
    with _connected(url) as connection:
        return [
            (int(n), str(i), str(p))
            for n, i, p in connection.execute(sa.text("SELECT number, identity, path FROM volume"))
        ]


def require_empty(url: str) -> None:
    """Raise UsageError if the database has any table."""
    with _connected(url) as connection:
        tables = sa.inspect(connection).get_table_names()
    if tables:
        raise UsageError(
            f"the database holds tables ({', '.join(sorted(tables)[:3])} …); restore into an empty one: createdb"
        )


def restore(url: str, source: Path) -> None:
    """Fill an empty database from a dump, in one transaction."""
    require_empty(url)
    _run(
        "pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
        f"--dbname={sa.make_url(url).database}", str(source),
    )  # fmt: skip


@contextmanager
def scratch(url: str) -> Iterator[str | None]:
    """Provide the URL of a temporary database, dropped at the end; None if the account may not create one."""
    name = f"minwang_verify_{token_hex(6)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    made = False
    try:
        with engine.connect() as connection:
            try:
                connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
                made = True
            except SQLAlchemyError:
                made = False
        yield sa.make_url(url).set(database=name).render_as_string(hide_password=False) if made else None
    finally:
        if made:
            with engine.connect() as connection:
                connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        engine.dispose()


def read_through(url: str, source: Path) -> None:
    """Unpack a dump to /dev/null to check that it is complete. Raises BackupError."""
    _run("pg_restore", url, "--file=/dev/null", str(source))


def _run(program: str, url: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise BackupError(f"{program} is missing; install it: apt-get install postgresql-client")
    done = subprocess.run([program, *arguments], env=environment(url), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line] or [f"status {done.returncode}"]
        raise BackupError(f"{program} failed: {lines[0][:300]}")
