"""What differs on PostgreSQL: one snapshot, the hidden password, the restore by the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core import events, migrate
from core.clock import SystemClock
from core.database import Database
from core.errors import BackupError
from core.events import EventKind
from core.settings import DataSettings, Settings
from station.backup import postgresql as programs
from station.backup.create import BackupRequest, backup
from tests import postgres
from tests.commands import minwang
from tests.conftest import ROOT
from tests.postgres import AUDIT_KEY

SECRET = "geheimes-Wort"


def test_the_programs_get_the_address_by_their_environment() -> None:
    found = programs.environment(
        "postgresql+psycopg://us%40er:p%3Ass@db.example:5433/town?sslmode=verify-full&host=/run/pg"
    )
    assert {k: found[k] for k in ("PGUSER", "PGPASSWORD", "PGPORT", "PGDATABASE", "PGSSLMODE", "PGHOST")} == {
        "PGUSER": "us@er",
        "PGPASSWORD": "p:ss",
        "PGPORT": "5433",
        "PGDATABASE": "town",
        "PGSSLMODE": "verify-full",
        "PGHOST": "/run/pg",
    }


async def test_a_dump_is_of_one_moment(database: Database, settings: Settings, tmp_path: Path) -> None:
    """The row counts in the manifest are those of the copy, although other rows are written meanwhile (SQLite too)."""
    started, done = asyncio.Event(), asyncio.Event()

    async def write() -> int:
        count = 0
        while not done.is_set():
            async with database.session() as session:
                events.append(session, SystemClock().now(), EventKind.FAULT_OPENED)
            count += 1
            started.set()
            await asyncio.sleep(0.002)
        return count

    writing = asyncio.create_task(write())
    await started.wait()
    made = await asyncio.to_thread(backup, settings, BackupRequest(tmp_path, None))
    done.set()
    written = await writing
    assert 0 < made.manifest.tables["event"] < written and made.verified == "restored"


@pytest.fixture
def address(postgresql: str) -> Iterator[str]:
    with postgres.empty_database(postgresql) as own:
        yield own


@pytest.mark.long
def test_the_password_of_the_database_leaves_only_sealed(
    address: str, postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back up and restore by the command line, into an empty database that another settings file names."""
    monkeypatch.delenv("MINWANG_DATA__DATABASE", raising=False)

    def given(config: str, *arguments: str) -> str:
        done = minwang("--config", str(tmp_path / config), *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def settings_file(name: str, database: str, data: str) -> None:
        with_password = database.replace("minwang@", f"minwang:{SECRET}@")
        (tmp_path / name).write_text(f'[data]\ndir = "{tmp_path / data}"\ndatabase = "{with_password}"\n')

    (tmp_path / "passphrase").write_text("eine lange Passphrase")
    (tmp_path / "passphrase").chmod(0o600)
    sealed = ("--passphrase-file", str(tmp_path / "passphrase"), "--json")
    settings_file("one.toml", address, "one")
    given("one.toml", "inventory", "apply", "--file", str(ROOT / "inventory.yaml"))
    made = json.loads(given("one.toml", "backup", str(tmp_path), *sealed))
    assert SECRET.encode() not in Path(made["archive"]).read_bytes()
    with postgres.empty_database(postgresql) as other:
        settings_file("two.toml", other, "two")
        given("two.toml", "restore", made["archive"], "--to", str(tmp_path / "two"), *sealed)
        assert SECRET in (tmp_path / "two" / "restored" / "minwang.toml").read_text()
        assert (tmp_path / "two" / "restored" / "minwang.toml").stat().st_mode & 0o777 == 0o600
        assert "wj-01" in given("two.toml", "inventory", "export")


def test_an_account_that_may_make_no_database_has_its_dump_read_through(address: str, tmp_path: Path) -> None:
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS small"))
        connection.execute(sa.text("CREATE ROLE small LOGIN"))
        connection.execute(sa.text(f"ALTER DATABASE {sa.make_url(address).database} OWNER TO small"))
    engine.dispose()
    small = address.replace("minwang@", "small@")
    (tmp_path / "data").mkdir()
    settings = Settings(data=DataSettings(dir=tmp_path / "data", database=small))
    asyncio.run(_migrated(small))
    made = backup(settings, BackupRequest(tmp_path, None))
    assert made.verified == "read"


async def _migrated(url: str) -> None:
    database = Database(url, AUDIT_KEY)
    await migrate.upgrade(database)
    await database.close()


def test_a_server_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    away = Settings(
        data=DataSettings(dir=tmp_path / "data", database=f"postgresql+psycopg://x:{SECRET}@/x?host={tmp_path}")
    )
    with pytest.raises(BackupError, match="cannot be read") as caught:
        backup(away, BackupRequest(tmp_path, None))
    assert "\n" not in str(caught.value) and SECRET not in str(caught.value)
    assert SECRET not in (tmp_path / "data" / "backups.json").read_text()
