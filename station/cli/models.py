"""`minwang models …`: the model packs of search. Only these commands download anything."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from search.models import ModelRegistry, Pack
from search.models.definition import file_problems
from search.store.upkeep import model_dir_of
from station.cli.base import SettingsRequirement, as_json, cli, print_result, run, settings_of


@cli.group()
def models() -> None:
    """Manage model packs for search."""


def _shelf(ctx: click.Context, need: SettingsRequirement = SettingsRequirement.FOOTAGE) -> ModelRegistry:
    return ModelRegistry(model_dir_of(settings_of(ctx, need)))


@models.command("list")
@as_json
@click.pass_context
def models_list(ctx: click.Context, json_output: bool) -> None:
    """List installed packs, and known ones that can be pulled."""
    shelf = _shelf(ctx, SettingsRequirement.NOTHING)
    here = {i.pack.name: i for i in shelf.installed()}
    packs = [*(i.pack for i in here.values()), *(k for k in shelf.known() if k.name not in here)]
    rows = [
        {
            "pack": p.name,
            "task": p.task,
            "installed": p.name in here,
            "licence": p.licence,
            "bytes": _bytes(p),
            "title": p.title,
        }
        for p in packs
    ]
    lines = [
        f"{'*' if p.name in here else ' '} {p.name:44} {p.task:9} {_bytes(p) / 1e6:6.1f} MB  {p.licence:12} {p.title}"
        for p in packs
    ]
    print_result(
        rows,
        json_output,
        lambda: "\n".join([*lines, "", "* installed; others: minwang models pull ID, or minwang models add FOLDER"]),
    )


def _bytes(pack: Pack) -> int:
    return sum(f.bytes for f in pack.files)


@models.command("pull")
@click.argument("name")
@as_json
@click.pass_context
def models_pull(ctx: click.Context, name: str, json_output: bool) -> None:
    """Download a known pack from its source, check it, install it."""
    pack = run(_shelf(ctx).pull(name))
    print_result({"installed": pack.name}, json_output, lambda: f"{pack.name} is installed ({pack.licence})")


@models.command("add")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--licence", help="Of .pt weights that you bring.")
@click.option("--sha256", help="SHA-256 of .pt weights as published by their author: loading them executes code.")
@as_json
@click.pass_context
def models_add(ctx: click.Context, source: Path, licence: str | None, sha256: str | None, json_output: bool) -> None:
    """Install packs from SOURCE: a folder with pack.json or with files of known packs, or ultralytics weights (.pt)."""
    shelf = _shelf(ctx)
    if source.is_file():
        from search.analysis.detectors.ultralytics_yolo import pack_of

        if not licence:
            raise click.UsageError("--licence is needed for weights: the pack states it")
        if not sha256:
            raise click.UsageError(
                "--sha256 is needed for weights: loading a .pt file runs what is in it; compare it with its maker's"
            )
        packs = [shelf.install(pack_of(source, licence, sha256), {source.name: source})]
    else:
        packs = shelf.add(source)
    print_result(
        [p.name for p in packs], json_output, lambda: "\n".join(f"{p.name} is installed ({p.licence})" for p in packs)
    )


@models.command("verify")
@as_json
@click.pass_context
def models_verify(ctx: click.Context, json_output: bool) -> None:
    """Compare every installed file with its checksum."""
    wrong = [w for i in _shelf(ctx).installed() for w in file_problems(i.pack, i.folder)]
    print_result(wrong, json_output, lambda: "\n".join(wrong) or "all packs are as they were published")
    sys.exit(1 if wrong else 0)


@models.command("remove")
@click.argument("name")
@click.pass_context
def models_remove(ctx: click.Context, name: str) -> None:
    """Remove an installed pack; its sightings stay."""
    _shelf(ctx).remove(name)
    click.echo(f"{name} is removed")
