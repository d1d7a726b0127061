"""A release's own Python, run as the station's user: each release accesses the database with its own code."""

from __future__ import annotations

import json
import os
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import IO, TypedDict

from core.errors import StorageError
from station.install.layout import Layout


class InsideCommand(StrEnum):
    """The commands of station.upgrade.inside; other releases have the same."""

    FACTS = "facts"
    MIGRATE = "migrate"
    LOWER = "lower"
    DUMP = "dump"
    RESTORE = "restore"


class ReleaseFacts(TypedDict):
    """What a release says of the database and the station; its own Python prints it (station.upgrade.inside)."""

    newest: str  # revision that the release's schema has
    console: str  # "ok", or why it does not answer
    revision: str  # of the database; empty: there is none yet
    recording: int  # streams
    bytes: int  # size of the database; 0: it is on a server


class Program:
    """Runs modules of an installed release with its own Python."""

    def __init__(self, layout: Layout, release: Path):
        self._layout = layout
        self.release = release

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "MINWANG_"))}
        home = str(self._layout.data)
        return {
            **kept,
            "PYTHONPATH": str(self._layout.at(self.release)),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": home,
        }

    def command(self, *arguments: str) -> list[str]:
        user = self._layout.user
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs"]
        own = as_user if user and os.geteuid() == 0 else []
        umask = ["sh", "-c", 'umask 027; exec "$@"', "minwang"]
        return [*own, *umask, str(self._layout.at(self.release) / ".venv" / "bin" / "python"), *arguments]

    def as_root(self, *arguments: str) -> None:
        """Run a module of this release as the calling user. Raises StorageError with its last line if it fails."""
        python = str(self._layout.at(self.release) / ".venv" / "bin" / "python")
        done = subprocess.run(
            [python, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
            cwd="/",
        )
        if done.returncode != 0:
            raise StorageError(
                f"release {self.release.name}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}"
            )

    def facts(self, since: float = 0.0) -> ReleaseFacts:
        """Return the result of `inside.facts`; counts streams seen recording after `since` (seconds since 1970)."""
        found: ReleaseFacts = json.loads(self.inside(InsideCommand.FACTS, "--since", str(since)))
        return found

    def inside(
        self,
        command: InsideCommand,
        *arguments: str,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        seconds: float = 3600,
    ) -> str:
        """Run `station.upgrade.inside`. Raises StorageError with its last line if it fails."""
        module = ["-m", "station.upgrade.inside", str(self._settings), command]
        return self._run([*module, *arguments], stdin, stdout, seconds)

    def station(self, *arguments: str) -> str:
        """Run a command of this release's `minwang`. Raises StorageError with its last line if it fails."""
        return self._run(["-m", "station", "--config", str(self._settings), *arguments], None, None, 4 * 3600)

    @property
    def _settings(self) -> Path:
        return self._layout.at(self._layout.settings)

    def _run(self, arguments: list[str], stdin: IO[bytes] | None, stdout: IO[bytes] | None, seconds: float) -> str:
        try:
            done = subprocess.run(
                self.command(*arguments),
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment,
                check=False,
                timeout=seconds,
                cwd="/",
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise StorageError(f"the program of release {self.release.name} does not run: {e}") from e
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise StorageError(f"release {self.release.name}: {(lines or ['no output'])[-1].removeprefix('minwang: ')}")
        return (done.stdout or b"").decode()
