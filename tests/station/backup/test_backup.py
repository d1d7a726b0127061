"""A backup contains everything it must and nothing it must not, and a station can be restored from it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from core.database import Database
from core.errors import BackupError, StationBusyError, UsageError
from core.files import sha256_of
from core.host import backup_log, station_lock
from core.secrets import KEY_FILE, Vault
from core.settings import DataSettings, Settings
from station.backup import restore, sqlite
from station.backup.create import BackupRequest, backup
from tests import postgres
from tests.commands import minwang
from tests.conftest import ROOT
from tests.postgres import AUDIT_KEY
from tests.station.backup.conftest import PASSPHRASE, rows_of


async def test_a_station_comes_back_from_its_backup(
    station: Settings, database: Database, server_address: str, tmp_path: Path
) -> None:
    made = await asyncio.to_thread(backup, station, BackupRequest(tmp_path, PASSPHRASE))
    before = await rows_of(database)
    assert all(before.values()), "there is a row in every table"
    assert made.verified == "restored" and made.manifest.tables == {name: len(rows) for name, rows in before.items()}
    new = tmp_path / "new"
    if server_address:
        with postgres.empty_database(server_address) as empty:
            done = await asyncio.to_thread(restore.restore, made.path, new, PASSPHRASE, empty)
            after = await _rows_at(empty)
    else:
        done = await asyncio.to_thread(restore.restore, made.path, new, PASSPHRASE)
        after = await _rows_at(f"sqlite+aiosqlite:///{new / 'minwang.db'}")
    assert after == before
    assert done.with_key and (new / "secret.key").stat().st_mode & 0o777 == 0o600
    (name, sealed) = next((r[0], r[2]) for r in before["credential"])  # type: ignore[index]
    assert Vault.open_or_create(new / KEY_FILE).open(sealed, f"credential:{name}") == "geheim-123"
    for small in ("patrol/cam-1/a.jpg", "tls/server.crt", "tls/server.key", "node.token", "holes.json"):
        assert (new / small).read_bytes() == (station.data.dir / small).read_bytes()
    there = {p.relative_to(new).as_posix() for p in new.rglob("*")}
    assert not there & {
        "models",
        "video",
        "sightings",
        "recorder-0.box",
        "backups.json",
        "minwang-20260101T000000Z.tar",
        ".restoring",
    }


async def _rows_at(url: str) -> dict[str, list[object]]:
    database = Database(url, AUDIT_KEY)
    try:
        return await rows_of(database)
    finally:
        await database.close()


async def test_nothing_secret_lies_open_in_the_archive(station: Settings, tmp_path: Path) -> None:
    made = await asyncio.to_thread(backup, station, BackupRequest(tmp_path, PASSPHRASE))
    content = made.path.read_bytes()
    key = (station.data.dir / KEY_FILE).read_bytes()
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert not any(secret in content for secret in (key, key.hex().encode(), b"private key", b"a token", b"geheim"))
    assert made.manifest.models == ["yolo@1"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["data", made.path.name, "log"] if (tmp_path / "log").exists() else ["data", made.path.name]
    )


async def test_without_the_key_the_archive_holds_no_secret(station: Settings, tmp_path: Path) -> None:
    made = await asyncio.to_thread(backup, station, BackupRequest(tmp_path, None))
    with tarfile.open(made.path) as tar:
        names = tar.getnames()
    assert names[0] == "manifest.json" and "seal.json" not in names
    assert not any(part in name for name in names for part in ("secret.key", "node.token", "server.key", "seal"))


async def test_a_wrong_passphrase_is_one_sentence(station: Settings, tmp_path: Path) -> None:
    made = await asyncio.to_thread(backup, station, BackupRequest(tmp_path, PASSPHRASE))
    if made.manifest.database == "postgresql":
        pytest.skip("the same on both")
    with pytest.raises(BackupError, match="the passphrase is wrong") as caught:
        await asyncio.to_thread(restore.restore, made.path, tmp_path / "new", "another passphrase")
    assert "\n" not in str(caught.value)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["station.lock"]
    with pytest.raises(UsageError, match="--passphrase-file"):
        await asyncio.to_thread(restore.restore, made.path, tmp_path / "new", None)


async def test_what_is_there_is_never_overwritten(station: Settings, tmp_path: Path) -> None:
    made = await asyncio.to_thread(backup, station, BackupRequest(tmp_path / "b.tar", PASSPHRASE))
    with pytest.raises(UsageError, match="not empty"):
        await asyncio.to_thread(restore.restore, made.path, station.data.dir, PASSPHRASE, station.data.database)
    if station.data.database:
        with pytest.raises(UsageError, match="the database holds tables"):
            await asyncio.to_thread(restore.restore, made.path, tmp_path / "new", PASSPHRASE, station.data.database)
    with pytest.raises(UsageError, match="already exists"):
        await asyncio.to_thread(backup, station, BackupRequest(tmp_path / "b.tar", PASSPHRASE))


def test_a_running_station_is_not_restored_over(tmp_path: Path, migrated_file: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "minwang.db").write_bytes(migrated_file)
    made = backup(Settings(data=DataSettings(dir=tmp_path / "data")), BackupRequest(tmp_path, None))
    with station_lock.hold(tmp_path / "new", "serve"), pytest.raises(StationBusyError, match="minwang serve"):
        restore.restore(made.path, tmp_path / "new", None)


async def test_a_run_that_failed_is_written_down_and_leaves_nothing(station: Settings, tmp_path: Path) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    good = await asyncio.to_thread(backup, station, BackupRequest(target, None))
    if station.data.database:
        station.data.database = station.data.database.replace("/test", "/gone")
    else:
        damaged = bytearray((station.data.dir / "minwang.db").read_bytes())
        damaged[4096 * 20 : 4096 * 40] = bytes(4096 * 20)
        for left in station.data.dir.glob("minwang.db-*"):
            left.unlink()
        (station.data.dir / "minwang.db").write_bytes(damaged)
    with pytest.raises(BackupError):
        await asyncio.to_thread(backup, station, BackupRequest(target / "second.tar", None))
    assert [p.name for p in target.iterdir()] == [good.path.name]
    first, second = backup_log.read(station.data.dir)
    assert first.good and not second.good and second.error
    assert backup_log.last_good(station.data.dir) == first


async def test_what_a_killed_run_left_goes_with_the_next(station: Settings, tmp_path: Path) -> None:
    target = tmp_path / "disk"
    (target / ".minwang-backup-99").mkdir(parents=True)
    (target / ".minwang-1.tar.unverified").write_bytes(b"half")
    (target / "..minwang-1.tar.unverified.new").write_bytes(b"half")
    made = await asyncio.to_thread(backup, station, BackupRequest(target, None))
    assert [p.name for p in target.iterdir()] == [made.path.name]


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=15)
longest, count, until = 0.0, 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    began = time.monotonic()
    connection.execute("INSERT INTO event (at, kind, data) VALUES ('2026-01-01 00:00:00', 'test.event', '{}')")
    longest, count = max(longest, time.monotonic() - began), count + 1
    time.sleep(0.002)
print(longest, count)
"""


