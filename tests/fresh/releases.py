"""Bare roots, with the mirror, proxy and certificates of this machine."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.errors import MinwangError, NotFoundError

SCRIPTS = Path("/usr/share/debootstrap/scripts")
PACKAGES = "python3,git,ca-certificates"  # what the README asks for, and no more


@dataclass(frozen=True, slots=True)
class Release:
    """A release. `like`: the debootstrap script of a similar release, if debootstrap does not know this one yet."""

    name: str
    distribution: str
    title: str
    like: str
    components: str
    keyring: Path


DEBIAN, UBUNTU = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
)
RELEASES = {
    "bookworm": Release("bookworm", "debian", "Debian 12", "sid", "main", DEBIAN),
    "trixie": Release("trixie", "debian", "Debian 13", "sid", "main", DEBIAN),
    "noble": Release("noble", "ubuntu", "Ubuntu 24.04", "gutsy", "main,universe", UBUNTU),
}


class NotHereError(MinwangError):
    """A release cannot be created on this machine: no mirror, no keyring. Says nothing about the checkout."""


def of_this_machine() -> Release:
    """Return the supported release that this machine runs, else the newest Debian."""
    return RELEASES.get(platform.freedesktop_os_release().get("VERSION_CODENAME", ""), RELEASES["trixie"])


def mirror(release: Release) -> str:
    """Return the mirror of this machine's apt if it is of the same distribution; empty: debootstrap's own."""
    if platform.freedesktop_os_release().get("ID") != release.distribution:
        return ""
    command = ["apt-get", "indextargets", "Created-By: Packages", "--format", "$(SITE) $(CODENAME)"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
    sites = [line.split()[0] for line in listed if len(line.split()) == 2 and "-" not in line.split()[1]]
    return sites[0] if sites else ""


def make(release: Release, root: Path) -> None:
    """Create the root. Raises NotHereError if the release is not available here."""
    if shutil.which("debootstrap") is None:
        raise NotFoundError("debootstrap is missing; install it: apt-get install debootstrap")
    if not release.keyring.exists():
        raise NotHereError(
            f"{release.title} is not tried: {release.keyring}, with which its packages are verified, is not here"
        )
    script = [] if (SCRIPTS / release.name).exists() else [str(SCRIPTS / release.like)]
    options = [
        "--variant=minbase",
        f"--include={PACKAGES}",
        f"--components={release.components}",
        f"--keyring={release.keyring}",
    ]
    site = mirror(release) or ("" if not script else _default_mirror(Path(script[0])))
    command = ["debootstrap", *options, release.name, str(root), *([site, *script] if site else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(root, ignore_errors=True)
        last = done.stdout.strip().split("\n")[-1]
        raise NotHereError(f"{release.title} is not tried: its archive cannot be used from here: {last}")
    (root / "etc" / "resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
    _settings(root)


def _default_mirror(script: Path) -> str:
    """Return the mirror that debootstrap's script names for current releases: the last one that is not an archive."""
    named = re.findall(r"default_mirror (\S+)", script.read_text())
    return next((m for m in named if "old-releases" not in m and "ports" not in m), "")


def _settings(root: Path) -> None:
    """Configure apt, pip, npm and certificates as on this machine.

    Paths in these settings may not exist in the root, as on any other machine.
    """
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout.split("\n")
    kept = [line for line in dump if re.match(r"Acquire::(https?::|Check-|Retries)", line)]
    (root / "etc" / "apt" / "apt.conf.d" / "90this-machine").write_text(
        "\n".join([*kept, 'APT::Get::Assume-Yes "true";']) + "\n"
    )
    home = Path.home()
    for file in (
        "/etc/pip.conf",
        "/etc/xdg/pip/pip.conf",
        "/etc/xdg/pip/constraints.txt",
        "/etc/npmrc",
        "/etc/uv/uv.toml",
    ):
        _copy(Path(file), root / file[1:])
    for place in ("root", "etc/skel"):  # every new user gets the content of /etc/skel
        for name in (".npmrc", ".config/pip/pip.conf", ".config/uv/uv.toml"):
            _copy(home / name, root / place / name)
    _copy(Path("/etc/ssl/certs/ca-certificates.crt"), root / "etc/ssl/certs/ca-certificates.crt")


def _copy(file: Path, to: Path) -> None:
    if file.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
        to.chmod(file.stat().st_mode & 0o777)
