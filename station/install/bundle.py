"""`minwang bundle`: one archive that installs a station without any network.

It contains the program of the checkout with the built console, the wheels of requirements/base.lock for this Python and
platform, `release.json`, optionally the Debian packages, and SHA256SUMS over all of it. Two bundles of one commit made
on the same kind of machine are identical: names are sorted, times are the commit's, owners are root.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.errors import StorageError, UsageError
from core.files import sha256_of
from station.install import debs, manifest, release
from station.install.manifest import CHECKSUMS, FILE, LOCK, ReleaseManifest


def build(
    checkout: Path, out: Path | None, *, with_debs: bool, say: Callable[[str], None]
) -> tuple[Path, ReleaseManifest]:
    """Write the archive; returns its path and manifest. Raises UsageError or StorageError if a part is missing."""
    if (checkout / FILE).is_file():
        raise UsageError(f"{checkout}: a release, not a checkout; bundles are made in a checkout")
    files = release.program_files(checkout)
    made = replace(
        release.manifest_of_checkout(checkout, files), python=manifest.python_version(), platform=manifest.machine()
    )
    target = out or Path(f"minwang-{made.name}-py{made.python}-{made.platform}.tar")
    if target.is_dir():
        raise UsageError(f"{target}: a folder; give a file with --out")
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".minwang-bundle-") as folder:
        parts = dict(_program(checkout, files))
        parts |= _fetch_wheels(checkout / LOCK, Path(folder) / "wheels", say)
        if with_debs:
            parts |= debs.fetch(Path(folder) / "debs", say)
        write(target, made, parts)
    return target, made


def _program(checkout: Path, files: list[str]) -> Iterator[tuple[str, Path]]:
    for name in files:
        yield name, checkout / name


def _fetch_wheels(lock: Path, folder: Path, say: Callable[[str], None]) -> dict[str, Path]:
    say(f"fetching the packages of {LOCK}")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--quiet",
        "--progress-bar",
        "off",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-d",
        str(folder),
        "-r",
        str(lock),
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise StorageError(f"fetching the packages of {LOCK} failed: {done.stderr.strip()[-300:]}")
    return {f"wheels/{p.name}": p for p in sorted(folder.iterdir())}


def write(target: Path, made: ReleaseManifest, parts: dict[str, Path]) -> None:
    top = f"minwang-{made.name}"
    stamp = int(datetime.fromisoformat(made.date).timestamp())
    texts = {FILE: made.text().encode()}
    sums = {name: sha256_of(path) for name, path in parts.items()} | {FILE: _sha256(texts[FILE])}
    texts[CHECKSUMS] = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    partial = target.with_name(f".{target.name}.part")
    with partial.open("wb") as f:
        with tarfile.open(fileobj=f, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in (*sorted(texts), *sorted(parts)):
                _add(tar, f"{top}/{name}", texts.get(name, b"") or parts[name], stamp)
        f.flush()
        os.fsync(f.fileno())
    partial.rename(target)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path, stamp: int) -> None:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode = stamp, 0o755 if name.count("/") == 1 and name.endswith("/minwang") else 0o644
    if isinstance(content, bytes):
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        return
    info.size = content.stat().st_size
    with content.open("rb") as f:
        tar.addfile(info, f)
