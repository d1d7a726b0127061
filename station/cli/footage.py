"""`minwang record`, `patrol`, `index`, `search`, `clip`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from cameras.states import StreamKind
from core.errors import StationBusyError
from core.host import station_lock
from nvr.engine_choice import EngineKind
from station.cli.base import (
    SettingsRequirement,
    as_json,
    cli,
    print_result,
    reason_option,
    run,
    settings_of,
    with_database,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.database import Database
    from core.settings import Settings
    from nvr.playback.bundle import UnreadableEntry
    from station.cli.foreground.clips import ClipFacts, UnreadableSpan
    from station.cli.foreground.patrol import PatrolFacts
    from station.cli.foreground.search import IndexFacts, IndexOptions, SearchFacts, SearchOptions


@cli.command()
@click.option("--inventory", "file", type=click.Path(path_type=Path), required=True, help="Inventory file.")
@click.option("--seconds", type=click.FloatRange(min=1), required=True, help="How long to record.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder for footage and its index.",
)
@click.option(
    "--engine", type=click.Choice([str(kind) for kind in EngineKind]), help="Engine where the inventory names none."
)
@click.option("--segment-seconds", type=float, help="Length of a segment file.")
@click.pass_context
def record(
    ctx: click.Context, file: Path, seconds: float, data: Path, engine: str | None, segment_seconds: float | None
) -> None:
    """Record an inventory's cameras in the foreground and print a JSON summary."""
    from station.roles import record_command

    with station_lock.hold(data, "record"):
        summary = run(
            record_command.record(
                settings_of(ctx, SettingsRequirement.NOTHING), file, seconds, data, engine, segment_seconds
            )
        )
    click.echo(json.dumps(summary, ensure_ascii=False, indent=1))
    sys.exit(0 if all(c["segments"] for c in summary["streams"].values()) else 1)


def runs_station(data: Path) -> bool:
    """Return whether a complete station holds the data folder: it patrols and indexes itself."""
    holder = station_lock.holder(data)
    return holder is not None and holder.command in ("serve", "demo")


@cli.command()
@as_json
@click.pass_context
def patrol(ctx: click.Context, json_output: bool) -> None:
    """Inspect every camera now and print the open faults.

    If a station is running, it makes the round and this waits for it.
    """
    from station.cli.foreground import patrol as rounds

    data = settings_of(ctx, SettingsRequirement.FOOTAGE).data.dir
    if runs_station(data):
        facts = with_database(ctx, rounds.patrol_by_station, SettingsRequirement.FOOTAGE)
    else:
        with station_lock.hold(data, "patrol"):
            facts = with_database(ctx, rounds.patrol, SettingsRequirement.FOOTAGE)
    print_result(facts, json_output, lambda: "\n".join(_patrol_lines(facts)))
    sys.exit(0 if facts["faults"] or facts["judged"] else 1)


def _patrol_lines(facts: PatrolFacts) -> list[str]:
    lines = [f"{f['camera']:12} {f['family']:12} {f['state']:10} {f['detail']}" for f in facts["faults"]]
    if not facts["recordings"]:
        lines.append("there are no recordings, so recorded cameras could not be inspected; start 'minwang serve'")
    elif not facts["recorder_running"]:
        lines.append("no recorder is running: only recent recordings could be inspected; start 'minwang serve'")
    if not facts["cameras"]:
        return [*lines, "there are no cameras"]
    if unknown := facts["not_judged"]:
        names = ", ".join(unknown[:10]) + (" …" if len(unknown) > 10 else "")
        lines.append(f"no picture of {len(unknown)} of {facts['cameras']} cameras could be judged: {names}")
    if not facts["faults"] and facts["judged"]:
        lines.append(f"no open faults of the {facts['judged']} cameras whose picture was judged")
    return lines


@cli.command()
@click.option("--from", "start", help="Reindex from this time (ISO) and replace; default: index what is new.")
@click.option("--to", "end", help="Read once more up to here (default: now).")
@click.option("--cameras", "camera", multiple=True, help="Only these (A,B or given several times).")
@click.option("--pack", help="Detection pack by id, instead of the settings' one.")
@click.option(
    "--verify", is_flag=True, help="Index nothing: check that every vector and picture of a sighting is there."
)
@as_json
@click.pass_context
def index(ctx: click.Context, /, json_output: bool, **options: Unpack[IndexOptions]) -> None:
    """Index recorded footage up to the present, or reindex a time range with a better pack.

    A running station indexes new footage itself; beside it, only a range (--from and --to) can be reindexed.
    """
    from station.cli.foreground import search as sightings

    async def work(database: Database, settings: Settings) -> IndexFacts:
        return await sightings.index(database, settings, options)

    data = settings_of(ctx, SettingsRequirement.FOOTAGE).data.dir
    if options["verify"]:
        facts = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    elif runs_station(data):
        if not (options["start"] and options["end"]):
            raise StationBusyError(
                "the running station indexes new footage itself; give --from and --to to reindex a range"
            )
        facts = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    else:
        with station_lock.hold(data, "index"):
            facts = with_database(ctx, work, SettingsRequirement.FOOTAGE)
    done = f"{facts['sightings']} sightings written by {facts['detector']}"
    if options["verify"]:
        done = f"problems of the sightings' vectors and pictures: {len(facts['wrong'])}"
    print_result(facts, json_output, lambda: "\n".join([done, *facts["wrong"]]))
    sys.exit(1 if facts["wrong"] else 0)


