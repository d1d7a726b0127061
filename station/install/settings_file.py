"""`minwang.toml` as the installer reads and first writes it; the program itself judges its contents later."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError

PRIVILEGED_PORTS_BELOW = 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What the units and folders depend on."""

    data: Path
    volumes: tuple[Path, ...]
    port: int
    host: str
    redirect_port: int = 0

    @property
    def privileged(self) -> bool:
        """A port that only root opens without a capability."""
        return any(0 < p < PRIVILEGED_PORTS_BELOW for p in (self.port, self.redirect_port))


def read(path: Path, default_data: Path) -> Facts:
    """Raises SettingsError where the file is not TOML or a path in it is not absolute."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        data, web = values.get("data", {}), values.get("web", {})
        folder = Path(data.get("dir", default_data))
        volumes = tuple(Path(v) for v in data.get("volumes", [])) or (folder / "video",)
        ports = int(web.get("port", 8080)), int(web.get("redirect_port", 0))
        facts = Facts(folder, volumes, ports[0], str(web.get("host", "127.0.0.1")), ports[1])
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, ValueError) as e:
        raise SettingsError(f"{path}: not valid: {e}") from e
    for given in (facts.data, *facts.volumes):
        if not given.is_absolute():
            raise SettingsError(f"{path}: '{given}' must be an absolute path: the service has no folder of its own to start in")
    return facts


def first(data: Path, volumes: Sequence[Path], *, host: str, port: int, name: str, timezone: str, database: str) -> str:
    """The settings of a new station; every other key keeps its default (docs/minwang.toml.example)."""
    quoted = ", ".join(_text(str(v)) for v in volumes)
    lines = [
        "# Settings of this station. Every key with its default: /opt/minwang/current/docs/minwang.toml.example.",
        "# After a change of [data] or web.port: sudo minwang install. After any other: sudo systemctl restart minwang.",
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
    """A TOML basic string; JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False)
