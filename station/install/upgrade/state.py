"""The progress of an upgrade: one file, written atomically before each step that a resumed upgrade must know about."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.files import sync_folder
from station.install.steps import write_text


class UpgradeStage(StrEnum):
    """The last stage of an upgrade that is complete."""

    PREPARED = "prepared"  # the new release is installed, the station runs as before
    STOPPED = "stopped"
    COPIED = "copied"  # the database is copied
    LOWERING = "lowering"  # its schema is being downgraded to the older release's
    SWITCHED = "switched"  # the link is about to be switched or is switched
    MIGRATED = "migrated"
    STARTED = "started"
    RETURNING = "returning"  # failed: the previous release and database are being restored


@dataclass(frozen=True, slots=True)
class UpgradeState:
    """What an interrupted upgrade needs to continue or to go back; stored before each stage."""

    source: str  # release names
    target: str
    stage: UpgradeStage
    was_running: bool
    streams: int  # streams recorded before the upgrade
    revision: str  # of the database before; empty: there was none
    target_revision: str
    stopped_at: float = 0.0  # seconds since the epoch
    copy: str = ""  # file below `kept`; empty: the schema does not change
    restore: str = ""  # for a way back that restores an older copy instead of downgrading the schema
    reason: str = ""  # why the upgrade failed

    @property
    def lowers(self) -> bool:
        return bool(self.restore) or (self.revision > self.target_revision)

    def at(self, stage: UpgradeStage) -> UpgradeState:
        return replace(self, stage=stage)


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """The release before the one in use, and its database: for `--rollback`."""

    release: str
    copy: str
    at: float  # seconds since the epoch


def save(path: Path, state: UpgradeState | PreviousRelease) -> None:
    write_text(path, json.dumps(asdict(state), indent=1) + "\n", 0o600)


def load(path: Path) -> UpgradeState | None:
    """Return the interrupted upgrade; None if there is none. Raises StorageError if the file is not readable."""
    values = _read(path)
    if values is None:
        return None
    try:
        return UpgradeState(**{**values, "stage": UpgradeStage(values["stage"])})
    except (TypeError, ValueError, KeyError) as e:
        raise StorageError(f"{path}: not the state of an upgrade ({e}); look at it, then remove it") from e


def load_previous(path: Path) -> PreviousRelease | None:
    values = _read(path)
    try:
        return None if values is None else PreviousRelease(**values)
    except TypeError as e:
        raise StorageError(f"{path}: not readable ({e}); there is no way back by it") from e


def clear(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except FileNotFoundError:
        return None
    except ValueError as e:
        raise StorageError(f"{path}: not JSON ({e}); look at it, then remove it") from e
