"""Every background task is owned (core.tasks): a failure in a task that nobody awaits goes unnoticed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_layers import BELOW, ROOT, sources

MAKES_TASKS = re.compile(r"\b(asyncio|loop)\.(create_task|ensure_future|gather)\(")


def makers(path: Path) -> list[int]:
    """Return the lines that create a task directly with asyncio; the tasks of a TaskGroup are owned."""
    return [n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if MAKES_TASKS.search(line)]


def test_only_core_tasks_makes_tasks() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in BELOW
        for path in sources(package)
        if path != ROOT / "core" / "tasks.py"
        for line in makers(path)
    ]
    assert not found, f"use core.tasks: {found}"


def test_the_look_finds_them(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "asyncio.create_task(a())\nawait asyncio.gather(b())\ngroup.create_task(c())\nasyncio.ensure_future(d())\n"
    )
    assert makers(file) == [1, 2, 4]
