"""Backing up a station, running or not: stage, archive, restore into a temporary folder, then keep the archive.

Blocking.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil
import sqlalchemy as sa

import core
from core.database_kind import DatabaseKind
from core.errors import BackupError, MinwangError, UsageError
from core.files import sync_folder
from core.host import backup_log
from core.host.backup_log import BackupVerification
from core.secrets import KEY_FILE, Vault
from core.settings import Settings
from station.backup import archive, contents, postgresql, sealing, sqlite
from station.backup.manifest import DATA, DATABASE, SETTINGS, SIGHTINGS, BackupManifest, VolumeEntry
from station.backup.pacing import WritePacer

WORK = ".minwang-backup-"
SQLITE_NAME, POSTGRESQL_NAME = "minwang.db", "minwang.dump"


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """The options of a backup. `passphrase` None: the archive contains no secrets."""

    target: Path
    passphrase: str | None
    with_sightings: bool = False
    passphrase_file: Path | None = None  # never copied


@dataclass(frozen=True, slots=True)
class BackupResult:
    """A finished backup."""

    path: Path
    size: int
    seconds: float
    verified: BackupVerification
    manifest: BackupManifest


def backup(settings: Settings, request: BackupRequest) -> BackupResult:
    """Make a backup. Raises BackupError or UsageError; the run is recorded in the data folder in any case."""
    started = time.monotonic()
    try:
        made = _backup(settings, request, started)
    except (MinwangError, OSError) as e:
        sentence = str(e) if isinstance(e, MinwangError) else f"{e.filename or request.target}: {e.strerror or e}"
        _record_run(settings, _run(request, started, error=sentence.partition("\n")[0]))
        raise e if isinstance(e, MinwangError) else BackupError(sentence) from e
    _record_run(settings, _run(request, started, made))
    return made


def _record_run(settings: Settings, run: backup_log.BackupRun) -> None:
    if settings.data.dir.is_dir():
        backup_log.add(settings.data.dir, run)


def _run(
    request: BackupRequest, started: float, made: BackupResult | None = None, error: str = ""
) -> backup_log.BackupRun:
    now, took = datetime.now(timezone.utc), round(time.monotonic() - started, 1)
    if made is None:
        return backup_log.BackupRun(now, str(request.target), took, error=error)
    return backup_log.BackupRun(now, str(made.path), took, made.size, made.verified)


def lower_priority() -> None:
    """Lower the CPU and I/O priority of this process below the recorders'; for a process that does nothing else."""
    with suppress(OSError, psutil.Error):
        os.nice(10)
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, 7)


def _backup(settings: Settings, request: BackupRequest, started: float) -> BackupResult:
    target = target_of(request.target)
    if not settings.data.dir.is_dir():
        raise UsageError(f"{settings.data.dir}: data folder not found; nothing to back up")
    with _work_folder(target.parent) as work:
        manifest, seal = _stage(settings, request, work / "staged")
        archive.write(target.with_name(f".{target.name}.unverified"), work / "staged", manifest, seal)
        unverified = target.with_name(f".{target.name}.unverified")
        try:
            shutil.rmtree(work / "staged")
            verified = verify(unverified, work / "restored", request.passphrase, settings.database_url)
            unverified.replace(target)
            sync_folder(target.parent)
        finally:
            unverified.unlink(missing_ok=True)
    return BackupResult(target, target.stat().st_size, time.monotonic() - started, verified, manifest)


