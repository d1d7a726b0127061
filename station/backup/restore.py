"""Creating a data folder from a backup. Nothing is written to the folder before the whole archive was checked.

Blocking.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import migrate
from core.database_kind import DatabaseKind
from core.errors import BackupError, UsageError
from core.files import sync_folder, write_atomic
from core.host import station_lock
from core.secrets import KEY_FILE
from core.settings import DATABASE_FILE
from nvr.storage.volumes import IDENTITY
from search.store import upkeep
from station.backup import archive, contents, create, postgresql, sealing, sqlite
from station.backup.manifest import DATA, DATABASE, SETTINGS, SIGHTINGS, BackupManifest
from station.backup.pacing import WritePacer

MARKER = "restored.json"  # present until footage newer than the backup has been indexed
WORK = ".restoring"


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """`settings`: folder with the settings of the archive. `with_key`: the archive contained the key."""

    data: Path
    settings: Path
    with_key: bool
    manifest: BackupManifest


def restore(path: Path, data: Path, passphrase: str | None, url: str = "") -> RestoreResult:
    """Restore an archive into an empty data folder; `url` is the empty PostgreSQL database for a dump.

    Raises UsageError if the folder or the database is not empty, BackupError if the archive is damaged or unsuitable.
    """
    data = data.absolute()
    _require_empty(data)
    with archive.open_archive(path) as opened, station_lock.hold(data, "restore"), _work_folder(data) as work:
        manifest = opened.manifest
        _require_fit(manifest, url)
        secrets = _secrets(opened, passphrase)
        opened.extract(work, WritePacer(paced=False))
        _check(manifest, work, secrets)
        if manifest.database is DatabaseKind.POSTGRESQL:
            _restore_dump(manifest, work, url)
        _place(work, data, manifest, secrets)
        _give_to_owner(data)
    return RestoreResult(data, data / contents.RESTORED, f"{DATA}/{KEY_FILE}" in secrets, manifest)


def _require_empty(data: Path) -> None:
    if found := contents.foreign_entries(data):
        raise UsageError(f"{data}: not empty ({', '.join(found[:3])}); a backup is restored into a new folder only")


def _require_fit(manifest: BackupManifest, url: str) -> None:
    for entry in manifest.files:
        folder, _, name = entry.name.partition("/")
        if folder == DATA and not contents.is_copied(Path(name)):
            raise BackupError(
                f"the archive contains {entry.name[:80]!r} unencrypted, which a valid backup never does; do not use it"
            )
    if manifest.revision > migrate.newest():
        raise BackupError(
            f"the backup is of database version {manifest.revision}, this program knows {migrate.newest()}; "
            f"install Minwang {manifest.minwang} or newer"
        )
    if manifest.database is not DatabaseKind.POSTGRESQL:
        return
    if not url or DatabaseKind.of_url(url) is not DatabaseKind.POSTGRESQL:
        raise UsageError(
            "this is the backup of a station on PostgreSQL; name the empty database in data.database (--config)"
        )
    postgresql.require_empty(url)


def _secrets(opened: archive.Archive, passphrase: str | None) -> dict[str, bytes]:
    if opened.seal is None:
        return {}
    if passphrase is None:
        raise UsageError("the key in this archive is sealed; give its passphrase with --passphrase-file")
    secrets = sealing.unseal(opened.seal, passphrase, opened.manifest_text)
    for name in secrets:
        folder, _, relative = name.partition("/")
        below = Path(relative)
        known = name == f"{SETTINGS}/minwang.toml" or (folder == DATA and relative and contents.is_secret(below))
        if not known or below.is_absolute() or ".." in below.parts:
            raise BackupError(f"the archive seals the file {name[:80]!r}, which no backup holds; do not use it")
    return secrets


def _check(manifest: BackupManifest, work: Path, secrets: dict[str, bytes]) -> None:
    if manifest.database is not DatabaseKind.SQLITE:
        return
    copied = work / DATABASE / create.SQLITE_NAME
    if not copied.is_file():
        raise BackupError("the archive contains no database; use another one")
    with ThreadPoolExecutor(1) as checking:  # in parallel with counting the rows: both read the whole file
        checked = checking.submit(sqlite.check, copied, thorough=False)
        try:
            facts = sqlite.facts(copied)
        finally:
            checked.result()  # report damage before a row count that is wrong because of it
    create.compare(manifest, facts)
    create.check_key(secrets, sqlite.sealed_passwords(copied))


def _restore_dump(manifest: BackupManifest, work: Path, url: str) -> None:
    postgresql.restore(url, work / DATABASE / create.POSTGRESQL_NAME)
    create.compare(manifest, postgresql.facts(url))


@contextmanager
def _work_folder(data: Path) -> Iterator[Path]:
    """Provide a work folder inside the data folder: on the same disk, removed at the end."""
    work = data / WORK
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
    except OSError as e:
        raise BackupError(
            f"{data}: cannot be written ({e.strerror}); choose another folder, or run it as the station's user"
        ) from e
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _place(work: Path, data: Path, manifest: BackupManifest, secrets: dict[str, bytes]) -> None:
    """Move the checked files to their places; the database last: a partial restore must not look like a station."""
    for folder, to in ((DATA, data), (SETTINGS, data / contents.RESTORED), (SIGHTINGS, data / upkeep.SIGHTINGS_DIR)):
        if (work / folder).is_dir():
            _move(work / folder, to)
    for name, content in secrets.items():
        folder, _, relative = name.partition("/")
        path = (data if folder == DATA else data / contents.RESTORED) / relative
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        write_atomic(path, content, exclusive=True)
    marker = {"created": manifest.created, "volumes": [v.identity for v in manifest.volumes]}
    (data / MARKER).write_text(json.dumps(marker))
    os.sync()
    if manifest.database is DatabaseKind.SQLITE:
        (work / DATABASE / create.SQLITE_NAME).rename(data / DATABASE_FILE)
    sync_folder(data)


def _give_to_owner(data: Path) -> None:
    """Give all files to the owner of the folder when root restores for the station's user."""
    owner = data.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for folder, names, files in os.walk(data):
            if (Path(folder) / IDENTITY).exists():
                names.clear()  # a disk of recordings
                continue
            for name in [*names, *files]:
                os.chown(Path(folder) / name, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _move(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True, mode=0o750)
    for path in source.iterdir():
        if path.is_dir() and (target / path.name).is_dir():
            _move(path, target / path.name)
        else:
            path.rename(target / path.name)
