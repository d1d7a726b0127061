"""What patrol costs and how often it errs.

    ./minwang bench health [--quick] [--only picture round accuracy] [--footage DIR] [--days N]

picture    decoding, measuring and judging one 1080p H.264 keyframe, one core
round      2,252 recorded cameras from the archive to result rows, while 200 streams are being recorded
accuracy   camera-days of generated and filmed places, clean and with every fault of tests/health/faults_made.py
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from bench.common import Context, Figure, report

FOOTAGE = Path(__file__).parent.parent.parent / "shared" / "data" / "footage"
PARTS = ("picture", "round", "accuracy")


def picture(c: Context, footage: Path | None) -> list[Figure]:
    from bench.parts.patrol_round import keyframe_1080p, known_past
    from health.examine import Question, examine
    from health.measure import look
    from nvr.pictures import decoded

    frame = keyframe_1080p(footage)
    vectors, hours, scenes = known_past(frame)
    question = Question([frame], 12.0, vectors, hours, scenes)
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(20 if c.quick else 200):
        for name, work in (
            ("decode", lambda: decoded(frame, quick=True)),
            ("look", lambda: look(frame)),
            ("whole", lambda: examine(question)),
        ):
            began = time.perf_counter()
            work()
            took[name].append((time.perf_counter() - began) * 1000)
    median = {name: statistics.median(values) for name, values in took.items()}
    return [
        Figure("keyframe", len(frame.data), "bytes"),
        Figure("decode alone", round(median["decode"], 1), "ms"),
        Figure("measure", round(median["look"] - median["decode"], 1), "ms"),
        Figure("judge against 120 looks", round(median["whole"] - median["look"], 1), "ms"),
        Figure("whole analysis, median", round(median["whole"], 1), "ms", "≤ 25", median["whole"] <= 25),
    ]


def _clean(job: tuple[int, int, str]) -> tuple[float, int, dict[str, int], list[tuple[str, float, str]]]:
    from bench.parts import sights

    seed, days, footage = job
    rng = np.random.default_rng(seed)
    places = sights.make_places(rng, Path(footage) if footage else None, 4 if footage else 8)
    cameras = [sights.Camera(p, seed * 1000 + i) for i, p in enumerate(places)]
    told = sights.clean(cameras, sights.Sky(rng), days)
    return told.camera_days, told.looks, dict(told.flagged), told.opened


def _broken(job: tuple[int, str, int]) -> list[tuple[str, int, float | None, str]]:
    from bench.parts import sights
    from tests.health import faults_made

    index, footage, starts = job
    rng = np.random.default_rng(77)
    places = sights.make_places(rng, Path(footage) if footage else None, 4 if footage else 8)
    if index >= len(places):
        return []
    camera = sights.warmed(places[index], 500 + index, sights.Sky(np.random.default_rng(9)))
    found = []
    for name in faults_made.RIGHT:
        for severity in (1, 2, 3):
            for start in range(starts):
                hour = (8.2, 13.1, 20.4)[start % 3] if name != "colour_lost" else 9.2
                took, first = sights.time_to_open(camera, (name, severity, start + 1), 5 + hour / 24)
                found.append((name, severity, took, first))
    return found


def accuracy(c: Context, footage: Path | None, days: int) -> list[Figure]:
    folder = str(footage) if footage else ""
    per_job = 8
    rounds = max(1, round(days / (per_job * 8)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        cleaned = pool.map(_clean, [(100 + i, per_job, folder) for i in range(rounds)], chunksize=1)
        broken = [
            row for rows in pool.map(_broken, [(i, folder, 1 if c.quick else 3) for i in range(8)], chunksize=1) for row in rows
        ]
    camera_days = sum(r[0] for r in cleaned)
    looks, opened = sum(r[1] for r in cleaned), [o for r in cleaned for o in r[3]]
    flagged: Counter[str] = Counter()
    for r in cleaned:
        flagged.update(r[2])
    # Of none in n, the 95 % bound is 3/n; of k, about (k + 2 √k + 2)/n.
    bound = (len(opened) + 2 * len(opened) ** 0.5 + 3) / camera_days
    shares = {}
    for severity in (1, 2, 3):
        rows = [took for _, s, took, _ in broken if s == severity]
        shares[severity] = sum(t is not None for t in rows) / len(rows)
    table: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(r[0] for r in broken):
        mine = [r for r in broken if r[0] == name]
        table[name] = {
            str(s): round(sum(r[2] is not None for r in mine if r[1] == s) / max(1, sum(r[1] == s for r in mine)), 2)
            for s in (1, 2, 3)
        } | {"otherwise": dict(Counter(r[3] or "nothing" for r in mine if r[2] is None).most_common(4))}
    print(
        json.dumps({"table": table, "flagged": dict(flagged), "opened": Counter(o[2] for o in opened)}, ensure_ascii=False),
        file=sys.stderr,
    )
    return [
        Figure("clean camera-days", camera_days, "", "≥ 600", c.quick or camera_days >= 600),
        Figure("looks", looks, ""),
        Figure("looks with a finding", round(sum(flagged.values()) / looks, 4), ""),
        Figure("faults made up", len(opened), ""),
        Figure("made up a camera-day", round(len(opened) / camera_days, 4), "", "≤ 0.005", len(opened) / camera_days <= 0.005),
        Figure("that the sample can prove (95 %)", round(bound, 4), "a camera-day"),
        *(
            Figure(f"opened in the right family within 4 h, {word}", round(shares[s], 3), "", f"≥ {bar}", shares[s] >= bar)
            for s, word, bar in ((3, "severe", 0.99), (2, "medium", 0.95), (1, "faint", 0.75))
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--footage", type=Path, default=FOOTAGE if FOOTAGE.is_dir() else None)
    parser.add_argument("--days", type=int)
    args = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        context = Context(Path(folder), 18750, args.quick)
        if "picture" in args.only:
            figures += picture(context, args.footage)
        if "round" in args.only:
            from bench.parts.patrol_round import run

            figures += run(context)
        if "accuracy" in args.only:
            figures += accuracy(context, args.footage, args.days or (64 if args.quick else 640))
    return report("health", figures)


if __name__ == "__main__":
    sys.exit(main())
