"""`minwang inventory …`: the inventory file and the registry; and `minwang metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from core.database import Database
from core.errors import UsageError
from core.host import metrics_token, system_user
from core.settings import Settings, TlsMode
from station import files
from station.cli.base import as_json, cli, new_password, print_result, settings_of, with_database

if TYPE_CHECKING:
    from cameras.registry.registry import RegistryPlan


@cli.group()
def inventory() -> None:
    """Check the inventory file and apply it to the registry."""


def _inventory_path(ctx: click.Context, file: Path | None) -> Path:
    path = file or settings_of(ctx).inventory
    if path is None:
        raise UsageError("the settings name no inventory file; give one with --file, or set inventory in the settings")
    return path


FILE = click.option(
    "--file", type=click.Path(path_type=Path), help="Inventory file (default: the settings' `inventory`)."
)


@inventory.command("check")
@FILE
@as_json
@click.pass_context
def inventory_check(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Read the file and report every problem with its line."""
    from cameras.registry import inventory as cameras_inventory

    path = _inventory_path(ctx, file)
    found = cameras_inventory.load(path)
    facts = {"file": str(path), "villages": len(found.villages), "cameras": len(found.cameras)}
    print_result(
        facts, json_output, lambda: f"{path}: good: {len(found.villages)} villages, {len(found.cameras)} cameras"
    )


