"""`minwang init`: sets up a station, as a dialog or with flags."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, TypedDict, TypeVar, Unpack

import click

from core import settings as core_settings
from core import settings_source
from core.accounts import account_rules
from core.errors import MinwangError, UsageError
from core.settings import Settings, StationSettings
from station import files
from station.cli import first_start
from station.cli.base import cli, run
from station.cli.first_start import Answers

V = TypeVar("V")
R = TypeVar("R")

ADMIN_FLAGS = "--admin NAME and --admin-password-file FILE ('-': standard input)"


class InitFlags(TypedDict):
    """The answers given on the command line; None or no volumes: not given."""

    name: str | None
    timezone: str | None
    data: Path | None
    volumes: tuple[Path, ...]
    database: str | None
    inventory: Path | None
    host: str | None
    port: int | None


@cli.command()
@click.option("--yes", is_flag=True, help="Ask nothing; options that are not given keep their defaults.")
@click.option("--name", help="Name of the station.")
@click.option("--timezone", help="IANA zone, like Asia/Shanghai.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the database, the key and small files.")
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder for recordings, again for each disk.",
)
@click.option("--database", help="Address of a PostgreSQL database (default: SQLite in the data folder).")
@click.option(
    "--inventory", type=click.Path(path_type=Path), help="The town's inventory file (default: an empty one is made)."
)
@click.option("--host", help="Address on which the console listens.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the console.")
@click.option("--admin", help="Log-in name of the first administrator.")
@click.option(
    "--admin-password-file",
    type=click.File(),
    help="File with its password ('-': standard input); else it is asked for.",
)
@click.option("--force", is_flag=True, help="Write the settings file again where it is there.")
@click.pass_context
def init(
    ctx: click.Context,
    /,
    yes: bool,
    admin: str | None,
    admin_password_file: TextIO | None,
    force: bool,
    **flags: Unpack[InitFlags],
) -> None:
    """Set up a station: settings file, data folder, database, key, first administrator.

    Writes --config FILE or ./minwang.toml. Run it again if it was interrupted: existing files are kept.
    """
    target: Path = ctx.find_root().obj or Path(os.environ.get(settings_source.CONFIG_VARIABLE) or settings_source.NAME)
    password = admin_password_file.readline().rstrip("\n") if admin_password_file else None
    if admin and password is not None:
        first_start.check_account(admin, password)
    elif yes and not target.exists():
        raise UsageError(f"nothing is asked with --yes: give {ADMIN_FLAGS}")
    if target.exists() and not force:
        settings = _load_existing(target, flags)
    else:
        settings = _write_files(target, _defaults(target, flags) if yes else _dialog(target, flags), force=force)
    _administrator(settings, admin, password, ask=not yes)
    _next_steps(target, settings)


def _defaults(target: Path, flags: InitFlags) -> Answers:
    """Return the given answers, and the default where none was given. Raises UsageError without a name."""
    if not flags["name"]:
        raise UsageError("--name is missing: with --yes nothing is asked; give the station's name")
    usual = Answers(flags["name"], StationSettings().timezone, first_start.default_data(target))
    return Answers(
        name=flags["name"],
        timezone=_or_else(flags["timezone"], lambda: usual.timezone),
        data=_or_else(flags["data"], lambda: usual.data),
        volumes=list(flags["volumes"]),
        database=flags["database"] or "",
        inventory=flags["inventory"],
        host=_or_else(flags["host"], lambda: usual.host),
        port=_or_else(flags["port"], lambda: usual.port),
    )


def _dialog(target: Path, flags: InitFlags) -> Answers:
    """Ask for what no flag gives; an invalid answer is reported and asked for again."""
    click.echo(f"This sets up a station; its settings go into {target}. Press Enter to accept the value in brackets.")
    name = _or_else(flags["name"], lambda: click.prompt("Name of the station"))
    timezone = _or_else(
        flags["timezone"],
        lambda: click.prompt("Time zone", default=StationSettings().timezone, value_proc=_zone),
    )
    data = _or_else(
        flags["data"],
        lambda: click.prompt("Data folder", default=first_start.default_data(target), value_proc=_folder),
    )
    volumes = list(flags["volumes"]) or _ask_volumes(data)
    inventory = flags["inventory"]
    if inventory is None:
        inventory = click.prompt(
            "Inventory file (empty: one without cameras is made)", default="", value_proc=_inventory
        )
    host = _or_else(
        flags["host"],
        lambda: click.prompt("Address of the console (0.0.0.0: the whole network)", default="127.0.0.1"),
    )
    port = _or_else(
        flags["port"], lambda: click.prompt("Port of the console", default=8080, type=click.IntRange(0, 65535))
    )
    return Answers(name, timezone, data, volumes, flags["database"] or "", inventory, host, port)


def _or_else(given: V | None, otherwise: Callable[[], V]) -> V:
    return otherwise() if given is None else given


def _ask_volumes(data: Path) -> list[Path]:
    """Ask for the folders for recordings; returns none for the default below the data folder."""
    default = data / "video"
    folders: list[Path] = click.prompt(
        "Folders for recordings, one for each disk, with commas between them", default=str(default), value_proc=_folders
    )
    return [] if folders == [default] else folders


def _checked(check: Callable[[V], R], value: V) -> R:
    try:
        return check(value)
    except MinwangError as e:
        raise click.UsageError(str(e)) from e  # click prints it and asks again


def _zone(text: str) -> str:
    return _checked(first_start.check_zone, text)


def _folder(text: str | Path) -> Path:
    folder = Path(text).expanduser()
    _checked(first_start.writable, folder)
    return folder


def _folders(text: str) -> list[Path]:
    return [_folder(part.strip()) for part in text.split(",") if part.strip()]


def _inventory(text: str) -> Path | None:
    from cameras.registry import inventory

    if not text:
        return None
    _checked(inventory.load, Path(text))
    return Path(text)


def _load_existing(target: Path, flags: InitFlags) -> Settings:
    """Return the existing settings. Raises UsageError if a flag contradicts them."""
    settings = core_settings.load(target)
    there = {
        "name": settings.station.name, "timezone": settings.station.timezone, "data": settings.data.dir,
        "volumes": settings.data.volumes, "database": settings.data.database, "inventory": settings.inventory,
        "host": settings.web.host, "port": settings.web.port,
    }  # fmt: skip
    for key, value in flags.items():
        if value is not None and value != () and _absolute(value) != there[key]:
            raise UsageError(
                f"{target} exists and contradicts --{key.removesuffix('s')}: edit that file, or overwrite it with "
                "--force"
            )
    click.echo(f"{target} is there already; it stays as it is")
    return settings


def _absolute(value: object) -> object:
    """Return a path, or the paths of several folders, as absolute ones; any other value as it is."""
    if isinstance(value, tuple):
        return [path.absolute() for path in value]
    return value.absolute() if isinstance(value, Path) else value


def _write_files(target: Path, answers: Answers, *, force: bool) -> Settings:
    first_start.check(answers)
    for line in first_start.disk_lines(answers.volumes or [answers.data]):
        click.echo(line)
    file = answers.inventory or target.absolute().parent / first_start.INVENTORY_NAME
    if file.exists():
        click.echo(f"{file} is there already; it stays as it is")
    else:
        files.write_new(file, first_start.inventory_text(answers.name), mode=0o640)
        click.echo(f"{file} written: an inventory without cameras")
    files.write_new(target, first_start.settings_text(answers, target, file), mode=0o640, replace=force)
    click.echo(f"{target} written")
    return core_settings.load(target)


def _administrator(settings: Settings, name: str | None, password: str | None, *, ask: bool) -> None:
    """Create the first administrator; asks nothing if there is one already."""
    there = run(first_start.administrators(settings))
    if name in there or (there and name is None):
        click.echo(f"administrator already there: {', '.join(there)}")
        return
    if not ask and (name is None or password is None):
        raise UsageError(f"the station has no administrator yet; run this again with {ADMIN_FLAGS}")
    name = name or click.prompt("Log-in name of the first administrator", value_proc=lambda t: _checked(_good_name, t))
    run(first_start.add_administrator(settings, name, password or _ask_password()))
    click.echo(f"administrator '{name}' added")


def _good_name(text: str) -> str:
    account_rules.check_name(text)
    return text


def _ask_password() -> str:
    while True:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
        try:
            account_rules.check_password(password)
        except UsageError as e:
            click.echo(f"Error: {e}")  # click's own check would not show the reason, because the input is hidden
        else:
            return password


def _next_steps(target: Path, settings: Settings) -> None:
    usual = target.absolute() in (Path(settings_source.NAME).absolute(), settings_source.SYSTEM_FILE)
    command = "minwang" if usual else f"minwang --config {target}"
    click.echo(
        f"\n{settings.station.name} is set up. Next:\n"
        f"  1. villages and cameras: edit {settings.inventory}, then {command} inventory check\n"
        f"  2. {command} serve           (applies the inventory at its first start)\n"
        f"  3. sign in at http://{settings.web.host}:{settings.web.port}\n"
        f"  4. let others manage the accounts and audit: {command} user add NAME --role security_administrator,\n"
        f"     {command} user add NAME --role auditor"
    )
