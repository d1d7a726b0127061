"""`minwang init` and which commands need settings: as a script, as a dialog, interrupted, run again."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cameras.registry import inventory
from core import settings, settings_source
from station.cli.main import cli

SCRIPT = ["init", "--yes", "--name", '西店 "所"', "--admin", "root", "--admin-password-file", "pw"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, as a new user has, with a password file."""
    for name in [n for n in os.environ if n.startswith("MINWANG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings_source, "SYSTEM_FILE", tmp_path / "etc" / "minwang.toml")
    here = tmp_path / "here"
    here.mkdir()
    (here / "pw").write_text("a good password\n")
    monkeypatch.chdir(here)
    return here


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "data" / "minwang.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_script_sets_up_a_station(folder: Path) -> None:
    done = run(*SCRIPT, "--timezone", "Asia/Urumqi", "--volume", "disk1", "--volume", "disk2", "--port", "8090")
    assert done.exit_code == 0, done.output
    assert (folder / "minwang.toml").stat().st_mode & 0o777 == 0o640
    made = settings.load()
    assert made.station.name == '西店 "所"' and made.station.timezone == "Asia/Urumqi" and made.web.port == 8090
    assert made.data.dir == folder / "data" and made.volumes == [folder / "disk1", folder / "disk2"]
    assert (folder / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert made.inventory and inventory.load(made.inventory).cameras == []
    assert rows(folder, "SELECT name, role FROM user") == [("root", "administrator")]
    assert rows(folder, "SELECT actor, action, object FROM audit WHERE id > 1") == [
        ("minwang init", "user.create", "root")
    ]
    assert "a good password" not in done.output + (folder / "minwang.toml").read_text()
    assert "minwang serve" in done.output


def test_only_what_was_set_is_written(folder: Path) -> None:
    assert run(*SCRIPT).exit_code == 0
    keys = [line.split(" = ")[0] for line in (folder / "minwang.toml").read_text().splitlines() if " = " in line]
    assert keys == ["inventory", "name", "timezone", "dir"]


def test_the_same_script_twice_changes_nothing(folder: Path) -> None:
    run(*SCRIPT)
    before = (folder / "minwang.toml").read_bytes()
    again = run(*SCRIPT)
    assert again.exit_code == 0, again.output
    assert "already" in again.output and (folder / "minwang.toml").read_bytes() == before
    assert len(rows(folder, "SELECT name FROM user")) == 1


def test_settings_that_are_there_are_not_overwritten(folder: Path) -> None:
    run(*SCRIPT)
    refused = run(*SCRIPT, "--port", "9000")
    assert refused.exit_code == 2 and "--port" in refused.output and "--force" in refused.output
    assert settings.load().web.port == 8080
    assert run(*SCRIPT, "--port", "9000", "--force").exit_code == 0
    assert settings.load().web.port == 9000


def test_an_interrupted_one_goes_on(folder: Path) -> None:
    run(*SCRIPT)
    (folder / "data" / "minwang.db").unlink()  # interrupted before the account was created
    done = run(*SCRIPT)
    assert done.exit_code == 0 and "administrator 'root' added" in done.output
    without = run("init", "--yes")
    assert without.exit_code == 0 and "administrator already there: root" in without.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timezone", "Asia/Shangai"], "Asia/Shanghai"),
        (["--volume", "pw"], "pw: cannot be written"),
        (["--database", "mysql://u:geheim@h/x"], "postgresql+psycopg://"),
        (["--inventory", "none.yaml"], "none.yaml: no such file"),
        (["--host", "0.0.0.0", "--data", "/proc/minwang"], "/proc/minwang: cannot be written"),
    ],
)
def test_a_bad_answer_writes_nothing(folder: Path, arguments: list[str], said: str) -> None:
    refused = run(*SCRIPT, *arguments)
    assert refused.exit_code in (1, 2) and said in refused.output and "geheim" not in refused.output
    assert "Traceback" not in refused.output and not (folder / "minwang.toml").exists()


def test_a_short_password_writes_nothing(folder: Path) -> None:
    (folder / "pw").write_text("short\n")
    refused = run(*SCRIPT)
    assert refused.exit_code == 2 and "10 characters" in refused.output
    assert os.listdir(folder) == ["pw"]


def test_a_script_without_administrator_is_refused_first(folder: Path) -> None:
    refused = run("init", "--yes", "--name", "x")
    assert refused.exit_code == 2 and "--admin" in refused.output
    assert not (folder / "minwang.toml").exists()


def test_the_dialog_asks_again_until_the_answer_can_be(folder: Path) -> None:
    answers = [
        "西店派出所", "Asia/Shangai", "Asia/Shanghai", "", "pw,disk2", "disk1, disk2", "no.yaml", "", "0.0.0.0", "8081",
        "a b", "root", "short", "short", "a good password", "a goof password", "a good password", "a good password",
    ]  # fmt: skip
    done = run("init", text="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.output
    assert "write it like Asia/Shanghai" in done.output and "pw: cannot be written" in done.output
    assert "at least 10 characters" in done.output and "GB free" in done.output
    made = settings.load()
    assert made.station.timezone == "Asia/Shanghai" and made.web.host == "0.0.0.0" and made.web.port == 8081
    assert made.volumes == [folder / "disk1", folder / "disk2"]
    assert rows(folder, "SELECT name, role FROM user") == [("root", "administrator")]


def test_another_place_is_named_by_config_and_found_from_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "sub" / "station.toml"
    assert run("--config", str(file), *SCRIPT).exit_code == 0
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("MINWANG_CONFIG", str(file))
    assert settings.load().data.dir == file.parent / "data"
    assert "root" in run("user", "list").output
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["inventory", "check"],
        ["inventory", "plan"],
        ["inventory", "export"],
        ["cameras", "list"],
        ["user", "list"],
        ["cert"],
        ["index"],
        ["search", "--reason", "x"],
        ["patrol"],
        ["archive", "verify"],
        ["models", "pull", "x"],
        ["metrics"],
    ],
)
def test_without_settings_a_sentence_and_nothing_made(folder: Path, command: list[str]) -> None:
    refused = run(*command)
    assert refused.exit_code == 2 and "minwang init" in refused.output and str(folder) in refused.output
    assert os.listdir(folder) == ["pw"]


def test_what_needs_no_settings_works_without() -> None:
    assert run("version").exit_code == 0
    assert run("models", "list").exit_code == 0


def test_the_environment_alone_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINWANG_DATA__DIR", str(folder / "d"))
    assert run("user", "list").exit_code == 0


def test_footage_of_a_trial_can_be_read_without_settings(folder: Path) -> None:
    from station import database as station_database

    made = settings.load()

    async def make() -> None:
        await (await station_database.ready(made)).close()

    asyncio.run(make())
    assert run("archive", "holds").exit_code == 0
    assert run("user", "list").exit_code == 2


def test_the_system_file_is_found(folder: Path, tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "etc" / "minwang.toml"), *SCRIPT, "--data", str(folder / "d")).exit_code == 0
    assert settings.load().station.name == '西店 "所"'
