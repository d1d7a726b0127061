"""Which files of a data folder belong in a backup, and copying them while the station runs. Blocking."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.audit import audit_key, verification
from core.host import backup_log
from core.host.station_lock import LOCK_FILE
from core.secrets import KEY_FILE
from core.settings import DATABASE_FILE, TLS_DIR
from nvr.storage.volumes import IDENTITY
from search.store.upkeep import MODELS_DIR, SIGHTINGS_DIR
from station.backup import sqlite

SECRETS = (KEY_FILE, "node.token", audit_key.NAME, verification.FILE)
RESTORED = "restored"  # folder for the settings that an archive contained
# Files that a running station creates again, or that are copied in another way.
EXCLUDED_NAMES = {
    DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", f"{DATABASE_FILE}-journal",
    SIGHTINGS_DIR, MODELS_DIR, RESTORED, backup_log.FILE, *SECRETS,
}  # fmt: skip
ARCHIVE_PREFIX, ARCHIVE_SUFFIX = "minwang-", ".tar"  # of the names of backups
TRANSIENT_SUFFIXES = (".new", ".tmp", ".box", ".lock", ".pid", ".log", ".gone")


def is_secret(relative: Path) -> bool:
    """Return whether a file of the data folder is backed up only sealed: keys, tokens, private keys of certificates."""
    name = relative.as_posix()
    return name in SECRETS or (relative.parts[0] == TLS_DIR and relative.suffix in (".key", ".pem", ".p12"))


def secrets_of(data: Path) -> dict[str, bytes]:
    """Return the secret files: name below the data folder → content."""
    names = [
        *(Path(n) for n in SECRETS),
        *(p.relative_to(data) for p in sorted((data / TLS_DIR).rglob("*")) if p.is_file()),
    ]
    return {n.as_posix(): (data / n).read_bytes() for n in names if is_secret(n) and (data / n).is_file()}


def small_files(data: Path, excluded: Iterable[Path], left_out: list[str]) -> Iterator[Path]:
    """Yield the names below the data folder of the files that are copied unchanged.

    `excluded`: folders and files that are never copied (disks of recordings, the folder of backups, the passphrase).
    Entries that are neither file nor folder are added to `left_out`.
    """
    excluded_paths = {os.path.realpath(p) for p in excluded}
    for folder, names, files in os.walk(data):
        here = Path(folder)
        for name in list(names):
            if not _is_entered(data, here / name, excluded_paths, left_out):
                names.remove(name)
        for name in files:
            path = here / name
            relative = path.relative_to(data)
            if not is_copied(relative) or os.path.realpath(path) in excluded_paths:
                continue
            if path.is_file():
                yield relative
            elif not (path.is_socket() or path.is_fifo()):
                left_out.append(f"{relative.as_posix()}: not a file")


def is_copied(relative: Path) -> bool:
    """Return whether a file or folder of this name below the data folder is copied unchanged."""
    name = relative.name
    is_archive = name.startswith(ARCHIVE_PREFIX) and name.endswith(ARCHIVE_SUFFIX)
    is_transient = (
        any(part.startswith(".") for part in relative.parts) or relative.suffix in TRANSIENT_SUFFIXES or is_archive
    )
    return relative.parts[0] not in EXCLUDED_NAMES and not is_transient and not is_secret(relative)


def _is_entered(data: Path, folder: Path, excluded: set[str], left_out: list[str]) -> bool:
    relative = folder.relative_to(data)
    if not is_copied(relative) or os.path.realpath(folder) in excluded or (folder / IDENTITY).exists():
        return False
    if folder.is_symlink():
        left_out.append(f"{relative.as_posix()}: a link to a folder elsewhere")
        return False
    return True


def copy_small(data: Path, to: Path, excluded: Iterable[Path], left_out: list[str]) -> None:
    for relative in small_files(data, excluded, left_out):
        copy_file(data / relative, to / relative)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file that the station may remove or append to meanwhile; a removed file is no longer needed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        target.unlink(missing_ok=True)


def copy_sightings(data: Path, to: Path) -> None:
    """Copy sightings day by day: first the rows, then the pictures and vectors they refer to, which are append-only."""
    source = data / SIGHTINGS_DIR
    for day in sorted(p for p in source.glob("[0-9]*") if p.is_dir() and p.name.isdigit()):
        (to / day.name).mkdir(parents=True)
        if (day / "rows.db").is_file():
            sqlite.copy(day / "rows.db", to / day.name / "rows.db")
        for path in sorted(p for p in day.rglob("*") if p.is_file() and not p.name.startswith("rows.db")):
            copy_file(path, to / day.name / path.relative_to(day))


def models_of(data: Path) -> list[str]:
    """Return the names of the installed model packs; they are downloaded again, or copied by hand."""
    return sorted(p.name for p in (data / MODELS_DIR).glob("*") if p.is_dir())


def foreign_entries(data: Path) -> list[str]:
    """Return the entries that a restore must not mix with: not disks of recordings, empty folders or hidden files."""
    if not data.exists():
        return []
    return sorted(
        p.name
        for p in data.iterdir()
        if not (p.name.startswith(".") or p.name in ("lost+found", LOCK_FILE) or _is_disk(p))
    )


def _is_disk(path: Path) -> bool:
    if not stat.S_ISDIR(path.lstat().st_mode):
        return False
    return (path / IDENTITY).exists() or not any(path.iterdir())
