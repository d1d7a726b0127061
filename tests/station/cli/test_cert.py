"""`minwang cert`: from nothing to a certificate in use, and the cases in which it refuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cameras.registry import inventory, registry
from core.clock import SystemClock
from core.database import Database
from core.secrets import Vault
from station.cli.main import cli
from tests.conftest import _migrated
from tests.postgres import AUDIT_KEY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minwang.toml").write_text("[data]\ndir = 'data'\n")
    return tmp_path


def minwang(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_from_nothing_to_a_certificate(folder: Path) -> None:
    missing = minwang("cert", "show")
    assert missing.exit_code == 1 and "certificate file not found" in missing.stderr
    made = minwang("cert", "--host", "station.lan", "--host", "10.1.1.1")
    assert made.exit_code == 0, made.output
    assert 'Not in use: set web.tls = "own"' in made.output and "PRIVATE" not in made.output
    shown = json.loads(minwang("cert", "show", "--json").output)
    assert shown["names"] == ["station.lan", "10.1.1.1"] and shown["days_left"] == 395
    renewed = json.loads(minwang("cert", "renew", "--json").output)
    assert renewed["names"] == shown["names"] and renewed["sha256"] != shown["sha256"]
    assert renewed["authority"] == shown["authority"]  # the authority stays, so phones need not install it again
    other = json.loads(minwang("cert", "renew", "--host", "10.1.1.2", "--json").output)
    assert other["names"] == ["10.1.1.2"]
    exported = minwang("cert", "ca", "--export", "ca.pem")
    assert exported.exit_code == 0 and shown["authority"]["sha256"] in exported.output
    assert (folder / "ca.pem").read_text() == (folder / "data" / "tls" / "ca.crt").read_text()
    anew = json.loads(minwang("cert", "--new-ca", "--host", "station.example", "--json").output)
    assert anew["names"] == ["station.example"] and anew["authority"]["sha256"] != shown["authority"]["sha256"]


def test_what_it_refuses(folder: Path) -> None:
    assert minwang("cert", "--host", "no host").exit_code == 2
    assert minwang("cert", "--host", "a.lan", "show").exit_code == 2
    assert minwang("cert", "ca").exit_code == 2
    assert minwang("cert", "--host", "a.lan").exit_code == 0
    outside = minwang("cert", "renew", "--host", "station.example")
    assert outside.exit_code == 1 and "may not sign for station.example" in outside.stderr
    (folder / "minwang.toml").write_text(
        "[data]\ndir = 'data'\n[web]\ncertificate = 'a.crt'\ncertificate_key = 'a.key'\n"
    )
    given = minwang("cert")
    assert given.exit_code == 1 and "names a certificate of your own" in given.stderr
    unwritable = minwang("cert", "ca", "--export", "nowhere/ca.pem")
    assert unwritable.exit_code == 2 and "nowhere/ca.pem: cannot be written" in unwritable.stderr


def test_a_lost_key_is_not_replaced_by_the_way(folder: Path) -> None:
    """A station with sealed camera passwords has lost its key file: issuing a certificate must not create a new key."""
    data = folder / "data"
    data.mkdir()
    (data / "minwang.db").write_bytes(_migrated())

    async def seal() -> None:
        database = Database(f"sqlite+aiosqlite:///{data / 'minwang.db'}", AUDIT_KEY)
        town = inventory.parse(
            "town: t\nvillages: [{code: v, name: v}]\ncredentials: [{name: c, username: admin}]\ncameras: []\n"
        )
        async with database.session() as session:
            await registry.apply(session, town, SystemClock().now(), "test")
            vault = await asyncio.to_thread(Vault.open_or_create, data / "secret.key")
            await registry.set_password(session, vault, "c", "geheim", SystemClock().now(), "test")
        await database.close()

    asyncio.run(seal())
    (data / "secret.key").unlink()
    refused = minwang("cert")
    assert refused.exit_code == 1 and "the key file is missing" in refused.stderr, refused.output
    assert not (data / "secret.key").exists()
