"""A station moves to another database with all its data, and an interrupted copy continues where it stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from core import events, migrate
from core.clock import SystemClock
from core.database import Database
from core.errors import ConflictError, StorageError, UsageError
from core.events import EventKind
from core.host import station_lock
from core.host.child_environment import child_environment
from core.settings import Settings
from search.store import SightingStore, ids
from search.store.copying import copy_day
from search.store.sighting_store import Batch
from station import database_copy
from station.cli.main import cli
from station.schema import METADATA
from tests import postgres
from tests.conftest import ROOT
from tests.postgres import AUDIT_KEY
from tests.search.sightings import many
from tests.station.backup.conftest import rows_of


@pytest.fixture
def target(database: Database, postgresql: str, tmp_path: Path) -> Iterator[str]:
    """The other kind of database, empty."""
    if database.url.startswith("postgresql"):
        yield f"sqlite+aiosqlite:///{tmp_path / 'target.db'}"
        return
    with postgres.empty_database(postgresql) as address:
        yield address


def sync_engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("+aiosqlite", ""))


async def _nulls(database: Database) -> None:
    """Write both kinds of null (JSON and database), and whole numbers in float columns."""
    async with database.session() as session:
        await session.execute(sa.text("UPDATE camera SET device = NULL WHERE id = (SELECT min(id) FROM camera)"))
        await session.execute(sa.text("UPDATE camera SET acceptance = 'null' WHERE id = (SELECT min(id) FROM camera)"))
        await session.execute(sa.text("""UPDATE "user" SET villages = '["a",  "b"]' WHERE id = 1"""))
        await session.execute(sa.text("UPDATE stream_status SET fps = 25"))


async def test_everything_arrives_in_either_direction(station: Settings, database: Database, target: str) -> None:
    await _nulls(database)
    before = await rows_of(database)
    done = await asyncio.to_thread(database_copy.copy, database.url, target)
    assert done.rows == {name: len(rows) for name, rows in before.items()} and all(done.rows.values())
    await asyncio.to_thread(database_copy.finish, target)
    new = Database(target, AUDIT_KEY)
    assert await rows_of(new) == before
    assert await migrate.version(new) == migrate.newest()
    async with new.session() as session:
        (nulls,) = await session.execute(
            sa.text("SELECT device IS NULL, acceptance IS NULL FROM camera ORDER BY id LIMIT 1")
        )
        assert [bool(n) for n in nulls] == [True, False]
        assert (
            await session.scalar(sa.text("""SELECT CAST(villages AS TEXT) FROM "user" WHERE id = 1"""))
        ) == '["a",  "b"]'
        row = events.append(session, SystemClock().now(), EventKind.FAULT_OPENED)
        await session.flush()
        assert row.id == max(r[0] for r in before["event"]) + 1  # type: ignore[index]
    await new.close()


async def test_a_database_with_other_things_is_refused(station: Settings, database: Database, target: str) -> None:
    engine = sync_engine(target)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE recipes (id INTEGER)"))
    with pytest.raises(UsageError, match="recipes"):
        await asyncio.to_thread(database_copy.copy, database.url, target)
    assert sa.inspect(engine).get_table_names() == ["recipes"]
    engine.dispose()
    with pytest.raises(UsageError, match="same database"):
        await asyncio.to_thread(database_copy.copy, database.url, database.url)


async def test_what_changed_meanwhile_is_found(
    station: Settings, database: Database, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station was started between two runs of the copy."""
    monkeypatch.setattr(database_copy, "_compare", lambda *_: (0, ""))
    await asyncio.to_thread(database_copy.copy, database.url, target)
    monkeypatch.undo()
    async with database.session() as session:
        await session.execute(
            sa.text("UPDATE village SET name = 'another' WHERE code = (SELECT max(code) FROM village)")
        )
    with pytest.raises(ConflictError, match="table village: the row"):
        await asyncio.to_thread(database_copy.copy, database.url, target)


async def test_a_row_that_the_target_refuses_is_named(station: Settings, database: Database, target: str) -> None:
    if database.url.startswith("postgresql"):
        pytest.skip("SQLite takes any length")
    async with database.session() as session:
        await session.execute(sa.text("UPDATE village SET name = :n"), {"n": "x" * 100})
    with pytest.raises(StorageError, match=r"table village, rows .* refuses them: value too long") as caught:
        await asyncio.to_thread(database_copy.copy, database.url, target)
    assert "\n" not in str(caught.value)


