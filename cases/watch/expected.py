"""How many alerts a subject would have given in the last day, counted by the rules by which the matcher raises them.

The count takes each alert as decided at once. While an alert is open, later sightings join its trail instead
(`cases.alerts.trail`), so that it rings less often than that.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from cases.watch.matcher import ALERT_QUIET_US
from cases.watch.watch_list import WatchList, matches
from cases.watch.watched import WatchedSubject, in_villages
from core.clock import from_microseconds, to_microseconds
from search.query.find import Query, find
from search.store import Sighting, SightingStore
from search.store.camera_numbers import CameraPlace
from search.store.vectors import Floats

PERIOD = timedelta(hours=24)
BATCH = 2_000
SHOWN = 12  # newest matches that are shown as pictures
MAX_SECONDS = 10.0  # of counting; beyond it the count is of a shorter time
MAX_EXAMINED = 60_000  # sightings of the subject's class and colours; beyond it the count is of a shorter time


@dataclass(slots=True)
class ExpectedAlerts:
    """`sightings`: those that match; `newest`: the newest of them; `alerts`: by camera.

    `observed`: the cameras gave any sightings at all; `cameras`: how many are searched.
    """

    since: datetime
    complete: bool = True
    observed: bool = True
    sightings: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    newest: list[Sighting] = field(default_factory=list)
    cameras: int = 0

    def per_day(self, now: datetime) -> float | None:
        """Return the alerts a day at the rate of the time that was counted; None: nothing is known."""
        days = (now - self.since) / timedelta(days=1)
        return round(self.alerts.total() / days, 1) if self.observed and days > 0 else None


def count(
    store: SightingStore,
    watched: WatchedSubject,
    now: datetime,
    places: Mapping[int, CameraPlace],
    packs: Mapping[int, str],
    period: timedelta = PERIOD,
    monotonic: Callable[[], float] = time.monotonic,
) -> ExpectedAlerts:
    """Count what a subject would have given in the last `period`. Blocking; call it from a thread.

    The query narrows by words and cameras; the matcher's own comparison decides. It stops after MAX_EXAMINED sightings
    or MAX_SECONDS.
    """
    everything = in_villages(watched, places)
    cameras = everything.cameras or frozenset()
    found = ExpectedAlerts(now - period, cameras=len({places[n].camera for n in cameras}))
    start_us, end_us = to_microseconds(found.since), to_microseconds(now) + 1
    if not cameras or not find(store, Query(start_us, end_us, cameras=cameras), 1):
        found.observed = False
        return found
    # A sighting is within the hours also by its last moment, so the list compares them and not the query.
    wanted = replace(everything, start_us=start_us, end_us=end_us, nightly=None)
    listed, before, times = WatchList([watched]), None, dict[str, list[int]]()
    deadline, examined = monotonic() + MAX_SECONDS, 0
    while True:
        rows = find(store, wanted, BATCH, before)
        vectors = store.vectors(rows) if watched.examples else dict[int, Floats]()
        for _, sighting in reversed(matches(listed, rows, places, packs, partial(_vector, vectors))):
            times.setdefault(places[sighting.camera].camera, []).append(sighting.best_ms * 1000)
            if len(found.newest) < SHOWN:
                found.newest.append(sighting)
        if len(rows) < BATCH:
            break
        before, examined = rows[-1].id, examined + BATCH
        found.since = from_microseconds(rows[-1].start_ms * 1000)
        if examined >= MAX_EXAMINED or monotonic() > deadline:
            found.complete = False
            break
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
