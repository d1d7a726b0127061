"""Whether the right subject is among the first five: 30 known people, three cameras, changing light; generated streets.

Vectors have the parts that `generated_streets` gives them (camera, kind of clothes, person, slow and fast changes).
What changes slowly is the light here: one direction per camera and hour. Each subject has three examples from the first
camera. What the other two see of the known people in other hours is ranked, and strangers of one day are compared by
the matcher's own list, with and without the colour as a word. Assumed: a colour is named right in COLOUR_RIGHT of the
sightings, and STRANGERS a day and camera. The streets are synthetic: the figures tell how the comparison behaves, and
nothing of a pack on real footage.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from bench.common import Figure
from bench.parts.generated_streets import SPREADS, Floats
from cases.tables import SubjectState, WatchExample, WatchSubject
from cases.watch.matcher import ALERT_QUIET_US
from cases.watch.watch_list import WatchList
from cases.watch.watched import compiled
from search.query.filters import CameraScope
from search.query.similar import MIN_EXAMPLE_SIMILARITY
from search.store import Sighting, ids
from search.store.vectors import DIMENSION, quantise
from search.vocabulary import Cls, Colour

PEOPLE, CAMERAS, EXAMPLES, FIRST = 30, 3, 3, 5
HOURS, SEEN_AGAIN = 24, 20
STRANGERS, COLOUR_RIGHT = 2_000, 0.85
BAR = 0.9
LOWER_THRESHOLD = 0.5  # what an approver may set instead of the usual one
DAY_MS, START_MS = 86_400_000, 1_780_000_000_000
PACK = "pack"
Examples = npt.NDArray[np.float32]


class Street:
    """Cameras, hours of light and kinds of clothes, as directions of the vectors."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self._spread = SPREADS[Cls.person]
        self._cameras = [self.unit() for _ in range(CAMERAS)]
        self._light = [[self.unit() for _ in range(HOURS)] for _ in range(CAMERAS)]
        self._kinds = [self.unit() for _ in range(self._spread.kinds)]

    def unit(self) -> Floats:
        values = self.rng.standard_normal(DIMENSION)
        return np.asarray(values / np.linalg.norm(values), np.float64)

    def seen(self, own: Floats, kind: int, camera: int, hour: int) -> Floats:
        """Return the vector of a person on a camera at an hour."""
        s = self._spread
        fast = s.fast * float(np.exp(self.rng.normal(0, s.fast_spread)))
        values = (
            s.camera * self._cameras[camera] + s.kind * self._kinds[kind] + s.own * own
            + s.slow * self._light[camera][hour] + fast * self.unit()
        )  # fmt: skip
        return np.asarray(values / np.linalg.norm(values), np.float64)

    def colour(self, kind: int) -> Colour:
        named = kind if self.rng.random() < COLOUR_RIGHT else int(self.rng.integers(self._spread.kinds))
        return Colour(1 + named)

    def hour(self) -> int:
        return int(self.rng.integers(HOURS))


def run(quick: bool) -> list[Figure]:
    street = Street(7)
    known = [(street.unit(), n % SPREADS[Cls.person].kinds) for n in range(PEOPLE)]
    shown = [np.array([street.seen(own, kind, 0, 8 + n) for n in range(EXAMPLES)], np.float32) for own, kind in known]
    first, first_one, total = _ranked(street, known, shown)
    figures = [
        Figure("right subject among the first five", round(first / total, 3), "", f"≥ {BAR}", first / total >= BAR),
        Figure("right subject first", round(first_one / total, 3), ""),
    ]
    for threshold, words in (
        (0.5, False),
        (0.5, True),
        (MIN_EXAMPLE_SIMILARITY, False),
        (MIN_EXAMPLE_SIMILARITY, True),
    ):
        watched = _listed(known, shown, threshold, words)
        found, alarms = _recall(street, known, watched), _alarms(street, watched, STRANGERS // (10 if quick else 1))
        name = f"at {threshold}, {'colour and picture' if words else 'picture'}"
        figures += [
            Figure(f"sightings of a subject that match, {name}", round(found, 3), ""),
            Figure(f"false alarms of a subject a day, {name}", round(alarms * (10 if quick else 1) / PEOPLE, 2), ""),
        ]
    return figures


def _ranked(street: Street, known: list[tuple[Floats, int]], shown: list[Examples]) -> tuple[int, int, int]:
    """Return how often the right subject is among the first five, how often the first, and of how many sightings."""
    five = one = total = 0
    for number, (own, kind) in enumerate(known):
        for n in range(SEEN_AGAIN):
            vector = street.seen(own, kind, 1 + n % (CAMERAS - 1), street.hour())
            best = np.array([float((examples @ vector).max()) for examples in shown])
            place = int((best > best[number]).sum())
            five, one, total = five + (place < FIRST), one + (place == 0), total + 1
    return five, one, total


def _listed(known: list[tuple[Floats, int]], shown: list[Examples], threshold: float, words: bool) -> WatchList:
    nowhere, until = CameraScope({}, {}), datetime(2099, 1, 1, tzinfo=timezone.utc)
    made = []
    for number, (_, kind) in enumerate(known):
        subject = WatchSubject(
            id=number, case=1, title="", cls="person", upper=Colour(1 + kind).name if words else None, lower=None,
            villages=None, state=SubjectState.ACTIVE, expires_at=until, likeness=threshold, words={},
        )  # fmt: skip
        examples = [WatchExample(vector=quantise(v[None])[0].tobytes(), embedder=PACK) for v in shown[number]]
        made.append(compiled(nowhere, subject, timezone.utc, examples))
    return WatchList(made)


def _matched(street: Street, watched: WatchList, own: Floats, kind: int, camera: int, at_ms: int) -> list[int]:
    hour = at_ms % DAY_MS * HOURS // DAY_MS
    vector = np.asarray(street.seen(own, kind, camera, hour), np.float32)
    sighting = Sighting(
        ids.compose(at_ms, camera, 0), at_ms, at_ms, camera, int(Cls.person), 800, upper=int(street.colour(kind))
    )
    return [s.id for s in watched.fitting(sighting, "v", PACK, lambda: vector)]


def _recall(street: Street, known: list[tuple[Floats, int]], watched: WatchList) -> float:
    hits = 0
    for number, (own, kind) in enumerate(known):
        for n in range(SEEN_AGAIN):
            at_ms = START_MS + int(street.rng.integers(DAY_MS))
            hits += number in _matched(street, watched, own, kind, 1 + n % (CAMERAS - 1), at_ms)
    return hits / (PEOPLE * SEEN_AGAIN)


def _alarms(street: Street, watched: WatchList, strangers: int) -> int:
    """Return the alerts that strangers of one day raise, at most one per subject and camera in ten minutes."""
    last: dict[tuple[int, int], int] = defaultdict(lambda: -ALERT_QUIET_US)
    count = 0
    for camera in range(CAMERAS):
        for at_ms in sorted(START_MS + street.rng.integers(DAY_MS, size=strangers)):
            kind = int(street.rng.integers(SPREADS[Cls.person].kinds))
            for number in _matched(street, watched, street.unit(), kind, camera, int(at_ms)):
                if int(at_ms) * 1000 - last[number, camera] >= ALERT_QUIET_US:
                    last[number, camera], count = int(at_ms) * 1000, count + 1
    return count
