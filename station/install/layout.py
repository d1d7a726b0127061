"""The paths of an installed station."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

USER = "minwang"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths as the installed system sees them; `at` converts one to its path below `root` (for an image)."""

    root: Path = Path("/")
    prefix: Path = Path("/opt/minwang")
    settings: Path = Path("/etc/minwang/minwang.toml")
    data: Path = Path("/var/lib/minwang")
    wrapper: Path = Path("/usr/local/bin/minwang")
    units: Path = Path("/etc/systemd/system")
    user: str = USER  # empty: the user who runs this, for tests

    @property
    def releases(self) -> Path:
        return self.prefix / "releases"

    @property
    def current(self) -> Path:
        return self.prefix / "current"

    @property
    def state(self) -> Path:
        """Progress of an upgrade (station.install.upgrade.state)."""
        return self.prefix / "upgrade.json"

    @property
    def database_copies(self) -> Path:
        """Copies of the database made before upgrades; only root can read them."""
        return self.prefix / "kept"

    @property
    def lock(self) -> Path:
        return self.prefix / ".lock"

    def at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def current_release(self) -> Path | None:
        """Return the folder of the release in use; None if none is installed."""
        link = self.at(self.current)
        if not link.is_symlink():
            return None
        target = link.readlink()
        return target if target.is_absolute() else self.prefix / target
