"""`minwang inventory …` and `minwang user …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.database import Database
from core.errors import UsageError
from core.permissions import Role
from core.settings import Settings
from station.cli_base import as_json, cli, settings_of, show, with_database


@cli.group()
def inventory() -> None:
    """Check the inventory file and bring it into the registry."""


def _inventory_path(ctx: click.Context, file: Path | None) -> Path:
    path = file or settings_of(ctx).inventory
    if path is None:
        raise UsageError("the settings name no inventory file; give one with --file, or set inventory in the settings")
    return path


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


@inventory.command("plan")
@FILE
@as_json
@click.pass_context
def inventory_plan(ctx: click.Context, file: Path | None, json_output: bool) -> None:
    """Show what `apply` would change."""
    _inventory_change(ctx, file, json_output, write=False)


@inventory.command("apply")
@FILE
@click.option("--really", is_flag=True, help="Even where more than 5 % of the cameras would be retired.")
@as_json
@click.pass_context
def inventory_apply(ctx: click.Context, file: Path | None, really: bool, json_output: bool) -> None:
    """Bring the file into the registry."""
    _inventory_change(ctx, file, json_output, write=True, really=really)


def _inventory_change(ctx: click.Context, file: Path | None, json_output: bool, *, write: bool, really: bool = False) -> None:
    from cameras import inventory as cameras_inventory
    from cameras import registry
    from core.clock import SystemClock

    wanted = cameras_inventory.load(_inventory_path(ctx, file))

    async def work(database: Any, _: Settings) -> registry.Plan:
        if not write:
            async with database.reading() as session:
                return await registry.plan(session, wanted)
        async with database.session() as session:
            return await registry.apply(session, wanted, SystemClock().now(), "command line", really=really)

    plan = with_database(ctx, work)
    facts = {"added": plan.added, "changed": plan.changed, "retired": plan.retired, "applied": write}

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

    click.echo(with_database(ctx, work), nl=False)


@inventory.command("password")
@click.argument("name")
@click.option(
    "--password-file", type=click.File(), help="Read the password from a file ('-': standard input); else it is asked for."
)
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

    with_database(ctx, work)
    click.echo(f"the password of '{name}' is sealed")


@cli.command()
@click.pass_context
def metrics(ctx: click.Context) -> None:
    """Print the station's figures as Prometheus reads them (for node_exporter's textfile collector)."""
    from web.api.metrics import collect

    async def read(database: Database, settings: Settings) -> bytes:
        async with database.reading() as session:
            return await collect(session, settings)

    click.echo(with_database(ctx, read).decode(), nl=False)


@cli.group()
def user() -> None:
    """Accounts."""


@user.command("add")
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice([r.value for r in Role]),
)
@click.option("--display-name", default="")
@click.option("--village", "villages", multiple=True, help="Scope (repeat for several; none: the whole town).")
@click.option("--vendor", default="", help="Of a contractor's account: the company whose work orders it sees.")
@click.option(
    "--password-file", type=click.File(), help="Read the password from a file ('-': standard input); else it is asked for."
)
@click.pass_context
def user_add(
    ctx: click.Context, name: str, role: str, display_name: str, villages: tuple[str, ...], vendor: str, password_file: Any
) -> None:
    """Add an account."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    password = _new_password(password_file)
    scope = list(villages) or None
    with_database(
        ctx,
        lambda d, _: Accounts(d, SystemClock()).create(
            name, password, Role(role), display_name=display_name, villages=scope, vendor=vendor, actor="command line"
        ),
    )
    click.echo(f"user '{name}' added")


@user.command("list")
@as_json
@click.pass_context
def user_list(ctx: click.Context, json_output: bool) -> None:
    """List the accounts."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    users = with_database(ctx, lambda d, _: Accounts(d, SystemClock()).users())
    rows = [
        {"name": u.name, "display_name": u.display_name, "role": u.role, "villages": u.villages, "disabled": bool(u.disabled)}
        for u in users
    ]
    show(
        rows,
        json_output,
        lambda: "\n".join(f"{u.name:20} {u.role:16} {','.join(u.villages or ['*'])}" for u in users) or "no accounts yet",
    )


@user.command("reset")
@click.argument("name")
@click.option("--password-file", type=click.File())
@click.pass_context
def user_reset(ctx: click.Context, name: str, password_file: Any) -> None:
    """Set a new password, lift a lock, end all sessions of the account."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    password = _new_password(password_file)
    with_database(ctx, lambda d, _: Accounts(d, SystemClock()).reset_password(name, password, actor="command line"))
    click.echo(f"the password of '{name}' is set")


def _new_password(source: Any) -> str:
    if source is not None:
        return str(source.readline()).rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
