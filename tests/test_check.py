"""Lint, format and types: `./minwang check`, so that CI runs the same as a developer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        pytest.param(["mypy"], marks=pytest.mark.long),
        pytest.param(["mypy", "-p", "bench", "-p", "tests"], marks=pytest.mark.long),
    ],
    ids=["lint", "format", "types", "types of tests"],
)
def test_check(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]


@pytest.mark.parametrize(
    "command",
    [
        ["vue-tsc/bin/vue-tsc.js", "--noEmit"],
        ["eslint/bin/eslint.js", "src"],
        ["vitest/vitest.mjs", "run"],
        ["../scripts/schema.mjs", "--check"],
    ],
    ids=["types", "lint", "tests", "schema"],
)
def test_the_console(command: list[str]) -> None:
    """The console's own checks; `schema`: src/api/schema.ts fits src/api/openapi.json."""
    console = ROOT / "web" / "console"
    node = Path(sys.executable).parent / "node"
    program = (console / "node_modules" / command[0]).resolve() if command[0][0] != "." else console / command[0][3:]
    if not program.is_file() or not (console / "node_modules" / "vitest").is_dir():
        pytest.skip("the console's packages are not installed; ./minwang test installs them")
    done = subprocess.run([node, program, *command[1:]], cwd=console, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
