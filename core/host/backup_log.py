"""The log of backup runs: a small file in the data folder that survives the loss of the database.

Every backup writes it; the console, the metrics and the checks read it. Blocking; the file is small.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NotRequired, TypedDict

from core.files import write_atomic
from core.host import file_locks

FILE = "backups.json"
LOCK_FILE = ".backups.lock"
MAX_RUNS = 100


class BackupVerification(StrEnum):
    """How far the check of an archive went."""

    NONE = ""  # a backup that failed
    RESTORED = "restored"
    READ = "read"  # a dump that was only unpacked: the account may not create a database on the server


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One backup run.

    `at` is its end (UTC), `seconds` its duration, `size` the archive's size in bytes; `error` is one sentence, empty
    on success.
    """

    at: datetime
    target: str
    seconds: float
    size: int = 0
    verified: BackupVerification = BackupVerification.NONE
    error: str = ""

    @property
    def good(self) -> bool:
        return not self.error


def read(data_dir: Path) -> list[BackupRun]:
    """Return the runs, newest last; an empty list if the file is missing or unreadable."""
    try:
        rows = json.loads((data_dir / FILE).read_text(encoding="utf-8"))
        return [_parse(row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


class _StoredRun(TypedDict):
    """A run in the file: as BackupRun, but `at` is a text."""

    at: str
    target: str
    seconds: float
    size: NotRequired[int]
    verified: NotRequired[str]
    error: NotRequired[str]


def _parse(row: _StoredRun) -> BackupRun:
    return BackupRun(
        datetime.fromisoformat(row["at"]),
        row["target"],
        row["seconds"],
        row.get("size", 0),
        BackupVerification(row.get("verified", "")),
        row.get("error", ""),
    )


def add(data_dir: Path, run: BackupRun) -> None:
    """Append a run; keeps the MAX_RUNS newest runs and the last good one.

    A nightly backup and one by hand may end at the same time: the second waits for the first. Raises OSError.
    """
    with file_locks.waiting_lock(data_dir / LOCK_FILE):
        runs = [*read(data_dir), run]
        good = [r for r in runs if r.good][-1:]
        kept = [*(r for r in good if r not in runs[-MAX_RUNS:]), *runs[-MAX_RUNS:]]
        text = json.dumps([{**asdict(r), "at": r.at.isoformat()} for r in kept], ensure_ascii=False, indent=1)
        write_atomic(data_dir / FILE, text.encode(), mode=0o640)


def last_good(data_dir: Path) -> BackupRun | None:
    return next((r for r in reversed(read(data_dir)) if r.good), None)
