"""The fenced blocks of the documents, and how each is marked.

A block of shell commands has one of these comments on the line before its fence:

    <!-- run -->                      run unchanged in the checkout's folder
    <!-- run: KEY=VALUE … -->         answers="A|B": input for its prompts, in order; beside="COMMAND": runs in another
                                      terminal meanwhile (it prints 'ready'); before="COMMAND": creates what a person
                                      would have; minutes=N: its time limit (10)
    <!-- not run: REASON -->          cannot run on a bare root

Commands that run until they are stopped (`./minwang demo`, `./minwang serve`) are stopped when the console answers.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHELL = ("sh", "bash", "console", "shell")
ENDLESS = re.compile(r"^\./minwang( --config \S+)? (demo|serve)$")
BESIDE = """
{} >/tmp/beside.log 2>&1 &
beside=$!
trap 'kill $beside || :' EXIT
until grep -q ready /tmp/beside.log; do kill -0 $beside || {{ cat /tmp/beside.log; exit 1; }}; sleep 0.5; done
"""
UNTIL_UP = """
until_up() {
    "$@" & started=$!
    tried=0
    until .venv/bin/python -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8080/login", timeout=2)' \
2>/dev/null; do
        kill -0 $started 2>/dev/null || { wait $started; return 1; }
        tried=$((tried + 1)); [ $tried -lt 240 ] || { kill $started; return 1; }
        sleep 1
    done
    echo "the console answers"
    kill $started; wait $started
}
[ "$(id -u)" != 0 ] || sudo() { "$@"; }
export DEBIAN_FRONTEND=noninteractive
set -eu
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of shell commands; `mark` is the text of its comment, None if it has none."""

    file: str
    line: int
    text: str
    mark: str | None

    @property
    def is_run(self) -> bool:
        return self.mark is not None and re.match(r"run\b", self.mark) is not None

    @property
    def options(self) -> dict[str, str]:
        words = shlex.split((self.mark or "").partition(":")[2])
        return dict(w.split("=", 1) for w in words) if self.is_run else {}

    def commands(self) -> list[str]:
        """Lines without comments; continued lines are joined."""
        lines = re.sub(r"\\\n\s*", "", self.text).split("\n")
        return [c for c in (re.sub(r"(^|\s)#\s.*$", "", line).strip() for line in lines) if c]

    def script(self) -> str:
        """The script for the shell, without `./minwang test`, which takes long and is tested separately."""
        typed = [c for c in self.commands() if c != "./minwang test"]
        beside = [BESIDE.format(self.options["beside"])] if "beside" in self.options else []
        return (
            "\n".join(beside) + UNTIL_UP + "\n".join(f"until_up {c}" if ENDLESS.match(c) else c for c in typed) + "\n"
        )


def blocks(root: Path, files: Iterable[str]) -> list[Block]:
    """Return all blocks of shell commands of these files, in order."""
    return [b for file in files for b in _blocks(file, (root / file).read_text(encoding="utf-8"))]


def _blocks(file: str, text: str) -> list[Block]:
    found, mark, start, language = list[Block](), None, 0, None
    body: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if language is not None:
            if line.strip() == "```":
                if language in SHELL:
                    found.append(Block(file, start, "\n".join(body), mark))
                language, mark = None, None
            else:
                body.append(line)
        elif fence := re.match(r"\s*```(\w*)", line):
            language, start, body = fence[1], number, []
        elif comment := re.fullmatch(r"\s*<!-- ((?:not )?run\b.*?) -->\s*", line):
            mark = comment[1]
        elif line.strip():
            mark = None
    return found


def documents(root: Path) -> list[str]:
    """Return the documents, README first."""
    below = sorted(str(p.relative_to(root)) for p in (root / "docs").rglob("*.md"))
    return ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", *below]
