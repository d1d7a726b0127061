"""The log of backup runs: a small file in the data folder that survives the loss of the database.

Every backup writes it; the console, the metrics and the checks read it. Blocking; the file is small.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

FILE = "backups.json"
MAX_RUNS = 100


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One backup run.

    `at` is its end (UTC), `seconds` its duration, `size` the archive's size in bytes; `verified` says how it was
    checked (restored, read); `error` is one sentence, empty on success.
    """

    at: datetime
    target: str
    seconds: float
    size: int = 0
    verified: str = ""
    error: str = ""

    @property
    def good(self) -> bool:
        return not self.error


def read(data_dir: Path) -> list[BackupRun]:
    """Return the runs, newest last; an empty list if the file is missing or unreadable."""
    try:
        rows = json.loads((data_dir / FILE).read_text(encoding="utf-8"))
        return [BackupRun(**{**r, "at": datetime.fromisoformat(r["at"])}) for r in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def add(data_dir: Path, run: BackupRun) -> None:
    """Append a run atomically; keeps the KEPT newest runs and the last good one."""
    runs = [*read(data_dir), run]
    good = [r for r in runs if r.good][-1:]
    kept = [*(r for r in good if r not in runs[-MAX_RUNS:]), *runs[-MAX_RUNS:]]
    text = json.dumps([{**asdict(r), "at": r.at.isoformat()} for r in kept], ensure_ascii=False, indent=1)
    new = data_dir / f"{FILE}.{os.getpid()}.new"
    new.write_text(text, encoding="utf-8")
    owner = data_dir.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        # root made a backup by hand: the station's next run must be able to write the file
        os.chown(new, owner.st_uid, owner.st_gid)
    new.replace(data_dir / FILE)


def last_good(data_dir: Path) -> BackupRun | None:
    return next((r for r in reversed(read(data_dir)) if r.good), None)
