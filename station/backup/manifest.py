"""The manifest of an archive: `manifest.json`, its first member.

Everything is checked, because it comes from a file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

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


def parse(text: bytes) -> BackupManifest:
    """Parse and check a manifest. Raises BackupError if it is invalid or of a format that this version cannot read."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw["format"] != FORMAT:
            raise BackupError(
                f"the archive has format {raw['format']}, this version reads {FORMAT}; use the version that made it"
            )
        raw["files"] = [FileEntry(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in raw["files"]]
        raw["database"] = DatabaseKind(raw["database"])
        raw["volumes"] = [VolumeEntry(int(v["number"]), str(v["identity"]), str(v["path"])) for v in raw["volumes"]]
        manifest = BackupManifest(**raw)
        assert manifest.created_at.tzinfo is not None
        tables_are_right = all(isinstance(n, int) for n in manifest.tables.values())
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError) as e:
        raise BackupError(
            "the archive's manifest cannot be read; it is damaged, or not a backup of a Minwang station"
        ) from e
    if not tables_are_right or len(manifest.files) > MAX_FILES:
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
