"""`minwang keys`: made once, replaced with a reason, published; the private part never printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from station.cli.main import cli


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minwang.toml").write_text("[data]\ndir = 'data'\n[station]\nname = '西店派出所'\n")
    return tmp_path


def minwang(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_a_key_is_made_published_and_replaced(folder: Path) -> None:
    assert minwang("keys", "publish", "keys.txt").exit_code == 1
    refused = minwang("keys", "rotate", "--reason", "yearly")
    assert refused.exit_code == 1 and "no key to replace" in refused.stderr
    assert minwang("keys", "make").exit_code == 0
    again = minwang("keys", "make")
    assert again.exit_code == 1 and "minwang keys rotate" in again.stderr
    assert minwang("keys", "rotate").exit_code == 2 and minwang("keys", "rotate", "--reason", " ").exit_code == 2
    replaced = minwang("keys", "rotate", "--reason", "yearly")
    assert replaced.exit_code == 0
    found = json.loads(minwang("keys", "list", "--json").output)
    assert [k["retired_at"] is None for k in found] == [True, False]
    assert found[0]["fingerprint"][:4] in replaced.output
    assert minwang("keys", "publish", "keys.txt").exit_code == 0
    published = (folder / "keys.txt").read_text()
    assert "西店派出所" in published and all(k["fingerprint"][-4:] in published for k in found)


def test_the_audit_trail_names_both_keys(folder: Path) -> None:
    minwang("keys", "make")
    minwang("keys", "rotate", "--reason", "lost laptop")
    first, second = (k["fingerprint"] for k in reversed(json.loads(minwang("keys", "list", "--json").output)))
    with sqlite3.connect(next((folder / "data").glob("*.db"))) as database:
        rows = database.execute(
            "SELECT action, object, reason FROM audit WHERE action LIKE 'station_key.%' ORDER BY id"
        ).fetchall()
    assert rows == [("station_key.make", first, "first key"), ("station_key.rotate", second, "lost laptop")]
