"""The command line. Exit status: 0 done, 1 the thing asked for failed, 2 wrong use."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

import core
from core import settings as core_settings
from core.errors import MinwangError, UsageError
from core.settings import Settings

T = TypeVar("T")


class Commands(click.Group):
    """A group that turns our errors into one sentence and a status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MinwangError as e:
            click.echo(f"minwang: {e}", err=True)
            ctx.exit(2 if isinstance(e, UsageError) else 1)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (default: ./minwang.toml if it is there).")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Minwang (民网): the open system that a rural police station runs for its villages' cameras."""
    ctx.obj = config


def settings_of(ctx: click.Context) -> Settings:
    return core_settings.load(ctx.find_root().obj)


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "json_output", is_flag=True, help="Print JSON instead of text.")(command)


def show(data: Any, json_output: bool, text: Callable[[], str]) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str) if json_output else text())


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@cli.command()
@as_json
def version(json_output: bool) -> None:
    """Say which version this is."""
    show({"version": core.__version__}, json_output, lambda: f"minwang {core.__version__}")


@cli.command()
@click.pass_context
def serve(ctx: click.Context) -> None:
    """Run the station: console, recorders, patrol, search."""
    from station import serving

    run(serving.serve(settings_of(ctx), ctx.find_root().obj))


@cli.command()
@click.option("--seconds", type=click.FloatRange(min=10), help="End after this many seconds with a JSON summary.")
@click.option("--port", default=8080, show_default=True, help="Port of the console.")
def demo(seconds: float | None, port: int) -> None:
    """Run a small town of virtual cameras: found, recorded, patrolled, searched, shown."""
    from station import demo as demo_town

    sys.exit(run(demo_town.run(seconds, port)))


@cli.command(hidden=True)
@click.argument("role", type=click.Choice(["controller", "recorder", "analyst"]))
@click.option("--index", default=0)
@click.pass_context
def worker(ctx: click.Context, role: str, index: int) -> None:
    """One process of the station (started by the supervisor)."""
    from station import processes

    processes.run(role, settings_of(ctx), index)


@cli.command()
@click.option("--subnet", "subnets", multiple=True, help="Also probe every address of this subnet (10.20.3.0/24).")
@click.option("--wait", default=2.0, show_default=True, help="Seconds to wait for answers.")
@click.option("--interface", "interfaces", multiple=True, help="Only from these interface addresses (default: all).")
@as_json
def discover(subnets: tuple[str, ...], wait: float, interfaces: tuple[str, ...], json_output: bool) -> None:
    """Find ONVIF cameras by WS-Discovery."""
    from cameras import discovery

    async def find() -> list[discovery.Found]:
        parts = await asyncio.gather(discovery.multicast(interfaces or discovery.interfaces(), wait), discovery.sweep(subnets, wait))
        return sorted({(d.endpoint, d.address): d for part in parts for d in part}.values(), key=lambda d: d.address)

    found = run(find())
    rows = [{"address": d.address, "name": d.name, "hardware": d.hardware, "endpoint": d.endpoint, "url": d.url} for d in found]
    show(rows, json_output, lambda: "\n".join(f"{d.address:24} {d.hardware:20} {d.name}" for d in found) or "no camera answered")


@cli.group()
def inventory() -> None:
    """Check the inventory file and bring it into the registry."""


def _inventory_path(ctx: click.Context, file: Path | None) -> Path:
    return file or settings_of(ctx).inventory


FILE = click.option("--file", type=click.Path(path_type=Path), help="Inventory file (default: the settings' `inventory`).")