def target_of(target: Path) -> Path:
    """Return the archive's path; a folder gets a file named by the time. Raises UsageError."""
    target = target.absolute()
    if target.is_dir():
        return target / f"{contents.ARCHIVE_PREFIX}{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}{contents.ARCHIVE_SUFFIX}"
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: folder not found; create it, or mount the disk")
    if target.exists():
        raise UsageError(f"{target}: already exists; choose another name")
    return target


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """Provide a work folder beside the archive. Allows one run at a time; removes the remains of a killed run."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise BackupError(f"{folder}: another backup is being made there; wait until it is done") from e
        for left in [
            *folder.glob(f"{WORK}*"),
            *folder.glob(f".*{contents.ARCHIVE_SUFFIX}.unverified"),
            *folder.glob(f".*{contents.ARCHIVE_SUFFIX}*.new"),
        ]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        work = folder / f"{WORK}{os.getpid()}"
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(lock)


def _stage(settings: Settings, request: BackupRequest, folder: Path) -> tuple[BackupManifest, bytes | None]:
    """Copy everything into `folder` with the layout of the archive."""
    data, left_out = settings.data.dir.absolute(), list[str]()
    for name in (DATABASE, SETTINGS, DATA):
        (folder / name).mkdir(parents=True)
    secrets = _secrets(settings, data)  # before the database: the seal of the audit trail must not be ahead of it
    kind, revision, tables, volumes = _stage_database(settings, request, folder / DATABASE)
    excluded = [
        *settings.volumes,
        *(Path(v.path) for v in volumes),
        *filter(None, [request.passphrase_file, request.target]),
    ]
    contents.copy_small(data, folder / DATA, excluded, left_out)
    if request.with_sightings:
        contents.copy_sightings(data, folder / SIGHTINGS)
    _stage_settings(settings, folder / SETTINGS)
    if not (data / KEY_FILE).is_file():
        left_out.append(f"{KEY_FILE}: there is none (no password was ever sealed, or it is lost)")
    manifest = BackupManifest(
        minwang=core.__version__, station=settings.station.name, created=datetime.now(timezone.utc).isoformat(),
        database=kind, revision=revision, tables=tables, sealed=request.passphrase is not None,
        with_sightings=request.with_sightings, data_dir=str(data), models=contents.models_of(data), volumes=volumes,
        left_out=left_out, files=archive.entries_of(folder),
    )  # fmt: skip
    if request.passphrase is None:
        return manifest, None
    return manifest, sealing.seal(secrets, request.passphrase, manifest.text())


def _stage_database(
    settings: Settings, request: BackupRequest, folder: Path
) -> tuple[DatabaseKind, str, dict[str, int], list[VolumeEntry]]:
    url = settings.database_url
    if DatabaseKind.of_url(url) is DatabaseKind.SQLITE:
        source, copied = Path(sa.make_url(url).database or ""), folder / SQLITE_NAME
        _require_room(folder, source)
        sqlite.copy(source, copied)
        volumes = [VolumeEntry(*row) for row in sqlite.volumes(copied)]
        return DatabaseKind.SQLITE, *sqlite.facts(copied), volumes
    found = postgresql.dump(url, folder / POSTGRESQL_NAME, sightings=request.with_sightings)
    return DatabaseKind.POSTGRESQL, *found, [VolumeEntry(*row) for row in postgresql.volumes(url)]


def _require_room(folder: Path, database: Path) -> None:
    """Check the free space: the copy and the archive exist side by side for a while."""
    if not database.is_file():
        raise BackupError(f"{database}: database not found; has the station ever been started with this data folder?")
    needed, free = int(2.1 * database.stat().st_size), shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(f"{folder.parents[1]}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free")


def _stage_settings(settings: Settings, folder: Path) -> None:
    if settings.inventory is not None and settings.inventory.is_file():
        contents.copy_file(settings.inventory, folder / "inventory.yaml")
    if (config := settings.source.path) is not None and not _has_password(settings):
        contents.copy_file(config, folder / "minwang.toml")


def _has_password(settings: Settings) -> bool:
    return bool(settings.data.database) and sa.make_url(settings.data.database).password is not None


def _secrets(settings: Settings, data: Path) -> dict[str, bytes]:
    """Return what is sealed: the data folder's secrets, and the settings file if it has the database's password."""
    found = {f"{DATA}/{name}": content for name, content in contents.secrets_of(data).items()}
    if (config := settings.source.path) is not None and _has_password(settings):
        found[f"{SETTINGS}/minwang.toml"] = config.read_bytes()
    return found


def verify(path: Path, folder: Path, passphrase: str | None, url: str = "") -> BackupVerification:
    """Restore an archive into an empty folder and check it; returns how far that went. Raises BackupError.

    A PostgreSQL dump is restored into a temporary database if the account of `url` may create one;
    otherwise it is only unpacked.
    """
    folder.mkdir(mode=0o700)
    with archive.open_archive(path) as opened:
        opened.extract(folder, WritePacer())
        manifest, seal, text = opened.manifest, opened.seal, opened.manifest_text
    opens = sealing.unseal(seal, passphrase, text) if seal is not None and passphrase is not None else {}
    if manifest.database is DatabaseKind.SQLITE:
        copied = folder / DATABASE / SQLITE_NAME
        sqlite.check(copied, thorough=True)
        compare(manifest, sqlite.facts(copied))
        check_key(opens, sqlite.sealed_passwords(copied))
        return BackupVerification.RESTORED
    return _verify_dump(manifest, folder / DATABASE / POSTGRESQL_NAME, opens, url)


def _verify_dump(manifest: BackupManifest, dump: Path, opens: dict[str, bytes], url: str) -> BackupVerification:
    with postgresql.scratch(url) as own:
        if own is None:
            postgresql.read_through(url, dump)
            check_key(opens, postgresql.sealed_passwords(url))
            return BackupVerification.READ
        postgresql.restore(own, dump)
        compare(manifest, postgresql.facts(own))
        check_key(opens, postgresql.sealed_passwords(own))
    return BackupVerification.RESTORED


def compare(manifest: BackupManifest, found: tuple[str, dict[str, int]]) -> None:
    """Raise BackupError if revision or row counts of the database differ from the manifest."""
    revision, tables = found
    if revision != manifest.revision:
        raise BackupError(f"the restored database has version {revision}, the manifest says {manifest.revision}")
    for name in sorted({*tables, *manifest.tables}):
        if tables.get(name) != manifest.tables.get(name):
            raise BackupError(
                f"table {name} has {tables.get(name)} rows, the manifest says {manifest.tables.get(name)}"
            )


def check_key(opens: dict[str, bytes], sealed: list[tuple[str, str]]) -> None:
    """Check that the key of the archive decrypts a password of the database. Raises SecretError if it does not."""
    key = opens.get(f"{DATA}/{KEY_FILE}")
    if key is not None and sealed:
        name, text = sealed[0]
        Vault(key).open(text, f"credential:{name}")
