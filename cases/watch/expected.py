"""How many alerts a subject would have given in the last day, counted by the rules by which the matcher raises them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from cases.tables import WatchSubject
from cases.watch.matcher import ALERT_QUIET_US
from cases.watch.watch_list import WatchList, matches
from core.clock import from_microseconds, to_microseconds
from search import vocabulary
from search.query.find import Query, find
from search.store import Sighting, SightingStore
from search.store.camera_numbers import CameraPlace
from search.store.vectors import Floats

PERIOD = timedelta(hours=24)
BATCH = 2_000
MAX_EXAMINED = 60_000  # sightings of the subject's class and colours; beyond it the count is of a shorter time


@dataclass(slots=True)
class ExpectedAlerts:
    """`sightings`: those that match; `alerts`: by camera; `observed`: the cameras gave any sightings at all."""

    since: datetime
    complete: bool = True
    observed: bool = True
    sightings: int = 0
    alerts: Counter[str] = field(default_factory=Counter)


def count(
    store: SightingStore,
    subject: WatchSubject,
    now: datetime,
    places: Mapping[int, CameraPlace],
    packs: Mapping[int, str],
    period: timedelta = PERIOD,
) -> ExpectedAlerts:
    """Count what a subject would have given in the last `period`. Blocking; call it from a thread.

    The query narrows by class, colours and cameras; the matcher's own comparison decides.
    """
    cameras = frozenset(n for n, p in places.items() if subject.villages is None or p.village in subject.villages)
    found = ExpectedAlerts(now - period)
    all_day = Query(to_microseconds(found.since), to_microseconds(now) + 1, cameras=cameras)
    if not cameras or not find(store, all_day, 1):
        found.observed = False
        return found
    wanted = Query(
        all_day.start_us, all_day.end_us, cameras=cameras, classes=tuple(vocabulary.classes([subject.cls])),
        upper=_colours(subject.upper), lower=_colours(subject.lower),
    )  # fmt: skip
    watched, before, times = WatchList([subject]), None, dict[str, list[int]]()
    for _ in range(0, MAX_EXAMINED, BATCH):
        rows = find(store, wanted, BATCH, before)
        vectors = store.vectors(rows) if subject.vector is not None else dict[int, Floats]()
        for _, sighting in matches(watched, rows, places, packs, partial(_vector, vectors)):
            times.setdefault(places[sighting.camera].camera, []).append(sighting.best_ms * 1000)
        if len(rows) < BATCH:
            break
        before = rows[-1].id
        found.since = from_microseconds(rows[-1].start_ms * 1000)
    else:
        found.complete = False
    if found.complete:
        found.since = now - period
    found.sightings = sum(map(len, times.values()))
    found.alerts = Counter({camera: _alerts(at_us) for camera, at_us in times.items()})
    return found


def _vector(vectors: Mapping[int, Floats], sighting: Sighting) -> Floats | None:
    return vectors.get(sighting.id)


def _alerts(times: list[int]) -> int:
    """Return how many alerts sightings of one camera become (µs): none within the quiet time after another."""
    count, last = 0, None
    for at_us in sorted(times):
        if last is None or at_us - last >= ALERT_QUIET_US:
            count, last = count + 1, at_us
    return count


def _colours(name: str | None) -> tuple[int, ...]:
    return () if name is None else (vocabulary.colour(name),)
