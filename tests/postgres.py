"""A PostgreSQL server of the tests' own, in a temporary folder, reached over a socket file."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from core import migrate
from core.database import Database

MIGRATED = "migrated"
_numbers = itertools.count()


@functools.cache
def programs() -> Path | None:
    """Where Debian keeps the server's programs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def server() -> Iterator[str]:
    """Run a server; yields its address without a database's name. A database MIGRATED is there."""
    at = programs()
    if at is None:
        pytest.skip("PostgreSQL is not installed; ./minwang test names the package")
    folder = Path(tempfile.mkdtemp(prefix="minwang-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    if as_user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_user, at / "initdb", "-D", data, "-A", "trust", "-U", "minwang", "-E", "UTF8", "--no-sync"], **quiet)  # type: ignore[call-overload]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([*as_user, at / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)  # type: ignore[call-overload]
    address = f"postgresql+psycopg://minwang@/{{}}?host={folder}"
    try:
        _create(folder, MIGRATED, "template1")
        asyncio.run(_migrate(address.format(MIGRATED)))
        yield address
    finally:
        subprocess.run([*as_user, at / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
        shutil.rmtree(folder)


def _create(folder: Path, name: str, template: str) -> None:
    _on_server(folder, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


def _on_server(folder: Path, statement: str) -> None:
    with psycopg.connect(f"host={folder} user=minwang dbname=postgres", autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


async def _migrate(address: str) -> None:
    database = Database(address)
    await migrate.upgrade(database)
    await database.close()


@asynccontextmanager
async def open_database(address: str) -> AsyncIterator[Database]:
    """A new database on the server, with the newest schema."""
    async with database_address(address) as own:
        database = Database(own)
        yield database
        await database.close()


@asynccontextmanager
async def database_address(address: str, template: str = MIGRATED) -> AsyncIterator[str]:
    """The address of a new database on the server, which is dropped afterwards: a thousand of them fill a disk."""
    name, folder = f"test{next(_numbers)}", Path(address.partition("host=")[2])
    await asyncio.to_thread(_create, folder, name, template)
    yield address.format(name)
    await asyncio.to_thread(_on_server, folder, f"DROP DATABASE {name} WITH (FORCE)")
