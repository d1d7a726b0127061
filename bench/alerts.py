"""Alerts on their way to the officers: the watch list, the outbox, and the dispatcher's death.

    ./minwang bench alerts [--quick] [--only PART …]

matching  sightings a second compared with 10,000 subjects by class, colours, village and example pictures
subject   the right subject among the first five on generated streets, and the false alarms of a day
outbox    alerts a second from their transaction to a gateway on loopback, over three channels, none lost
kills     1,000 kills (--quick: 20) of the dispatcher at random points: no message lost, none sent twice
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.common import Figure, report
from bench.parts import alert_kills, alert_matching, alert_outbox, subject_matching

PARTS = ("matching", "outbox", "kills", "subject")


def measure(wanted: list[str], folder: Path, quick: bool) -> list[Figure]:
    parts: dict[str, Callable[[], list[Figure]]] = {
        "subject": lambda: subject_matching.run(quick),
        "matching": lambda: alert_matching.run(10_000, 2.0 if quick else 20.0),
        "outbox": lambda: asyncio.run(alert_outbox.run(folder / "outbox", 100 if quick else 1_000)),
        "kills": lambda: alert_kills.run(folder / "kills", 20 if quick else 1_000),
    }
    figures: list[Figure] = []
    for name in wanted:
        found = [replace(f, name=f"{name}: {f.name}") for f in parts[name]()]
        print(*(f"{f.name} {f.value} {f.unit}" for f in found), sep="\n", file=sys.stderr, flush=True)
        figures += found
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return report("alerts", measure(list(args.only), Path(folder), args.quick))


if __name__ == "__main__":
    sys.exit(main())
