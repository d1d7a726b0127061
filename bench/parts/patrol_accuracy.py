"""Accuracy of the patrol: false faults on clean camera-days, and how many faults of two generators are opened in time.

Thresholds were set on the first group of places; `unseen` takes places on which none was set.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.common import Figure
from bench.parts import sights
from tests.health import synthetic_faults, validation_faults
from tests.health.simulated_sites import Site
from tests.health.simulated_views import Place

START_HOURS = (13.1, 8.2, 20.4)
IN_COLOUR = {"colour_lost", "grey"}  # not detectable at night, when pictures are grey
GENERATORS = {"made": synthetic_faults, "other": validation_faults}
QUICK_FAULTS = ("black", "defocus", "cloth", "turned")
UNSEEN_SITE = 10  # seed of the first building site on which no threshold was set
BARS = ((3, "severe", 0.97), (2, "medium", 0.93), (1, "faint", 0.75))
ANY_BARS = {3: 0.99, 2: 0.96}
MAX_FALSE_PER_DAY = 0.01


@dataclass(frozen=True, slots=True)
class AccuracyPlan:
    """Which places are inspected for how long. `days`: clean days of a job; `jobs`: towns with weather of their own."""

    footage: str
    unseen: bool
    jobs: int
    days: int
    warm_days: int = 5
    drawn: int = 4
    sites: int = 4
    starts: int = 3
    severities: tuple[int, ...] = (1, 2, 3)
    faults: tuple[str, ...] = ()  # empty: all

    @classmethod
    def of(cls, footage: Path | None, days: int, quick: bool, unseen: bool) -> AccuracyPlan:
        """Return the plan for about so many clean camera-days."""
        folder = str(footage) if footage else ""
        whole = cls(folder, unseen, jobs=1, days=8, drawn=4 if footage else 8)
        if quick:
            return replace(
                whole, footage="", days=1, warm_days=2, drawn=1, sites=1, starts=1, severities=(3,),
                faults=QUICK_FAULTS,
            )  # fmt: skip
        per_day = len(whole.places(np.random.default_rng(0))) + whole.sites
        long = 8 if days <= 128 else 40
        return replace(whole, days=long, jobs=max(1, round(days / (long * per_day))))

    def places(self, rng: np.random.Generator) -> list[Place]:
        """Return the places at which faults are injected."""
        return sights.make_places(rng, Path(self.footage) if self.footage else None, self.drawn, self.unseen)

    def building_sites(self) -> list[Place]:
        """Return places at which much changes that is no fault."""
        first = UNSEEN_SITE if self.unseen else 0
        return [Site(s) for s in range(first, first + min(self.sites, 100 - first))]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one fault: hours until the right family opened (None: it did not), and what opened first."""

    name: str
    severity: int
    hours: float | None
    first: str
    bare: bool  # a place with almost no structure


def _clean(job: tuple[int, AccuracyPlan]) -> sights.Outcome:
    seed, plan = job
    rng = np.random.default_rng(seed)
    places = [*plan.places(rng), *plan.building_sites()]
    cameras = [sights.Camera(p, seed * 1000 + i, lorries=not isinstance(p, Site)) for i, p in enumerate(places)]
    return sights.clean(cameras, sights.TownWeather(rng), plan.days, plan.warm_days)


def _broken(job: tuple[int, str, AccuracyPlan]) -> list[Found]:
    index, generator, plan = job
    names = [n for n in GENERATORS[generator].EXPECTED_FAMILIES if not plan.faults or n in plan.faults]
    if not names:
        return []
    place = plan.places(np.random.default_rng(78 if plan.unseen else 77))[index]
    weather = sights.TownWeather(np.random.default_rng(9))
    camera = sights.warmed(place, 500 + index, weather, plan.warm_days)
    found, bare = [], sights.is_bare(camera)
    for name in names:
        for severity in plan.severities:
            for start in range(plan.starts):
                begin = plan.warm_days + (9.2 if name in IN_COLOUR else START_HOURS[start % 3]) / 24
                if sights.visible(camera, begin, name, severity):
                    took, first = sights.time_to_open(camera, (name, severity, start + 1), begin)
                    found.append(Found(name, severity, took, first, bare))
    return found


