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
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.common import BenchContext, Figure, report

FOOTAGE = Path(__file__).parent.parent.parent / "shared" / "data" / "footage"
PARTS = ("picture", "round", "visits", "parents", "accuracy")


def picture(c: BenchContext, footage: Path | None) -> list[Figure]:
    from bench.parts.patrol_round import keyframe_1080p, known_past
    from health.picture.inspection import InspectionRequest, inspect
    from health.picture.measurement import measure_keyframe
    from nvr.playback.pictures import decode_frame

    frame = keyframe_1080p(footage)
    vectors, hours, scenes, pattern = known_past(frame)
    question = InspectionRequest([frame], 12.0, vectors, hours, scenes, pattern)
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


def _clean(job: tuple[int, int, str, bool]) -> tuple[float, int, dict[str, int], list[tuple[str, float, str]]]:
    from bench.parts import sights

    seed, days, footage, unseen = job
    rng = np.random.default_rng(seed)
    places = sights.make_places(rng, Path(footage) if footage else None, 4 if footage else 8, unseen)
    cameras = [sights.Camera(p, seed * 1000 + i) for i, p in enumerate(places)]
    told = sights.clean(cameras, sights.TownWeather(rng), days)
    return told.camera_days, told.inspections, dict(told.flagged), told.opened


START_HOURS = (13.1, 8.2, 20.4)
IN_COLOUR = {"colour_lost", "grey"}  # not detectable at night, when pictures are grey


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one fault: hours until the right family opened (None: it did not), and what opened first."""

    name: str
    severity: int
    hours: float | None
    first: str
    bare: bool  # a place with almost no structure


def _broken(job: tuple[int, str, int, str, bool]) -> list[Found]:
    from bench.parts import sights
    from tests.health import synthetic_faults, validation_faults

    index, footage, starts, generator, unseen = job
    rng = np.random.default_rng(78 if unseen else 77)
    places = sights.make_places(rng, Path(footage) if footage else None, 4 if footage else 8, unseen)
    if index >= len(places):
        return []
    camera = sights.warmed(places[index], 500 + index, sights.TownWeather(np.random.default_rng(9)))
    found, bare = [], sights.is_bare(camera)
    for name in (validation_faults if generator == "other" else synthetic_faults).EXPECTED_FAMILIES:
        for severity in (1, 2, 3):
            for start in range(starts):
                begin = 5 + (9.2 if name in IN_COLOUR else START_HOURS[start % 3]) / 24
                if sights.visible(camera, begin, name, severity):
                    took, first = sights.time_to_open(camera, (name, severity, start + 1), begin)
                    found.append(Found(name, severity, took, first, bare))
    return found


def _share(rows: list[Found], severity: int) -> float:
    mine = [r.hours is not None for r in rows if r.severity == severity]
    return sum(mine) / max(1, len(mine))


def _table(rows: list[Found]) -> dict[str, dict[str, object]]:
    """Return per injected fault: the share detected correctly by severity, and what was detected instead."""
    table: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(r.name for r in rows):
        mine = [r for r in rows if r.name == name]
        otherwise = Counter(r.first or "nothing" for r in mine if r.hours is None)
        table[name] = {str(s): round(_share(mine, s), 2) for s in (1, 2, 3)} | {
            "otherwise": dict(otherwise.most_common(4))
        }
    return table


BARS = ((3, "severe", 0.99), (2, "medium", 0.95), (1, "faint", 0.75))


def accuracy(c: BenchContext, footage: Path | None, days: int, unseen: bool = False) -> list[Figure]:
    folder = str(footage) if footage else ""
    per_job = 8 if days <= 128 else 40
    rounds, starts = max(1, round(days / (per_job * 8))), 1 if c.quick else 3
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        cleaned = pool.map(_clean, [(100 + i, per_job, folder, unseen) for i in range(rounds)], chunksize=1)
        broken = {
            generator: [
                r
                for rows in pool.map(_broken, [(i, folder, starts, generator, unseen) for i in range(8)], chunksize=1)
                for r in rows
            ]
            for generator in ("made", "other")
        }
    camera_days = sum(r[0] for r in cleaned)
    looks, opened = sum(r[1] for r in cleaned), [o for r in cleaned for o in r[3]]
    flagged: Counter[str] = Counter()
    for r in cleaned:
        flagged.update(r[2])
    # 95 % upper bound: 3/n for none in n, about (k + 2 √k + 2)/n for k in n.
    bound = (len(opened) + 2 * len(opened) ** 0.5 + 3) / camera_days
    told = {"flagged": dict(flagged), "opened": Counter(o[2] for o in opened), "where": opened}
    print(json.dumps({name: _table(rows) for name, rows in broken.items()} | told, ensure_ascii=False), file=sys.stderr)
    return [
        Figure("clean camera-days", camera_days, "", "≥ 600", c.quick or camera_days >= 600),
        Figure("looks", looks, ""),
        Figure("looks with a finding", round(sum(flagged.values()) / looks, 4), ""),
        Figure("faults made up", len(opened), ""),
        Figure(
            "made up a camera-day",
            round(len(opened) / camera_days, 4),
            "",
            "≤ 0.005",
            len(opened) / camera_days <= 0.005,
        ),
        Figure("that the sample can prove (95 %)", round(bound, 4), "a camera-day"),
        *(
            Figure(f"opened in the right family within 4 h, {word}", round(share, 3), "", f"≥ {bar}", share >= bar)
            for share, word, bar in ((_share(broken["made"], s), word, bar) for s, word, bar in BARS)
        ),
        *(
            Figure(
                f"of them at places with something in them, {word}",
                round(_share([r for r in broken["made"] if not r.bare], s), 3),
                "",
            )
            for s, word, _ in BARS
        ),
        *(
            Figure(f"of them at bare places, {word}", round(_share([r for r in broken["made"] if r.bare], s), 3), "")
            for s, word, _ in BARS
        ),
        *(
            Figure(f"the same, of faults made in another way, {word}", round(_share(broken["other"], s), 3), "")
            for s, word, _ in BARS
        ),
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
            figures += accuracy(context, args.footage, args.days or (64 if args.quick else 640), args.unseen)
    return report("health", figures)


if __name__ == "__main__":
    sys.exit(main())
