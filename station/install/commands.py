"""Running system commands in the root folder that is installed into."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import StorageError

MAX_ERROR_CHARACTERS = 400


class SystemCommands:
    """Runs commands in `root`; a root other than / is entered with chroot."""

    def __init__(self, root: Path = Path("/")):
        self.root = root

    def run(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, seconds: float = 1800
    ) -> str:
        """Return standard output. Raises StorageError with the command and its last output if it fails."""
        done = self._run(command, environment, seconds)
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip())[-MAX_ERROR_CHARACTERS:]
            raise StorageError(f"'{' '.join(command[:6])}' failed with status {done.returncode}: {last}")
        return done.stdout

    def succeeds(self, command: Sequence[str]) -> bool:
        return self._run(command, None, 120).returncode == 0

    def run_or_empty(self, command: Sequence[str]) -> str:
        """Return standard output, stripped; empty if the command fails."""
        done = self._run(command, None, 120)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _run(
        self, command: Sequence[str], environment: Mapping[str, str] | None, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        into = [] if self.root == Path("/") else ["chroot", str(self.root)]
        try:
            return subprocess.run(
                [*into, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess(list(command), 127, "", f"{command[0]}: command not found")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(list(command), 124, "", f"no end after {seconds:.0f} s")
