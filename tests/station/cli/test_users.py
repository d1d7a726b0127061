"""`minwang user …` from the command line."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.audit.audit_trail import TRIGGER_STATEMENTS
from core.host import system_user
from station.cli.main import cli

TRIGGERS = {"update": TRIGGER_STATEMENTS["sqlite"][0]}
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
    return run("user", "add", name, *arguments, "--password-file", "-", "--reason", "duty", text="a long password\n")


def change(*arguments: str) -> Result:
    return run("user", *arguments, "--reason", "new duties")


def test_a_village_that_is_not_there_is_refused() -> None:
    refused = add("li", "--role", "video_officer", "--village", "wang", "--village", "nosuch")
    assert refused.exit_code == 2 and "no village 'nosuch'; there are: wang, you" in refused.output
    assert run("user", "list").output == "no accounts yet\n"
    assert add("li", "--role", "video_officer", "--village", "wang").exit_code == 0
    assert change("set", "li", "--display-name", "李").exit_code == 0  # allowed although there is no administrator yet
    refused = change("set", "li", "--village", "nosuch")
    assert refused.exit_code == 2 and "there are: wang, you" in refused.output


def test_an_account_is_changed_disabled_and_enabled() -> None:
    add("root", "--role", "administrator")
    add("li", "--role", "video_officer", "--village", "wang")
    said = change("set", "li", "--role", "investigator", "--all-villages", "--disabled")
    assert said.exit_code == 0 and "its sessions are ended" in said.output
    rows = {u["name"]: u for u in json.loads(run("user", "list", "--json").output)}
    assert (rows["li"]["role"], rows["li"]["villages"], rows["li"]["disabled"]) == ("investigator", None, True)
    assert "disabled" in run("user", "list").output
    assert "enabled" not in change("set", "li", "--enabled").output
    assert change("set", "li", "--enabled").output == "user 'li' is unchanged\n"
    assert change("set", "li").exit_code == 2
    assert change("set", "nobody", "--disabled").exit_code == 1


def test_the_last_administrator_stays() -> None:
    add("root", "--role", "administrator")
    for wanted in (["--disabled"], ["--role", "auditor"]):
        refused = change("set", "root", *wanted)
        assert refused.exit_code == 1 and "last enabled administrator" in refused.output
    add("second", "--role", "administrator")
    refused = change("set", "root", "--disabled")  # he alone manages accounts, until a security administrator does
    assert refused.exit_code == 1 and "security administrator" in refused.output
    add("guard", "--role", "security_administrator")
    assert change("set", "root", "--disabled").exit_code == 0
    assert change("set", "second", "--disabled").exit_code == 1


def test_a_credential_s_password_is_asked_twice() -> None:
    Path("town.yaml").write_text(TOWN + "credentials: [{name: village, username: admin}]\n")
    run("inventory", "apply")
    said = run("inventory", "password", "village", text="geheim\nandere\ngeheim\ngeheim\n")
    assert said.exit_code == 0 and "do not match" in said.output and "sealed" in said.output


def trail() -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect("data/minwang.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute("SELECT * FROM audit ORDER BY id")]


def test_every_change_says_who_and_why() -> None:
    add("root", "--role", "administrator")
    add("li", "--role", "video_officer", "--village", "wang")
    for arguments in (
        ["disable", "li"],
        ["enable", "li"],
        ["role", "li", "investigator"],
        ["scope", "li", "--all-villages"],
    ):
        assert run("user", *arguments).exit_code == 2, arguments  # without a reason
        assert run("user", *arguments, "--reason", "  ").exit_code == 2, arguments
        assert change(*arguments).exit_code == 0, arguments
    assert change("scope", "li").exit_code == 2
    done = run("user", "password", "li", "--reason", "forgotten", "--password-file", "-", text="another password\n")
    assert done.exit_code == 0, done.output
    (row,) = [u for u in json.loads(run("user", "list", "--json").output) if u["name"] == "li"]
    assert (row["role"], row["villages"], row["disabled"], row["must_change"]) == ("investigator", None, False, True)
    rows = [r for r in trail() if r["object"] == "li"]
    assert [r["action"] for r in rows] == ["user.create", *["user.change"] * 4, "user.reset"]
    assert {r["actor"] for r in rows} == {system_user.actor()} and system_user.actor().startswith("command line: ")
    assert [r["reason"] for r in rows] == ["duty", *["new duties"] * 4, "forgotten"]


def test_the_trail_is_verified_and_sealed_anew_by_hand() -> None:
    add("root", "--role", "administrator")
    assert run("audit", "verify").exit_code == 0
    with contextlib.closing(sqlite3.connect("data/minwang.db")) as db:
        db.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'li' WHERE id = 2")
        db.execute(TRIGGERS["update"])
    said = run("audit", "verify")
    assert said.exit_code == 1 and "row 2 was changed" in said.output
    assert run("audit", "seal").exit_code == 2
    assert run("audit", "seal", "--reason", "looked into").exit_code == 0
    said = run("audit", "verify")
    assert said.exit_code == 0 and "rows lie between a break" in said.output, said.output
    assert trail()[-1]["reason"] == "looked into"


def test_files_of_a_station_are_nothing_for_strangers(tmp_path: Path) -> None:
    (tmp_path / "data" / "minwang.db").chmod(0o644)
    add("root", "--role", "administrator")
    assert not [p for p in (tmp_path / "data").rglob("*") if p.stat().st_mode & 0o007]
    assert (tmp_path / "data" / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_lost_authenticator_is_reset() -> None:
    """Its secret, recovery codes and sessions go; the audit trail names who did it and why."""
    add("chen", "--role", "approver")
    told = change("second-factor", "reset", "chen")
    assert told.exit_code == 0 and told.output == "user 'chen' has no second factor\n"
    with contextlib.closing(sqlite3.connect("data/minwang.db")) as database, database:
        (number,) = database.execute("SELECT id FROM user WHERE name = 'chen'").fetchone()
        now = "2026-11-30 00:00:00.000000"
        database.execute(
            "INSERT INTO second_factor (user_id, sealed, enrolled_at, last_step) VALUES (?, 'x', ?, 0)", (number, now)
        )
    told = change("second-factor", "reset", "chen")
    assert told.exit_code == 0 and told.output == "the second factor of 'chen' is deleted\n"
    with contextlib.closing(sqlite3.connect("data/minwang.db")) as database:
        assert database.execute("SELECT count(*) FROM second_factor").fetchone() == (0,)
    rows = [(r["object"], r["actor"], r["reason"]) for r in trail() if r["action"].startswith("second_factor.")]
    assert rows == [("chen", system_user.actor(), "new duties")]
    refused = change("second-factor", "reset", "nobody")
    assert refused.exit_code == 1 and "nobody" in refused.output
    assert run("user", "second-factor", "reset", "chen").exit_code == 2  # without a reason
