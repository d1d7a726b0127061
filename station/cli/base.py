"""Shared by all commands: the group, settings, output, exit status (0 done, 1 failed, 2 wrong usage)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

import click

import core
from core import settings as core_settings
from core.clock import parse_time, to_microseconds
from core.errors import MinwangError, SettingsError, UsageError
from core.host import system_user
from core.settings import DATABASE_FILE, Settings

if TYPE_CHECKING:
    from core.database import Database

T = TypeVar("T")
P = ParamSpec("P")


COMMAND_MODULES = {
    "archive": "archive",
    "audit": "audit",
    "backup": "backup",
    "bundle": "install",
    "cameras": "cameras",
    "cert": "cert",
    "clip": "footage",
    "database": "database",
    "doctor": "doctor",
    "index": "footage",
    "init": "init",
    "install": "install",
    "inventory": "inventory",
    "metrics": "inventory",
    "models": "models",
    "patrol": "footage",
    "record": "footage",
    "restore": "backup",
    "search": "footage",
    "settings": "settings",
    "status": "status",
    "uninstall": "install",
    "upgrade": "install",
    "keys": "keys",
    "notify": "notify",
    "user": "users",
}
"""Command → module, which is imported on demand: importing all costs two seconds and 180 MB, in each worker too."""


class Commands(click.Group):
    """A group that prints our errors as one sentence with an exit status, and imports commands on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMAND_MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in COMMAND_MODULES:
            importlib.import_module(f"station.cli.{COMMAND_MODULES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MinwangError as e:
            click.echo(f"minwang: {e}", err=True)
            ctx.exit(2 if isinstance(e, UsageError) else 1)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (default: $MINWANG_CONFIG, ./minwang.toml, /etc/minwang/minwang.toml).",
)
@click.version_option(core.__version__, message="minwang %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Minwang (民网): the open system that a rural police station runs for its villages' cameras."""
    ctx.obj = config


class SettingsRequirement(Enum):
    """Which settings a command requires."""

    STATION = auto()  # a settings file, or MINWANG_DATA__DIR
    FOOTAGE = auto()  # the same, or ./data as created by `minwang record`
    NOTHING = auto()


def settings_of(ctx: click.Context, need: SettingsRequirement = SettingsRequirement.STATION) -> Settings:
    """Return the settings.

    Raises SettingsError if there are none and the command needs them: no command creates a data folder unexpectedly.
    """
    settings = core_settings.load(ctx.find_root().obj)
    if settings.configured or need is SettingsRequirement.NOTHING:
        return settings
    if need is SettingsRequirement.FOOTAGE and (settings.data.dir / DATABASE_FILE).is_file():
        return settings
    where = f"{Path.cwd()} has no minwang.toml and there is none in /etc/minwang"
    raise SettingsError(
        f"no settings: {where}; run 'minwang init' to set up a station, name its file with --config, or set "
        f"MINWANG_DATA__DIR"
    )


def as_json(command: Callable[P, T]) -> Callable[P, T]:
    """Add the option `--json` to a command; the command gets it as `json_output`."""
    return click.option("--json", "json_output", is_flag=True, help="Print JSON instead of text.")(command)


def parse_time_us(text: str) -> int:
    """Parse an ISO time to microseconds. Raises UsageError."""
    try:
        return to_microseconds(parse_time(text))
    except ValueError as e:
        raise UsageError(f"'{text}' is not a time; write it like 2026-11-21T08:00:00+08:00") from e


def print_result(data: object, json_output: bool, text: Callable[[], str]) -> None:
    """Print `data` as JSON or else `text`; values that JSON does not know (times, paths) are printed as their text."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str) if json_output else text())


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def with_database(
    ctx: click.Context,
    work: Callable[[Database, Settings], Awaitable[T]],
    need: SettingsRequirement = SettingsRequirement.STATION,
) -> T:
    """Run `work` with the station's database; seals new rows of the audit trail at the end, even after an error."""
    settings = settings_of(ctx, need)
    set_private_umask()
    system_user.actor()  # reads a file and caches it: must not happen in the event loop

    async def body() -> T:
        from core.audit import verification
        from core.clock import SystemClock
        from station import database as station_database
        from station import schema

        assert schema.TABLE_MODULES  # imports the mappers of all tables
        database = await station_database.ready(settings)
        try:
            try:
                result = await work(database, settings)
            except BaseException:
                with contextlib.suppress(MinwangError):  # the error of `work` is the one to report
                    await verification.seal_now(database, settings.data.dir.absolute(), SystemClock().now())
                raise
            await verification.seal_now(database, settings.data.dir.absolute(), SystemClock().now())
            return result
        finally:
            await database.close()

    return run(body())


def set_private_umask() -> None:
    """Make new files of this process unreadable for other users of the machine."""
    os.umask(0o027)


def reason_option(command: Callable[P, T]) -> Callable[P, T]:
    """Add the option `--reason` to a command that writes to the audit trail."""
    return click.option(
        "--reason", required=True, callback=_stated, help="Case number or reason; it is written into the audit trail."
    )(command)


def _stated(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    return require_reason(value)


def require_reason(reason: str) -> str:
    """Return the reason without surrounding blanks. Raises UsageError if it is empty."""
    if not reason.strip():
        raise UsageError("--reason: say why, for example a case number; it is written into the audit trail")
    return reason.strip()


def new_password(source: TextIO | None) -> str:
    """Read a password from a file, or prompt for it twice."""
    if source is not None:
        return source.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
