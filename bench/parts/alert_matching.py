"""Sightings compared with a watch list of 10,000 subjects, of which a tenth has an example picture."""

from __future__ import annotations

import random
import time
from datetime import datetime, timezone

import numpy as np

from bench.common import Figure
from cases.tables import SubjectState, WatchExample, WatchSubject
from cases.watch.watch_list import WatchList
from cases.watch.watched import WatchedSubject, compiled
from search.query.filters import CameraScope
from search.store import Sighting, ids
from search.store.vectors import DIMENSION, quantise
from search.vocabulary import Cls, Colour

VILLAGES = [f"v{n}" for n in range(22)]
NOW_MS, PACK = 1_764_500_000_000, "pack"
COLOURS = [c for c in Colour if int(c) > 0]


def _subject(rng: random.Random, number: int) -> WatchedSubject:
    vector = np.random.default_rng(number).normal(size=(1, DIMENSION)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    pictured = number % 10 == 0
    subject = WatchSubject(
        id=number, case=1, title="", cls=rng.choice(["person", "bicycle", "vehicle"]), upper=rng.choice(COLOURS).name,
        lower=rng.choice([None, *(c.name for c in COLOURS)]), villages=rng.sample(VILLAGES, 3) if number % 2 else None,
        state=SubjectState.ACTIVE, expires_at=datetime(2099, 1, 1, tzinfo=timezone.utc), likeness=0.6,
    )  # fmt: skip
    shown = [WatchExample(vector=quantise(vector)[0].tobytes(), embedder=PACK)] if pictured else []
    return compiled(CameraScope({}, {}), subject, timezone.utc, shown)


def run(subjects: int, seconds: float) -> list[Figure]:
    rng = random.Random(1)
    watch = WatchList([_subject(rng, n) for n in range(subjects)])
    probe = np.random.default_rng(0).normal(size=DIMENSION).astype(np.float32)
    probe /= np.linalg.norm(probe)
    sightings = [
        Sighting(
            ids.compose(NOW_MS + n, 1, 0), NOW_MS + n, NOW_MS + n, 1, int(Cls.person), 800,
            upper=int(rng.choice(COLOURS)), lower=int(rng.choice(COLOURS)),
        )
        for n in range(1_000)
    ]  # fmt: skip
    done, hits, began = 0, 0, time.process_time()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for s in sightings[:100]:
            hits += len(watch.fitting(s, VILLAGES[done % 22], PACK, lambda: probe))
            done += 1
    rate = done / (time.process_time() - began)
    return [
        Figure("subjects", len(watch), ""),
        Figure("sightings a second and core", round(rate), "", "≥ 1500", rate >= 1500),
        Figure("matches of a sighting", round(hits / done, 1), ""),
    ]