@cli.command()
@click.argument("words", nargs=-1)
@click.option("--class", "cls", multiple=True, help="person, rider, ebike, vehicle, van …")
@click.option("--upper", help="Colour of the upper part, or of a vehicle")
@click.option("--lower", help="Colour of the lower part")
@click.option("--heading", help="north, northeast, …")
@click.option("--camera", multiple=True)
@click.option("--village", multiple=True)
@click.option("--start", help="ISO time")
@click.option("--end", help="ISO time")
@click.option("--limit", default=20, show_default=True)
@click.option("--after", help="Key of the next page")
@reason_option
@as_json
@click.pass_context
def search(ctx: click.Context, /, json_output: bool, **options: Unpack[SearchOptions]) -> None:
    """Find sightings by WORDS (红衣男子骑电瓶车往东) and options, newest first."""
    from station.cli.foreground import search as sightings

    async def work(database: Database, settings: Settings) -> SearchFacts:
        return await sightings.search(database, settings, options)

    facts = with_database(ctx, work, SettingsRequirement.FOOTAGE)

    def text() -> str:
        lines = [f"asked: {json.dumps(facts['asked'], ensure_ascii=False)}"]
        lines += [f"not understood: {', '.join(facts['unknown'])}"] if facts["unknown"] else []
        for blind in facts["unseen"]:
            instead = f"; search for {blind['general']} instead" if blind["general"] else ""
            lines.append(f"no installed model pack tells: {blind['value']}{instead}")
        lines += [
            f"{r['at']}  {r['camera']:12} {r['cls']:8} {r['score']:.2f}  {','.join(r['upper'])}/{','.join(r['lower'])} "
            f"{r['direction']}"
            for r in facts["rows"]
        ]
        return "\n".join(lines if facts["rows"] else [*lines, "nothing found"])

    print_result(facts, json_output, text)


@cli.command()
@click.argument("camera")
@click.argument("start")
@click.argument("end")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice([k.value for k in StreamKind]), default=StreamKind.MAIN.value, show_default=True
)
@reason_option
@as_json
@click.pass_context
def clip(
    ctx: click.Context, /, camera: str, start: str, end: str, target: Path, kind: str, reason: str, json_output: bool
) -> None:
    """Write what CAMERA recorded from START to END (ISO times) to TARGET, an MP4 file, without re-encoding.

    If codec or sound change in the range, TARGET-2.mp4 and so on are written as well. Several cameras (A,B,C) go into
    TARGET, a zip with the MP4 files and a manifest. Exit status 1 if recorded footage could not be read.
    """
    from station.cli.foreground import clips

    streams = [f"{c}/{kind}" for c in camera.split(",")]
    if len(streams) > 1 or target.suffix == ".zip":
        manifest = with_database(
            ctx, lambda d, _: clips.bundle(d, streams, start, end, target, reason), SettingsRequirement.FOOTAGE
        )
        files = [s["file"] for s in manifest["streams"] if s["file"]]
        lost = [u for s in manifest["streams"] for u in s["unreadable"]]
        print_result(
            manifest, json_output, lambda: "\n".join([f"{target}: {', '.join(files)}", *_unreadable_lines(lost)])
        )
        sys.exit(1 if lost else 0)
    facts = with_database(
        ctx, lambda d, _: clips.clip(d, streams[0], start, end, target, reason), SettingsRequirement.FOOTAGE
    )
    print_result(facts, json_output, lambda: "\n".join(_clip_lines(facts)))
    sys.exit(1 if facts["unreadable"] else 0)


def _clip_lines(facts: ClipFacts) -> list[str]:
    lines = [f"{f['file']}: {f['pictures']} pictures, from {f['start']} to {f['end']}" for f in facts["files"]]
    if len(facts["files"]) > 1:
        lines.append(f"{len(facts['files'])} files, because the format (codec or sound) changes in the range")
    for file in facts["files"]:
        if len(file["formats"]) > 1:
            lines.append(f"{file['file']}: the format changes inside the file ({', '.join(file['formats'])})")
    lines += [f"not recorded: {g['start']} to {g['end']} ({g['cause']})" for g in facts["gaps"]]
    return lines + _unreadable_lines(facts["unreadable"])


def _unreadable_lines(spans: Iterable[UnreadableSpan | UnreadableEntry]) -> list[str]:
    return [f"MISSING, recorded but not readable: {u['start']} to {u['end']} (of {u['file']})" for u in spans]
