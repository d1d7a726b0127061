"""A PostgreSQL server for the tests, in a temporary folder, reached over a Unix socket."""

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
AUDIT_KEY = bytes(range(32))  # of the tests' databases
_numbers = itertools.count()


@functools.cache
def programs() -> Path | None:
    """Return the folder of Debian's server programs; None if they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def server() -> Iterator[str]:
    """Run a server; yields its address without a database name. It has a database MIGRATED."""
    at = programs()
    if at is None:
        pytest.skip("PostgreSQL is not installed; ./minwang test names the package")
    folder = Path(tempfile.mkdtemp(prefix="minwang-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # the server refuses to run as root
    if as_user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*as_user, at / "initdb", "-D", data, "-A", "trust", "-U", "minwang", "-E", "UTF8", "--no-sync"], **quiet
    )  # type: ignore[call-overload]
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


def control(address: str, action: str) -> None:
    """`start` or `stop` (immediately) the server of this address."""
    folder, at = _folder(address), programs()
    assert at is not None
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    how = ["-m", "immediate"] if action == "stop" else ["-l", folder / "log", "-o", options]
    command = [*as_user, at / "pg_ctl", "-D", folder / "data", "-w", *how, action]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@asynccontextmanager
async def open_database(address: str) -> AsyncIterator[Database]:
    """Open a new database on the server, with the newest schema."""
    name = await asyncio.to_thread(_new, address, MIGRATED)
    database = Database(address.format(name), AUDIT_KEY)
    try:
        yield database
    finally:
        await database.close()
        await asyncio.to_thread(_drop, address, name)


@contextmanager
def empty_database(address: str) -> Iterator[str]:
    """Yield the address of a new database on the server, without any table."""
    name = _new(address, "template1")
    try:
        yield address.format(name)
    finally:
        _drop(address, name)


def _new(address: str, template: str) -> str:
    name = f"test{next(_numbers)}"
    _create(_folder(address), name, template)
    return name


def _drop(address: str, name: str) -> None:
    """Drop a database: the tests would fill the disk with a thousand of them."""
    _on_server(_folder(address), f"DROP DATABASE {name} WITH (FORCE)")


def _folder(address: str) -> Path:
    return Path(address.partition("host=")[2])
