"""Runs `pip install` and prints a line for each large file.

The script ./minwang runs it before any package is installed: standard library only.

    python pip_progress.py PACKAGES BUSY ARGUMENT…

PACKAGES is the expected number of packages; ARGUMENT… goes to `pip install`. The file BUSY exists while packages are
unpacked: if it remains, the environment is incomplete. Exits with pip's status.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

TOLD_MB = 5.0
FETCHED = re.compile(
    r"^\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([^/\s]+?)(?:-\d[^\s]*)?(?: \(([0-9.]+) ([kMG]?)B\))?\s*$"
)
MEGABYTES = {"": 1e-6, "k": 1e-3, "M": 1.0, "G": 1e3}


def lines(output: Iterable[str], expected: int, busy: Path) -> Iterable[str]:
    """Yield the lines to print for pip's output; creates `busy` when pip begins to unpack."""
    count, total = 0, 0.0
    for line in output:
        if found := FETCHED.match(line):
            megabytes = float(found[2] or 0) * MEGABYTES[found[3] or ""]
            count, total = count + 1, total + megabytes
            if megabytes >= TOLD_MB:
                yield (
                    f"minwang:   {count} of {max(count, expected)}: {found[1]}, {megabytes:.0f} MB ({total:.0f} MB so "
                    f"far)"
                )
        elif line.startswith("Installing collected packages"):
            busy.touch()
            yield f"minwang:   unpacking {count} packages ({total:.0f} MB)"


def main(arguments: list[str]) -> int:
    busy = Path(arguments[1])
    # Modules are compiled on first use: compiling all of them costs 10 s and 100 MB for modules that are never loaded.
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "--no-compile",
        "--no-cache-dir",
    ]
    with subprocess.Popen(
        [*command, *arguments[2:]], stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in lines(pip.stdout, int(arguments[0]), busy):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
    if pip.returncode == 0:
        busy.unlink(missing_ok=True)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
