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
from tests.shared_folder import made_once

MIGRATED = "migrated"
ADDRESS = "postgresql+psycopg://minwang@/{{}}?host={folder}"
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
    if programs() is None:
        pytest.skip("PostgreSQL is not installed; ./minwang test names the package")
    made = made_once("postgresql", _make)
    folder = _folder_of_server()
    subprocess.run(["cp", "-a", made, folder / "data"], check=True)
    _control(folder, "start")
    try:
        yield ADDRESS.format(folder=folder)
    finally:
        _control(folder, "stop", "-m", "immediate")
        shutil.rmtree(folder)


def _make(target: Path) -> None:
    """Make the data folder of a server with the database MIGRATED."""
    at = programs()
    assert at is not None
    folder = _folder_of_server()
    _as_server(
        at / "initdb", "-D", folder / "data", "-A", "trust", "-U", "minwang", "-E", "UTF8", "--no-sync"
    )  # fmt: skip
    _control(folder, "start")
    _create(folder, MIGRATED, "template1")
    asyncio.run(_migrate(ADDRESS.format(folder=folder).format(MIGRATED)))
    _control(folder, "stop", "-m", "fast")
    shutil.move(folder / "data", target)
    shutil.rmtree(folder)


def _folder_of_server() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="minwang-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    return folder


def _as_server(*command: str | Path) -> None:
    """Run a command as the user of the server, which refuses to run as root."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


def _control(folder: Path, action: str, *more: str | Path) -> None:
    at = programs()
    assert at is not None
    if action == "start":
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        more = ("-l", folder / "log", "-o", options)
    _as_server(at / "pg_ctl", "-D", folder / "data", "-w", *more, action)


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
    _control(_folder(address), action, *(["-m", "immediate"] if action == "stop" else []))


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
