"""The console as an officer uses it, in a real Chromium without a GPU, on a running station.

    ./minwang bench console [--quick] [--only PART …] [--base DIST]

The station records 25 virtual cameras (640×360, 12 pictures a second) of a town of 2,252, which
bench/parts/console_station.py fills through the product's own functions. Build the console first: `./minwang console`.

payload   compressed scripts of the first page after signing in, and of the phone; `--base` compares with another build
first     signing in to the first live picture (--quick: 3 times, else 20)
wall      25 cells: until all play, and pictures shown of pictures sent (--quick: 10 s, else 60 s)
shift     16 cells for 30 min (--quick: 1 min): memory, sockets, audit rows
tree      2,252 cameras: key press to the filtered tree; bytes to an idle page (--quick: 15 s, else 60 s)
map       2,252 cones: frames while panning
playback  nine cameras: skew between them, frames while the time line is dragged
results   200 search results: key press to the next one
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Error

from bench.common import Figure, report
from bench.parts import console_payload, console_playback, console_town, console_wall
from bench.parts.console_browser import chromium
from bench.parts.console_station import RunningStation, running_station

PARTS = ("payload", "first", "wall", "shift", "tree", "map", "playback", "results")


def measure(
    browser: Browser, station: RunningStation, wanted: list[str], base: Path | None, quick: bool
) -> list[Figure]:
    parts: dict[str, Callable[[], list[Figure]]] = {
        "payload": lambda: console_payload.run(browser, station, base),
        "first": lambda: console_wall.first_picture(browser, station, 3 if quick else 20),
        "wall": lambda: console_wall.cells_of_25(browser, station, 10.0 if quick else 60.0),
        "shift": lambda: console_wall.shift(browser, station, 1.0 if quick else 30.0),
        "tree": lambda: console_town.tree(browser, station, 15.0 if quick else 60.0),
        "map": lambda: console_town.map_page(browser, station, 3.0 if quick else 10.0),
        "playback": lambda: console_playback.run(browser, station, 5.0 if quick else 20.0),
        "results": lambda: console_town.results(browser, station),
    }
    figures: list[Figure] = []
    for name in wanted:
        try:
            # A short run shows that a part works; whether its bars are met is left to a whole one.
            found = [replace(f, ok=f.ok or quick) for f in parts[name]()]
        except (Error, AssertionError) as e:  # of the browser: the other parts still say something
            found = [Figure(f"failed: {' '.join(str(e).split())[:300]}", "", "", "a result", False)]
        print(name, *(f"{f.name} {f.value} {f.unit}" for f in found), sep="\n  ", file=sys.stderr, flush=True)
        figures += [replace(f, name=f"{name}: {f.name}") for f in found]
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs; shows that every part works")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--base", type=Path, metavar="DIST", help="web/console/dist of the revision to compare with")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_station(Path(folder)) as station, chromium() as browser:
        return report("console", measure(browser, station, list(args.only), args.base, args.quick))


if __name__ == "__main__":
    sys.exit(main())