def test_a_writer_waits_for_no_backup_and_no_backup_for_a_writer(tmp_path: Path, migrated_file: bytes) -> None:
    """A copy that restarts at every write of others would never end."""
    source = tmp_path / "minwang.db"
    source.write_bytes(migrated_file)
    connection = sqlite3.connect(source)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executemany(
        "INSERT INTO footage (stream, hour, volume, deleting, entries) VALUES ('c/main', ?, 1, 0, ?)",
        ((n, os.urandom(4000)) for n in range(40_000)),
    )
    connection.commit()
    connection.close()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(source), "6"], stdout=subprocess.PIPE, text=True)
    try:
        sqlite.copy(source, tmp_path / "copy.db")
        running = writer.poll() is None
        longest, count = map(float, writer.communicate()[0].split())
    finally:
        writer.kill()
        writer.wait()
    assert running, "the copy ended while the other process was writing"
    assert count > 100 and longest < 1.0
    sqlite.check(tmp_path / "copy.db", thorough=True)
    assert sqlite.facts(tmp_path / "copy.db")[1]["footage"] == 40_000


@pytest.mark.long
def test_backup_and_restore_from_the_command_line(tmp_path: Path, chosen_address: str) -> None:
    (tmp_path / "minwang.toml").write_text('[station]\nname = "西店"\n')
    inventory = str(ROOT / "inventory.yaml")
    assert minwang("inventory", "apply", "--file", inventory, cwd=tmp_path).returncode == 0
    sealed = ("inventory", "password", "village", "--password-file", "-")
    assert minwang(*sealed, cwd=tmp_path, input="geheim\n").returncode == 0
    refused = minwang("backup", ".", cwd=tmp_path)
    assert refused.returncode == 2 and "--without-key" in refused.stderr and refused.stderr.count("\n") == 1
    secret = tmp_path / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    secret.chmod(0o644)
    assert "chmod 600" in minwang("backup", ".", "--passphrase-file", "passphrase", cwd=tmp_path).stderr
    secret.chmod(0o600)
    made = minwang("backup", ".", "--passphrase-file", "passphrase", "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    assert facts["tables"]["camera"] == 8 and facts["station"] == "西店"
    if chosen_address:
        return
    lost = tmp_path / "data"
    lost.rename(tmp_path / "lost")
    done = minwang(
        "restore", facts["archive"], "--to", "data", "--passphrase-file", "passphrase", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "restored" / "minwang.toml").read_text() == (tmp_path / "minwang.toml").read_text()
    assert "wj-01" in minwang("inventory", "export", cwd=tmp_path).stdout
    assert sha256_of(tmp_path / "data" / "secret.key") == sha256_of(tmp_path / "lost" / "secret.key")
    (tmp_path / "without").mkdir()
    open_one = json.loads(minwang("backup", "without", "--without-key", "--json", cwd=tmp_path).stdout)["archive"]
    lost.rename(tmp_path / "lost again")
    bare = minwang("restore", open_one, "--to", "data", cwd=tmp_path)
    assert bare.returncode == 0 and "put secret.key, audit.key and audit.seal into" in bare.stdout, bare.stderr
    assert "by the first start with the keys" in bare.stdout
    assert "audit.key is missing" in minwang("user", "list", cwd=tmp_path).stderr