@inventory.command("check")
@FILE
@as_json
@click.pass_context
def inventory_check(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Read the file and report every problem with its line."""
    from cameras import inventory as cameras_inventory

    path = _inventory_path(ctx, file)
    found = cameras_inventory.load(path)
    facts = {"file": str(path), "villages": len(found.villages), "cameras": len(found.cameras)}
    show(facts, json_output, lambda: f"{path}: good: {len(found.villages)} villages, {len(found.cameras)} cameras")


def _with_database(ctx: click.Context, work: Callable[[Any, Settings], Awaitable[T]]) -> T:
    settings = settings_of(ctx)

    async def body() -> T:
        from station import database as station_database

        database = await station_database.ready(settings)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    return run(body())


@inventory.command("plan")
@FILE
@as_json
@click.pass_context
def inventory_plan(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Show what `apply` would change."""
    _inventory_change(ctx, file, json_output, really=False)


@inventory.command("apply")
@FILE
@as_json
@click.pass_context
def inventory_apply(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Bring the file into the registry."""
    _inventory_change(ctx, file, json_output, really=True)


def _inventory_change(ctx: click.Context, file: Path | None, json_output: bool, *, really: bool) -> None:
    from cameras import inventory as cameras_inventory
    from cameras import registry
    from core.clock import SystemClock

    wanted = cameras_inventory.load(_inventory_path(ctx, file))

    async def work(database: Any, settings: Settings) -> registry.Plan:
        if not really:
            async with database.reading() as session:
                return await registry.plan(session, wanted)
        async with database.session() as session:
            return await registry.apply(session, wanted, SystemClock().now(), "command line")

    plan = _with_database(ctx, work)
    facts = {"added": plan.added, "changed": plan.changed, "retired": plan.retired, "applied": really}

    def text() -> str:
        lines = [f"+ {name}" for name in plan.added]
        lines += [f"~ {name}: {'; '.join(differences)}" for name, differences in plan.changed.items()]
        lines += [f"- {name} (retired, its footage stays)" for name in plan.retired]
        return "\n".join(lines) or "nothing to change"

    show(facts, json_output, text)


@inventory.command("export")
@click.pass_context
def inventory_export(ctx: click.Context) -> None:
    """Print the registry as an inventory file."""
    from cameras import inventory as cameras_inventory
    from cameras import registry

    async def work(database: Any, settings: Settings) -> str:
        async with database.reading() as session:
            return cameras_inventory.dump(await registry.export(session, settings.station.name))

    click.echo(_with_database(ctx, work), nl=False)


@inventory.command("password")
@click.argument("name")
@click.option("--password-file", type=click.File(), help="Read the password from a file ('-': standard input); else it is asked for.")
@click.pass_context
def inventory_password(ctx: click.Context, name: str, password_file: Any) -> None:
    """Seal the password of a camera credential in the vault."""
    from cameras import registry
    from core.clock import SystemClock
    from station.processes import vault_of

    password = password_file.readline().rstrip("\n") if password_file else click.prompt("Password", hide_input=True)

    async def work(database: Any, settings: Settings) -> None:
        async with database.session() as session:
            await registry.set_password(session, vault_of(settings), name, password, SystemClock().now(), "command line")

    _with_database(ctx, work)
    click.echo(f"the password of '{name}' is sealed")


@cli.command()
@click.option("--inventory", "file", type=click.Path(path_type=Path), required=True, help="Inventory file.")
@click.option("--seconds", type=click.FloatRange(min=1), required=True, help="How long to record.")
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Folder for footage and its index.")
@click.option("--engine", type=click.Choice(["auto", "native", "ffmpeg"]), help="Engine where the inventory names none.")
@click.option("--segment-seconds", type=float, help="Length of a segment file.")
@click.pass_context
def record(ctx: click.Context, file: Path, seconds: float, data: Path, engine: str | None, segment_seconds: float | None) -> None:
    """Record an inventory's cameras in the foreground and print a JSON summary."""
    from station import foreground

    summary = run(foreground.record(settings_of(ctx), file, seconds, data, engine, segment_seconds))
    click.echo(json.dumps(summary, ensure_ascii=False, indent=1))
    sys.exit(0 if all(c["segments"] for c in summary["streams"].values()) else 1)


@cli.command()
@as_json
@click.pass_context
def patrol(ctx: click.Context, json_output: bool) -> None:
    """Look at every camera now (needs a running recorder) and print the open faults."""
    from station import foreground

    faults = _with_database(ctx, foreground.patrol)
    show(faults, json_output, lambda: "\n".join(f"{f['camera']:12} {f['family']:12} {f['state']:10} {f['detail']}" for f in faults) or "no faults")


@cli.command()
@click.option("--since", help="Begin here (ISO time; default: where indexing stopped).")
@as_json
@click.pass_context
def index(ctx: click.Context, since: str | None, json_output: bool) -> None:
    """Index recorded footage up to the present."""
    from station import foreground

    facts = _with_database(ctx, lambda d, s: foreground.index(d, s, since))
    show(facts, json_output, lambda: f"{facts['sightings']} sightings written")


@cli.command()
@click.option("--class", "cls", help="person, vehicle, bike, moving")
@click.option("--upper", help="Colour of the upper part")
@click.option("--lower", help="Colour of the lower part")
@click.option("--camera", multiple=True)
@click.option("--village", multiple=True)
@click.option("--start", help="ISO time")
@click.option("--end", help="ISO time")
@click.option("--limit", default=20, show_default=True)
@click.option("--after", help="Key of the next page")
@as_json
@click.pass_context
def search(ctx: click.Context, json_output: bool, **options: Any) -> None:
    """Find sightings, newest first."""
    from station import foreground

    facts = _with_database(ctx, lambda d, _: foreground.search(d, options))

    def text() -> str:
        lines = [f"{r['at']}  {r['camera']:12} {r['cls']:8} {r['score']:.2f}  {','.join(r['upper'])}/{','.join(r['lower'])}" for r in facts["rows"]]
        return "\n".join(lines) or "nothing found"

    show(facts, json_output, text)


@cli.command()
@click.argument("camera")
@click.argument("start")
@click.argument("end")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(["main", "sub"]), default="main", show_default=True)
@as_json
@click.pass_context
def clip(ctx: click.Context, camera: str, start: str, end: str, target: Path, kind: str, json_output: bool) -> None:
    """Write what CAMERA recorded from START to END (ISO times) to TARGET, an MP4 file, without re-encoding."""
    from station import foreground

    facts = _with_database(ctx, lambda d, _: foreground.clip(d, f"{camera}/{kind}", start, end, target))
    show(facts, json_output, lambda: f"{target}: {facts['pictures']} pictures, from {facts['start']} to {facts['end']}")


@cli.group()
def archive() -> None:
    """The archive of footage."""


@archive.command("verify")
@click.option("--repair", is_flag=True, help="Mend what is found; only while no recorder runs.")
@as_json
@click.pass_context
def archive_verify(ctx: click.Context, repair: bool, json_output: bool) -> None:
    """Compare rows and files in both directions."""
    from nvr import recovery

    async def work(database: Any, settings: Settings) -> recovery.Findings:
        return await recovery.recover(database, [v.absolute() for v in settings.volumes], repair=repair)

    findings = _with_database(ctx, work)

    def text() -> str:
        lines = [f"{findings.rows} rows, {findings.files} files"]
        for name, paths in findings.as_dict().items():
            if isinstance(paths, list):
                lines += [f"{name}: {p}" for p in paths]
        return "\n".join(lines)

    show(findings.as_dict(), json_output, text)
    sys.exit(0 if findings.clean or repair else 1)


@cli.group()
def user() -> None:
    """Accounts."""


@user.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(["video_officer", "investigator", "approver", "patrol_officer", "funder", "administrator", "auditor"]))
@click.option("--display-name", default="")
@click.option("--village", "villages", multiple=True, help="Scope (repeat for several; none: the whole town).")
@click.option("--password-file", type=click.File(), help="Read the password from a file ('-': standard input); else it is asked for.")
@click.pass_context
def user_add(ctx: click.Context, name: str, role: str, display_name: str, villages: tuple[str, ...], password_file: Any) -> None:
    """Add an account."""
    from core.accounts import Accounts
    from core.clock import SystemClock
    from core.permissions import Role

    password = _new_password(password_file)
    scope = list(villages) or None
    _with_database(
        ctx,
        lambda d, _: Accounts(d, SystemClock()).create(name, password, Role(role), display_name=display_name, villages=scope, actor="command line"),
    )
    click.echo(f"user '{name}' added")


