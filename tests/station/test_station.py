"""The command line and the processes of a station."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import core
from core.clock import SystemClock
from core.host.process_role import ProcessRole
from station.supervision.supervisor import Supervisor, WorkerRole
from tests.commands import minwang, started
from tests.conftest import ROOT
from tests.demo import RUN, descendants, kept_its_promises
from tests.waiting import eventually

COMMANDS = (
    "status",
    "serve",
    "demo",
    "backup",
    "restore",
    "database status",
    "database check",
    "database copy",
    "database migrate",
    "test",
    "check",
    "discover",
    "inventory check",
    "inventory plan",
    "inventory apply",
    "inventory export",
    "cameras expect",
    "cameras find",
    "cameras identify",
    "cameras list",
    "cameras show",
    "cameras findings",
    "cameras clocks",
    "cameras configure",
    "cameras rotate",
    "cameras retire",
    "record",
    "patrol",
    "index",
    "search",
    "clip",
    "bundle",
    "archive verify",
    "archive hold",
    "archive holds",
    "archive release",
    "archive review",
    "archive forecast",
    "bench",
    "user add",
    "user list",
    "user reset",
    "user set",
    "user disable",
    "user enable",
    "user role",
    "user scope",
    "user password",
    "audit verify",
    "audit seal",
    "audit new-key",
    "version",
    "init",
    "settings",
    "cert",
    "cert show",
    "cert renew",
    "cert ca",
    "doctor",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    from click.testing import CliRunner

    from station.cli.main import cli

    result = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


@pytest.mark.long
def test_the_program_calls_itself_minwang(tmp_path: Path) -> None:
    """Users do not type `python -m station`: ./minwang starts it in its own environment."""
    asked = [started("--help", cwd=tmp_path)]
    asked += [minwang(*a, cwd=tmp_path) for a in (["demo", "--help"], ["inventory", "check", "--help"])]
    wrong = [started("record", cwd=tmp_path)]
    wrong += [minwang(*a, cwd=tmp_path) for a in (["fly"], ["--nothing"], ["user", "add", "--role", "king", "a"])]
    assert [d.returncode for d in asked + wrong] == [0] * len(asked) + [2] * len(wrong)
    for done in asked + wrong:
        text = done.stdout + done.stderr
        assert "Usage: minwang" in text and "python" not in text, text
    assert (
        minwang("--version", cwd=tmp_path).stdout
        == minwang("version", cwd=tmp_path).stdout
        == f"minwang {core.__version__}\n"
    )


def test_every_command_is_found_in_its_module() -> None:
    """Commands are imported on demand: a table says which module registers which."""
    import importlib

    from station.cli.base import COMMAND_MODULES, cli

    for module in set(COMMAND_MODULES.values()):
        importlib.import_module(f"station.cli.{module}")
    modules = {name: str(command.callback.__module__) for name, command in cli.commands.items() if command.callback}
    found = {name: module.rpartition(".")[2] for name, module in modules.items() if module != "station.cli.main"}
    assert found == COMMAND_MODULES


def test_a_worker_imports_no_other_command() -> None:
    rooms = ("scipy", "aiohttp_jinja2", "web", "search")
    code = f"import sys, station.cli.main, station.roles.recorder; print([m for m in {rooms} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_status_two_for_wrong_use_and_one_for_failure(tmp_path: Path) -> None:
    assert minwang("record", cwd=tmp_path).returncode == 2  # options missing
    assert minwang("fly", cwd=tmp_path).returncode == 2
    bad = minwang("inventory", "check", "--file", "none.yaml", cwd=tmp_path)
    assert bad.returncode == 2
    assert "none.yaml: no such file" in bad.stderr
    assert "Traceback" not in bad.stderr
    (tmp_path / "minwang.toml").touch()
    none = minwang(
        "clip", "cam", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "o.mp4", "--reason", "x", cwd=tmp_path
    )
    assert none.returncode == 1
    assert "nothing of cam/main is recorded" in none.stderr
    (tmp_path / "minwang.toml").write_text("[web]\nprot = 1\n")
    assert "minwang.toml:2: unknown key 'web.prot'" in minwang("user", "list", cwd=tmp_path).stderr


def test_inventory_and_users_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "minwang.toml").touch()
    inventory = str(ROOT / "inventory.yaml")
    checked = json.loads(minwang("inventory", "check", "--file", inventory, "--json", cwd=tmp_path).stdout)
    assert (checked["villages"], checked["cameras"]) == (3, 8)
    assert (
        len(json.loads(minwang("inventory", "plan", "--file", inventory, "--json", cwd=tmp_path).stdout)["added"]) == 12
    )
    assert minwang("inventory", "apply", "--file", inventory, cwd=tmp_path).returncode == 0
    assert minwang("inventory", "plan", "--file", inventory, cwd=tmp_path).stdout.endswith("\nnothing to change\n")
    assert "wj-01" in minwang("inventory", "export", cwd=tmp_path).stdout
    sealed = minwang("inventory", "password", "village", "--password-file", "-", cwd=tmp_path, input="geheim\n")
    assert sealed.returncode == 0, sealed.stderr
    added = minwang(
        "user",
        "add",
        "zhang",
        "--role",
        "video_officer",
        "--password-file",
        "-",
        "--reason",
        "duty",
        cwd=tmp_path,
        input="a long password\n",
    )
    assert added.returncode == 0, added.stderr
    assert json.loads(minwang("user", "list", "--json", cwd=tmp_path).stdout)[0]["name"] == "zhang"
    again = minwang(
        "user",
        "add",
        "zhang",
        "--role",
        "auditor",
        "--password-file",
        "-",
        "--reason",
        "duty",
        cwd=tmp_path,
        input="a long password\n",
    )
    assert again.returncode == 1 and "already" in again.stderr


def alive(pids: list[int]) -> list[int]:
    return [p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE]


async def test_one_worker_s_crash_hurts_no_other_and_stop_ends_all(tmp_path: Path) -> None:
    config = tmp_path / "minwang.toml"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    text = f'inventory = "none.yaml"\n[data]\ndir = "{tmp_path / "d"}"\n[web]\nport = {port}\n'
    await asyncio.to_thread(config.write_text, text)
    recorder, analyst = WorkerRole(ProcessRole.RECORDER), WorkerRole(ProcessRole.ANALYST)
    supervisor = Supervisor([recorder, analyst], config, SystemClock(), tmp_path / "log")
    await supervisor.start()
    await eventually(lambda: all(w.ready for w in supervisor.watched.values()), 60)
    first = {role: p.pid for role, p in supervisor.children.items()}
    os.kill(first[recorder], signal.SIGKILL)
    await eventually(lambda: supervisor.children[recorder].pid != first[recorder])
    assert supervisor.children[analyst].pid == first[analyst]
    assert supervisor.children[analyst].returncode is None
    assert supervisor.restarts == {recorder: 1}
    await eventually(lambda: supervisor.watched[recorder].ready, 60)
    pids = [p.pid for p in supervisor.children.values()]
    await supervisor.stop()
    assert alive(pids) == []


def test_what_a_command_leaves_behind_is_found() -> None:
    run = secrets.token_hex()
    done = subprocess.run(
        ["sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!"],
        env={**os.environ, RUN: run},
        capture_output=True,
        text=True,
        check=True,
    )
    assert descendants(run) == [["sleep", "30"]]
    os.kill(int(done.stdout), signal.SIGKILL)


@pytest.mark.soak  # in every run, tests.web.browser checks the same of the demo that its pages show
@pytest.mark.timeout(600)
def test_the_demo_does_what_it_promises_and_leaves_nothing_behind() -> None:
    """The whole main job, with the demo's own exit status."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    run = secrets.token_hex()
    done = started("demo", "--seconds", "64", "--port", str(port), cwd=ROOT, timeout=400, **{RUN: run})
    assert done.returncode == 0, done.stderr + done.stdout
    kept_its_promises(json.loads(done.stdout), run)


