"""All performance promises of the recorder, measured by one command.

    ./minwang bench recorder [--quick] [--only PART,…] [--streams N] [--seconds S] [--count N]

Parts: cost (50 streams against ffmpeg), limit (200 against plain receive-and-write), town (1,000 for ten minutes),
kills (100 × SIGKILL), power (20 simulated power cuts), cut (5 % of the cameras disconnect and return, for ten minutes),
outage (500 cameras disconnect and return), viewers, odd (200 streams, a quarter of them with an oddity each).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench.common import BenchContext, Figure, report
from bench.parts import cost, cut, kills, odd, outage, viewers

PARTS = {
    "cost": cost.run,
    "limit": cost.run_limit,
    "town": cost.run_town,
    "kills": kills.run,
    "power": kills.run_power,
    "cut": cut.run,
    "outage": outage.run,
    "viewers": viewers.run,
    "odd": odd.run,
}
PROGRAMS = ("ffmpeg", "ffprobe")
QUICK = ("cost", "kills", "viewers")  # fits into 45 s and still shows that each kind works
PORT = 18740


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="parts, separated by commas")
    parser.add_argument("--streams", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--count", type=int, help="kills or power cuts")
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else list(QUICK if args.quick else PARTS)
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if missing := [p for p in PROGRAMS if shutil.which(p) is None]:
        print(
            f"{' and '.join(missing)} not found: the parts compare with it; run apt-get install ffmpeg", file=sys.stderr
        )
        return 1
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="minwang-bench-") as name:
        for part in chosen:
            folder = Path(name) / part
            folder.mkdir()
            print(f"{part} …", file=sys.stderr, flush=True)
            figures += PARTS[part](BenchContext(folder, PORT, args.quick, args.streams, args.seconds, args.count))
    return report("recorder", figures)


if __name__ == "__main__":
    sys.exit(main())
