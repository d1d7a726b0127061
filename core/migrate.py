"""Schema migrations with Alembic: `upgrade` brings a database to the newest version.

The scripts lie in core/migrations/versions, named by their revision. A database that is there already is
recognised by its version row alone; else a short-lived process does the work (`python -m core.migrate`,
the address on standard input), so that a recorder need not carry Alembic in its memory for ever.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.database import Database
from core.errors import StorageError

SCRIPTS = Path(__file__).parent / "migrations"
LIMIT_SECONDS = 600


async def upgrade(database: Database) -> None:
    """Bring the schema to the newest version. Raises StorageError where that fails."""
    if await _version(database) == newest():
        return
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parents[1])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "core.migrate", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    _, errors = await asyncio.wait_for(process.communicate(database.url.encode()), LIMIT_SECONDS)
    if process.returncode != 0:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StorageError(f"the database could not be brought to version {newest()}: {' '.join(last)}")


def newest() -> str:
    """The newest revision, by the names of the scripts."""
    return _NEWEST


_NEWEST = max(p.name.partition("_")[0] for p in (SCRIPTS / "versions").glob("[0-9]*.py"))


async def _version(database: Database) -> str | None:
    try:
        async with database.reading() as session:
            found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    except SQLAlchemyError:
        return None  # a database without the table is a new one


def main() -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event

    from core.database import sqlite_pragmas

    engine = create_engine(sys.stdin.read().strip().replace("+aiosqlite", ""))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", sqlite_pragmas)
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


if __name__ == "__main__":
    main()
