"""What patrol costs and how often it errs.

./minwang bench health [--quick] [--only picture round visits parents accuracy] [--footage DIR] [--days N]

picture    decode, measure and judge one 1080p H.264 keyframe, on one core
round      2,252 recorded cameras from the archive to result rows, while 200 streams are being recorded
visits     probes of 2,252 unrecorded cameras, 42 of which hang
parents    outages of up-links and switches, distinguished from chance; a cut up-link above 93 cameras
accuracy   camera-days of generated and filmed places, clean and with every fault of tests/health/synthetic_faults.py
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.common import BenchContext, Figure, report

FOOTAGE = Path(__file__).parent.parent.parent / "shared" / "data" / "footage"
PARTS = ("picture", "round", "visits", "parents", "accuracy")


def picture(c: BenchContext, footage: Path | None) -> list[Figure]:
    from bench.parts.patrol_round import keyframe_1080p, known_past
    from health.picture.inspection import InspectionRequest, inspect
    from health.picture.measurement import measure_keyframe
    from nvr.playback.pictures import decode_frame

    frame = keyframe_1080p(footage, pictures=12 if c.quick else 60)
    vectors, hours, scenes, pattern = known_past(frame)
    question = InspectionRequest(
        [frame], 12.0, vectors, hours, scenes, pattern, previous_thumb=scenes[0], settled_scenes=len(scenes)
    )
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(20 if c.quick else 200):
        for name, work in (
            ("decode", lambda: decode_frame(frame, quick=True)),
            ("measure", lambda: measure_keyframe(frame)),
            ("whole", lambda: inspect(question)),
        ):
            began = time.perf_counter()
            work()
            took[name].append((time.perf_counter() - began) * 1000)
    median = {name: statistics.median(values) for name, values in took.items()}
    return [
        Figure("keyframe", len(frame.data), "bytes"),
        Figure("decode alone", round(median["decode"], 1), "ms"),
        Figure("measure", round(median["measure"] - median["decode"], 1), "ms"),
        Figure("judge against 120 looks", round(median["whole"] - median["measure"], 1), "ms"),
        Figure("whole analysis, median", round(median["whole"], 1), "ms", "≤ 25", median["whole"] <= 25),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--footage", type=Path, default=FOOTAGE if FOOTAGE.is_dir() else None)
    parser.add_argument("--days", type=int)
    parser.add_argument("--unseen", action="store_true", help="accuracy on places on which no threshold was set")
    args = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        context = BenchContext(Path(folder), 18750, args.quick)
        if "picture" in args.only:
            figures += picture(context, args.footage)
        if "round" in args.only:
            from bench.parts.patrol_round import run

            figures += run(context)
        if "visits" in args.only:
            from bench.parts import patrol_visits

            figures += patrol_visits.run(context)
        if "parents" in args.only:
            from bench.parts import patrol_parents

            figures += patrol_parents.run(context)
        if "accuracy" in args.only:
            from bench.parts.patrol_accuracy import accuracy

            figures += accuracy(args.footage, args.days or 640, quick=args.quick, unseen=args.unseen)
    return report("health", figures)


if __name__ == "__main__":
    sys.exit(main())
