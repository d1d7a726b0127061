"""Releases: a checkout or an unpacked bundle as installed below /opt/minwang/releases.

A release folder is complete once its `release.json` exists, which is written last; a folder without it was left by an
interrupted run and is built again. Everything in it belongs to root; the station cannot change its program.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import StorageError, UsageError
from core.files import sha256_of
from station.install import archive, manifest, packages
from station.install.commands import SystemCommands
from station.install.layout import Layout
from station.install.manifest import CHECKSUMS, FILE, LOCK, ReleaseManifest
from station.install.steps import write_text

# Parts of a checkout that a station needs; tests, benches and the console's sources are left out.
PROGRAM = ("core", "cameras", "nvr", "health", "search", "cases", "reports", "web", "station", "docs", "requirements")
FILES = ("minwang", "LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "pyproject.toml", "inventory.yaml")
LEFT_OUT = {"node_modules", "__pycache__", "design"}
CONSOLE = Path("web/console")
DIST = CONSOLE / "dist"
FREE_BYTES = 3 << 30  # a release with its packages is 1.2 GB, and its wheels are unpacked beside it


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """A folder that a release is built from."""

    folder: Path
    manifest: ReleaseManifest
    files: tuple[str, ...]  # of the program, relative paths
    wheels: Path | None = None  # folder of an unpacked bundle; None: from the package index
    debs: Path | None = None


def program_files(folder: Path) -> list[str]:
    """Return the program's files in a checkout, sorted. Raises UsageError if the console is not built."""
    if not (folder / DIST / "index.html").is_file():
        raise UsageError(f"{folder / DIST}: the console is not built; run {folder}/minwang console")
    found = [name for name in FILES if (folder / name).is_file()]
    for top in PROGRAM:
        for directory, folders, names in os.walk(folder / top):
            folders[:] = [f for f in folders if f not in LEFT_OUT]
            relative = Path(directory).relative_to(folder)
            if relative == CONSOLE:
                folders[:], names = ["dist"], []
            found += [str(relative / n) for n in names if not n.endswith(".pyc") and not n.startswith(".")]
    return sorted(found)


def content_of(folder: Path, files: list[str]) -> str:
    """Return the SHA-256 over names and contents of the program's files."""
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{sha256_of(folder / name)}  {name}\n".encode())
    return digest.hexdigest()


def manifest_of_checkout(folder: Path, files: list[str]) -> ReleaseManifest:
    """Return the manifest without Python and platform: the package index has the packages for all of them."""
    version = re.search(r'__version__ = "([\d.]+)"', (folder / "core" / "__init__.py").read_text(encoding="utf-8"))
    assert version is not None
    commit, _, date = _git(folder, "log", "-1", "--format=%H %cI").partition(" ")
    debian = {"required": list(packages.REQUIRED), "optional": list(packages.OPTIONAL)}
    fallback = "1970-01-01T00:00:00+00:00"
    return ReleaseManifest(
        version.group(1), commit or "unknown", date or fallback, content_of(folder, files), debian=debian
    )