@user.command("list")
@as_json
@click.pass_context
def user_list(ctx: click.Context, json_output: bool) -> None:
    """List the accounts."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    users = _with_database(ctx, lambda d, _: Accounts(d, SystemClock()).users())
    rows = [{"name": u.name, "display_name": u.display_name, "role": u.role, "villages": u.villages, "disabled": bool(u.disabled)} for u in users]
    show(rows, json_output, lambda: "\n".join(f"{u.name:20} {u.role:16} {','.join(u.villages or ['*'])}" for u in users) or "no accounts yet")


@user.command("reset")
@click.argument("name")
@click.option("--password-file", type=click.File())
@click.pass_context
def user_reset(ctx: click.Context, name: str, password_file: Any) -> None:
    """Set a new password, lift a lock, end all sessions of the account."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    password = _new_password(password_file)
    _with_database(ctx, lambda d, _: Accounts(d, SystemClock()).reset_password(name, password, actor="command line"))
    click.echo(f"the password of '{name}' is set")


def _new_password(source: Any) -> str:
    if source is not None:
        return str(source.readline()).rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the test suite (further arguments go to pytest)."""
    from station import develop

    sys.exit(develop.test(arguments))


@cli.command()
def check() -> None:
    """Lint, format and type checks."""
    from station import develop

    sys.exit(develop.check())


@cli.command()
@click.argument("name")
@click.option("--quick", is_flag=True, help="End within 45 s.")
@click.argument("arguments", nargs=-1)
def bench(name: str, quick: bool, arguments: tuple[str, ...]) -> None:
    """Run a bench (`recorder`, …); its last line is one JSON object."""
    from station import develop

    sys.exit(develop.bench(name, quick, arguments))



def main() -> None:
    try:
        cli(standalone_mode=True)
    except MinwangError as e:  # raised before the group could catch it
        click.echo(f"minwang: {e}", err=True)
        sys.exit(2 if isinstance(e, UsageError) else 1)