SLOWLY = """
import sys, time
from station import database_copy
from station.cli.main import cli
database_copy.BATCH_ROWS = 1
save_progress = database_copy._save_progress
def slow(*arguments):
    save_progress(*arguments)
    time.sleep(0.05)
database_copy._save_progress = slow
database_copy.copy(*sys.argv[1:])
"""


@pytest.mark.long
async def test_a_copy_that_was_killed_goes_on(station: Settings, database: Database, target: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOWLY, database.url, target], env=child_environment())
    engine = sync_engine(target)
    try:
        until = time.monotonic() + 60
        while _notes(engine) < 4:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    copied = _notes(engine)
    assert 0 < copied < len(METADATA.sorted_tables)
    other = Database(target, AUDIT_KEY)
    assert await migrate.version(other) is None, "no station starts on half a copy"
    await other.close()
    done = await asyncio.to_thread(database_copy.copy, database.url, target)
    assert done.resumed
    await asyncio.to_thread(database_copy.finish, target)
    other = Database(target, AUDIT_KEY)
    assert await rows_of(other) == await rows_of(database)
    await other.close()
    engine.dispose()


def _notes(engine: sa.Engine) -> int:
    try:
        with engine.connect() as connection:
            return len(connection.execute(sa.text(f"SELECT name FROM {database_copy.PROGRESS_TABLE}")).all())
    except sa.exc.SQLAlchemyError:
        return 0


def test_sightings_move_with_their_positions(tmp_path: Path, postgresql: str) -> None:
    rows = many(400)
    with postgres.empty_database(postgresql) as address:
        source = SightingStore(tmp_path / "sightings")
        for day in sorted({ids.day_of(r.start_ms) for r in rows}):
            of_day = [r for r in rows if ids.day_of(r.start_ms) == day]
            source.write(day, [Batch("cam/main", 1, new=of_day, pending=[r.id for r in of_day])])
        there, back = SightingStore(tmp_path / "sightings", address), SightingStore(tmp_path / "back")
        days = source.days()
        for _ in range(2):  # a day that was already copied is copied again
            assert sum(copy_day(source, there, day) for day in days) == 400
        assert there.days() == days and there.positions() == source.positions()
        assert {s.id: s for s in there.many(r.id for r in rows).values()} == source.many(r.id for r in rows)
        for day in days:
            copy_day(there, back, day)
        assert back.many(r.id for r in rows) == source.many(r.id for r in rows)
        assert back.pending(10_000) and len(back.pending(10_000)) == len(source.pending(10_000))
        for store in (source, there, back):
            store.close()


@pytest.mark.long
def test_the_commands(tmp_path: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINWANG_DATA__DATABASE", raising=False)
    config = tmp_path / "minwang.toml"
    config.write_text(f'[data]\ndir = "{tmp_path / "data"}"\n')

    def minwang(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["--config", str(config), *arguments])
        return done.exit_code, done.output

    assert minwang("inventory", "apply", "--file", str(ROOT / "inventory.yaml"))[0] == 0
    assert "version" in minwang("database", "status")[1]
    assert minwang("database", "check") == (0, "no damage found\n")
    assert minwang("database", "copy", "--to", "mysql://x")[0] == 2
    with postgres.empty_database(postgresql) as address:
        with station_lock.hold(tmp_path / "data", "serve"):
            status, told = minwang("database", "copy", "--to", address)
        assert status != 0 and "minwang serve" in told
        status, told = minwang("database", "copy", "--to", address.replace("+psycopg", ""))
        assert status == 0 and "are the same in both" in told, told
        engine = sync_engine(address)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM camera")) == 8
        engine.dispose()
        assert "holds tables" in minwang("database", "copy", "--to", address)[1]
    assert minwang("database", "migrate", "--to", "0001") == (0, "version 0001\n")
    assert minwang("database", "migrate") == (0, f"version {migrate.newest()}\n")
    assert minwang("database", "migrate", "--to", "9999")[0] == 2
