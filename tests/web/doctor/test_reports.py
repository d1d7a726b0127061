"""All checks together: who may read them, on the command line, and as another user."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from core.accounts.permissions import Role
from core.database import Database
from tests.commands import minwang
from tests.conftest import _migrated
from tests.web.conftest import SignIn
from tests.web.doctor.checked import checked_station
from web.doctor import data
from web.doctor.checks import CHECKS


async def test_administrators_get_the_facts_and_costly_checks_run_once(sign_in: SignIn) -> None:
    client = await sign_in(Role.ADMINISTRATOR)
    first, second = [await (await client.get("/api/station")).json() for _ in range(2)]
    assert {f["check"] for f in first["facts"]} == {c.name for c in CHECKS}
    assert first["state"] in ("failed", "warning")

    def moments(reply: dict[str, list[dict[str, str]]]) -> dict[str, str]:
        return {f["check"]: f["at"] for f in reply["facts"]}

    costly = {c.name for c in CHECKS if c.heavy}
    assert costly >= {"disk.speed", "printing"}
    assert {n: moments(first)[n] for n in costly} == {n: moments(second)[n] for n in costly}
    assert (await (await sign_in(Role.VIDEO_OFFICER)).get("/api/station")).status == 403


def test_doctor_on_the_command_line(tmp_path: Path) -> None:
    environment = {**os.environ, "MINWANG_DATA__DATABASE": ""}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return minwang(*arguments, cwd=tmp_path, env=environment)

    (tmp_path / "minwang.toml").write_text("[web]\nport = 1\n")
    done = run("doctor", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["state"], done.stderr) == (1, "failed", "")
    assert not (tmp_path / "data").exists()  # the check created nothing
    failed_ones = {f["check"] for f in said["facts"] if f["state"] == "failed"}
    assert {"database", "disk.space"} <= failed_ones
    table = run("doctor").stdout
    assert "→ start the station once (minwang serve)" in table and "unknown" in table.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to be refused")
def test_another_user_gets_unknown_results(tmp_path: Path) -> None:
    """What cannot be read is unknown, not missing, and no command ends in a traceback because of it."""
    data_dir = tmp_path / "data"
    (data_dir / "tls").mkdir(parents=True)
    (data_dir / "minwang.db").touch()
    data_dir.chmod(0o700)
    config = tmp_path / "minwang.toml"
    config.write_text(f'[data]\ndir = "{data_dir}"\n')
    for folder in tmp_path.parents:
        if folder not in (Path("/"), Path("/tmp")):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)

    other = tmp_path / "other" / "minwang.db"
    other.parent.mkdir()
    other.write_bytes(_migrated())
    other.parent.chmod(0o755)
    other.chmod(0o644)
    from click.testing import CliRunner

    from station.cli.main import cli

    invoke = CliRunner().invoke
    before = tmp_path / "before.toml"  # modules that they import may be where the other user cannot read
    before.write_text(f'[data]\ndir = "{tmp_path / "before"}"\n')
    for command in ("doctor", "cert"):
        invoke(cli, ["--config", str(before), command])
    os.seteuid(65534)
    try:
        (readable,) = asyncio.run(
            data.database(checked_station(tmp_path / "other", Database(f"sqlite+aiosqlite:///{other}")))
        )
        said = invoke(cli, ["--config", str(config), "doctor", "--json"])
        refused = invoke(cli, ["--config", str(config), "cert"])
    finally:
        os.seteuid(0)
    assert (readable.state, readable.remedy) == ("unknown", "run it as the station's user"), readable
    facts = {f["check"]: f for f in json.loads(said.stdout)["facts"] if f["subject"] != "user"}
    for name in ("database", "models", "backup", "permissions"):
        assert (facts[name]["state"], facts[name]["value"]) == ("unknown", f"{data_dir} cannot be read by uid 65534"), (
            facts[name]
        )
    assert refused.exit_code == 1
    assert "cannot be written (Permission denied); run this as the station's user" in refused.stderr
