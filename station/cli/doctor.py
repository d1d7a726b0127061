"""`minwang doctor`: checks what the station needs, and prints a remedy for each problem."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from core.clock import SystemClock
from core.settings import Settings
from station import schema
from station.cli.base import as_json, cli, print_result, run, settings_of
from web.doctor.checks import CHECKS, checked_station
from web.doctor.facts import CheckState, Fact
from web.doctor.runner import Doctor, worst

COLOURS = {CheckState.OK: "green", CheckState.WARNING: "yellow", CheckState.FAILED: "red", CheckState.UNKNOWN: "cyan"}
assert schema.TABLE_MODULES  # imports the mappers of all tables


@cli.command()
@as_json
@click.pass_context
def doctor(ctx: click.Context, json_output: bool) -> None:
    """Check everything that the station needs: machine, programs, data. Takes up to a minute, changes nothing.

    Each line: state (ok, warning, failed, unknown), what was checked, the result, and what to do. Exit status 1 if
    anything failed. Run it as the station's user; SMART needs root.
    """
    facts = run(_facts(settings_of(ctx)))
    state = worst(facts)
    rows = {"state": state, "facts": [f.model_dump(mode="json") for f in facts]}
    print_result(rows, json_output, lambda: "\n".join(_lines(facts)))
    sys.exit(1 if state is CheckState.FAILED else 0)


async def _facts(settings: Settings) -> list[Fact]:
    async with checked_station(settings, SystemClock()) as station:
        return await Doctor(CHECKS, station).facts()


def _lines(facts: Sequence[Fact]) -> list[str]:
    lines = []
    for fact in facts:
        name = f"{fact.check} {fact.subject}".strip()
        lines.append(f"{click.style(f'{fact.state:8}', fg=COLOURS[fact.state])} {name:34} {fact.value}")
        if fact.remedy:
            lines.append(f"{'':8} {'':34} → {fact.remedy}")
    counts = [f"{sum(f.state is s for f in facts)} {s}" for s in CheckState]
    return [*lines, "", ", ".join(counts)]
