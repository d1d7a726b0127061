"""Quarantine on a volume: what recovery cannot read or does not know is moved aside there, never deleted.

`quarantine/` lies on the same volume, so that moving is a rename and costs no room. Beside each file lies a record
(`<name>.json`): when it was moved, where it lay, why, its size and what of it was salvaged. A person removes it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

FOLDER = "quarantine"
RECORD = ".json"


@dataclass(frozen=True, slots=True)
class Record:
    """Why a file lies in quarantine."""

    at: str  # ISO 8601, UTC
    path: str  # below the volume, where it lay
    why: str
    bytes: int
    salvaged: str = ""  # what readable parts of it became; empty: nothing


def move(volume: Path, path: Path, why: str, now: datetime, salvaged: str = "") -> Path:
    """Move a file of the volume into its quarantine; returns its new place. Blocking; raises OSError."""
    relative = path.relative_to(volume)
    target = _free_name(volume / FOLDER / relative, str(relative))
    target.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size
    record = Record(now.isoformat(timespec="seconds"), str(relative), why, size, salvaged)
    # The record first: a file without one would say nothing, a record without a file says what was about to happen.
    target.with_name(target.name + RECORD).write_text(
        json.dumps(asdict(record), ensure_ascii=False) + "\n", encoding="utf-8"
    )
    path.rename(target)
    return target


def record_of(volume: Path, path: Path) -> Record | None:
    """The first record of a file that lay at `path`; None where there is none. Blocking."""
    relative = path.relative_to(volume)
    record = volume / FOLDER / relative
    try:
        return Record(**json.loads(record.with_name(record.name + RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_of_another(record: Path, relative: str) -> bool:
    """A record stands there, and not of this file: one of it was left by a process that died before it moved the file."""
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["path"] != relative)
    except FileNotFoundError:
        return False
    except (ValueError, KeyError):
        return True


def _free_name(wanted: Path, relative: str) -> Path:
    """The name, or one with a number where it is taken."""
    name, number = wanted, 1
    while os.path.lexists(name) or _is_of_another(name.with_name(name.name + RECORD), relative):
        number += 1
        name = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return name


def content(volume: Path) -> tuple[int, int]:
    """(files, bytes) in a volume's quarantine, without the records. Blocking."""
    files = size = 0
    for folder, _, names in os.walk(volume / FOLDER):
        for name in names:
            if not name.endswith(RECORD):
                files, size = files + 1, size + os.lstat(os.path.join(folder, name)).st_size
    return files, size
