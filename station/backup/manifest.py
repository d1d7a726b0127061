"""The manifest of an archive: `manifest.json`, its first member.

Everything is checked, because it comes from a file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter

from core.database_kind import DatabaseKind
from core.errors import BackupError

FORMAT = 1
MANIFEST, SEAL = "manifest.json", "seal.json"
MAX_FILES = 2_000_000
MAX_TEXT = 512_000_000  # bytes of the manifest: enough for two million files


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the archive; `size` in bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VolumeEntry:
    """A disk of recordings at the time of the backup; the footage itself is not in the archive."""

    number: int
    identity: str
    path: str


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """Times are ISO 8601 UTC, sizes are bytes. `tables`: rows of each table in the copy of the database."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    minwang: str
    station: str
    created: str
    database: DatabaseKind
    revision: str
    tables: dict[str, int]
    sealed: bool
    with_sightings: bool
    data_dir: str
    models: list[str] = field(default_factory=list)
    volumes: list[VolumeEntry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    files: list[FileEntry] = field(default_factory=list)
    format: int = FORMAT

    def text(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @property
    def created_at(self) -> datetime:
        return datetime.fromisoformat(self.created)


@dataclass(frozen=True, slots=True)
class _AnyManifest:
    """What a manifest of any format has; the other keys are ignored."""

    format: int


_ANY_MANIFEST = TypeAdapter(_AnyManifest)
_MANIFEST = TypeAdapter(BackupManifest)


def parse(text: bytes) -> BackupManifest:
    """Parse and check a manifest. Raises BackupError if it is invalid or of a format that this version cannot read."""
    try:
        found = _ANY_MANIFEST.validate_json(text).format
        if found != FORMAT:
            raise BackupError(
                f"the archive has format {found}, this version reads {FORMAT}; use the version that made it"
            )
        manifest = _MANIFEST.validate_json(text)
        if manifest.created_at.tzinfo is None:
            raise ValueError("the time of the backup has no time zone")
    except ValueError as e:
        raise BackupError(
            "the archive's manifest cannot be read; it is damaged, or not a backup of a Minwang station"
        ) from e
    if len(manifest.files) > MAX_FILES:
        raise BackupError("the archive's manifest is invalid; do not use this file")
    for entry in manifest.files:
        _check(entry)
    if len({f.name for f in manifest.files}) != len(manifest.files):
        raise BackupError("the archive names a file twice; do not use it")
    return manifest


def _check(entry: FileEntry) -> None:
    path = PurePosixPath(entry.name)
    bad = (
        path.is_absolute() or ".." in path.parts or str(path) != entry.name or "\0" in entry.name or "\\" in entry.name
        or len(entry.name.encode("utf-8", "surrogatepass")) > 1000 or entry.name in (MANIFEST, SEAL)
        or path.parts[0] not in FOLDERS or len(path.parts) < 2
    )  # fmt: skip
    if bad or entry.size < 0:
        raise BackupError(f"the archive names the file {entry.name[:80]!r}, which no backup holds; do not use it")


DATABASE, SETTINGS, DATA, SIGHTINGS = "database", "settings", "data", "sightings"
FOLDERS = (DATABASE, SETTINGS, DATA, SIGHTINGS)
