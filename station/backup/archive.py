"""The archive file: an uncompressed tar whose first member is the manifest.

Written atomically; read as untrusted input.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import BackupError
from core.files import sha256_of, sync_folder
from station.backup import manifest as manifests
from station.backup.manifest import MANIFEST, MAX_TEXT, SEAL, BackupManifest, FileEntry
from station.backup.pacing import PacedFile, WritePacer
from station.backup.sealing import MAX_SEAL

CHUNK = 1 << 20


def entries_of(folder: Path) -> list[FileEntry]:
    """Return the files below a folder with their checksums, sorted by name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [FileEntry(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_of(p)) for p in files]


def write(target: Path, folder: Path, manifest: BackupManifest, seal: bytes | None) -> None:
    """Write the archive from a folder: under a temporary name, synced to the disk, then renamed."""
    new = target.with_name(f".{target.name}.new")
    try:
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=PacedFile(file, WritePacer()), mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                _add(tar, MANIFEST, manifest.text())
                if seal is not None:
                    _add(tar, SEAL, seal)
                for entry in manifest.files:
                    with (folder / entry.name).open("rb") as source:
                        tar.addfile(_member(entry.name, entry.size), source)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
        sync_folder(target.parent)
    finally:
        new.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_member(name, len(content)), io.BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class Archive:
    """An archive that is open for reading: `manifest`, the text it was parsed from, and the sealed files."""

    def __init__(self, tar: tarfile.TarFile, path: Path):
        self._tar, self.path = tar, path
        self.manifest_text = self._next(MANIFEST, MAX_TEXT)
        self.manifest = manifests.parse(self.manifest_text)
        self.seal = self._next(SEAL, MAX_SEAL) if self.manifest.sealed else None

    def _next(self, name: str, most: int) -> bytes:
        member = self._tar.next()
        if member is None or member.name != name or not member.isreg() or member.issparse() or member.size > most:
            raise BackupError(f"{self.path}: not a backup of a Minwang station ({name} is not at its place)")
        return b"".join(self._chunks(member))

    def extract(self, folder: Path, pace: WritePacer) -> None:
        """Extract all files into an empty folder and compare their checksums.

        Raises BackupError for the first mismatch.
        """
        if shutil.disk_usage(folder).free < (needed := sum(f.size for f in self.manifest.files)):
            raise BackupError(
                f"{folder}: {needed / 1e9:.1f} GB are needed and not free; free some space or choose another disk"
            )
        missing = {f.name: f for f in self.manifest.files}
        while (member := self._tar.next()) is not None:
            entry = missing.pop(member.name, None)
            # Our archives contain no links, devices, folders or sparse files.
            if entry is None or not member.isreg() or member.issparse() or member.size != entry.size:
                raise BackupError(
                    f"{self.path}: the member {member.name[:80]!r} is not what the manifest says; do not use this file"
                )
            self._extract(member, entry, folder / entry.name, pace)
        if missing:
            raise BackupError(f"{self.path}: {next(iter(missing))} is missing; the archive is cut off or damaged")

    def _extract(self, member: tarfile.TarInfo, entry: FileEntry, path: Path, pace: WritePacer) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        digest = hashlib.sha256()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        # Another thread hashes a chunk while it is written: a month's database is gigabytes.
        with os.fdopen(descriptor, "wb") as file, ThreadPoolExecutor(1) as hashing:
            for chunk in self._chunks(member):
                hashed = hashing.submit(digest.update, chunk)
                file.write(chunk)
                pace.after_write(file.fileno(), len(chunk))
                hashed.result()
        if digest.hexdigest() != entry.sha256:
            raise BackupError(
                f"{self.path}: the checksum of {entry.name} is wrong; the archive is damaged, use another one"
            )

    def _chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        source = self._tar.extractfile(member)
        assert source is not None
        while chunk := source.read(CHUNK):
            yield chunk


class _Bounded(io.RawIOBase):
    """A file that returns at most a megabyte per read: the header of a hostile archive could request all memory."""

    def __init__(self, file: IO[bytes]):
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError("a header is larger than a megabyte")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive. Raises BackupError if the file is not an archive, damaged, or not a backup."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=_Bounded(file), mode="r:") as tar:
            yield Archive(tar, path)
    except OSError as e:
        raise BackupError(f"{path}: cannot be read or unpacked ({e.strerror or e})") from e
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as e:
        raise BackupError(f"{path}: not a complete tar archive; it is truncated, damaged or not a backup") from e