def _git(folder: Path, *arguments: str) -> str:
    # The checkout may belong to the user who called sudo; git refuses it otherwise.
    command = ["git", "-c", f"safe.directory={folder}", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def source_of(folder: Path) -> ReleaseSource:
    """Return the source in an unpacked bundle, an installed release, or a checkout (builds its console if needed)."""
    if (folder / FILE).is_file():
        known = manifest.read(folder)
        if not (folder / CHECKSUMS).is_file():
            raise UsageError(f"{folder / CHECKSUMS}: missing; unpack the archive again")
        return of_files(folder, known, archive.verify_folder(folder))
    if not (folder / "station" / "install" / "release.py").is_file():
        raise UsageError(f"{folder}: neither a bundle nor a checkout of Minwang")
    build_console(folder)
    files = program_files(folder)
    return ReleaseSource(folder, manifest_of_checkout(folder, files), tuple(files))


def of_files(folder: Path, known: ReleaseManifest, names: Iterable[str]) -> ReleaseSource:
    """Return the source in the folder of an unpacked bundle, by its file names; the folder need not exist yet."""
    tops = {name.partition("/")[0] for name in names}
    program = sorted(n for n in names if not n.startswith(("wheels/", "debs/")) and n != FILE)
    wheels, debs = (folder / top if top in tops else None for top in ("wheels", "debs"))
    return ReleaseSource(folder, known, tuple(program), wheels, debs)


def build_console(folder: Path) -> None:
    """Build the console as the owner of the checkout: files of root would be in his way later."""
    owner, command = folder.stat(), [str(folder / "minwang"), "console"]
    if os.geteuid() == 0 and owner.st_uid != 0:
        command = [
            "setpriv",
            f"--reuid={owner.st_uid}",
            f"--regid={owner.st_gid}",
            "--clear-groups",
            "--reset-env",
            *command,
        ]
    if subprocess.call(command) != 0:
        raise StorageError("the console could not be built; a bundle carries it built (--bundle FILE)")


def is_complete(layout: Layout, wanted: ReleaseManifest) -> bool:
    """Return whether this release is installed and undamaged, with an environment for the machine's present Python."""
    folder = layout.at(layout.releases / wanted.name)
    try:
        if replace(manifest.read(folder), python="", platform="") != replace(wanted, python="", platform=""):
            return False
        archive.verify_folder(folder)
    except (UsageError, OSError):
        return False
    return (folder / ".venv" / "lib" / f"python{python_of(layout)}" / "site-packages" / "click").is_dir()


def python_of(layout: Layout) -> str:
    if layout.root == Path("/"):
        return manifest.python_version()
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    return SystemCommands(layout.root).run_or_empty(["python3", "-c", probe]) or manifest.python_version()


def build(layout: Layout, source: ReleaseSource, say: Callable[[str], None]) -> Path:
    """Build the release; returns its folder. Raises StorageError if that fails; an incomplete folder does not count."""
    target = layout.at(layout.releases / source.manifest.name)
    check_space(layout.at(layout.releases))
    archive.remove_tree(target)
    target.mkdir(parents=True, mode=0o755)
    _copy_program(source, target)
    say(f"installing the packages of {LOCK} ({'from the bundle' if source.wheels else 'from the package index'})")
    _make_environment(layout, source)
    (target / FILE).unlink(missing_ok=True)
    checksums = "".join(f"{sha256_of(target / name)}  {name}\n" for name in source.files)
    write_text(target / CHECKSUMS, checksums, 0o644)
    os.sync()  # everything is on the disk before the file that marks it complete
    write_text(target / FILE, source.manifest.text(), 0o644)
    return target


def check_space(folder: Path) -> None:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES:
        raise StorageError(
            f"{folder}: {free >> 20} MB are free, {FREE_BYTES >> 20} MB are needed; free some space, then try again"
        )


def _copy_program(source: ReleaseSource, target: Path) -> None:
    for name in source.files:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.folder / name, file)
        file.chmod(0o755 if name == "minwang" else 0o644)
    for directory, _, _ in os.walk(target):
        Path(directory).chmod(0o755)


def _make_environment(layout: Layout, source: ReleaseSource) -> None:
    commands = SystemCommands(layout.root)
    inside = layout.releases / source.manifest.name
    python = python_of(layout)
    interpreter = sys.executable if layout.root == Path("/") and not _in_environment() else "/usr/bin/python3"
    commands.run([interpreter, "-m", "venv", str(inside / ".venv")])
    pip = [
        str(inside / ".venv/bin/python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "--progress-bar",
        "off",
        "--no-compile",
        "--require-hashes",
    ]
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    if source.wheels is not None:
        wheels = _reachable(layout, source.wheels)
        pip += ["--no-index", "--no-cache-dir", "--find-links", str(wheels)]
        environment |= {"PIP_CONFIG_FILE": os.devnull}
    try:
        commands.run([*pip, "-r", str(inside / LOCK)], environment=environment)
    except StorageError as e:
        raise StorageError(f"the packages of {LOCK} could not be installed; {_remedy(source)} ({e})") from e
    _compile(commands, inside, python)


def _compile(commands: SystemCommands, inside: Path, python: str) -> None:
    """Compile all modules now, on all cores: the station cannot write here, so every start would compile them again."""
    compileall = [str(inside / ".venv/bin/python"), "-m", "compileall", "-q", "-j", "0"]
    # a file or two are not for this Python version
    commands.succeeds([*compileall, str(inside / f".venv/lib/python{python}")])
    commands.run([*compileall, *(str(inside / p) for p in PROGRAM if p not in ("docs", "requirements"))])


def _remedy(source: ReleaseSource) -> str:
    if source.wheels is not None:
        return "the bundle does not fit this machine's Python"
    return "check the network and pip's package index, or use a bundle (--bundle FILE)"


def _in_environment() -> bool:
    return sys.prefix != sys.base_prefix


def _reachable(layout: Layout, folder: Path) -> Path:
    """Return the folder's path inside `root`."""
    if layout.root == Path("/"):
        return folder
    if not folder.is_relative_to(layout.root):
        raise StorageError(
            f"{folder}: lies outside {layout.root}; give the bundle with --bundle, which unpacks it inside"
        )
    return Path("/") / folder.relative_to(layout.root)


def names(layout: Layout) -> list[str]:
    """Return the names of complete releases, oldest first."""
    found = []
    folder = layout.at(layout.releases)
    for path in folder.iterdir() if folder.is_dir() else ():
        if (path / FILE).is_file():
            found.append((manifest.read(path).date, path.name))
    return [name for _, name in sorted(found)]
