"""Commands that install, upgrade and remove a station: thin wrappers, because they also run without any package."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from core.files import sha256_of
from station.cli.base import as_json, cli, print_result

ROOT = Path(__file__).parents[2]


def _passed_on(name: str, text: str) -> None:
    """Add a command that passes its arguments to station.install.cli."""

    @cli.command(
        name,
        help=text,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        from station.install.cli import main

        sys.exit(main([name, *arguments]))


_passed_on("install", "Install a station on this machine (as root; see install --help).")
_passed_on("upgrade", "Upgrade to another release, or roll back (as root; see upgrade --help).")
_passed_on("uninstall", "Remove program and services; recordings always stay.")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write (default: by version).")
@click.option("--with-debs", is_flag=True, help="Also the Debian packages that a bare release lacks.")
@as_json
def bundle(out: Path | None, with_debs: bool, json_output: bool) -> None:
    """Write one archive that installs a station without any network."""
    from station.install import bundle as bundles
    from station.install.steps import say

    path, made = bundles.build(ROOT, out, with_debs=with_debs, say=say)
    facts = {"file": str(path), "release": made.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
    print_result(facts, json_output, lambda: f"{path}: {facts['bytes']} bytes, SHA-256 {facts['sha256']}")
