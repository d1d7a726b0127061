"""What `minwang init` creates: settings file, inventory file, database, key, first administrator.

Every answer is checked before anything is written. Each step keeps what already exists, so that an interrupted `init`
can simply be run again.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cameras.registry import inventory
from core import settings_source
from core.accounts import account_rules
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.errors import StorageError, UsageError
from core.settings import DataSettings, Settings, StationSettings, WebSettings
from core.settings_source import SYSTEM_FILE
from station import database as station_database
from station.runtime import open_vault_of_station

ACTOR = "minwang init"
INVENTORY_NAME = "town.yaml"


@dataclass(slots=True)
class Answers:
    """The answers of the person or the script; relative paths are relative to the working directory."""

    name: str
    timezone: str
    data: Path
    volumes: list[Path] = field(default_factory=list)
    database: str = ""
    inventory: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080


def default_data(target: Path) -> Path:
    """Return the data folder for a settings file: /var/lib/minwang for the one in /etc/minwang, else beside it."""
    return (
        Path("/var/lib/minwang")
        if target.absolute().parent == SYSTEM_FILE.parent
        else target.absolute().parent / "data"
    )


def check(answers: Answers) -> None:
    """Raise UsageError, InventoryError or StorageError for an answer that the station could not start with."""
    try:
        StationSettings(name=answers.name, timezone=answers.timezone)
        DataSettings(database=answers.database)
        WebSettings(host=answers.host, port=answers.port)
    except ValidationError as e:
        raise UsageError("; ".join(_sentence(x) for x in e.errors())) from e
    if answers.inventory is not None:
        inventory.load(answers.inventory)
    for folder in (answers.data, *answers.volumes):
        writable(folder)


def _sentence(error: ErrorDetails) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {settings_source.validation_message(error)}"


def check_zone(name: str) -> str:
    """Return the name. Raises UsageError if it is not an IANA time zone."""
    try:
        return StationSettings(timezone=name).timezone
    except ValidationError as e:
        raise UsageError("; ".join(_sentence(x) for x in e.errors())) from e


def writable(folder: Path) -> int:
    """Create a folder if it is missing and return its free bytes. Raises StorageError if it is not writable."""
    probe = folder / f".minwang-init.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        probe.write_bytes(b"x")
        probe.unlink()
        return shutil.disk_usage(folder).free
    except OSError as e:
        raise StorageError(
            f"{folder}: cannot be written ({e.strerror}); choose another folder or mount its disk"
        ) from e


def disk_lines(folders: list[Path]) -> list[str]:
    """Return each folder with its free space, and which folders share a disk, because one failure then takes both."""
    lines, seen = [], dict[int, Path]()
    for folder in folders:
        device = folder.stat().st_dev
        shared = f", on the same disk as {seen[device]}" if device in seen else ""
        seen.setdefault(device, folder)
        lines.append(f"{folder}: {shutil.disk_usage(folder).free / 1e9:.0f} GB free{shared}")
    return lines


def settings_text(answers: Answers, target: Path, inventory_file: Path) -> str:
    """Return the settings file with the given answers only; every other key keeps its default."""
    folder = target.absolute().parent

    def path(value: Path) -> str:
        full = value.absolute()
        return _quoted(str(full.relative_to(folder) if full.is_relative_to(folder) else full))

    data, web = [f"dir = {path(answers.data)}"], list[str]()
    if answers.database:
        data.append(f"database = {_quoted(answers.database)}")
    if answers.volumes:
        data += ["# One folder for each disk.", f"volumes = [{', '.join(map(path, answers.volumes))}]"]
    for key, value in (("host", answers.host), ("port", answers.port)):
        if value != getattr(WebSettings(), key):
            web.append(f"{key} = {_quoted(value) if isinstance(value, str) else value}")
    return "\n".join(
        [
            "# Settings of this station. Every key with its default: docs/minwang.toml.example.",
            "# Relative paths belong to the folder of this file. `minwang settings` prints what is in force.",
            "",
            "# Villages and cameras (docs/cameras.md); `minwang inventory plan` compares it with the station.",
            f"inventory = {path(inventory_file)}",
            "",
            "[station]",
            f"name = {_quoted(answers.name)}",
            f"timezone = {_quoted(answers.timezone)}",
            "",
            "[data]",
            *data,
            *(["", "[web]", *web] if web else []),
            "",
        ]
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML basic string


def inventory_text(town: str) -> str:
    """Return an inventory without cameras, with examples of entries."""
    return f"""\
{inventory.HEADER}\
# Cameras may also come from a list (minwang cameras expect LIST.csv) or from the console.

town: {_quoted(town)}

credentials: []
#  - {{name: village, username: admin}}       # its password: minwang inventory password village

villages: []
#  - code: wangjia
#    name: 王家村
#    subnets: [10.20.3.0/24]

cameras: []
#  - id: wj-01
#    name: 王家村口
#    village: wangjia
#    address: 10.20.3.11
#    credential: village
"""


async def administrators(settings: Settings) -> list[str]:
    """Create or migrate the database, create the key; returns the enabled administrators."""
    database = await station_database.ready(settings)
    try:
        await open_vault_of_station(settings, database)
        users = await Accounts(database, SystemClock()).list_users()
        return [u.name for u in users if u.is_administrator]
    finally:
        await database.close()


async def add_administrator(settings: Settings, name: str, password: str) -> None:
    """Create the first account. Raises ConflictError if the name is taken."""
    database = await station_database.ready(settings)
    try:
        await Accounts(database, SystemClock()).create(name, password, Role.ADMINISTRATOR, actor=ACTOR)
    finally:
        await database.close()


def check_account(name: str, password: str) -> None:
    """Raise UsageError for an invalid name or password, before anything is written."""
    account_rules.check_name(name)
    account_rules.check_password(password)
