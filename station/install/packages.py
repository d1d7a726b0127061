"""The Debian packages that a station needs: which are missing, and how to install them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from core.errors import StorageError
from station.install.commands import SystemCommands
from station.install.steps import InstallStep

# Package: purpose. `adduser`, `util-linux` and `passwd` are in every root file system.
REQUIRED = {
    "python3": "the program",
    "python3-venv": "its environment",
    "ffmpeg": "streams that the native engine cannot record, clips, H.265 in browsers",
    "libpango-1.0-0": "PDF",
    "libpangoft2-1.0-0": "PDF",
    "libharfbuzz-subset0": "fonts in PDF",
    "fonts-noto-cjk": "Chinese in PDF",
    "ca-certificates": "TLS",
    "tzdata": "the station's time zone",
}
OPTIONAL = {
    "postgresql-client": "backup of a PostgreSQL database",
    "smartmontools": "health of the disks",
}
INDEX = "Packages"  # in a bundle's folder of packages


def is_installed(commands: SystemCommands, package: str) -> bool:
    return commands.run_or_empty(["dpkg-query", "-W", "-f", "${db:Status-Status}", package]) == "installed"


def missing(commands: SystemCommands, wanted: Sequence[str]) -> list[str]:
    return [p for p in wanted if not is_installed(commands, p)]


def step(commands: SystemCommands, wanted: Sequence[str], debs: Path | None) -> InstallStep:
    """Return the step that installs missing packages: from `debs` (an unpacked bundle), else from the machine."""
    lacking = missing(commands, wanted)

    def do() -> None:
        if debs is not None:
            _install_files(commands, debs, lacking)
        else:
            _install_names(commands, lacking)

    where = "from the bundle" if debs is not None else "with apt-get"
    return InstallStep(
        f"install the Debian packages {', '.join(lacking)} {where}", lambda: not missing(commands, wanted), do
    )


def _install_names(commands: SystemCommands, names: Sequence[str]) -> None:
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
    try:
        commands.run(["apt-get", "update", "-q"])
        commands.run(command)
    except StorageError as e:
        raise StorageError(
            f"the Debian packages {', '.join(names)} could not be installed; give the machine a package source and run "
            f"'{' '.join(command)}', or use a bundle made with --with-debs ({e})"
        ) from e


def _install_files(commands: SystemCommands, debs: Path, names: Sequence[str]) -> None:
    """Install from the bundle's folder as the only package source; the machine's sources and lists stay unchanged."""
    inside = debs if commands.root == Path("/") else Path("/") / debs.relative_to(commands.root)
    with tempfile.TemporaryDirectory(dir=commands.root / "tmp") as folder:
        work = Path("/") / Path(folder).relative_to(commands.root)
        for name in ("lists/partial", "archives/partial"):
            (Path(folder) / name).mkdir(parents=True)
        # Unsigned is acceptable: the files were compared with the bundle's checksums.
        (Path(folder) / "sources.list").write_text(
            f"deb [trusted=yes] file:{quote(str(inside))} ./\n", encoding="utf-8"
        )
        options = {
            "Dir::Etc::sourcelist": work / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": work / "lists",
            "Dir::Cache::archives": work / "archives",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Sandbox::User": "root",
        }
        given = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        try:
            commands.run(["apt-get", "update", "-q", *given])
            commands.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *given, *names])
        except StorageError as e:
            raise StorageError(
                f"the bundle's Debian packages do not fit this machine; install {', '.join(names)} yourself ({e})"
            ) from e