@inventory.command("plan")
@FILE
@as_json
@click.pass_context
def inventory_plan(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Show what `apply` would change: compares the file with the registry and with the file as last applied."""
    from cameras.registry import inventory as cameras_inventory
    from cameras.registry import registry

    wanted = cameras_inventory.load(_inventory_path(ctx, file))

    async def work(database: Database, _: Settings) -> registry.RegistryPlan:
        async with database.reading() as session:
            return await registry.plan(session, wanted)

    plan = with_database(ctx, work)
    print_result(
        _plan_facts(plan, applied=False), json_output, lambda: "\n".join([_last_line(plan), *_plan_lines(plan)])
    )


@inventory.command("apply")
@FILE
@click.option(
    "--prefer", type=click.Choice(["file", "registry"]), help="Which side wins if both changed a field (see plan)."
)
@click.option("--really", is_flag=True, help="Even where more than 5 % of the cameras would be retired.")
@as_json
@click.pass_context
def inventory_apply(ctx: click.Context, file: Path | None, prefer: str | None, really: bool, json_output: bool) -> None:
    """Apply what changed in the file since it was last applied."""
    from cameras.registry import inventory as cameras_inventory
    from cameras.registry import registry
    from core.clock import SystemClock

    path = _inventory_path(ctx, file)
    wanted = cameras_inventory.load(path)
    decided = registry.ConflictPreference(prefer) if prefer else None

    async def work(database: Database, _: Settings) -> registry.RegistryPlan:
        async with database.session() as session:
            now = SystemClock().now()
            return await registry.apply(
                session,
                wanted,
                now,
                system_user.actor(),
                file=str(path.absolute()),
                prefer=decided,
                confirm_retiring=really,
            )

    plan = with_database(ctx, work)
    print_result(_plan_facts(plan, applied=True), json_output, lambda: "\n".join(_plan_lines(plan, prefer)))


def _plan_facts(plan: RegistryPlan, *, applied: bool) -> dict[str, object]:
    last = plan.last
    return {
        "added": plan.added,
        "changed": plan.changed,
        "retired": plan.retired,
        "conflicts": plan.conflicts,
        "not_in_file": plan.merge.not_in_file,
        "kept_retired": plan.merge.kept_retired,
        "applied": applied,
        "last_applied": {"at": last.at, "actor": last.actor, "file": last.file, "sha256": last.digest}
        if last
        else None,
    }


def _last_line(plan: RegistryPlan) -> str:
    if plan.last is None:
        return "no file was applied yet"
    return f"last applied: {plan.last.file or '?'}, {plan.last.at:%Y-%m-%d %H:%M} UTC, by {plan.last.actor}"


def _plan_lines(plan: RegistryPlan, prefer: str | None = None) -> list[str]:
    lines = [f"+ {name}" for name in plan.added]
    lines += [f"~ {name}: {'; '.join(differences)}" for name, differences in plan.changed.items()]
    lines += [f"- {name} (retired, its footage stays)" for name in plan.retired]
    lines = lines or ["nothing to change"]
    remedy = f"the {prefer} was right" if prefer else "apply with --prefer file or --prefer registry"
    lines += [f"! {name}: both changed {what} ({remedy})" for name, those in plan.conflicts.items() for what in those]
    lines += [f"= camera {name} is not in the file and never was; it stays" for name in plan.merge.not_in_file]
    lines += [
        f"= camera {name} is in the file but was retired by hand; it stays so" for name in plan.merge.kept_retired
    ]
    return lines


@inventory.command("export")
@click.option(
    "--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write this file instead of printing."
)
@click.option("--force", is_flag=True, help="Replace the file where it is there; comments at its top stay.")
@click.pass_context
def inventory_export(ctx: click.Context, target: Path | None, force: bool) -> None:
    """Write the registry as an inventory file; `plan` for it shows no changes.

    Comments at the top of the replaced file, or else of the settings' file, are kept; other comments are not.
    """
    from cameras.registry import inventory as cameras_inventory
    from cameras.registry import registry

    async def work(database: Database, settings: Settings) -> tuple[str, Path | None]:
        async with database.reading() as session:
            last = await registry.last_applied(session)
            town = str(last.content["town"]) if last else settings.station.name
            return cameras_inventory.dump(await registry.export(session, town)), settings.inventory

    text, usual = with_database(ctx, work)
    text = cameras_inventory.header(target if target and target.exists() else usual) + text
    if target is None:
        click.echo(text, nl=False)
        return
    files.write_new(target, text, mode=0o640, replace=force)
    click.echo(f"{target} written; make it the file applied last: minwang inventory apply --file {target}")


@inventory.command("password")
@click.argument("name")
@click.option(
    "--password-file",
    type=click.File(),
    help="Read the password from a file ('-': standard input); else it is asked for.",
)
@click.pass_context
def inventory_password(ctx: click.Context, name: str, password_file: TextIO | None) -> None:
    """Store the password of a camera credential in the vault."""
    from cameras.registry import registry
    from core.clock import SystemClock
    from station.runtime import open_vault_of_station

    password = new_password(password_file)

    async def work(database: Database, settings: Settings) -> None:
        vault = await open_vault_of_station(settings, database)
        async with database.session() as session:
            await registry.set_password(session, vault, name, password, SystemClock().now(), system_user.actor())

    with_database(ctx, work)
    click.echo(f"the password of '{name}' is sealed")


@cli.command()
@click.option(
    "--new-token",
    is_flag=True,
    help="Create the token with which Prometheus reads /metrics; replaces the previous one.",
)
@click.pass_context
def metrics(ctx: click.Context, new_token: bool) -> None:
    """Print the station's metrics in Prometheus format (for node_exporter's textfile collector)."""
    if new_token:
        settings = settings_of(ctx)
        click.echo(_token_lines(metrics_token.renew(settings.data.dir), settings))
        return
    from web.api.metrics import collect

    async def read(database: Database, settings: Settings) -> bytes:
        async with database.reading() as session:
            return await collect(session, settings)

    click.echo(with_database(ctx, read).decode(), nl=False)


def _token_lines(token: Path, settings: Settings) -> str:
    """Return where the token file is and how to configure Prometheus; never the token itself."""
    scheme = "http" if settings.web.tls is TlsMode.OFF else "https"
    return (
        f"the token is in {token}; copy it to where only Prometheus can read it, and add to scrape_configs:\n"
        f"  - job_name: minwang\n    scheme: {scheme}\n    authorization: {{ credentials_file: "
        f"/etc/prometheus/{token.name} }}\n"
        f"    static_configs: [{{ targets: ['{settings.web.host}:{settings.web.port}'] }}]"
    )
