"""`minwang user …`: accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select

from core.database import Database
from core.errors import UsageError
from core.permissions import Role
from core.settings import Settings
from station.cli_base import as_json, cli, new_password, show, with_database

if TYPE_CHECKING:
    from core.accounts import User


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

    password = new_password(password_file)
    scope = list(villages) or None

    async def work(database: Any, _: Settings) -> None:
        await _check_villages(database, villages)
        await Accounts(database, SystemClock()).create(
            name, password, Role(role), display_name=display_name, villages=scope, vendor=vendor, actor="command line"
        )

    with_database(ctx, work)
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
        lambda: "\n".join(map(_line, users)) or "no accounts yet",
    )


def _line(u: User) -> str:
    scope = "*" if u.villages is None else ",".join(u.villages)
    return f"{u.name:20} {u.role:16} {scope}{'  disabled' if u.disabled else ''}"


@user.command("set")
@click.argument("name")
@click.option("--role", type=click.Choice([r.value for r in Role]))
@click.option("--village", "villages", multiple=True, help="New scope (repeat for several).")
@click.option("--all-villages", is_flag=True, help="New scope: the whole town.")
@click.option("--vendor", help="Of a contractor's account: the company whose work orders it sees.")
@click.option("--display-name")
@click.option("--disabled/--enabled", "disabled", default=None, help="Whether it may sign in.")
@click.pass_context
def user_set(
    ctx: click.Context, /, name: str, role: str | None, villages: tuple[str, ...], all_villages: bool, **changes: Any
) -> None:
    """Change an account's role, scope or name, disable or enable it; its sessions end. It is written into the audit trail."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    if villages and all_villages:
        raise UsageError("--village and --all-villages exclude each other")
    if not (role or villages or all_villages or any(v is not None for v in changes.values())):
        raise UsageError(
            "nothing to change: give --role, --village, --all-villages, --vendor, --display-name, --disabled or --enabled"
        )
    scope: Any = "all" if all_villages else list(villages) or None

    async def work(database: Any, _: Settings) -> dict[str, Any]:
        await _check_villages(database, villages)
        return await Accounts(database, SystemClock()).change(
            name, role=Role(role) if role else None, villages=scope, **changes, actor="command line"
        )

    changed = with_database(ctx, work)
    told = ", ".join(f"{field}: {value}" for field, value in changed.items())
    click.echo(f"user '{name}': {told}; its sessions are ended" if changed else f"user '{name}' is so already")


async def _check_villages(database: Database, wanted: Sequence[str]) -> None:
    """Raises UsageError for a village that the registry does not have: such a scope would see nothing."""
    from cameras.tables import Village

    async with database.reading() as session:
        known = sorted(await session.scalars(select(Village.code)))
    if missing := [v for v in wanted if v not in known]:
        there = f"there are: {', '.join(known)}" if known else "there are none yet: apply the inventory first"
        raise UsageError(f"there is no village '{missing[0]}'; {there}")


@user.command("reset")
@click.argument("name")
@click.option("--password-file", type=click.File())
@click.pass_context
def user_reset(ctx: click.Context, name: str, password_file: Any) -> None:
    """Set a new password, lift a lock, end all sessions of the account."""
    from core.accounts import Accounts
    from core.clock import SystemClock

    password = new_password(password_file)
    with_database(ctx, lambda d, _: Accounts(d, SystemClock()).reset_password(name, password, actor="command line"))
    click.echo(f"the password of '{name}' is set")
