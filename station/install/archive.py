"""Reading an untrusted bundle: every byte is checked against SHA256SUMS before anything is written.

A bundle is an uncompressed tar of plain files below one folder (bundle.py writes it). Anything else in it (links,
devices, paths that lead out, files without a checksum) is refused with one sentence. The checksums detect damage, not
forgery: to verify the origin of an archive, compare its own SHA-256 with the published one (`--sha256`).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.errors import StorageError, UsageError
from core.files import sha256_of
from station.install import manifest as manifests
from station.install.manifest import CHECKSUMS, ReleaseManifest

MAX_FILES = 50_000
MAX_BYTES = 8 << 30
MAX_TEXT_BYTES = 16 << 20  # limit for SHA256SUMS and release.json
BLOCK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a checked archive; `files` maps each path below `top` to its SHA-256."""

    top: str
    manifest: ReleaseManifest
    files: dict[str, str]
    size: int


def check(path: Path, sha256: str = "") -> Contents:
    """Read the whole archive once without writing anything. Raises UsageError that says what is wrong with it."""
    try:
        if sha256 and (found := sha256_of(path)) != sha256.lower():
            raise UsageError(f"{path}: its SHA-256 is {found}, not the one given; download the archive again")
        with tarfile.open(path, "r:") as tar:
            return _check(tar, path)
    except tarfile.TarError as e:
        raise UsageError(f"{path}: not a bundle ({e}); it is a .tar that `minwang bundle` writes") from e
    except OSError as e:
        raise StorageError(f"{path}: cannot be read ({e.strerror or e})") from e


def extract(path: Path, contents: Contents, target: Path) -> None:
    """Write the checked archive's files below `target`, a new folder, and hash them again while writing."""
    target.mkdir(parents=True)
    written = set()
    with tarfile.open(path, "r:") as tar:
        for name, member in _members(tar, path):
            if member.isdir():
                continue
            below = str(PurePosixPath(name).relative_to(contents.top))
            if below != CHECKSUMS and below not in contents.files:
                raise UsageError(f"{path}: it changed while it was read; try again")
            file = target / below
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as f:
                digest = _copy(_opened(tar, member), f)
            file.chmod(0o755 if below == "minwang" else 0o644)
            if below != CHECKSUMS and digest != contents.files[below]:
                raise UsageError(f"{path}: it changed while it was read; try again")
            written.add(below)
    if missing := contents.files.keys() - written:
        raise UsageError(f"{path}: it changed while it was read ({min(missing)} is gone); try again")


def verify_folder(folder: Path) -> dict[str, str]:
    """Return the checksums of an unpacked bundle after comparing each file.

    Raises UsageError for the first mismatch.
    """
    wanted = _parse_checksums((folder / CHECKSUMS).read_bytes(), folder / CHECKSUMS)
    for name, digest in wanted.items():
        file = folder / name
        if not file.is_file() or file.is_symlink() or sha256_of(file) != digest:
            raise UsageError(f"{file}: missing, or not the file that {CHECKSUMS} names; unpack the archive again")
    return wanted


def _check(tar: tarfile.TarFile, path: Path) -> Contents:
    found: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    size = 0
    for name, member in _members(tar, path):
        if member.isdir():
            continue
        if name in found:
            raise UsageError(f"{path}: '{name}' occurs twice; download the archive again")
        size += member.size
        if len(found) >= MAX_FILES or size > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB; this is no bundle")
        found[name] = _digest(tar, member, texts, path)
    return _compare(found, texts, size, path)


def _compare(found: dict[str, str], texts: dict[str, bytes], size: int, path: Path) -> Contents:
    tops = {PurePosixPath(name).parts[0] for name in found}
    if len(tops) != 1:
        raise UsageError(f"{path}: not a bundle; its files do not lie below one folder")
    top = tops.pop()
    for needed in (CHECKSUMS, manifests.FILE):
        if f"{top}/{needed}" not in texts:
            raise UsageError(f"{path}: not a bundle; {needed} is missing in it")
    wanted = _parse_checksums(texts[f"{top}/{CHECKSUMS}"], path)
    below = {name.removeprefix(f"{top}/"): digest for name, digest in found.items()}
    del below[CHECKSUMS]
    for name in sorted(below.keys() | wanted.keys()):
        if below.get(name) != wanted.get(name):
            raise UsageError(f"{path}: '{name}' is not what {CHECKSUMS} says; the archive is damaged, get it again")
    text = texts[f"{top}/{manifests.FILE}"].decode("utf-8", "replace")
    return Contents(top, manifests.parse(text, f"{path}: {manifests.FILE}"), wanted, size)


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tuple[str, tarfile.TarInfo]]:
    for member in tar:
        name = member.name
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or "." in parts or "" in parts or "\\" in name or "\0" in name:
            raise UsageError(f"{path}: the path {name[:200]!r} leads out of the archive; do not use it")
        if not (member.isreg() or member.isdir()):
            raise UsageError(f"{path}: '{name[:200]}' is a link or a device; do not use this archive")
        yield name, member


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo, texts: dict[str, bytes], path: Path) -> str:
    if PurePosixPath(member.name).name not in (CHECKSUMS, manifests.FILE):
        return _copy(_opened(tar, member), None)
    if member.size > MAX_TEXT_BYTES:
        raise UsageError(f"{path}: '{member.name}' is too long; this is no bundle")
    texts[member.name] = _opened(tar, member).read()
    return hashlib.sha256(texts[member.name]).hexdigest()


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # callers pass only regular files
    return file


def _copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()


def _parse_checksums(raw: bytes, where: Path) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        name = match.group(2) if match else ""
        if match is None or name in wanted or name.startswith("/") or ".." in name.split("/"):
            raise UsageError(f"{where}: line {number} of {CHECKSUMS} is not a checksum; download the archive again")
        wanted[name] = match.group(1)
    return wanted


def remove_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