def test_a_busy_port_is_one_sentence() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        done = minwang("demo", "--seconds", "20", "--port", str(s.getsockname()[1]), cwd=ROOT)
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr


@pytest.mark.soak
def test_a_demo_whose_console_cannot_start_ends_with_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the cameras takes most of the test's time."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    monkeypatch.setenv("MINWANG_WEB__HOST", "192.0.2.1")  # an address that no machine has
    done = minwang("demo", "--port", str(port), cwd=ROOT, timeout=250)
    assert done.returncode != 0 and "web.host" in done.stderr and "Traceback" not in done.stderr


def test_a_second_demo_is_one_sentence_and_harms_not_the_first() -> None:
    """The cameras' addresses are fixed: another process holds one of them."""
    kept = ROOT / ".demo" / "kept"
    kept.parent.mkdir(exist_ok=True, mode=0o750)
    kept.touch()
    with socket.socket() as free, socket.socket() as s:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        s.bind(("127.0.1.17", 8899))
        s.listen()
        done = minwang("demo", "--seconds", "20", "--port", str(port), cwd=ROOT)
    assert done.returncode == 1
    assert "127.0.1.17:8899" in done.stderr and "another demo" in done.stderr and "Traceback" not in done.stderr
    assert kept.exists()
    kept.unlink()
