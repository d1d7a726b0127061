"""What all commands share: the group, settings, output, exit status (0 done, 1 failed, 2 wrong use)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

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
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (default: ./minwang.toml if it is there)."
)
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


def with_database(ctx: click.Context, work: Callable[[Any, Settings], Awaitable[T]]) -> T:
    settings = settings_of(ctx)

    async def body() -> T:
        from station import database as station_database

        database = await station_database.ready(settings)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    return run(body())
