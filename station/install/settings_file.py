"""Reads `minwang.toml` for the installer and writes the first one; the program itself validates its contents later."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError

PRIVILEGED_PORTS_BELOW = 1024


@dataclass(frozen=True, slots=True)
class InstallFacts:
    """The settings that units, folders and upgrades depend on."""

    data: Path
    volumes: tuple[Path, ...]
    ports: tuple[int, ...]
    backup: Path | None = None  # folder of the nightly backups
    backup_options: tuple[str, ...] = ()  # options of `minwang backup`, as the nightly backups use them

    @property
    def privileged(self) -> bool:
        """Whether a port below 1024 is used, which needs root or a capability."""
        return any(0 < port < PRIVILEGED_PORTS_BELOW for port in self.ports)


def read(path: Path, folder: Path) -> InstallFacts:
    """Return the facts of `path`; relative paths are relative to `folder`, where the station sees the file.

    Raises SettingsError if the file is not TOML or a value has the wrong type; the program reports all other problems.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        data, web, backup = (values.get(section, {}) for section in ("data", "web", "backup"))
        home = folder / data.get("dir", "data")
        volumes = tuple(folder / v for v in data.get("volumes", [])) or (home / "video",)
        ports = (int(web.get("port", 8080)), int(web.get("redirect_port", 0)))
        target = folder / backup["target"] if backup.get("target") else None
        passphrase = folder / backup["passphrase_file"] if backup.get("passphrase_file") else None
        options = _backup_options(passphrase, with_sightings=bool(backup.get("with_sightings")))
        return InstallFacts(home, volumes, ports, target, options)
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, ValueError) as e:
        raise SettingsError(f"{path}: not valid: {e}") from e


def _backup_options(passphrase_file: Path | None, *, with_sightings: bool) -> tuple[str, ...]:
    sightings = ("--with-sightings",) if with_sightings else ()
    if passphrase_file is not None:
        return (*sightings, "--passphrase-file", str(passphrase_file))
    return (*sightings, "--without-key")


def first_settings(
    data: Path, volumes: Sequence[Path], *, host: str, port: int, name: str, timezone: str, database: str
) -> str:
    """Return the settings of a new station; every other key keeps its default (docs/minwang.toml.example)."""
    quoted = ", ".join(_text(str(v)) for v in volumes)
    lines = [
        "# Settings of this station. Every key with its default: /opt/minwang/current/docs/minwang.toml.example.",
        "# After a change of [data] or of a port: sudo minwang install. After any change: sudo systemctl restart "
        "minwang.",
        "",
        "[station]",
        *([f"name = {_text(name)}"] if name else []),
        f"timezone = {_text(timezone)}",
        "",
        "[data]",
        f"dir = {_text(str(data))}",
        *([f"database = {_text(database)}"] if database else []),
        f"volumes = [{quoted}]",
        "",
        "[web]",
        f"host = {_text(host)}",
        f"port = {port}",
        "",
    ]
    return "\n".join(lines)


def _text(value: str) -> str:
    """Return a TOML basic string; JSON's escapes are valid in TOML."""
    return json.dumps(value, ensure_ascii=False)
