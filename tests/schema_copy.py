"""New SQLite databases of tests are copies of one file, which the migrations made once per run.

All migrations take two seconds of CPU, and hundreds of tests begin with an empty data folder.
tests/core/test_migrations.py and tests/core/test_schema_copy.py run the real ones.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import fcntl
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from core import migrate
from core.database import Database
from tests.shared_folder import made_once

Run = Callable[[Database, str, str], Awaitable[None]]
_run: Run = migrate._in_a_process


def schema_file() -> Path:
    """Return the file of an empty database with the newest schema. Blocking."""
    return made_once("empty.db", _make)


def _make(file: Path) -> None:
    async def upgrade() -> None:
        database = Database(f"sqlite+aiosqlite:///{file}")
        await _run(database, "upgrade", migrate.newest())
        await database.close()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, upgrade()).result()  # an event loop may be running in this thread


def install(source: Path | None = None) -> Callable[[], None]:
    """Let `migrate.upgrade` copy the schema into SQLite databases without tables; returns what undoes this.

    `source`: what `schema_file` returned in another process.
    """
    before = migrate._in_a_process
    migrate._in_a_process = partial(_copy_or_run, source)
    return partial(setattr, migrate, "_in_a_process", before)


async def _copy_or_run(source: Path | None, database: Database, action: str, revision: str) -> None:
    file = make_url(database.url).database if database.url.startswith("sqlite") else None
    wanted = (action, revision) == ("upgrade", migrate.newest())
    if not (file and wanted and await asyncio.to_thread(lambda: _copied(source or schema_file(), Path(file)))):
        await _run(database, action, revision)


def _copied(source: Path, target: Path) -> bool:
    with Path(f"{source}.lock").open("a") as lock, contextlib.closing(sqlite3.connect(target)) as new:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process must not copy over what the first one has written
        if new.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            return False
        with contextlib.closing(sqlite3.connect(source)) as made:
            made.backup(new)
    return True
