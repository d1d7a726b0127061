"""The options of the commands that install, upgrade and remove a station."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


class CommandOptions(argparse.Namespace):
    """The options of all commands, and the function that runs the command; each command has only its own options."""

    work: Callable[[CommandOptions], int]

    # install, uninstall, upgrade; `root` and `prefix` also of refresh
    yes: bool
    dry_run: bool
    root: Path
    prefix: Path

    # install
    bundle: Path | None
    sha256: str  # also of upgrade
    no_start: bool
    optional: bool
    data: Path
    volume: list[Path]
    name: str
    timezone: str
    host: str
    port: int
    database: str

    # uninstall
    purge: bool
    purge_user: bool

    # upgrade
    source: Path | None
    rollback: bool
    restore_database: bool
    resume: bool
    no_backup: bool
    health_seconds: float

    # refresh
    user: str
    settings: Path
    units: Path
    wrapper: Path
