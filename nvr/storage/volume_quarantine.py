"""Quarantine folder of a volume: recovery moves files there that it cannot read or does not recognise.

It never deletes them.

`quarantine/` is on the same volume, so that a move is a rename and needs no space. Each file has a record beside it
(`<name>.json`): time of the move, original path, reason, size, and what was salvaged from it. A person removes the
files.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

QUARANTINE_DIR = "quarantine"
RECORD_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Record:
    """Why a file is in quarantine."""

    at: str  # ISO 8601, UTC
    path: str  # original path, relative to the volume
    why: str
    bytes: int
    salvaged: str = ""  # what its readable parts became; empty: nothing was salvaged


def move(volume: Path, path: Path, why: str, now: datetime, salvaged: str = "") -> Path:
    """Move a file of the volume into its quarantine and return the new path. Blocking; raises OSError."""
    relative = path.relative_to(volume)
    target = _free_name(volume / QUARANTINE_DIR / relative, str(relative))
    target.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size
    record = Record(now.isoformat(timespec="seconds"), str(relative), why, size, salvaged)
    # Write the record first: a file without a record is unexplained, but a record without a file describes the intended
    # move.
    target.with_name(target.name + RECORD_SUFFIX).write_text(
        json.dumps(asdict(record), ensure_ascii=False) + "\n", encoding="utf-8"
    )
    path.rename(target)
    return target


def record_of(volume: Path, path: Path) -> Record | None:
    """Return the first quarantine record of a file that was at `path`; None if there is none. Blocking."""
    relative = path.relative_to(volume)
    record = volume / QUARANTINE_DIR / relative
    try:
        return Record(**json.loads(record.with_name(record.name + RECORD_SUFFIX).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_of_another(record: Path, relative: str) -> bool:
    """Return whether the record belongs to another file.

    A record of the same file remains if a process died before it moved the file.
    """
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["path"] != relative)
    except FileNotFoundError:
        return False
    except (ValueError, KeyError):
        return True


def _free_name(wanted: Path, relative: str) -> Path:
    """Return `wanted`, or the name with a number appended if it is taken."""
    name, number = wanted, 1
    while os.path.lexists(name) or _is_of_another(name.with_name(name.name + RECORD_SUFFIX), relative):
        number += 1
        name = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return name


def usage(volume: Path) -> tuple[int, int]:
    """Return (files, bytes) of a volume's quarantine, without the records. Blocking."""
    files = size = 0
    for folder, _, names in os.walk(volume / QUARANTINE_DIR):
        for name in names:
            if not name.endswith(RECORD_SUFFIX):
                files, size = files + 1, size + os.lstat(os.path.join(folder, name)).st_size
    return files, size
