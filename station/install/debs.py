"""The Debian packages for a bundle: what a bare release of this Debian or Ubuntu lacks for a station."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import StorageError
from core.files import sha256_of
from station.install.packages import INDEX, OPTIONAL, REQUIRED

_URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) ?(?P<sum>\S*)")


def fetch(folder: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """Download the packages and write an index. Raises StorageError if apt-get is missing or fails."""
    if shutil.which("apt-get") is None:
        raise StorageError(
            "--with-debs needs apt-get; make the bundle on the release of Debian or Ubuntu that it is for"
        )
    names = needed()
    say(f"fetching {len(names)} Debian packages")
    folder.mkdir(parents=True)
    _run(["apt-get", "download", "-q", *names], folder)
    for path in folder.glob("*%3a*"):  # apt escapes the colon of an epoch in file names
        path.rename(path.with_name(path.name.replace("%3a", "-")))
    files = sorted(folder.glob("*.deb"))
    (folder / INDEX).write_text("\n".join(record(f) for f in files), encoding="utf-8")
    return {f"debs/{p.name}": p for p in (*files, folder / INDEX)}


def record(file: Path) -> str:
    """Return a package's paragraph for the index: a folder with an index is a package source that apt can read."""
    control = _run(["dpkg-deb", "--field", file.name], file.parent).strip()
    return f"{control}\nFilename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {sha256_of(file)}\n"


def needed() -> list[str]:
    """Return the names of REQUIRED and OPTIONAL with all their dependencies, sorted.

    apt resolves them as if nothing were installed, so that the list does not depend on this machine. It also includes
    what every release has: an older point release of the same Debian needs a newer C library for some of them.
    """
    found = _closure([*REQUIRED, *OPTIONAL])
    if not found:
        raise StorageError("apt-get names no packages; run apt-get update, then try again")
    return sorted(found)


def _closure(names: list[str]) -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        empty, cache = Path(folder) / "status", Path(folder) / "archives"
        empty.touch()
        (cache / "partial").mkdir(parents=True)  # apt-get does not list files that are already in its cache
        command = [
            "apt-get",
            "install",
            "--print-uris",
            "-y",
            "-qq",
            "--no-install-recommends",
            "-o",
            f"Dir::State::status={empty}",
            "-o",
            f"Dir::Cache::archives={cache}",
        ]
        listed = _run([*command, *names], Path(folder))
    return {m["file"].partition("_")[0] for m in _URI.finditer(listed)}


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise StorageError(f"'{' '.join(command[:4])}' failed: {done.stderr.strip()[-300:]}")
    return done.stdout
