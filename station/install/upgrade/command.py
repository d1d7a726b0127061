"""Options, checks and messages of `minwang upgrade`."""

from __future__ import annotations

import argparse
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path

from core.errors import ConflictError, NotFoundError, StorageError, UsageError
from station.install import archive, install, manifest, packages, release, steps
from station.install.commands import SystemCommands
from station.install.layout import Layout
from station.install.options import CommandOptions
from station.install.release import ReleaseSource
from station.install.steps import InstallStep, say
from station.install.upgrade import state as states
from station.install.upgrade.managers import manager_of
from station.install.upgrade.program import Program, ReleaseFacts
from station.install.upgrade.sequence import HEALTH_SECONDS, Upgrader
from station.install.upgrade.state import UpgradeStage, UpgradeState

DESCRIPTION = (
    "Replace the release in use: from a bundle, an unpacked bundle or a checkout. If the new one does not start or "
    "record, the previous release and database are restored."
)


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", nargs="?", type=Path, metavar="SOURCE", help="bundle, unpacked bundle or checkout")
    command.add_argument("--sha256", default="", metavar="HEX", help="the SHA-256 that the bundle must have")
    command.add_argument("--rollback", action="store_true", help="back to the release before; the data stay")
    command.add_argument(
        "--restore-database",
        action="store_true",
        help="with --rollback: restore the database from before the upgrade; later changes are lost",
    )
    command.add_argument("--resume", action="store_true", help="finish or roll back an interrupted upgrade")
    command.add_argument("--no-backup", action="store_true", help="make no backup first, although backup.target is set")
    command.add_argument(
        "--health-seconds",
        type=float,
        default=HEALTH_SECONDS,
        metavar="N",
        help="time for the new release to record (%(default)s)",
    )


def run(options: CommandOptions, layout: Layout) -> int:
    """Run the command; returns the exit status: 0 the requested release is in use, 1 it is not.

    The caller holds the lock.
    """
    if sum((options.source is not None, options.rollback, options.resume)) != 1:
        raise UsageError("give one of: SOURCE, --rollback, --resume")
    upgrader = Upgrader(layout, manager_of(layout), say, options.health_seconds)
    interrupted = states.load(layout.at(layout.state))
    if interrupted is not None and not options.dry_run:
        reached = upgrader.resume(interrupted)
        if options.resume:
            return 0 if reached else 1
    elif options.resume:
        say("no upgrade was interrupted")
        return 0
    if options.source is not None:
        state = _way_forward(layout, upgrader, options.source, options)
    else:
        state = _way_back(layout, upgrader, options)
    if state is not None and not options.dry_run:
        upgrader.begin(state)
    return 0


def _way_forward(layout: Layout, upgrader: Upgrader, path: Path, options: CommandOptions) -> UpgradeState | None:
    """Do everything that is possible while the station runs. Returns None if that release is already in use."""
    current = _current(layout)
    source, first = _source(layout, path.absolute(), options.sha256)
    if source.manifest.name == current.name:
        say(f"{current.name} is in use already")
        return None
    if manifest.read(layout.at(current)).is_newer_than(source.manifest):
        raise ConflictError(
            f"{source.manifest.name} is older than {current.name}; the way back is: minwang upgrade --rollback"
        )
    commands = SystemCommands(layout.root)
    wanted = source.manifest.debian.get("required", list(packages.REQUIRED))
    todo = [*first, packages.step(commands, wanted, source.debs), install.release_step(layout, source, say)]
    then = f"stop, migrate and start the station as {source.manifest.name}"
    steps.execute(todo, dry_run=options.dry_run, yes=options.yes, then=then)
    if options.dry_run:
        return None
    archive.remove_tree(layout.at(install.incoming(layout)))
    target = Program(layout, layout.releases / source.manifest.name)
    if not options.no_backup:
        _back_up(layout, Program(layout, current))
    return _prepared(layout, upgrader, current.name, source.manifest.name, target.facts())


