"""Releases of this checkout, and what an upgrade left: links, tables and revisions."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

from core.files import sha256_of
from station.install import cli, release, steps
from station.install.layout import Layout
from station.install.manifest import CHECKSUMS, FILE, ReleaseManifest
from station.install.options import CommandOptions
from station.install.upgrade import command
from station.install.upgrade.program import InsideCommand, Program
from station.install.upgrade.state import UpgradeStage, UpgradeState
from tests.conftest import ROOT
from tests.fresh.next_release import MIGRATION, NEWEST

NAMES = {"a": "2026-01-01", "b": "2026-02-01", "c": "2026-03-01"}


def make_release(layout: Layout, letter: str, *, migration: bool = False, broken: str = "") -> ReleaseManifest:
    """Create a complete release of this checkout; its environment is the one that runs the tests."""
    made = ReleaseManifest(
        "0.1.0", letter * 40, f"{NAMES[letter]}T00:00:00+00:00", letter * 64, debian={"required": []}
    )
    folder = layout.releases / made.name
    folder.mkdir()
    for top in release.PROGRAM:
        if top in ("core", "station"):  # with compiled modules: nothing is written there later
            shutil.copytree(ROOT / top, folder / top)
        else:
            (folder / top).symlink_to(ROOT / top)
    if migration:
        (folder / "core/migrations/versions/9000_lamp.py").write_text(MIGRATION.format(before=NEWEST))
    if broken:
        (folder / broken).write_text("raise RuntimeError('broken for a test')\n")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    names = sorted(str(p.relative_to(folder)) for top in ("core", "station") for p in (folder / top).rglob("*.py"))
    sums = "".join(f"{sha256_of(folder / n)}  {n}\n" for n in names)
    (folder / CHECKSUMS).write_text(sums)
    (folder / FILE).write_text(made.text())
    return made


def install(layout: Layout, made: ReleaseManifest) -> Program:
    steps.symlink(layout.current, layout.releases / made.name)
    program = Program(layout, layout.releases / made.name)
    program.inside(InsideCommand.MIGRATE)
    return program


def upgrade(layout: Layout, *arguments: str) -> int:
    options = cli.parser().parse_args(["upgrade", "--yes", *arguments], CommandOptions())
    return command.run(options, layout)


def tables(layout: Layout) -> set[str]:
    connection = sqlite3.connect(layout.data / "minwang.db")
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def revision(layout: Layout) -> str:
    connection = sqlite3.connect(layout.data / "minwang.db")
    (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return str(found)


def current(layout: Layout) -> str:
    folder = layout.current_release()
    assert folder is not None
    return folder.name


def prepared(a: ReleaseManifest, b: ReleaseManifest, target_revision: str = "9000", **changes: object) -> UpgradeState:
    made = UpgradeState(a.name, b.name, UpgradeStage.PREPARED, True, 0, NEWEST, target_revision)
    return replace(made, **changes)  # type: ignore[arg-type]


class Station:
    """Stands for a running station where only its start matters: like `serve`, it migrates at its start."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.running = False
        self.starts: list[str] = []

    def is_running(self) -> bool:
        return self.running

    def start(self) -> None:
        release_ = self.layout.current_release()
        assert release_ is not None
        program = Program(self.layout, release_)
        found = program.facts()
        assert found["revision"] <= found["newest"], "the release is too old for its database: it would refuse to start"
        program.inside(InsideCommand.MIGRATE)
        self.running = True
        self.starts.append(release_.name)

    def stop(self) -> None:
        self.running = False
