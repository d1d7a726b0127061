"""What search detects, finds and costs.

./minwang bench search [--quick] [--unseen | --only PART …] [--rows N] [--keep DIR] [--footage DIR] [--models DIR]

detect     people of vtest against its boxes, near and pasted into 1080p
small      small and distant objects: recall by kind, passes of the network a keyframe
cameras    cameras per core at one keyframe per two seconds, a village's mix of D1 sub-streams; what the gates miss
peer       against decoding and detecting every picture of the same clips with the same detector
attributes what is said of people and vehicles, and how often that is right; infra-red
identities things per sighting and sightings per thing: generated streets, and real clips if given
colours    colour names on a generated set in daylight
words      search phrases against the readings that people expect
watch      10,000 watch-list subjects
motion     an hour of footage that was never indexed; agreement with a reference pixel by pixel
store      a month of sightings (`--rows`, 100 million): queries warm and cold, concurrent writing (kept in DIR)
similar    similarity search among all of them
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.common import Figure, report

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
PARTS = (
    "detect", "small", "cameras", "peer", "identities", "attributes", "colours", "words", "watch", "motion", "store",
    "similar",
)  # fmt: skip
UNSEEN = ("small", "identities", "attributes", "words", "motion")  # parts with places that set no threshold
SIGHT = ("detect", "small", "cameras", "peer", "attributes")
ROWS, ROWS_QUICK = 100_000_000, 620_000


def _there(path: Path) -> Path | None:
    return path if path.is_dir() else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--footage", type=Path, default=_there(DATA / "footage"))
    parser.add_argument("--models", type=Path, default=_there(DATA / "models"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--keep", type=Path, help="Folder of the month: made once, used again")
    parser.add_argument("--unseen", action="store_true", help=f"Only {', '.join(UNSEEN)}; of words the last unseen set")
    args = parser.parse_args()
    if args.unseen:
        args.only = UNSEEN
    figures: list[Figure] = []
    if set(args.only) & set(SIGHT):
        figures += _sight(args)
    if "identities" in args.only:
        figures += _identities(args)
    if "words" in args.only:
        from bench.parts import search_phrases

        figures += search_phrases.words(search_phrases.UNSEEN if args.unseen else search_phrases.SETS)
    if set(args.only) & {"colours", "watch"}:
        from bench.parts import search_words

        for name, part in (("colours", search_words.colours), ("watch", search_words.watch)):
            figures += part(args.quick) if name in args.only else []
    if "motion" in args.only:
        from bench.parts import search_motion

        figures += search_motion.run(args.quick, args.footage)
    if set(args.only) & {"store", "similar"}:
        from bench.parts import search_store

        with tempfile.TemporaryDirectory(dir=args.keep.parent if args.keep else None) as made:
            folder = args.keep or Path(made)
            rows = args.rows or (ROWS_QUICK if args.quick else ROWS)
            search_store.make(folder, rows)
            figures += search_store.run(folder, rows, args.quick) if "store" in args.only else []
            if "similar" in args.only:  # in a separate process, because its memory is measured
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                    figures += pool.submit(search_store.likeness, folder, args.quick).result()
    return report("search", figures)


def _sight(args: argparse.Namespace) -> list[Figure]:
    if args.footage is None or args.models is None:
        print(f"{', '.join(SIGHT)} are left out: give --footage and --models", file=sys.stderr)
        return []
    from bench.parts import search_sight, search_small

    search_sight.prepare(args.models)
    figures: list[Figure] = []
    figures += search_sight.detection(args.footage) if "detect" in args.only else []
    figures += search_small.run(args.footage, args.quick) if "small" in args.only else []
    figures += search_sight.cameras(args.footage, args.quick) if "cameras" in args.only else []
    figures += search_sight.against_everything(args.footage, args.quick) if "peer" in args.only else []
    if "attributes" in args.only:
        from bench.parts import search_attributes

        figures += search_attributes.run(args.quick, args.footage)
    return figures


def _identities(args: argparse.Namespace) -> list[Figure]:
    from bench.parts import search_identities, search_sight

    real = args.footage is not None and args.models is not None and not args.quick
    if real:
        search_sight.prepare(args.models)
    return search_identities.run(args.quick, args.footage if real else None)


if __name__ == "__main__":
    sys.exit(main())
