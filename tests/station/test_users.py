"""`minwang user …` from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from station.cli import cli

TOWN = "town: t\nvillages:\n- {code: wang, name: W}\n- {code: you, name: Y}\n"


@pytest.fixture(autouse=True)
def _station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("MINWANG_")]:
        monkeypatch.delenv(name)
    (tmp_path / "minwang.toml").write_text('inventory = "town.yaml"\n')
    (tmp_path / "town.yaml").write_text(TOWN)
    monkeypatch.chdir(tmp_path)
    assert run("inventory", "apply").exit_code == 0


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


def add(name: str, *arguments: str) -> Result:
    return run("user", "add", name, *arguments, "--password-file", "-", text="a long password\n")


def test_a_village_that_is_not_there_is_refused() -> None:
    refused = add("li", "--role", "video_officer", "--village", "wang", "--village", "nosuch")
    assert refused.exit_code == 2 and "no village 'nosuch'; there are: wang, you" in refused.output
    assert run("user", "list").output == "no accounts yet\n"
    assert add("li", "--role", "video_officer", "--village", "wang").exit_code == 0
    assert run("user", "set", "li", "--display-name", "李").exit_code == 0  # also where nobody is an administrator yet
    refused = run("user", "set", "li", "--village", "nosuch")
    assert refused.exit_code == 2 and "there are: wang, you" in refused.output


def test_an_account_is_changed_disabled_and_enabled() -> None:
    add("root", "--role", "administrator")
    add("li", "--role", "video_officer", "--village", "wang")
    said = run("user", "set", "li", "--role", "investigator", "--all-villages", "--disabled")
    assert said.exit_code == 0 and "its sessions are ended" in said.output
    rows = {u["name"]: u for u in json.loads(run("user", "list", "--json").output)}
    assert (rows["li"]["role"], rows["li"]["villages"], rows["li"]["disabled"]) == ("investigator", None, True)
    assert "disabled" in run("user", "list").output
    assert "enabled" not in run("user", "set", "li", "--enabled").output
    assert run("user", "set", "li", "--enabled").output == "user 'li' is so already\n"
    assert run("user", "set", "li").exit_code == 2
    assert run("user", "set", "nobody", "--disabled").exit_code == 1


def test_the_last_administrator_stays() -> None:
    add("root", "--role", "administrator")
    for change in (["--disabled"], ["--role", "auditor"]):
        refused = run("user", "set", "root", *change)
        assert refused.exit_code == 1 and "last enabled administrator" in refused.output
    add("second", "--role", "administrator")
    assert run("user", "set", "root", "--disabled").exit_code == 0
    assert run("user", "set", "second", "--disabled").exit_code == 1


def test_a_credential_s_password_is_asked_twice() -> None:
    Path("town.yaml").write_text(TOWN + "credentials: [{name: village, username: admin}]\n")
    run("inventory", "apply")
    said = run("inventory", "password", "village", text="geheim\nandere\ngeheim\ngeheim\n")
    assert said.exit_code == 0 and "do not match" in said.output and "sealed" in said.output
