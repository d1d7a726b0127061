"""`minwang uninstall`: removes the program. Recordings always stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from station.install import units
from station.install.commands import SystemCommands
from station.install.install import VOLUME_IDENTITY, is_booted
from station.install.layout import Layout
from station.install.settings_file import InstallFacts
from station.install.steps import InstallStep


def plan(layout: Layout, facts: InstallFacts, *, purge: bool, purge_user: bool) -> list[InstallStep]:
    commands = SystemCommands(layout.root)
    found = [*_service_steps(layout, commands), *_program_steps(layout)]
    if purge:
        found.append(_data_step(layout, facts))
        found.append(_remove(layout, layout.settings.parent, f"remove the settings in {layout.settings.parent}"))
    if purge_user:
        found.append(
            InstallStep(
                f"remove the system user {layout.user}",
                lambda: not commands.succeeds(["getent", "passwd", layout.user]),
                lambda: commands.run(["userdel", layout.user]),
            )
        )
    return found


def _service_steps(layout: Layout, commands: SystemCommands) -> Iterator[InstallStep]:
    names = [units.SERVICE, units.RESUME]
    paths = [layout.at(layout.units / n) for n in names]

    def do() -> None:
        now = ["--now"] if is_booted(layout) else []
        commands.run(["systemctl", "disable", *now, *(p.name for p in paths if p.exists())])
        for path in paths:
            path.unlink(missing_ok=True)
        if is_booted(layout):
            commands.run(["systemctl", "daemon-reload"])

    yield InstallStep("stop the station and remove its units", lambda: not any(p.exists() for p in paths), do)


def _program_steps(layout: Layout) -> Iterator[InstallStep]:
    yield _remove(layout, layout.wrapper, f"remove {layout.wrapper}")
    yield _remove(
        layout,
        layout.prefix,
        f"remove the program in {layout.prefix}, copies of the database from before upgrades included",
    )


def _remove(layout: Layout, path: Path, title: str) -> InstallStep:
    there = layout.at(path)
    return InstallStep(
        title, lambda: not there.exists(), lambda: shutil.rmtree(there) if there.is_dir() else there.unlink()
    )


def _data_step(layout: Layout, facts: InstallFacts) -> InstallStep:
    """Return the step that removes database, keys and small files; a volume inside the data folder stays."""
    data = layout.at(facts.data)
    kept = [*(layout.at(v) for v in facts.volumes), *_volumes_below(data)]

    def rest() -> list[Path]:
        return [p for p in data.iterdir() if not _leads_to(p, kept)] if data.is_dir() else []

    def do() -> None:
        for path in rest():
            _remove_below(path)

    return InstallStep(f"remove database, keys and pictures in {facts.data}; recordings stay", lambda: not rest(), do)


def _volumes_below(data: Path) -> list[Path]:
    """Return folders of recordings, found by their identity files: the settings may be gone or changed."""
    found = []
    for directory, folders, files in os.walk(data):
        if VOLUME_IDENTITY in files:
            found.append(Path(directory))
            folders.clear()
    return found


def _leads_to(path: Path, kept: list[Path]) -> bool:
    return any(v == path or v.is_relative_to(path) for v in kept)


def _remove_below(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
