"""Synthetic sightings for tests: any field by name, plausible values for the rest."""

from __future__ import annotations

import random
from typing import Any

from search.store import ids
from search.store.rows import NAMES, Point, Sighting, cell_bit, pack_path
from search.vocabulary import Cls

START_MS = 1_780_000_000_000  # 2026-05-28T20:26:40Z


def sighting(at_ms: int = START_MS, camera: int = 1, count: int = 0, **fields: Any) -> Sighting:
    known = {"end_ms": at_ms + 4000, "best_ms": at_ms + 2000, "cls": int(Cls.person), "score": 800} | fields
    made = Sighting(id=ids.compose(at_ms, camera, count), camera=camera, **known)
    if not made.path:
        made.path = pack_path([Point(at_ms, 5000, 5000, 2000)])
        made.cells = cell_bit(0.5, 0.5)
    return made


def many(count: int, *, seed: int = 1, cameras: int = 12, days: float = 3.0) -> list[Sighting]:
    """Return sightings spread over some days, with few colours, so that every query has matches."""
    rng = random.Random(seed)
    found = {}
    for n in range(count):
        at = START_MS + rng.randrange(int(days * ids.DAY_MS))
        upper, lower = rng.randrange(5), rng.randrange(5)
        x, y = rng.random(), rng.random()
        made = sighting(
            at,
            rng.randrange(cameras),
            n % 512,
            cls=rng.choice((1, 1, 2, 6, 10)),
            upper=upper,
            lower=lower,
            score=rng.randrange(300, 1000),
            upper2=rng.choice([0, *(c for c in range(1, 5) if c != upper)]),
            lower2=rng.choice([0, *(c for c in range(1, 5) if c != lower)]),
            direction=rng.randrange(9),
            speed=rng.randrange(4),
            attributes=rng.randrange(8),
            h=rng.randrange(300, 9000),
            tone=rng.choice((0, 0, 0, 5)),
            end_ms=at + rng.randrange(60_000),
            cells=cell_bit(x, y),
            path=pack_path([Point(at, int(x * 10_000), int(y * 10_000), 1000)]),
        )
        found[made.id] = made
    return list(found.values())


assert "id" in NAMES
