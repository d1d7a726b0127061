"""Options of `minwang install`, `uninstall` and `upgrade` (argparse: click is one of the packages to be installed)."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConflictError, MinwangError, UsageError
from station.install import archive, install, release, steps, uninstall
from station.install.install import InstallOptions
from station.install.layout import Layout
from station.install.options import CommandOptions
from station.install.release import ReleaseSource
from station.install.settings_file import InstallFacts
from station.install.steps import InstallStep, say
from station.install.upgrade import command as upgrade

HERE = Path(__file__).resolve().parents[2]  # the checkout, the unpacked bundle or the release that runs

INSTALL = (
    "Make a station of this machine: user, program, settings, folders, services. Run again, it repairs what is missing."
)
UNINSTALL = "Remove program and services. Recordings always stay; data and settings stay without --purge."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = parser().parse_args(arguments, CommandOptions())
    try:
        return options.work(options)
    except MinwangError as e:
        say(str(e))
        return 2 if isinstance(e, UsageError) else 1
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="minwang", description="Installs, upgrades and removes a station; needs root.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_install(commands.add_parser("install", help="make a station of this machine", description=INSTALL))
    _add_uninstall(commands.add_parser("uninstall", help="remove the program", description=UNINSTALL))
    _add_upgrade(
        commands.add_parser("upgrade", help="put another release in its place", description=upgrade.DESCRIPTION)
    )
    _add_refresh(commands.add_parser("refresh"))
    return top


def common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    command.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="the root folder of an image instead of this system"
    )
    command.add_argument(
        "--prefix", type=Path, default=Layout().prefix, metavar="DIR", help="folder of the program (%(default)s)"
    )


def _add_install(command: argparse.ArgumentParser) -> None:
    common(command)
    command.add_argument("--bundle", type=Path, metavar="FILE", help="install from this archive; no network is needed")
    command.add_argument("--sha256", default="", metavar="HEX", help="the SHA-256 that the archive must have")
    command.add_argument("--no-start", action="store_true", help="do not start the station")
    command.add_argument("--optional", action="store_true", help="also install postgresql-client and smartmontools")
    first = command.add_argument_group("first installation (later: the settings file)")
    first.add_argument(
        "--data", type=Path, default=Layout().data, metavar="DIR", help="folder of database and keys (%(default)s)"
    )
    first.add_argument(
        "--volume",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder for recordings; once for each disk",
    )
    first.add_argument("--name", default="", help="name of the station")
    first.add_argument("--timezone", default="Asia/Shanghai", help="time zone of the station (%(default)s)")
    first.add_argument("--host", default="127.0.0.1", help="address on which the console listens (%(default)s)")
    first.add_argument("--port", type=int, default=8080, help="port of the console (%(default)s)")
    first.add_argument("--database", default="", metavar="ADDRESS", help="SQLAlchemy address of a PostgreSQL database")
    command.set_defaults(work=run_install)


def _add_uninstall(command: argparse.ArgumentParser) -> None:
    common(command)
    command.add_argument(
        "--purge", action="store_true", help="also remove database, keys and settings; never recordings"
    )
    command.add_argument("--purge-user", action="store_true", help="also remove the system user")
    command.set_defaults(work=run_uninstall)


def _add_upgrade(command: argparse.ArgumentParser) -> None:
    common(command)
    upgrade.add_options(command)
    command.set_defaults(work=run_upgrade)


def _add_refresh(command: argparse.ArgumentParser) -> None:
    """Add `refresh`, which an upgrade uses: writes units and wrapper of this release. The caller holds the lock."""
    paths = Layout()
    command.add_argument("--user", default=paths.user)
    for name in ("root", "prefix", "settings", "units", "wrapper"):
        command.add_argument(f"--{name}", type=Path, default=getattr(paths, name))
    command.set_defaults(work=run_refresh)


def run_refresh(options: CommandOptions) -> int:
    layout = Layout(
        root=options.root,
        prefix=options.prefix,
        settings=options.settings,
        units=options.units,
        wrapper=options.wrapper,
        user=options.user,
    )
    install_options = InstallOptions(layout.data)
    for step in steps.pending(
        list(install.configuration_steps(layout, install.facts_of(layout, install_options), install_options))
    ):
        step.do()
    return 0


def run_upgrade(options: CommandOptions) -> int:
    layout = layout_of(options)
    with locked(layout, dry_run=options.dry_run):
        return upgrade.run(options, layout)


def layout_of(options: CommandOptions) -> Layout:
    if not options.root.is_dir() or not options.prefix.is_absolute():
        raise UsageError(
            f"{options.root}: not a folder" if not options.root.is_dir() else f"{options.prefix}: not absolute"
        )
    return Layout(root=options.root.resolve(), prefix=options.prefix)


@contextmanager
def locked(layout: Layout, *, dry_run: bool = False) -> Iterator[None]:
    """Allow one install, upgrade or uninstall at a time. Raises ConflictError if another one is running."""
    if dry_run:
        yield
        return
    install.check_root()
    layout.at(layout.prefix).mkdir(parents=True, exist_ok=True, mode=0o755)
    descriptor = os.open(layout.at(layout.lock), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError("another install, upgrade or uninstall is running; wait for its end") from None
    else:
        yield
    finally:
        os.close(descriptor)


def run_install(options: CommandOptions) -> int:
    layout = layout_of(options)
    install_options = InstallOptions(
        options.data,
        tuple(options.volume),
        options.host,
        options.port,
        options.name,
        options.timezone,
        options.database,
        optional=options.optional,
        start=not options.no_start,
    )
    with locked(layout, dry_run=options.dry_run):
        source, first = _source(layout, options)
        install.check_release(layout, source)
        steps.execute(
            [*first, *install.plan(layout, source, install_options, say)], dry_run=options.dry_run, yes=options.yes
        )
        if not options.dry_run:
            archive.remove_tree(layout.at(install.incoming(layout)))
    if not options.dry_run:
        _tell_next(layout)
    return 0


def _source(layout: Layout, options: CommandOptions) -> tuple[ReleaseSource, list[InstallStep]]:
    if options.bundle is None:
        return release.source_of(HERE), []
    say(f"checking {options.bundle}")
    source, contents = install.from_bundle(layout, options.bundle, options.sha256)
    return source, [install.unpack_step(layout, options.bundle, contents, source)]


def _tell_next(layout: Layout) -> None:
    say(
        f"settings: {layout.settings}; log: journalctl -u minwang; first account: sudo minwang user add NAME --role "
        f"administrator --reason …"
    )


def run_uninstall(options: CommandOptions) -> int:
    layout = layout_of(options)
    with locked(layout, dry_run=options.dry_run):
        settings = layout.at(layout.settings)
        found = (
            install.facts_of(layout, InstallOptions(layout.data))
            if settings.exists()
            else InstallFacts(layout.data, (), ())
        )
        todo = uninstall.plan(layout, found, purge=options.purge, purge_user=options.purge_user)
        steps.execute(todo, dry_run=options.dry_run, yes=options.yes)
    say(f"recordings were left where they are: {', '.join(map(str, found.volumes)) or 'none known'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
