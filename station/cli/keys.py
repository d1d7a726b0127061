"""`minwang keys …`: the keys with which the station signs evidence packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.database import Database
from core.errors import ConflictError, UsageError
from core.host import system_user
from core.settings import Settings
from station.cli.base import as_json, cli, print_result, settings_of, with_database

if TYPE_CHECKING:
    from core.station_keys import StationKeyRow


@cli.group()
def keys() -> None:
    """Signing keys of the station."""


@keys.command("make")
@click.pass_context
def make(ctx: click.Context) -> None:
    """Make the first signing key; prints its fingerprint."""
    _announce(_made(ctx, rotate=False, reason="first key"))


@keys.command("rotate")
@click.option("--reason", required=True, help="Why; it goes into the audit trail.")
@click.pass_context
def rotate(ctx: click.Context, reason: str) -> None:
    """Replace the signing key. Packages that the old one signed stay verifiable with its fingerprint."""
    if not reason.strip():
        raise UsageError("enter why the key is replaced: --reason")
    _announce(_made(ctx, rotate=True, reason=reason.strip()))


@keys.command("list")
@as_json
@click.pass_context
def list_keys(ctx: click.Context, json_output: bool) -> None:
    """Print every key: its fingerprint, since when, until when it signed."""
    found = with_database(ctx, _all_keys)
    rows = [
        {"fingerprint": k.fingerprint, "made_at": k.made_at.isoformat(), "made_by": k.made_by,
         "retired_at": k.retired_at.isoformat() if k.retired_at else None}
        for k in found
    ]  # fmt: skip
    lines = [f"{_grouped(k)}  {k.made_at:%Y-%m-%d} to {_end(k)}  made by {k.made_by}" for k in found]
    print_result(rows, json_output, lambda: "\n".join(lines) or "no key yet; make one with: minwang keys make")


@keys.command("publish")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.pass_context
def publish(ctx: click.Context, file: Path) -> None:
    """Write the public keys and fingerprints to a file, for the station's page, its notice board and its papers."""
    found = with_database(ctx, _all_keys)
    if not found:
        raise ConflictError("there is no key to publish; make one with: minwang keys make")
    parts = [f"{settings_of(ctx).station.name}: keys that sign evidence packages / 证据包签名公钥\n"]
    parts += [f"{_grouped(k)}\n{k.made_at:%Y-%m-%d} – {_end(k)}\nEd25519 {k.public.hex()}\n" for k in found]
    file.write_text("\n".join(parts), encoding="utf-8")
    click.echo(f"{len(found)} key{'s' if len(found) > 1 else ''} written to {file}")


def _made(ctx: click.Context, *, rotate: bool, reason: str) -> str:
    from core import station_keys
    from core.clock import SystemClock
    from station.roles import notifications

    async def work(database: Database, settings: Settings) -> str:
        vault = await notifications.vault(settings, database)
        async with database.session() as session:
            there = any(k.retired_at is None for k in await station_keys.all_keys(session))
            if there and not rotate:
                raise ConflictError("the station has a signing key; replace it with: minwang keys rotate --reason …")
            if rotate and not there:
                raise ConflictError("there is no key to replace; make one with: minwang keys make")
            return await station_keys.make(session, vault, SystemClock().now(), system_user.actor(), reason=reason)

    return with_database(ctx, work)


def _announce(fingerprint: str) -> None:
    from core.station_keys import grouped

    click.echo(f"the station signs with the key\n  {grouped(fingerprint)}")
    click.echo("publish it before the first package leaves: minwang keys publish FILE")


async def _all_keys(database: Database, _settings: Settings) -> list[StationKeyRow]:
    from core import station_keys

    async with database.reading() as session:
        return await station_keys.all_keys(session)


def _grouped(key: StationKeyRow) -> str:
    from core.station_keys import grouped

    return grouped(key.fingerprint)


def _end(key: StationKeyRow) -> str:
    return f"{key.retired_at:%Y-%m-%d}" if key.retired_at else "now"
