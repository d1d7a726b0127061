"""The command line. Exit status: 0 done, 1 the command failed, 2 wrong usage."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import core
from core import settings_source
from core.errors import MinwangError, UsageError
from core.host import station_lock
from core.host.process_role import ProcessRole
from station.cli.base import as_json, cli, print_result, run, settings_of

__all__ = ["cli", "main"]


@cli.command()
@as_json
def version(json_output: bool) -> None:
    """Print the version."""
    print_result({"version": core.__version__}, json_output, lambda: f"minwang {core.__version__}")


@cli.command()
@click.option(
    "--wait-for-database", type=click.FloatRange(min=0), default=60.0, show_default=True,
    help="Seconds that a PostgreSQL server may still take to come up.",
)  # fmt: skip
@click.pass_context
def serve(ctx: click.Context, wait_for_database: float) -> None:
    """Run the station: console, recorders, patrol, search."""
    from station.supervision import serve

    settings = settings_of(ctx)
    with station_lock.hold(settings.data.dir, "serve") as lock:
        run(serve.serve(settings, ctx.find_root().obj, lock, wait_for_database))


@cli.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=10),
    help="End this many seconds after the cameras are ready, with a JSON summary.",
)
@click.option("--port", default=8080, show_default=True, help="Port of the console.")
@click.option(
    "--database",
    default="",
    envvar="MINWANG_DEMO_DATABASE",
    help="Address of an empty PostgreSQL database instead of SQLite.",
)
@click.option(
    "--cameras",
    type=click.IntRange(8, 40),
    default=8,
    show_default=True,
    help="Cameras that stream, of the 40 in the registry; two cores are enough for 8.",
)
@click.option(
    "--clips",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Play the MP4 files of this folder instead of the drawn streets, one for each camera in turn.",
)
@click.option(
    "--second-factor", is_flag=True, help="Demand one-time codes of leader, admin and auditor, as a station does."
)
def demo(
    seconds: float | None, port: int, database: str, cameras: int, clips: Path | None, second_factor: bool
) -> None:
    """Run a small town of virtual cameras: discovery, recording, patrol, search, console."""
    from station.demo import demo as demo_town

    settings_source.remove_variables()  # the demo must not touch the station that they belong to
    sys.exit(run(demo_town.run(seconds, port, database, cameras, clips, second_factor=second_factor)))


@cli.command(hidden=True)
@click.argument("role", type=click.Choice([str(role) for role in ProcessRole]))
@click.option("--index", default=0)
@click.pass_context
def worker(ctx: click.Context, role: str, index: int) -> None:
    """Run one process of the station (started by the supervisor)."""
    from station.roles.run import run as run_role

    run_role(ProcessRole(role), settings_of(ctx), index)


@cli.command()
@click.option("--subnet", "subnets", multiple=True, help="Also probe every address of this subnet (10.20.3.0/24).")
@click.option("--wait", default=2.0, show_default=True, help="Seconds to wait for answers.")
@click.option("--interface", "interfaces", multiple=True, help="Only from these interface addresses (default: all).")
@as_json
def discover(subnets: tuple[str, ...], wait: float, interfaces: tuple[str, ...], json_output: bool) -> None:
    """Find ONVIF cameras by WS-Discovery."""
    from cameras.discovery import ws_discovery
    from core.tasks import run_all

    async def find() -> list[ws_discovery.DiscoveredDevice]:
        parts = await run_all(
            ws_discovery.multicast(interfaces or ws_discovery.interfaces(), wait), ws_discovery.sweep(subnets, wait)
        )
        return sorted({(d.endpoint, d.address): d for part in parts for d in part}.values(), key=lambda d: d.address)

    found = run(find())
    rows = [
        {"address": d.address, "name": d.name, "hardware": d.hardware, "endpoint": d.endpoint, "url": d.url}
        for d in found
    ]
    print_result(
        rows,
        json_output,
        lambda: "\n".join(f"{d.registry_address:24} {d.hardware:20} {d.name}" for d in found) or "no camera answered",
    )


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the test suite (further arguments go to pytest)."""
    from station.cli import develop

    sys.exit(develop.test(arguments))


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fresh(arguments: tuple[str, ...]) -> None:
    """Run the commands of the documents on a bare Debian or Ubuntu system (see --help)."""
    from station.cli import develop

    sys.exit(develop.fresh(arguments))


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mutants(arguments: tuple[str, ...]) -> None:
    """Change the code of some packages and count the changes that no unit test notices (see --help)."""
    from station.cli import develop

    sys.exit(develop.mutants(arguments))


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def virtual(arguments: tuple[str, ...]) -> None:
    """Run virtual cameras, for trials and load tests: --inventory FILE, --streams N, … (see --help)."""
    from station.cli import develop

    sys.exit(develop.virtual(arguments))


@cli.command()
def check() -> None:
    """Run lint, format and type checks."""
    from station.cli import develop

    sys.exit(develop.check())


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.option("--quick", is_flag=True, help="A short run that shows that the bench works; its figures say little.")
@click.argument("arguments", nargs=-1)
def bench(name: str, quick: bool, arguments: tuple[str, ...]) -> None:
    """Run a benchmark (`recorder`, …); its last line is one JSON object."""
    from station.cli import develop

    sys.exit(develop.bench(name, quick, arguments))


def main() -> None:
    try:
        cli(prog_name="minwang", standalone_mode=True)  # not `python -m station`, although ./minwang starts it that way
    except MinwangError as e:  # raised before the group could catch it
        click.echo(f"minwang: {e}", err=True)
        sys.exit(2 if isinstance(e, UsageError) else 1)
