"""The commands that an upgrade runs in a release's own Python: `python -m station.upgrade.inside SETTINGS COMMAND`.

facts [--since SECONDS]   versions of schema and database, streams being recorded, whether the console answers; JSON
migrate                   upgrade the schema to this release's version
lower REVISION            downgrade the schema to an older version
dump                      write the database to standard output; the station must not run
restore                   replace the database by the one on standard input
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import MetaData, create_engine, func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from core import migrate
from core import settings as core_settings
from core.database import Database
from core.database_kind import DatabaseKind
from core.errors import MinwangError, StorageError
from core.files import sync_folder
from core.settings import Settings, TlsMode
from nvr.recording_state import RecordingState
from nvr.tables import StreamStatus
from station.backup import postgresql
from station.install.upgrade.program import InsideCommand, ReleaseFacts

CONSOLE_SECONDS = 5.0
TOO_MANY = 429  # the console works, but this address sends too many requests (web.http.anonymous_limit)
FRESH_SECONDS = 30.0  # a recorder writes the state of its streams every 4 s


def facts(settings: Settings, since: float) -> ReleaseFacts:
    console = _console(settings)
    revision, recording = asyncio.run(_database_facts(settings, since))
    return {
        "newest": migrate.newest(),
        "console": console,
        "revision": revision,
        "recording": recording,
        "bytes": _size(settings),
    }


async def _database_facts(settings: Settings, since: float) -> tuple[str, int]:
    """Return the database's revision (empty: there is no schema yet) and the number of streams being recorded."""
    database = Database(settings.database_url)
    try:
        return await migrate.version(database) or "", await _recording(database, since)
    finally:
        await database.close()


async def _recording(database: Database, since: float) -> int:
    """Return the number of streams that a recorder reported as recording after `since`, and in the last 30 s."""
    now = datetime.now(timezone.utc).timestamp()
    after = datetime.fromtimestamp(max(since, now - FRESH_SECONDS), timezone.utc)
    query = select(func.count()).where(StreamStatus.state == RecordingState.RECORDING, StreamStatus.at > after)
    try:
        async with database.reading() as session:
            return await session.scalar(query) or 0
    except SQLAlchemyError:
        return 0  # no tables yet, or none that this release knows


def _console(settings: Settings) -> str:
    """Return "ok", or why the console does not answer."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.web.host, settings.web.host)
    scheme = "https" if settings.web.tls is TlsMode.OWN else "http"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # this machine, by its address
    try:
        with urllib.request.urlopen(
            f"{scheme}://{host}:{settings.web.port}/login", timeout=CONSOLE_SECONDS, context=context
        ) as r:
            return "ok" if r.status == 200 else f"status {r.status}"
    except urllib.error.HTTPError as e:
        return "ok" if e.code == TOO_MANY else f"status {e.code}"
    except (OSError, urllib.error.URLError) as e:
        return str(getattr(e, "reason", e))


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.database_url)
    return Path(url.database or "") if DatabaseKind.of_url(settings.database_url) is DatabaseKind.SQLITE else None


def _size(settings: Settings) -> int:
    """Return the size of the database in bytes; 0 if it is on a server."""
    file = _sqlite_file(settings)
    return file.stat().st_size if file is not None and file.exists() else 0


def dump(settings: Settings) -> None:
    file = _sqlite_file(settings)
    if file is None:
        # Sightings have a schema of their own, which no migration touches.
        _client(settings, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--exclude-schema=sightings")
        return
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        if busy or any(p.exists() and p.stat().st_size for p in [Path(f"{file}-wal")]):
            raise StorageError(f"{file}: another process has it open; end it, then try again")
        with file.open("rb") as f:
            shutil.copyfileobj(f, sys.stdout.buffer, 1 << 20)
        sys.stdout.buffer.flush()
    finally:
        connection.close()


def restore(settings: Settings) -> None:
    file = _sqlite_file(settings)
    if file is None:
        _drop_everything(settings)
        _client(
            settings,
            "pg_restore",
            "--single-transaction",
            "--no-owner",
            "--no-privileges",
            f"--dbname={make_url(settings.database_url).database}",
        )
        return
    new = file.with_name(f".{file.name}.restored")
    try:
        with new.open("wb") as f:
            shutil.copyfileobj(sys.stdin.buffer, f, 1 << 20)
            f.flush()
            os.fsync(f.fileno())
        if not _is_undamaged(new):
            raise StorageError(f"{file}: the copy of the database is damaged; the existing database was kept")
        for suffix in ("-wal", "-shm"):  # of the replaced database: SQLite must not apply them to the new one
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        new.rename(file)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(file.parent)


def _is_undamaged(file: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


# Functions of this schema that belong to no extension: the triggers of the audit trail call one.
_OWN_FUNCTIONS = """
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def _drop_everything(settings: Settings) -> None:
    """Drop all tables and functions: what the newer schema added is not in an older dump and would conflict with it."""
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        there = MetaData()
        there.reflect(connection)
        there.drop_all(connection)
        for (function,) in connection.execute(text(_OWN_FUNCTIONS)).all():
            connection.execute(text(f"DROP FUNCTION {function} CASCADE"))
    engine.dispose()


def _client(settings: Settings, program: str, *options: str) -> None:
    """Run a PostgreSQL client program on the standard streams."""
    try:
        told = postgresql.environment(settings.database_url)
        done = subprocess.run([program, *options], env=told, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise StorageError(f"{program} is missing; install it: apt-get install postgresql-client") from None
    if done.returncode != 0:
        raise StorageError(f"{program} failed: {next(iter(done.stderr.strip().splitlines()), done.returncode)}")


async def _migrate(settings: Settings, revision: str) -> None:
    database = Database(settings.database_url)
    try:
        await (migrate.downgrade(database, revision) if revision else migrate.upgrade(database))
    finally:
        await database.close()


class InsideOptions(argparse.Namespace):
    settings: Path
    command: InsideCommand
    revision: str  # empty: the newest
    since: float  # seconds since 1970


def _parse_options() -> InsideOptions:
    parser = argparse.ArgumentParser(prog="station.upgrade.inside")
    parser.add_argument("settings", type=Path)
    parser.add_argument("command", type=InsideCommand)
    parser.add_argument("revision", nargs="?", default="")
    parser.add_argument("--since", type=float, default=0.0)
    return parser.parse_args(namespace=InsideOptions())


def _run(options: InsideOptions) -> None:
    settings = core_settings.load(options.settings)
    match options.command:
        case InsideCommand.FACTS:
            print(json.dumps(facts(settings, options.since)))
        case InsideCommand.MIGRATE | InsideCommand.LOWER:
            asyncio.run(_migrate(settings, options.revision))
        case InsideCommand.DUMP:
            dump(settings)
        case InsideCommand.RESTORE:
            restore(settings)


def main() -> int:
    options = _parse_options()
    try:
        _run(options)
    except (MinwangError, OSError, sqlite3.Error, SQLAlchemyError) as e:
        print(str(e).splitlines()[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
