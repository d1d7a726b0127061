"""The script ./minwang: a root folder with an empty lock file and a station that prints its arguments."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from station.cli.main import cli
from station.pip_progress import lines
from tests.conftest import ROOT

STATION = "import sys\nprint('station', *sys.argv[1:])\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "requirements").mkdir(parents=True)
    (folder / "station").mkdir()
    (folder / "web" / "console" / "dist").mkdir(parents=True)
    (folder / "web" / "console" / "package-lock.json").write_text("{}")
    for name in ("base", "build", "dev"):
        (folder / "requirements" / f"{name}.lock").write_text("# nothing\n")
    (folder / "station" / "__main__.py").write_text(STATION)
    (folder / "station" / "__init__.py").touch()
    shutil.copy(ROOT / "station" / "pip_progress.py", folder / "station")
    shutil.copy(ROOT / "minwang", folder)
    return folder


@pytest.fixture
def bare_venv(root: Path) -> Path:
    """Create a .venv that looks complete to the script, without pip; takes no time."""
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    interpreter = (venv / "bin" / "python").resolve()
    (venv / ".made").write_text(f"{venv.resolve()} {interpreter}")
    for name in ("base", "build", "dev"):
        text = (root / "requirements" / f"{name}.lock").read_bytes()
        (venv / f".{name}.sha256").write_text(hashlib.sha256(text).hexdigest())
    return venv


def minwang(root: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    # Without the caller's packages and without an index: nothing can be downloaded.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "MINWANG_"))}
    environment |= {"MINWANG_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    environment["PATH"] = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
    return subprocess.run(
        [root / "minwang", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def console_stamp(root: Path) -> str:
    """Return the stamp that ./minwang writes after building."""
    command = (
        "find . -type f -not -path './node_modules/*' -not -path './dist/*' -print0 | LC_ALL=C sort -z | xargs -0 "
        "sha256sum"
    )
    listed = subprocess.run(["sh", "-c", command], cwd=root / "web" / "console", capture_output=True, check=True).stdout
    return hashlib.sha256(listed).hexdigest()


@pytest.mark.long
def test_the_first_start_sets_up_and_the_second_says_nothing(root: Path) -> None:
    first = minwang(root, "version")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "station version\n"
    assert "making .venv" in first.stderr and "MB to download" in first.stderr
    second = minwang(root, "version")
    assert (second.returncode, second.stdout, second.stderr) == (0, "station version\n", "")


def break_interpreter(venv: Path) -> None:
    for name in ("python", "python3"):
        (venv / "bin" / name).unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3.9")


def move(venv: Path) -> None:
    (venv / ".made").write_text(f"/elsewhere/.venv {(venv / 'bin' / 'python').resolve()}")


def other_version(venv: Path) -> None:
    (venv / ".made").write_text(f"{venv.resolve()} /usr/bin/python3.9")


def interrupt(venv: Path) -> None:
    (venv / ".busy.base").touch()


def forget(venv: Path) -> None:
    """As left by earlier versions of the script, or never finished: here without pip."""
    (venv / ".made").unlink()


@pytest.mark.long
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (break_interpreter, "its Python is gone"),
        (move, "made in another place"),
        pytest.param(other_version, "another version of Python", marks=pytest.mark.soak),
        pytest.param(interrupt, "interrupted", marks=pytest.mark.soak),
        (forget, "no pip"),
    ],
)
def test_what_cannot_be_used_is_remade_and_said(root: Path, bare_venv: Path, damage: object, why: str) -> None:
    (bare_venv / "old").touch()
    assert minwang(root, "version").stderr == ""
    damage(bare_venv)  # type: ignore[operator]
    done = minwang(root, "version")
    assert (done.returncode, done.stdout) == (0, "station version\n"), done.stderr
    assert "remaking .venv" in done.stderr and why in done.stderr
    assert not (bare_venv / "old").exists()
    assert minwang(root, "version").stderr == ""


@pytest.mark.parametrize("options", [[], ["--config", "test"], ["--config=test"]])
def test_options_before_the_command_hide_it_not(root: Path, bare_venv: Path, options: list[str]) -> None:
    done = minwang(root, *options, "serve")
    assert done.returncode == 1
    assert "the console's packages" in done.stderr  # it tried to build the console: there is no npm and no network
    assert minwang(root, *options, "user", "serve").stdout == f"station {' '.join([*options, 'user', 'serve'])}\n"


def test_every_global_option_with_a_value_is_known_to_the_script() -> None:
    script = (ROOT / "minwang").read_text()
    with_value = [o for p in cli.params if not getattr(p, "is_flag", False) for o in p.opts]
    assert with_value
    assert [o for o in with_value if f"    {o}) value=expected" not in script] == []


def test_a_console_that_is_built_needs_no_npm(root: Path, bare_venv: Path) -> None:
    (root / "web" / "console" / "dist" / ".sources").write_text(console_stamp(root))
    done = minwang(root, "serve")
    assert (done.returncode, done.stdout, done.stderr) == (0, "station serve\n", "")
    assert minwang(root, "demo", "--help").stdout == "station demo --help\n"


def test_a_release_archive_carries_its_console(root: Path, bare_venv: Path) -> None:
    (root / "release.json").write_text("{}")
    missing = minwang(root, "serve")
    assert missing.returncode == 1 and "web/console/dist is missing" in missing.stderr
    (root / "web" / "console" / "dist" / "index.html").touch()
    assert minwang(root, "serve").stdout == "station serve\n"


@pytest.mark.soak
def test_uv_installs_where_it_is_there_and_pip_where_it_fails(root: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    told = tmp_path / "told"
    for status, then in ((0, ""), (2, "pip tries")):
        (tools / "uv").write_text(f'#!/bin/sh\necho "$@" >>{told}\nexit {status}\n')
        (tools / "uv").chmod(0o755)
        shutil.rmtree(root / ".venv", ignore_errors=True)
        told.write_text("")
        done = minwang(root, "version", path=tools)
        assert (done.returncode, done.stdout) == (0, "station version\n"), done.stderr
        assert "--require-hashes" in told.read_text() and then in done.stderr
        assert ("pip tries" in done.stderr) == bool(then)


@pytest.mark.soak
def test_a_failed_installation_is_one_sentence_and_is_tried_again(root: Path) -> None:
    (root / "requirements" / "base.lock").write_text(f"nothing-of-that-name==1.0 --hash=sha256:{'0' * 64}\n")
    failed = minwang(root, "version")
    assert failed.returncode == 1 and "check the network" in failed.stderr.splitlines()[-1]
    (root / "requirements" / "base.lock").write_text("# nothing\n")
    again = minwang(root, "version")
    assert again.returncode == 0 and "remaking" not in again.stderr


def test_what_pip_fetches_is_told_with_its_size(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    said = lines(
        [
            "Collecting openvino==2026.4.1 (from -r base.lock (line 9))\n",
            "  Downloading openvino-2026.4.1-22982-cp313-cp313-manylinux_2_28_x86_64.whl (59.1 MB)\n",
            "  Downloading https://host.example/p/click-8.1-py3-none-any.whl (108 kB)\n",
            "  Using cached scipy-1.17.1-cp313-cp313-manylinux_2_27_x86_64.whl (35.2 MB)\n",
        ],
        77,
        busy,
    )
    assert list(said) == [
        "minwang:   1 of 77: openvino, 59 MB (59 MB so far)",
        "minwang:   3 of 77: scipy, 35 MB (94 MB so far)",
    ]
    assert not busy.exists()
    assert list(lines(["Installing collected packages: click, scipy\n"], 77, busy)) == [
        "minwang:   unpacking 0 packages (0 MB)"
    ]
    assert busy.exists()