def _back_up(layout: Layout, program: Program) -> None:
    """Make a backup as the nightly ones. Raises StorageError if it fails; nothing was changed yet."""
    facts = install.facts_of(layout, install.InstallOptions(layout.data))
    if facts.backup is None:
        say("no backup is made, because backup.target is not set; where the schema changes, the database is copied")
        return
    say(f"making a backup in {facts.backup}")
    program.station("backup", str(facts.backup), *facts.backup_options)


def _prepared(layout: Layout, upgrader: Upgrader, source: str, target: str, new: ReleaseFacts) -> UpgradeState:
    """Return the initial state. Raises ConflictError or StorageError if the new release cannot use this database."""
    before = Program(layout, layout.releases / source).facts()
    if before["revision"] > new["newest"]:
        raise ConflictError(f"the database has version {before['revision']}, {target} knows {new['newest']} at most")
    free = shutil.disk_usage(layout.at(layout.database_copies)).free
    if before["revision"] != new["newest"] and free < 2 * before["bytes"]:
        raise StorageError(
            f"{layout.database_copies}: {free >> 20} MB are free, the copy of the database needs "
            f"{before['bytes'] >> 19} MB"
        )
    running = upgrader.manager.is_running()
    say(f"{before['recording']} streams are recorded now" if running else "the station does not run; it is not started")
    return UpgradeState(
        source,
        target,
        UpgradeStage.PREPARED,
        running,
        before["recording"] if running else 0,
        before["revision"],
        new["newest"],
    )


def _way_back(layout: Layout, upgrader: Upgrader, options: CommandOptions) -> UpgradeState | None:
    current = _current(layout)
    previous = states.load_previous(layout.at(layout.database_copies) / "previous.json")
    if previous is None or not (layout.at(layout.releases) / previous.release / manifest.FILE).is_file():
        raise NotFoundError(
            "no release from before is kept; install an older bundle's station anew and restore a backup"
        )
    if options.restore_database and not previous.copy:
        raise NotFoundError(
            "the upgrade did not change the schema, and no copy of the database was made; leave --restore-database out"
        )
    target = Program(layout, layout.releases / previous.release)
    state = _prepared_back(layout, upgrader, current.name, target, previous.copy if options.restore_database else "")
    _tell_back(state, previous.at)
    if options.dry_run:
        return None
    if not options.yes and not steps.confirmed():
        raise ConflictError("nothing was changed")
    return state


def _prepared_back(layout: Layout, upgrader: Upgrader, source: str, target: Program, restore: str) -> UpgradeState:
    before, old = Program(layout, layout.releases / source).facts(), target.facts()
    running = upgrader.manager.is_running()
    return UpgradeState(
        source,
        target.release.name,
        UpgradeStage.PREPARED,
        running,
        before["recording"] if running else 0,
        before["revision"],
        old["newest"],
        restore=restore,
    )


def _tell_back(state: UpgradeState, at: float) -> None:
    day = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="minutes")
    say(f"going back from {state.source} to {state.target}")
    if state.restore:
        say(
            f"everything that was written into the database since {day} is lost ({(time.time() - at) / 86400:.1f} "
            f"days); recordings are adopted"
        )
    elif state.lowers:
        say(
            f"the schema goes back from {state.revision} to {state.target_revision}; what only the newer one stores is "
            f"dropped"
        )


def _current(layout: Layout) -> Path:
    current = layout.current_release()
    if current is None or not layout.at(layout.settings).exists():
        raise NotFoundError("no station is installed here; use: minwang install")
    return current


def _source(layout: Layout, path: Path, sha256: str) -> tuple[ReleaseSource, list[InstallStep]]:
    if path.is_dir():
        return release.source_of(path), []
    say(f"checking {path}")
    source, contents = install.from_bundle(layout, path, sha256)
    return source, [install.unpack_step(layout, path, contents, source)]
