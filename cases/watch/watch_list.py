"""The watch list as arrays: comparing a sighting with all subjects takes under 1 ms, with 10,000 of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from cases.tables import WatchSubject
from search import vocabulary
from search.store import Sighting
from search.store.camera_numbers import CameraPlace
from search.store.vectors import DIMENSION, Floats, dequantise

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


class WatchList:
    """The active subjects in a form that compares fast with a sighting."""

    def __init__(self, subjects: Sequence[WatchSubject]):
        """`subjects`: those that are active now."""
        self.subjects = list(subjects)
        self._classes = np.array([sum(1 << c for c in vocabulary.classes([s.cls])) for s in subjects], np.int64)
        self._upper = np.array([vocabulary.colour(s.upper) if s.upper else 0 for s in subjects], np.int16)
        self._lower = np.array([vocabulary.colour(s.lower) if s.lower else 0 for s in subjects], np.int16)
        self._everywhere = np.array([s.villages is None for s in subjects], bool)
        self._by_village: dict[str, Mask] = {}
        # 0: no example picture; numbers, because comparing 10,000 texts takes longer than all the rest.
        self._packs = {name: n for n, name in enumerate(sorted({s.embedder for s in subjects} - {""}), start=1)}
        self._pack = np.array([self._packs.get(s.embedder, 0) for s in subjects], np.int16)
        self._likeness = np.array([s.likeness for s in subjects], np.float32)
        self._vectors = np.zeros((len(subjects), DIMENSION), np.float32)
        for i, s in enumerate(subjects):
            if s.vector is not None and len(s.vector) == DIMENSION:
                self._vectors[i] = dequantise(np.frombuffer(s.vector, np.int8)[None])[0]

    def __len__(self) -> int:
        return len(self.subjects)

    def fitting(
        self, s: Sighting, village: str, embedder: str, vector: Callable[[], Floats | None] = lambda: None
    ) -> list[WatchSubject]:
        """Return the subjects that match a sighting.

        `vector` is called only if a matching subject has an example picture; that subject must be of the same model
        pack.
        """
        fits = (self._classes >> s.cls & 1).astype(bool) & self._of_village(village)
        upper, lower = _has(self._upper, s.upper, s.upper2), _has(self._lower, s.lower, s.lower2)
        # As in search: at least one of the two colours must match the sighting's first colour.
        first = (self._upper == 0) | (self._lower == 0) | (self._upper == s.upper) | (self._lower == s.lower)
        fits &= upper & lower & first
        found = np.flatnonzero(fits)
        pictured = self._pack[found] > 0
        if pictured.any():
            found = np.concatenate((found[~pictured], self._alike(found[pictured], embedder, vector)))
            found.sort()
        return [self.subjects[i] for i in found]

    def _alike(self, pictured: Indices, embedder: str, vector: Callable[[], Floats | None]) -> Indices:
        """Return those of some subjects with example pictures that look like the sighting."""
        same: Indices = pictured[self._pack[pictured] == self._packs.get(embedder, -1)]
        mine = vector() if embedder and len(same) else None
        alike: Indices = same[:0] if mine is None else same[self._vectors[same] @ mine >= self._likeness[same]]
        return alike

    def _of_village(self, village: str) -> Mask:
        if village not in self._by_village:
            here = np.array([s.villages is not None and village in s.villages for s in self.subjects], bool)
            self._by_village[village] = self._everywhere | here
        return self._by_village[village]


def matches(
    watched: WatchList,
    seen: Sequence[Sighting],
    places: Mapping[int, CameraPlace],
    packs: Mapping[int, str],
    vector: Callable[[Sighting], Floats | None],
) -> list[tuple[WatchSubject, Sighting]]:
    """Return the matches of sightings with subjects, the oldest sighting first. `packs`: model packs by number."""
    return [
        (subject, s)
        for s in sorted(seen, key=lambda s: s.id)
        if s.camera in places
        for subject in watched.fitting(s, places[s.camera].village, packs.get(s.embedder, ""), partial(vector, s))
    ]


def _has(wanted: npt.NDArray[np.int16], first: int, second: int) -> Mask:
    return np.asarray((wanted == 0) | (wanted == first) | ((wanted == second) & (second > 0)), bool)
