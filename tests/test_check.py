"""Lint, format and types: `./minwang check`, so that CI runs the same as a developer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], pytest.param(["mypy"], marks=pytest.mark.long)],
    ids=["lint", "format", "types"],
)
def test_check(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]


def test_the_console_type_checks() -> None:
    console = ROOT / "web" / "console"
    node = Path(sys.executable).parent / "node"
    checker = console / "node_modules" / "vue-tsc" / "bin" / "vue-tsc.js"
    if not checker.is_file():
        pytest.skip("the console's packages are not installed; ./minwang test installs them")
    done = subprocess.run([node, checker, "--noEmit"], cwd=console, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
