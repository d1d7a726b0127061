"""`minwang notify …`: messages to persons outside the console."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

import click

from core.database import Database
from core.errors import UsageError
from core.host import system_user
from core.notify.vocabulary import SYSTEM_CHANNELS, ChannelKind
from core.settings import Settings
from station.cli.base import as_json, cli, new_password, print_result, with_database

if TYPE_CHECKING:
    from core.notify.figures import ChannelFigures

CHANNELS = click.Choice([c.value for c in ChannelKind if c not in (*SYSTEM_CHANNELS, ChannelKind.WEBPUSH)])


@cli.group()
def notify() -> None:
    """Messages to persons: channels, contacts, what was sent."""


@notify.command("check")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check notify.yaml, its secrets and the texts; sends nothing."""
    from core.notify import channel_secrets, configuration, texts
    from station.roles import notifications

    async def work(database: Database, settings: Settings) -> list[str]:
        described = await asyncio.to_thread(notifications.channels_file, settings)
        await asyncio.to_thread(texts.load, settings.notify.texts or texts.SHIPPED)
        async with database.reading() as session:
            known = await channel_secrets.read(session, await notifications.vault(settings, database))
        configuration.require_secrets(described, known)
        return [kind.value for kind in described.channels]

    names = with_database(ctx, work)
    click.echo(f"in order; channels: {', '.join(names) or 'none (there is no notify.yaml)'}")


@notify.command("secret")
@click.argument("name")
@click.option("--file", type=click.File(), help="Read it from a file ('-': standard input); else it is asked for.")
@click.option("--push-key", is_flag=True, help="Make a new key for Web Push; phones must then subscribe again.")
@click.pass_context
def secret(ctx: click.Context, name: str, file: TextIO | None, push_key: bool) -> None:
    """Set a secret that notify.yaml names; the station uses it after its next start."""
    from core.audit import audit_trail
    from core.audit.actions import AuditAction
    from core.clock import SystemClock
    from core.notify import channel_secrets
    from core.notify.channels import webpush
    from station.roles import notifications

    value = webpush.new_key() if push_key else new_password(file)
    if not value:
        raise UsageError("the secret is empty; give it in the file, or type it")

    async def work(database: Database, settings: Settings) -> None:
        vault = await notifications.vault(settings, database)
        now = SystemClock().now()
        async with database.session() as session:
            await channel_secrets.put(session, now, vault, name, value)
            await audit_trail.record(session, now, system_user.actor(), AuditAction.NOTIFY_SECRET, name)

    with_database(ctx, work)
    click.echo(f"secret '{name}' set")


@notify.command("contact")
@click.argument("account")
@click.argument("channel", type=CHANNELS)
@click.argument("address")
@click.option("--second-person", required=True, help="Account of the colleague who agrees to this change.")
@click.pass_context
def contact(ctx: click.Context, account: str, channel: str, address: str, second_person: str) -> None:
    """Set how a person is reached. The old address is told, and gets alerts for another 24 hours."""
    from core.clock import SystemClock
    from core.notify import contacts

    async def work(database: Database, _settings: Settings) -> None:
        async with database.session() as session:
            await contacts.change(
                session, SystemClock().now(), system_user.actor(), account, ChannelKind(channel), address, second_person
            )

    with_database(ctx, work)
    click.echo(f"'{account}' is reached by {channel} from now on")


@notify.command("test")
@click.argument("account")
@click.pass_context
def test(ctx: click.Context, account: str) -> None:
    """Send a person a test message over every channel that he has a contact for; the running station sends it."""
    from core.audit import audit_trail
    from core.audit.actions import AuditAction
    from core.clock import SystemClock
    from core.notify import contacts, trial

    async def work(database: Database, _settings: Settings) -> list[str]:
        now = SystemClock().now()
        async with database.session() as session:
            there = await contacts.of_account(session, account, now)
            await trial.send(session, now, there)
            if there:
                await audit_trail.record(session, now, system_user.actor(), AuditAction.NOTIFY_TEST, account)
        return [c.channel.value for c in there]

    channels = with_database(ctx, work)
    if not channels:
        raise UsageError(f"there is no contact of '{account}'; set one with: minwang notify contact {account} …")
    click.echo(f"queued: {', '.join(channels)}; see what became of it with: minwang notify status")


@notify.command("status")
@click.option("--hours", type=click.FloatRange(min=0.1, max=24 * 366), default=24.0, show_default=True)
@as_json
@click.pass_context
def status(ctx: click.Context, hours: float, json_output: bool) -> None:
    """Print by channel what was sent, what failed, and how long it took."""
    from core.clock import SystemClock
    from core.notify import figures

    async def work(database: Database, _settings: Settings) -> list[ChannelFigures]:
        now = SystemClock().now()
        async with database.reading() as session:
            return await figures.by_channel(session, now - timedelta(hours=hours), now)

    found = with_database(ctx, work)
    lines = [f"{f.channel:8} {', '.join(f'{n} {state}' for state, n in f.states.items())}{_took(f)}" for f in found]
    print_result([f.as_json() for f in found], json_output, lambda: "\n".join(lines) or "no messages in that time")


def _took(f: ChannelFigures) -> str:
    lost = f"; {f.unanswered} answers lost" if f.unanswered else ""
    return lost if f.median_s is None else f"; median {f.median_s:.1f} s{lost}"
