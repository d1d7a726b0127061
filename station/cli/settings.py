"""`minwang settings`: the active settings, and where each value comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import click

from core import settings_source
from core.settings import Settings
from station.cli.base import SettingsRequirement, as_json, cli, print_result, settings_of


class SettingRow(TypedDict):
    """One setting; `value` has the type of that setting, its origin is a default, file and line, or a variable."""

    key: str
    value: object
    origin: str


@cli.command("settings")
@as_json
@click.pass_context
def print_settings(ctx: click.Context, json_output: bool) -> None:
    """Print the active settings, each with its origin: default, file and line, or environment variable.

    Secrets are hidden.
    """
    settings = settings_of(ctx, SettingsRequirement.NOTHING)
    rows = _rows(settings)
    facts = {"file": settings.source.path, "settings": rows}
    print_result(facts, json_output, lambda: "\n".join(_lines(settings.source.path, rows)))


def _rows(settings: Settings) -> list[SettingRow]:
    return [
        {
            "key": ".".join(keys),
            "value": settings_source.printable_value(keys[-1], getattr(section, keys[-1])),
            "origin": settings.source.where(keys),
        }
        for section, keys in settings_source.settings_of_sections(settings)
    ]


def _lines(file: Path | None, rows: list[SettingRow]) -> list[str]:
    values = [f"{r['key']} = {_text(r['value'])}" for r in rows]
    width = min(max(map(len, values)), 60)
    head = f"# settings file: {file.absolute()}" if file else "# no settings file; 'minwang init' makes one"
    return [head, *(f"{v:{width}}  # {r['origin']}" for v, r in zip(values, rows, strict=True))]


def _text(value: object) -> str:
    return '""' if value is None else json.dumps(value, ensure_ascii=False, default=str)
