"""`minwang user …`: accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TextIO, TypedDict, TypeVar, Unpack

import click
from sqlalchemy import select

from core.accounts.permissions import Role
from core.database import Database
from core.errors import UsageError
from core.host import system_user
from station.cli.base import as_json, cli, new_password, print_result, reason_option, with_database

if TYPE_CHECKING:
    from core.accounts.accounts import Accounts
    from core.accounts.tables import User

T = TypeVar("T")
Scope = list[str] | Literal["all"]  # villages

ROLES = click.Choice([r.value for r in Role])
_vendor = click.option("--vendor", default="", help="Of a contractor's account: the company whose work orders it sees.")
_password_file = click.option(
    "--password-file",
    type=click.File(),
    help="Read the password from a file ('-': standard input); else it is asked for.",
)
_own = click.option(
    "--own", is_flag=True, help="The person chose this password himself: it need not be changed at the first sign-in."
)


class AccountOptions(TypedDict, total=False):
    """The properties of an account to set; those that are absent or None stay."""

    role: Role | None
    villages: Scope | None
    vendor: str | None
    display_name: str | None
    disabled: bool | None


@cli.group()
def user() -> None:
    """Manage accounts."""


def _accounts(ctx: click.Context, work: Callable[[Accounts, Database], Awaitable[T]]) -> T:
    from core.accounts.accounts import Accounts
    from core.clock import SystemClock

    return with_database(ctx, lambda database, _settings: work(Accounts(database, SystemClock()), database))


@user.command("add")
@click.argument("name")
@click.option("--role", required=True, type=ROLES)
@click.option("--display-name", default="")
@click.option("--village", "villages", multiple=True, help="Scope (repeat for several; none: the whole town).")
@_vendor
@_password_file
@_own
@reason_option
@click.pass_context
def user_add(
    ctx: click.Context,
    /,
    name: str,
    role: str,
    display_name: str,
    villages: tuple[str, ...],
    vendor: str,
    password_file: TextIO | None,
    own: bool,
    reason: str,
) -> None:
    """Add an account. Its password must be changed at the first sign-in."""
    password = new_password(password_file)
    scope = list(villages) or None

    async def work(accounts: Accounts, database: Database) -> None:
        await _check_villages(database, villages)
        await accounts.create(
            name,
            password,
            Role(role),
            display_name=display_name,
            villages=scope,
            vendor=vendor,
            actor=system_user.actor(),
            reason=reason,
            must_change=not own,
        )

    _accounts(ctx, work)
    click.echo(f"user '{name}' added")


@user.command("list")
@as_json
@click.pass_context
def user_list(ctx: click.Context, json_output: bool) -> None:
    """List the accounts."""

    async def work(accounts: Accounts, _database: Database) -> tuple[list[User], set[int]]:
        return await accounts.list_users(), await accounts.with_second_factor()

    users, enrolled = _accounts(ctx, work)
    rows = [
        {
            "name": u.name,
            "display_name": u.display_name,
            "role": u.role,
            "villages": u.villages,
            "disabled": bool(u.disabled),
            "must_change": bool(u.must_change),
            "also_security": u.also_security,
            "second_factor": u.id in enrolled,
        }
        for u in users
    ]
    print_result(rows, json_output, lambda: "\n".join(map(_line, users)) or "no accounts yet")


def _line(u: User) -> str:
    scope = "*" if u.villages is None else ",".join(u.villages)
    also = "  manages the accounts too" if u.also_security else ""
    return f"{u.name:20} {u.role:22} {scope}{also}{'  disabled' if u.disabled else ''}"


@user.command("set")
@click.argument("name")
@click.option("--role", type=ROLES)
@click.option("--village", "villages", multiple=True, help="New scope (repeat for several).")
@click.option("--all-villages", is_flag=True, help="New scope: the whole town.")
@click.option("--vendor", help="Of a contractor's account: the company whose work orders it sees.")
@click.option("--display-name")
@click.option("--disabled/--enabled", "disabled", default=None, help="Whether it may sign in.")
@reason_option
@click.pass_context
def user_set(
    ctx: click.Context,
    /,
    name: str,
    role: str | None,
    villages: tuple[str, ...],
    all_villages: bool,
    vendor: str | None,
    display_name: str | None,
    disabled: bool | None,
    reason: str,
) -> None:
    """Change several properties of an account at once; its sessions end."""
    if not (role or villages or all_villages) and all(v is None for v in (vendor, display_name, disabled)):
        raise UsageError(
            "nothing to change: give --role, --village, --all-villages, --vendor, --display-name, --disabled or "
            "--enabled"
        )
    scope = _scope(villages, all_villages) if villages or all_villages else None
    _change(
        ctx,
        name,
        reason,
        role=Role(role) if role else None,
        villages=scope,
        vendor=vendor,
        display_name=display_name,
        disabled=disabled,
    )


@user.command("disable")
@click.argument("name")
@reason_option
@click.pass_context
def user_disable(ctx: click.Context, name: str, reason: str) -> None:
    """Disable an account; its sessions end at once."""
    _change(ctx, name, reason, disabled=True)


@user.command("enable")
@click.argument("name")
@reason_option
@click.pass_context
def user_enable(ctx: click.Context, name: str, reason: str) -> None:
    """Enable a disabled account."""
    _change(ctx, name, reason, disabled=False)


@user.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@_vendor
@reason_option
@click.pass_context
def user_role(ctx: click.Context, name: str, role: str, vendor: str, reason: str) -> None:
    """Change the role of an account; its sessions end."""
    _change(ctx, name, reason, role=Role(role), vendor=vendor or None)


@user.command("scope")
@click.argument("name")
@click.option("--village", "villages", multiple=True, help="The villages that it sees (repeat for several).")
@click.option("--all-villages", is_flag=True, help="It sees the whole town.")
@reason_option
@click.pass_context
def user_scope(ctx: click.Context, name: str, villages: tuple[str, ...], all_villages: bool, reason: str) -> None:
    """Set the villages that an account sees; its sessions end."""
    if not (villages or all_villages):
        raise UsageError("name the villages with --village, or give --all-villages")
    _change(ctx, name, reason, villages=_scope(villages, all_villages))


def _scope(villages: Sequence[str], all_villages: bool) -> Scope:
    if villages and all_villages:
        raise UsageError("--village and --all-villages exclude each other")
    return "all" if all_villages else list(villages)


def _change(ctx: click.Context, name: str, reason: str, **wanted: Unpack[AccountOptions]) -> None:
    async def work(accounts: Accounts, database: Database) -> Mapping[str, object]:
        villages = wanted.get("villages")
        if isinstance(villages, list):
            await _check_villages(database, villages)
        return await accounts.change(name, **wanted, actor=system_user.actor(), reason=reason)

    changed = _accounts(ctx, work)
    changes = ", ".join(f"{field}: {value}" for field, value in changed.items())
    click.echo(f"user '{name}': {changes}; its sessions are ended" if changed else f"user '{name}' is unchanged")


async def _check_villages(database: Database, wanted: Sequence[str]) -> None:
    """Raise UsageError for a village that the registry does not have: such a scope would show nothing."""
    from cameras.tables import Village

    async with database.reading() as session:
        known = sorted(await session.scalars(select(Village.code)))
    if missing := [v for v in wanted if v not in known]:
        there = f"there are: {', '.join(known)}" if known else "there are none yet: apply the inventory first"
        raise UsageError(f"there is no village '{missing[0]}'; {there}")


def _set_password(ctx: click.Context, name: str, password_file: TextIO | None, own: bool, reason: str) -> None:
    password = new_password(password_file)
    actor = system_user.actor()
    _accounts(ctx, lambda a, _: a.reset_password(name, password, actor=actor, reason=reason, must_change=not own))
    click.echo(f"the password of '{name}' is set")


@user.group("second-factor")
def user_second_factor() -> None:
    """The authenticators of accounts."""


@user_second_factor.command("reset")
@click.argument("name")
@reason_option
@click.pass_context
def user_second_factor_reset(ctx: click.Context, name: str, reason: str) -> None:
    """Delete the second factor of an account whose authenticator is lost; all its sessions end.

    Where its role needs one, it sets up another at the next sign-in.
    """
    actor = system_user.actor()
    had = _accounts(ctx, lambda accounts, _: accounts.reset_second_factor(name, actor=actor, reason=reason))
    click.echo(f"the second factor of '{name}' is deleted" if had else f"user '{name}' has no second factor")


@user.command("password")
@click.argument("name")
@_password_file
@_own
@reason_option
@click.pass_context
def user_password(ctx: click.Context, name: str, password_file: TextIO | None, own: bool, reason: str) -> None:
    """Set a new password, which must be changed at the first sign-in; all sessions of the account end."""
    _set_password(ctx, name, password_file, own, reason)


@user.command("reset")
@click.argument("name")
@_password_file
@_own
@reason_option
@click.pass_context
def user_reset(ctx: click.Context, name: str, password_file: TextIO | None, own: bool, reason: str) -> None:
    """Former name of `user password`."""
    _set_password(ctx, name, password_file, own, reason)