def _share(rows: Sequence[Found], severity: int, *, any_family: bool = False) -> float:
    mine = [r.hours is not None or (any_family and bool(r.first)) for r in rows if r.severity == severity]
    return sum(mine) / max(1, len(mine))


def _table(rows: Sequence[Found]) -> dict[str, dict[str, object]]:
    """Return per injected fault: the share detected correctly by severity, and what was detected instead."""
    table: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(r.name for r in rows):
        mine = [r for r in rows if r.name == name]
        otherwise = Counter(r.first or "nothing" for r in mine if r.hours is None)
        table[name] = {str(s): round(_share(mine, s), 2) for s in (1, 2, 3)} | {
            "otherwise": dict(otherwise.most_common(4))
        }
    return table


def accuracy(footage: Path | None, days: int, *, quick: bool, unseen: bool) -> list[Figure]:
    """Inspect about so many clean camera-days, and inject every fault in every place."""
    plan = AccuracyPlan.of(footage, days, quick, unseen)
    count = len(plan.places(np.random.default_rng(0)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        cleaning = pool.map_async(_clean, [(100 + i, plan) for i in range(plan.jobs)], chunksize=1)
        jobs = [(i, generator, plan) for generator in GENERATORS for i in range(count)]
        results = dict(zip([(g, i) for i, g, _ in jobs], pool.map(_broken, jobs, chunksize=1), strict=True))
        cleaned = cleaning.get()
    broken = {g: [r for (other, _), rows in results.items() if other == g for r in rows] for g in GENERATORS}
    opened = [o for c in cleaned for o in c.opened]
    flagged = sum((c.flagged for c in cleaned), Counter[str]())
    told = {"flagged": dict(flagged), "opened": Counter(o[2] for o in opened), "where": opened}
    print(json.dumps({name: _table(rows) for name, rows in broken.items()} | told, ensure_ascii=False), file=sys.stderr)
    looks = sum(c.inspections for c in cleaned)
    return [
        *_false_faults(sum(c.camera_days for c in cleaned), looks, sum(flagged.values()), len(opened), quick),
        *_recall(broken, quick),
    ]


def _false_faults(days: float, looks: int, flagged: int, opened: int, quick: bool) -> list[Figure]:
    # 95 % upper bound: 3/n for none in n, about (k + 2 √k + 2)/n for k in n.
    bound = (opened + 2 * opened**0.5 + 3) / days
    each = opened / days
    return [
        Figure("clean camera-days", days, "", "≥ 600", quick or days >= 600),
        Figure("looks", looks, ""),
        Figure("looks with a finding", round(flagged / max(1, looks), 4), ""),
        Figure("faults made up", opened, ""),
        Figure(
            "made up a camera-day", round(each, 4), "", f"≤ {MAX_FALSE_PER_DAY}", quick or each <= MAX_FALSE_PER_DAY
        ),
        Figure("that the sample can prove (95 %)", round(bound, 4), "a camera-day"),
    ]


def _recall(broken: dict[str, list[Found]], quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    made, other = broken["made"], broken["other"]
    structured, bare = [r for r in made if not r.bare], [r for r in made if r.bare]
    right = "opened in the right family within 4 h"
    for severity, word, bar in BARS:
        if not any(r.severity == severity for r in made):
            continue
        figures.append(_figure(f"{right}, {word}", _share(made, severity), None if quick else bar))
        figures += [
            _figure(f"{name}, {word}", _share(rows, severity))
            for name, rows in (
                ("of them at places with something in them", structured),
                ("of them at bare places", bare),
                ("the same, of faults made in another way", other),
            )
            if any(r.severity == severity for r in rows)
        ]
        if severity in ANY_BARS:
            share = _share([*made, *other], severity, any_family=True)
            figures.append(
                _figure(f"any fault opened within 4 h, {word}, both ways", share, None if quick else ANY_BARS[severity])
            )
    return figures


def _figure(name: str, share: float, bar: float | None = None) -> Figure:
    if bar is None:
        return Figure(name, round(share, 3), "")
    return Figure(name, round(share, 3), "", f"≥ {bar}", share >= bar)
