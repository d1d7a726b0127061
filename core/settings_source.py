"""Where settings come from: which file, which line of it, which environment variable.

`core.settings` defines the settings; this module finds them and gives the place of each one, for errors and for
`minwang settings`. A relative path is relative to the folder of the file that contains it; one from the environment is
relative to the working directory.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import typing
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource
from sqlalchemy.engine import make_url

from core.errors import SettingsError

PREFIX = "MINWANG_"
CONFIG_VARIABLE = "MINWANG_CONFIG"
NAME = "minwang.toml"
SYSTEM_FILE = Path("/etc/minwang") / NAME
_SECRET_NAMES = ("password", "secret", "token", "passphrase")

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file as read. Without a file, `path` is None and every value is a default or from the environment."""

    path: Path | None = None
    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def where(self, keys: Keys) -> str:
        """Return the environment variable, or file and line, that sets a key; 'default' if nothing does."""
        if name := variable(keys):
            return f"environment variable {name}"
        found: object = self.values
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                return "default"
            found = found[key]
        return f"{self.path}:{line_of(self.text, keys)}"

    def place(self, keys: Keys) -> str:
        """Return the innermost known place of a key, for an error message; see `where`."""
        for length in range(len(keys), 0, -1):
            if (there := self.where(keys[:length])) != "default":
                return there
        return str(self.path or "settings")


def find(path: Path | None) -> Path | None:
    """Return the settings file: `path`, MINWANG_CONFIG, ./minwang.toml or /etc/minwang/minwang.toml; None if there is
    none.

    A file that was named explicitly must exist; `read` raises if it does not.
    """
    if path is not None:
        return path
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    return next((p for p in (Path(NAME), SYSTEM_FILE) if p.is_file()), None)


def read(path: Path | None) -> SettingsFile:
    """Read and parse the file. Raises SettingsError if it cannot be read or is not TOML."""
    if path is None:
        return SettingsFile()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise SettingsError(
            f"{path}: cannot be read (no such file); write it with 'minwang --config {path} init', or name the right "
            f"one with "
            f"--config or {CONFIG_VARIABLE}"
        ) from e
    except OSError as e:
        raise SettingsError(f"{path}: cannot be read ({e.strerror}); give the right file with --config") from e
    except UnicodeDecodeError as e:
        raise SettingsError(f"{path}: not UTF-8 text; save it as UTF-8") from e
    try:
        return SettingsFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as e:
        raise SettingsError(f"{path}: not valid TOML: {e}") from e


def variable(keys: Keys) -> str | None:
    """Return the name of the environment variable that sets a key (or its whole section); None if there is none."""
    wanted = {PREFIX + "__".join(keys[:length]).upper() for length in range(1, len(keys) + 1)}
    return next((name for name in os.environ if name.upper() in wanted), None)


def check_variables(sections: Collection[str]) -> None:
    """Raise SettingsError for a variable MINWANG_<SECTION>__<KEY> whose section does not exist."""
    for name in os.environ:
        section, delimiter, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and delimiter and section.lower() not in sections:
            raise SettingsError(
                f"environment variable {name}: no section '{section.lower()}'; unset it or use one of: "
                f"{', '.join(sections)}"
            )


def remove_variables() -> None:
    """Remove every setting from this process's environment: a demo must not touch the station that they belong to."""
    for name in list(os.environ):
        setting = name.upper().removeprefix(PREFIX)
        if name.upper().startswith(PREFIX) and ("__" in setting or setting in ("CONFIG", "INVENTORY")):
            del os.environ[name]


class Environment(EnvSettingsSource):
    """Reads `MINWANG_<SECTION>__<KEY>`; a list is JSON, or plain values separated by commas."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            decoded = json.loads(value)
        except ValueError:
            decoded = value
        if typing.get_origin(field.annotation) is list and not isinstance(decoded, list):
            return [part.strip() for part in str(value).split(",") if part.strip()]
        return decoded


def line_of(text: str, keys: Keys) -> int:
    """Return the 1-based line of the key (or of the innermost section that contains it); tomllib keeps no positions."""
    section, found, depth = Keys(), 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]=]+?)\s*\]\]?\s*(#.*)?$", line):
            section = here = _parts(header.group(1))
        elif key := re.match(r"\s*([\w.\"'\s-]+?)\s*=", line):
            here = section + _parts(key.group(1))
        else:
            continue
        if len(here) > depth and keys[: len(here)] == here:
            found, depth = number, len(here)
    return found


def _parts(dotted: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def settings_of_sections(model: BaseModel, above: Keys = ()) -> Iterator[tuple[BaseModel, Keys]]:
    """Yield (section, keys) of every single setting."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings_of_sections(value, (*above, name))
        else:
            yield model, (*above, name)


def make_paths_absolute(model: BaseModel, source: SettingsFile) -> None:
    """Make paths absolute: relative paths, including defaults, are relative to the folder of the settings file."""
    here = Path.cwd()
    beside = source.path.absolute().parent if source.path else here
    for section, keys in settings_of_sections(model):
        folder = here if variable(keys) else beside
        value = getattr(section, keys[-1])
        if isinstance(value, Path):
            setattr(section, keys[-1], folder / value)
        elif isinstance(value, list) and any(isinstance(v, Path) for v in value):
            setattr(section, keys[-1], [folder / v for v in value])


def validation_message(error: ErrorDetails) -> str:
    """Return the text of one of pydantic's errors: that of our own validators without pydantic's "Value error"."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]


def printable_value(key: str, value: object) -> object:
    """Return a setting in printable form: without passwords."""
    if key == "database" and isinstance(value, str) and value:
        url = make_url(value)
        hidden = {k: "***" for k in url.query if any(word in k.lower() for word in _SECRET_NAMES)}
        return url.update_query_dict(hidden).render_as_string(hide_password=True)
    if isinstance(value, str) and value and any(word in key for word in _SECRET_NAMES):
        return "***"
    return [str(v) if isinstance(v, Path) else v for v in value] if isinstance(value, list) else value


def toml(value: object) -> str:
    """Return a value as a settings file has it; None: an empty text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, (int, float)):
        return str(value)
    return '""' if value is None else f'"{value}"'
