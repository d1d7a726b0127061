"""`release.json`: which release a folder or an archive holds, and for which machine it was made."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from core.errors import UsageError

FILE = "release.json"
CHECKSUMS = "SHA256SUMS"
LOCK = Path("requirements/base.lock")


@dataclass(frozen=True, slots=True)
class ReleaseManifest:
    """The content of `release.json`."""

    version: str  # of the program, for example 0.1.0
    commit: str  # of the checkout, 40 hexadecimal digits; "unknown" outside a Git checkout
    date: str  # of that commit, ISO 8601: orders two releases of the same version
    content: str  # SHA-256 over the program's files, 64 hexadecimal digits
    python: str = ""  # for example 3.11; empty: any
    platform: str = ""  # for example linux-x86_64; empty: any
    debian: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the release folder: the same name means the same content."""
        return f"{self.version}+g{self.commit[:8]}.{self.content[:8]}"

    def is_newer_than(self, other: ReleaseManifest) -> bool:
        return (_numbers(self.version), datetime.fromisoformat(self.date)) > (
            _numbers(other.version),
            datetime.fromisoformat(other.date),
        )

    def check_machine(self, python: str, machine: str) -> None:
        """Raise UsageError if the packages in the archive are for another Python version or another processor."""
        if self.python and self.python != python:
            raise UsageError(
                f"the bundle is for Python {self.python}, this machine has {python}; "
                "get the bundle for this release of Debian or Ubuntu"
            )
        if self.platform and self.platform != machine:
            raise UsageError(
                f"the bundle is for {self.platform}, this machine is {machine}; get the bundle for this processor"
            )

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def machine() -> str:
    return f"{sys.platform}-{platform.machine()}"


def parse(text: str, where: str) -> ReleaseManifest:
    try:
        values = json.loads(text)
        manifest = ReleaseManifest(**values)
        if not all(isinstance(v, str) for k, v in values.items() if k != "debian"):
            raise TypeError("a value is not text")
        _numbers(manifest.version)
        datetime.fromisoformat(manifest.date)
        if not manifest.name.replace("+", "").replace(".", "").replace("-", "").isalnum():
            raise ValueError("the version or commit has other characters than letters, digits, '.' and '-'")
        if not isinstance(manifest.debian, dict):
            raise TypeError("'debian' is not a table")
        return manifest
    except (ValueError, TypeError) as e:
        raise UsageError(f"{where}: not the manifest of a release ({e}); download the archive again") from e


def read(folder: Path) -> ReleaseManifest:
    """Read the manifest. Raises UsageError if the folder holds no release."""
    path = folder / FILE
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise UsageError(f"{folder}: no release lies there ({FILE} is missing)") from None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
