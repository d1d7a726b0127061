"""Copying an SQLite database while others write to it, and checking the copy. Blocking.

The copy is made inside one read transaction: SQLite's backup restarts whenever another process has written since its
last step, unless the source connection holds its snapshot, and a station writes every second. In WAL mode such a reader
delays no writer; the write-ahead log grows meanwhile by what is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.database import BUSY_TIMEOUT_SECONDS
from core.errors import BackupError
from station.backup.pacing import WritePacer

STEP_PAGES = 2048  # 8 MB


def copy(source: Path, target: Path) -> None:
    """Copy a database. Raises BackupError if the source is not a database, or cannot be read."""
    try:
        with (
            _connected(f"{source.absolute().as_uri()}?mode=rw") as one,
            _connected(target.absolute().as_uri()) as other,
        ):
            other.execute("PRAGMA journal_mode = OFF")
            other.execute("PRAGMA synchronous = OFF")
            one.execute("BEGIN")
            one.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins here
            with target.open("rb") as file:
                pace, size = WritePacer(), STEP_PAGES * int(one.execute("PRAGMA page_size").fetchone()[0])
                one.backup(other, pages=STEP_PAGES, progress=lambda *_: pace.after_write(file.fileno(), size))
            one.execute("ROLLBACK")
    except sqlite3.Error as e:
        raise BackupError(f"{source}: the database cannot be copied ({e}); see 'minwang database check'") from e


@contextmanager
def _connected(uri: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy that nobody writes to; creates no files beside it."""
    with _connected(f"{path.absolute().as_uri()}?mode=ro&immutable=1") as connection:
        yield connection


def facts(path: Path) -> tuple[str, dict[str, int]]:
    """Return (revision, rows of each table) of a copy."""
    try:
        with reading(path) as connection:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            names = [
                r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            own = [n for n in names if not n.startswith("sqlite_") and n != "alembic_version"]
            rows = {n: int(connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0]) for n in own}
    except sqlite3.Error as e:
        raise BackupError(f"{path}: not the database of a station ({e})") from e
    return str(revision[0]) if revision else "", rows


def check(path: Path, *, thorough: bool) -> None:
    """Raise BackupError if the file is damaged. `thorough` also compares every index with its table."""
    pragma = "integrity_check" if thorough else "quick_check"
    try:
        with reading(path) as connection:
            found = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    except sqlite3.Error as e:
        found = str(e)
    if found != "ok":
        raise BackupError(f"{path}: the database is damaged: {found}")


def sealed_passwords(path: Path) -> list[tuple[str, str]]:
    """Return (name, sealed text) of camera accounts."""
    with reading(path) as connection:
        return [
            (r[0], r[1]) for r in connection.execute("SELECT name, sealed FROM credential WHERE sealed IS NOT NULL")
        ]


def volumes(path: Path) -> list[tuple[int, str, str]]:
    """Return (number, identity, path) of the disks of recordings."""
    with reading(path) as connection:
        return list(connection.execute("SELECT number, identity, path FROM volume ORDER BY number"))
